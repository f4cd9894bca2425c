// Converse, ConverseStream and CountTokens as formats.
#include "aws/errors.hpp"
#include "aws/event_stream.hpp"
#include "base/bytes.hpp"
#include "chat/converse_formats.hpp"
#include "chat/converse_member.hpp"

namespace tidegate::chat {
namespace {

class ConverseWriter final : public StreamWriter {
 public:
  ConverseWriter(std::optional<std::uint64_t> padding_seed, Echo echo)
      : writer_(padding_seed), echo_(echo) {}
  void write(std::string& out, const Delta& delta) override { writer_.write(out, delta); }
  void finish(std::string& out, const Timing& timing) override {
    writer_.finish(out, timing.latency, echo_);
  }

 private:
  ConverseStreamWriter writer_;
  Echo echo_;
};

class ConverseRequest final : public Request {
 public:
  ConverseRequest(Conversation conversation, bool streams,
                  std::optional<std::uint64_t> padding_seed)
      : Request(std::move(conversation), streams), padding_seed_(padding_seed) {}
  WholeAnswer answer(const Outcome& outcome, const Timing& timing) const override {
    return {converse_answer(std::get<Completion>(outcome), timing.latency, conversation()->echo)};
  }
  std::unique_ptr<StreamWriter> stream() const override {
    return std::make_unique<ConverseWriter>(padding_seed_, conversation()->echo);
  }

 private:
  std::optional<std::uint64_t> padding_seed_;
};

class ConverseFormat final : public Format {
 public:
  explicit ConverseFormat(bool streams) : streams_(streams) {}
  std::string_view name() const override { return streams_ ? "ConverseStream" : "Converse"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(Conversation conversation, parse_converse(body, context.fields));
    return std::make_unique<ConverseRequest>(std::move(conversation), streams_,
                                             context.padding_seed);
  }

 private:
  bool streams_;
};

class CountTokensRequest final : public Request {
 public:
  explicit CountTokensRequest(Conversation conversation)
      : Request(CountRequest{std::move(conversation)}, false) {}
  WholeAnswer answer(const Outcome& outcome, const Timing&) const override {
    WholeAnswer out{R"({"inputTokens":)"};
    json::append_number(out.body, std::get<std::int64_t>(outcome));
    out.body += '}';
    return out;
  }
  std::unique_ptr<StreamWriter> stream() const override { return nullptr; }
};

// What would be sent to InvokeModel, in the body that its family has.
Result<Conversation> counted_invocation(const Member& invoke, const RequestContext& context) {
  TRY_VOID(invoke.object());
  TRY(const Member body, invoke.required("body"));
  TRY(const std::string_view base64, body.string());
  const auto bytes = from_base64(base64);
  if (!bytes) return invalid(fmt::format("The value at {} is not valid base64.", body.path()));
  TRY(const Format* format, find_format("InvokeModel", context.model_id));
  TRY(const auto request, format->parse(*bytes, context));
  if (const Conversation* conversation = request->conversation()) return *conversation;
  return invalid("The provided model doesn't support counting tokens.",
                 "Only models that hold conversations can be counted for.");
}

class CountTokensFormat final : public Format {
 public:
  std::string_view name() const override { return "CountTokens"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    json::Arena arena;
    TRY(const json::value document, parse_client_json(body, arena));
    const Member root(document);
    TRY_VOID(root.object());
    TRY(const Member input, root.required("input"));
    static constexpr std::string_view keys[] = {"invokeModel", "converse"};
    TRY(const Member kind, input.only_one_of("CountTokensInput", keys));
    if (kind.name() == "converse") {
      TRY(Conversation conversation, read_converse(kind, context.fields));
      return std::make_unique<CountTokensRequest>(std::move(conversation));
    }
    TRY(Conversation conversation, counted_invocation(kind, context));
    return std::make_unique<CountTokensRequest>(std::move(conversation));
  }
};

}  // namespace

void Format::append_error(std::string& out, const Error& error) const {
  std::string payload = R"({"message":)";
  json::append_quoted(payload, aws::full_message(error));
  if (error.upstream_status != 0 && error.code == ErrorCode::model_stream_error) {
    payload += R"(,"originalStatusCode":)";
    json::append_number(payload, error.upstream_status);
  }
  payload += '}';
  aws::append_exception(out, aws::row_of(error.code).stream_member, payload);
}

const Format& converse_format() {
  static const ConverseFormat format(false);
  return format;
}
const Format& converse_stream_format() {
  static const ConverseFormat format(true);
  return format;
}
const Format& count_tokens_format() {
  static const CountTokensFormat format;
  return format;
}

}  // namespace tidegate::chat
