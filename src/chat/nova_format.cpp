// Amazon Nova's bodies as formats of InvokeModel, whole and streamed.
#include "chat/family_formats.hpp"
#include "chat/invoke_format.hpp"
#include "chat/nova.hpp"

namespace tidegate::chat {
namespace {

class NovaWriter final : public StreamWriter {
 public:
  explicit NovaWriter(std::optional<std::uint64_t> padding_seed)
      : writer_(StreamFraming::event_stream(padding_seed)) {}
  void write(std::string& out, const Delta& delta) override { writer_.write(out, delta); }
  void finish(std::string& out, const Timing& timing) override { writer_.finish(out, timing); }

 private:
  NovaStreamWriter writer_;
};

class NovaRequest final : public Request {
 public:
  NovaRequest(Conversation conversation, bool streams, std::optional<std::uint64_t> padding_seed)
      : Request(std::move(conversation), streams), padding_seed_(padding_seed) {}
  WholeAnswer answer(const Outcome& outcome, const Timing& timing) const override {
    const Completion& completion = std::get<Completion>(outcome);
    return invocation_answer(nova_answer(completion), completion.usage, timing);
  }
  std::unique_ptr<StreamWriter> stream() const override {
    return std::make_unique<NovaWriter>(padding_seed_);
  }

 private:
  std::optional<std::uint64_t> padding_seed_;
};

class NovaFormat final : public InvokeFormat {
 public:
  explicit NovaFormat(bool streams) : streams_(streams) {}
  std::string_view name() const override { return "Amazon Nova on InvokeModel"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(Conversation conversation, parse_nova(body, context.fields));
    return std::make_unique<NovaRequest>(std::move(conversation), streams_, context.padding_seed);
  }

 private:
  bool streams_;
};

}  // namespace

const Format& nova_invoke_format() {
  static const NovaFormat format(false);
  return format;
}
const Format& nova_invoke_stream_format() {
  static const NovaFormat format(true);
  return format;
}

}  // namespace tidegate::chat
