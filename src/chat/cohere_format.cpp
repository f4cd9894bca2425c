// Cohere Embed as a format of InvokeModel; it has no streams.
#include "chat/cohere_embed.hpp"
#include "chat/family_formats.hpp"
#include "chat/invoke_format.hpp"

namespace tidegate::chat {
namespace {

class EmbedRequest final : public Request {
 public:
  EmbedRequest(CohereRequest request, std::string_view id)
      : Request(request.order, false), request_(std::move(request)), id_(id) {}
  WholeAnswer answer(const Outcome& outcome, const Timing& timing) const override {
    const Embeddings& embeddings = std::get<Embeddings>(outcome);
    return invocation_answer(cohere_embed_answer(embeddings, request_, id_),
                             {.input_tokens = embeddings.input_tokens}, timing);
  }
  std::unique_ptr<StreamWriter> stream() const override { return nullptr; }

 private:
  CohereRequest request_;
  std::string id_;
};

class CohereEmbedFormat final : public InvokeFormat {
 public:
  std::string_view name() const override { return "Cohere Embed on InvokeModel"; }
  Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                               const RequestContext& context) const override {
    TRY(CohereRequest request, parse_cohere_embed(body, context.model_id));
    return std::make_unique<EmbedRequest>(std::move(request), context.request_id);
  }
};

}  // namespace

const Format& cohere_embed_format() {
  static const CohereEmbedFormat format;
  return format;
}

}  // namespace tidegate::chat
