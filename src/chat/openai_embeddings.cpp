// Embeddings, as model servers of OpenAI's kind make them.
#include "chat/not_understood.hpp"
#include "chat/openai.hpp"

namespace tidegate::chat {
namespace {

Result<std::vector<float>> read_vector(const json::object& item) {
  const json::array* numbers = json::find_array(item, "embedding");
  if (!numbers || numbers->empty())
    return not_understood("an embedding that is not a list of numbers");
  std::vector<float> out;
  out.reserve(numbers->size());
  for (const json::value& number : *numbers) {
    boost::system::error_code failed;
    const auto value = number.to_number<double>(failed);
    if (failed) return not_understood("an embedding that is not a list of numbers");
    out.push_back(static_cast<float>(value));
  }
  return out;
}

}  // namespace

std::string openai_embedding_request(const EmbeddingRequest& request, std::string_view model) {
  std::string out = R"({"model":)";
  json::append_quoted(out, model);
  out += R"(,"input":[)";
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    if (i > 0) out += ',';
    json::append_quoted(out, request.texts[i]);
  }
  out += R"(],"encoding_format":"float")";
  if (request.dimensions) {
    out += R"(,"dimensions":)";
    json::append_number(out, *request.dimensions);
  }
  out += '}';
  return out;
}

Result<Embeddings> parse_openai_embeddings(std::string_view body, std::size_t texts) {
  json::Arena arena;
  const auto document = json::parse(body, arena.storage());
  if (!document) return not_understood(document.error().message);
  const json::object* answer = document->if_object();
  const json::array* data = answer ? json::find_array(*answer, "data") : nullptr;
  if (!data || data->size() != texts)
    return not_understood("the answer has not one embedding a text");
  Embeddings out;
  out.vectors.resize(texts);
  for (std::size_t i = 0; i < texts; ++i) {
    const json::object* item = (*data)[i].if_object();
    if (!item) return not_understood("an embedding that is not an object");
    const auto index = static_cast<std::size_t>(
        json::find_int(*item, "index").value_or(static_cast<std::int64_t>(i)));
    if (index >= texts || !out.vectors[index].empty())
      return not_understood("an embedding of no text");
    TRY(out.vectors[index], read_vector(*item));
  }
  if (const auto* usage = json::find_object(*answer, "usage")) {
    out.input_tokens = json::find_int(*usage, "prompt_tokens").value_or(0);
  }
  return out;
}

}  // namespace tidegate::chat
