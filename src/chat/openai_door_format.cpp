// OpenAI's chat completions and embeddings as formats of a door.
#include "aws/door_errors.hpp"
#include "chat/family_formats.hpp"
#include "chat/openai_door.hpp"

namespace tidegate::chat {
namespace {

class ChatWriter final : public StreamWriter {
 public:
  ChatWriter(const ChatName& name, bool include_usage) : writer_(name, include_usage) {}
  void write(std::string& out, const Delta& delta) override { writer_.write(out, delta); }
  void finish(std::string& out, const Timing&) override { writer_.finish(out); }

 private:
  ChatStreamWriter writer_;
};

class ChatRequestOfDoor final : public Request {
 public:
  ChatRequestOfDoor(ChatRequest request, const RequestContext& context)
      : Request(std::move(request.conversation), request.stream),
        name_{.id = chat_completion_id(context.request_id),
              .model = std::move(request.model),
              .created = context.unix_seconds},
        include_usage_(request.include_usage) {}
  WholeAnswer answer(const Outcome& outcome, const Timing&) const override {
    return {chat_completion(std::get<Completion>(outcome), name_)};
  }
  std::unique_ptr<StreamWriter> stream() const override {
    return std::make_unique<ChatWriter>(name_, include_usage_);
  }

 private:
  ChatName name_;
  bool include_usage_;
};

class EmbeddingsRequestOfDoor final : public Request {
 public:
  explicit EmbeddingsRequestOfDoor(EmbeddingsRequest request)
      : Request(request.order, false), request_(std::move(request)) {}
  WholeAnswer answer(const Outcome& outcome, const Timing&) const override {
    return {embeddings_answer(std::get<Embeddings>(outcome), request_)};
  }
  std::unique_ptr<StreamWriter> stream() const override { return nullptr; }

 private:
  EmbeddingsRequest request_;
};

class OpenAiDoorFormat : public Format {
 public:
  std::string_view stream_content_type() const override {
    return "text/event-stream; charset=utf-8";
  }
  http::Headers stream_headers() const override { return {{"cache-control", "no-cache"}}; }
  aws::Protocol error_protocol() const override { return aws::Protocol::openai; }
  void append_error(std::string& out, const Error& error) const override {
    aws::append_openai_error(out, error);
  }
};

class ChatFormat final : public OpenAiDoorFormat {
 public:
  std::string_view name() const override { return "OpenAI chat completions"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(ChatRequest request, parse_chat_completion(body, context.fields));
    return std::make_unique<ChatRequestOfDoor>(std::move(request), context);
  }
};

class EmbeddingsFormat final : public OpenAiDoorFormat {
 public:
  std::string_view name() const override { return "OpenAI embeddings"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext&) const override {
    TRY(EmbeddingsRequest request, parse_embeddings(body));
    return std::make_unique<EmbeddingsRequestOfDoor>(std::move(request));
  }
};

}  // namespace

const Format& chat_completions_format() {
  static const ChatFormat format;
  return format;
}
const Format& embeddings_format() {
  static const EmbeddingsFormat format;
  return format;
}

}  // namespace tidegate::chat
