// Servers that speak Anthropic's Messages: Anthropic, llama.cpp, vLLM.
#include "chat/schema_tools.hpp"
#include "chat/to_anthropic.hpp"
#include "model/adapters.hpp"

namespace tidegate::model {
namespace {

class MessagesCounting final : public TokenCounting {
 public:
  explicit MessagesCounting(std::string body) : body_(std::move(body)) {}
  BackendRequest next() override {
    BackendRequest out;
    out.target = "/v1/messages/count_tokens";
    out.body = std::move(body_);
    return out;
  }
  Result<std::optional<std::int64_t>> take(int status, std::string_view body) override {
    const auto document = json::parse(body);
    const json::object* answer = document ? document->if_object() : nullptr;
    const auto tokens = answer ? json::find_int(*answer, "input_tokens") : std::nullopt;
    if (status == 200 && tokens) return *tokens;
    return cannot("The provided model doesn't support counting tokens.",
                  fmt::format("The model server that runs it answered HTTP {}.", status));
  }

 private:
  std::string body_;
};

class AnthropicAdapter final : public BackendAdapter {
 public:
  using BackendAdapter::BackendAdapter;

  Result<void> check(const chat::Conversation& conversation) const override {
    if (config().tools != Tools::native) TRY_VOID(chat::check_no_tools(conversation));
    return chat::check_to_anthropic(conversation);
  }

  Result<BackendRequest> ask(const chat::Conversation& conversation, const ModelConfig& model,
                             chat::Streaming streaming) const override {
    BackendRequest out;
    out.target = "/v1/messages";
    if (streaming == chat::Streaming::yes) out.headers.set("accept", "text/event-stream");
    out.body = chat::to_anthropic(conversation, model.served_as, streaming);
    return out;
  }

  Result<chat::Completion> read(std::string_view answer,
                                const chat::Conversation& asked) const override {
    return chat::from_anthropic(answer, asked.response_paths);
  }

  std::unique_ptr<chat::StreamReader> reader(const chat::Conversation& asked,
                                             std::string_view) const override {
    return std::make_unique<chat::AnthropicStreamReader>(asked.response_paths);
  }

  std::unique_ptr<TokenCounting> count(const chat::Conversation& conversation,
                                       const ModelConfig& model) const override {
    return std::make_unique<MessagesCounting>(
        chat::to_anthropic_count(conversation, model.served_as));
  }

  void authorize(BackendRequest& request, WallTime) const override {
    request.headers.add("anthropic-version", "2023-06-01");
    if (!config().api_key.empty()) request.headers.add("x-api-key", config().api_key);
  }
};

}  // namespace

std::unique_ptr<const BackendAdapter> make_anthropic_adapter(const BackendConfig& config) {
  return std::make_unique<AnthropicAdapter>(config);
}

}  // namespace tidegate::model
