// Servers that speak OpenAI's API: llama.cpp, vLLM, SGLang, Ollama and others. Their differences
// are in the readers of chat/openai.hpp, in `tools`, and here: who counts tokens, and who tells
// load.
#include "chat/openai.hpp"
#include "chat/schema_tools.hpp"
#include "model/adapters.hpp"

namespace tidegate::model {
namespace {

std::unexpected<Error> cannot_count(std::string_view what) {
  return cannot("The provided model doesn't support counting tokens.",
                fmt::format("The model server that runs it {}.", what));
}

// llama.cpp counts a chat request as it would run it; older ones apply the template and tokenize,
// which is two questions. Whoever has neither cannot count.
class LlamaCounting final : public TokenCounting {
 public:
  explicit LlamaCounting(std::string chat_body) : body_(std::move(chat_body)) {}

  BackendRequest next() override {
    BackendRequest out;
    out.target = step_ == Step::count       ? "/v1/chat/completions/input_tokens"
                 : step_ == Step::template_ ? "/apply-template"
                                            : "/tokenize";
    out.body = body_;
    return out;
  }

  Result<std::optional<std::int64_t>> take(int status, std::string_view body) override {
    const auto document = json::parse(body);
    const json::object* answer = document ? document->if_object() : nullptr;
    if (step_ == Step::count && status == 404) {
      step_ = Step::template_;
      return std::nullopt;
    }
    if (status == 404 || status == 405 || status == 501) return cannot_count("has no such page");
    if (status != 200 || !answer) return cannot_count(fmt::format("answered HTTP {}", status));
    if (step_ == Step::count) {
      for (const char* name : {"input_tokens", "n_tokens", "count"}) {
        if (const auto tokens = json::find_int(*answer, name)) return *tokens;
      }
    } else if (step_ == Step::template_) {
      const auto prompt = json::find_string(*answer, "prompt");
      if (!prompt) return cannot_count("did not say what the prompt is");
      // Special tokens in the prompt are the template's own; the beginning is counted, too.
      body_ = R"({"add_special":true,"parse_special":true,"content":)";
      json::append_quoted(body_, *prompt);
      body_ += '}';
      step_ = Step::tokens;
      return std::nullopt;
    } else if (const json::array* tokens = json::find_array(*answer, "tokens")) {
      return static_cast<std::int64_t>(tokens->size());
    }
    return cannot_count("gave no count");
  }

 private:
  enum class Step : std::uint8_t { count, template_, tokens } step_ = Step::count;
  std::string body_;
};

class OpenAiAdapter final : public BackendAdapter {
 public:
  using BackendAdapter::BackendAdapter;

  Result<void> check(const chat::Conversation& conversation) const override {
    if (config().tools == Tools::none) TRY_VOID(chat::check_no_tools(conversation));
    if (config().tools == Tools::schema) TRY_VOID(chat::check_schema_tools(conversation));
    return chat::check_openai(conversation);
  }

  Result<BackendRequest> ask(const chat::Conversation& conversation, const ModelConfig& model,
                             chat::Streaming streaming) const override {
    BackendRequest out;
    out.target = "/v1/chat/completions";
    if (streaming == chat::Streaming::yes) out.headers.set("accept", "text/event-stream");
    if (config().tools == Tools::schema) {
      TRY(const auto adapted, chat::with_schema_for_tools(conversation));
      TRY(out.body, chat::openai_request(adapted, model.served_as, streaming));
    } else {
      TRY(out.body, chat::openai_request(conversation, model.served_as, streaming));
    }
    return out;
  }

  Result<chat::Completion> read(std::string_view answer,
                                const chat::Conversation& asked) const override {
    TRY(auto completion, chat::parse_openai_answer(answer, asked.response_paths));
    if (config().tools != Tools::schema) return completion;
    return chat::with_call_from_text(asked, std::move(completion), answer);
  }

  std::unique_ptr<chat::StreamReader> reader(const chat::Conversation& asked,
                                             std::string_view request_id) const override {
    auto plain = std::make_unique<chat::OpenAiStreamReader>(asked.response_paths);
    if (config().tools != Tools::schema) return plain;
    return chat::make_schema_tool_reader(asked, std::move(plain), std::string(request_id));
  }

  Result<BackendRequest> ask(const chat::EmbeddingRequest& request,
                             const ModelConfig& model) const override {
    BackendRequest out;
    out.target = "/v1/embeddings";
    out.body = chat::openai_embedding_request(request, model.served_as);
    return out;
  }

  Result<chat::Embeddings> read(std::string_view answer,
                                const chat::EmbeddingRequest& asked) const override {
    return chat::parse_openai_embeddings(answer, asked.texts.size());
  }

  std::unique_ptr<TokenCounting> count(const chat::Conversation& conversation,
                                       const ModelConfig& model) const override {
    auto request = ask(conversation, model, chat::Streaming::no);
    if (!request) return nullptr;
    return std::make_unique<LlamaCounting>(std::move(request->body));
  }

  std::span<const std::string_view> load_paths() const override {
    static constexpr std::string_view paths[] = {"/metrics", "/slots"};
    return paths;
  }
};

}  // namespace

std::unique_ptr<const BackendAdapter> make_openai_adapter(const BackendConfig& config) {
  return std::make_unique<OpenAiAdapter>(config);
}

}  // namespace tidegate::model
