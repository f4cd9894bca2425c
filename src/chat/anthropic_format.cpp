// Anthropic's Messages as formats: of InvokeModel, whole and streamed, and of its own door.
#include "aws/door_errors.hpp"
#include "chat/anthropic_messages.hpp"
#include "chat/family_formats.hpp"
#include "chat/invoke_format.hpp"

namespace tidegate::chat {
namespace {

class MessagesWriter final : public StreamWriter {
 public:
  MessagesWriter(StreamFraming framing, AnthropicName name)
      : writer_(std::move(framing), std::move(name)) {}
  void write(std::string& out, const Delta& delta) override { writer_.write(out, delta); }
  void finish(std::string& out, const Timing& timing) override { writer_.finish(out, timing); }

 private:
  AnthropicStreamWriter writer_;
};

class MessagesRequest final : public Request {
 public:
  MessagesRequest(AnthropicRequest request, AnthropicDoor door, const RequestContext& context)
      : Request(std::move(request.conversation), request.stream),
        door_(door),
        name_{.id = anthropic_message_id(door, context.request_id),
              .model = door == AnthropicDoor::invoke_model ? anthropic_model_name(context.model_id)
                                                           : std::move(request.model)},
        padding_seed_(context.padding_seed) {}

  WholeAnswer answer(const Outcome& outcome, const Timing& timing) const override {
    const Completion& completion = std::get<Completion>(outcome);
    std::string body = anthropic_answer(completion, name_);
    if (door_ != AnthropicDoor::invoke_model) return {std::move(body)};
    return invocation_answer(std::move(body), completion.usage, timing);
  }
  std::unique_ptr<StreamWriter> stream() const override {
    return std::make_unique<MessagesWriter>(door_ == AnthropicDoor::invoke_model
                                                ? StreamFraming::event_stream(padding_seed_)
                                                : StreamFraming::sse(),
                                            name_);
  }

 private:
  AnthropicDoor door_;
  AnthropicName name_;
  std::optional<std::uint64_t> padding_seed_;
};

// The operation, not the body, says whether this is a stream.
class AnthropicInvokeFormat final : public InvokeFormat {
 public:
  explicit AnthropicInvokeFormat(bool streams) : streams_(streams) {}
  std::string_view name() const override { return "Anthropic Messages on InvokeModel"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(AnthropicRequest request,
        parse_anthropic(body, AnthropicDoor::invoke_model, context.fields));
    request.stream = streams_;
    return std::make_unique<MessagesRequest>(std::move(request), AnthropicDoor::invoke_model,
                                             context);
  }

 private:
  bool streams_;
};

class AnthropicDoorFormat : public Format {
 public:
  std::string_view stream_content_type() const override {
    return "text/event-stream; charset=utf-8";
  }
  http::Headers stream_headers() const override { return {{"cache-control", "no-cache"}}; }
  aws::Protocol error_protocol() const override { return aws::Protocol::anthropic; }
  void append_error(std::string& out, const Error& error) const override {
    aws::append_anthropic_error(out, error, {});
  }
};

class MessagesFormat final : public AnthropicDoorFormat {
 public:
  std::string_view name() const override { return "Anthropic Messages"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(AnthropicRequest request, parse_anthropic(body, AnthropicDoor::messages, context.fields));
    return std::make_unique<MessagesRequest>(std::move(request), AnthropicDoor::messages, context);
  }
};

class CountRequestOfDoor final : public Request {
 public:
  explicit CountRequestOfDoor(Conversation conversation)
      : Request(CountRequest{std::move(conversation)}, false) {}
  WholeAnswer answer(const Outcome& outcome, const Timing&) const override {
    return {anthropic_token_count(std::get<std::int64_t>(outcome))};
  }
  std::unique_ptr<StreamWriter> stream() const override { return nullptr; }
};

class MessagesCountFormat final : public AnthropicDoorFormat {
 public:
  std::string_view name() const override { return "Anthropic Messages, count tokens"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(AnthropicRequest request,
        parse_anthropic(body, AnthropicDoor::count_tokens, context.fields));
    return std::make_unique<CountRequestOfDoor>(std::move(request.conversation));
  }
};

}  // namespace

const Format& anthropic_invoke_format() {
  static const AnthropicInvokeFormat format(false);
  return format;
}
const Format& anthropic_invoke_stream_format() {
  static const AnthropicInvokeFormat format(true);
  return format;
}
const Format& anthropic_messages_format() {
  static const MessagesFormat format;
  return format;
}
const Format& anthropic_count_tokens_format() {
  static const MessagesCountFormat format;
  return format;
}

}  // namespace tidegate::chat
