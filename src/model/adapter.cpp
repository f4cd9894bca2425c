#include "model/adapter.hpp"

#include "model/adapters.hpp"

namespace tidegate::model {

std::unexpected<Error> cannot(std::string message, std::string mend) {
  return fail(Error{.code = ErrorCode::validation,
                    .origin = Origin::client,
                    .message = std::move(message),
                    .mend = std::move(mend),
                    .why = {}});
}

Result<BackendRequest> BackendAdapter::ask(const chat::EmbeddingRequest&,
                                           const ModelConfig& model) const {
  return cannot("This model doesn't support embeddings.",
                fmt::format("The server that runs {} has no embeddings.", model.name));
}

Result<chat::Embeddings> BackendAdapter::read(std::string_view,
                                              const chat::EmbeddingRequest&) const {
  return cannot("This model doesn't support embeddings.", {});
}

std::unique_ptr<TokenCounting> BackendAdapter::count(const chat::Conversation&,
                                                     const ModelConfig&) const {
  return nullptr;
}

void BackendAdapter::authorize(BackendRequest& request, WallTime) const {
  if (!config_.api_key.empty()) request.headers.add("authorization", "Bearer " + config_.api_key);
}

std::unique_ptr<const BackendAdapter> make_adapter(const BackendConfig& config) {
  switch (config.kind) {
    case BackendKind::openai:
      return make_openai_adapter(config);
    case BackendKind::anthropic:
      return make_anthropic_adapter(config);
    case BackendKind::bedrock:
      return make_bedrock_adapter(config);
  }
  return make_openai_adapter(config);
}

}  // namespace tidegate::model
