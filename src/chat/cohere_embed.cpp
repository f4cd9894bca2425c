#include "chat/cohere_embed.hpp"

#include <fmt/format.h>

#include "chat/converse_formats.hpp"
#include "chat/embedding_text.hpp"
#include "chat/field.hpp"

namespace tidegate::chat {
namespace {

// The limits of Cohere's models on Bedrock.
constexpr std::size_t texts_max = 96;
constexpr std::size_t text_chars_max_v3 = 2048;

bool is_version_4(std::string_view model_id) {
  return model_id.contains("embed-v4");
}

Result<void> read_texts(const Field& root, std::size_t text_chars_max, EmbeddingRequest& out) {
  for (const std::string_view name : {"images", "inputs"}) {
    if (const auto member = root.child(name)) {
      return member->refuse(fmt::format("{} are not supported for this model", name),
                            "Send texts: the model server behind this model embeds text only.");
    }
  }
  TRY(const Field member, root.required("texts"));
  TRY(const json::array* texts, member.array_of_length(1, texts_max));
  out.texts.reserve(texts->size());
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const Field text((*texts)[i], member, i);
    TRY(const std::string_view words, text.string_of_length(0, text_chars_max));
    out.texts.emplace_back(words);
  }
  return {};
}

Result<CohereType> read_type(const Field& type) {
  TRY(const std::string_view word, type.one_of({"float", "int8", "uint8", "binary", "ubinary"}));
  if (word == "float") return CohereType::floats;
  if (word == "binary") return CohereType::binary;
  if (word == "ubinary") return CohereType::ubinary;
  return type.refuse(fmt::format("{} is not supported for this model", word),
                     "Ask for float, binary or ubinary.");
}

Result<void> read_types(const Field& root, std::vector<CohereType>& out) {
  const auto member = root.child("embedding_types");
  if (!member) return {};
  TRY(const json::array* types, member->array());
  for (std::size_t i = 0; i < types->size(); ++i) {
    TRY(const CohereType type, read_type(Field((*types)[i], *member, i)));
    if (std::ranges::find(out, type) == out.end()) out.push_back(type);
  }
  return {};
}

Result<void> read_dimension(const Field& root, EmbeddingRequest& out) {
  const auto member = root.child("output_dimension");
  if (!member) return {};
  TRY(const std::int64_t size, member->integer());
  for (const std::int64_t offered : {256, 512, 1024, 1536}) {
    if (size == offered) {
      out.dimensions = size;
      return {};
    }
  }
  return member->wrong({.kind = Problem::Kind::not_one_of,
                        .detail = "256, 512, 1024 or 1536",
                        .got = std::to_string(size)});
}

std::string_view name_of(CohereType type) {
  switch (type) {
    case CohereType::floats:
      return "float";
    case CohereType::binary:
      return "binary";
    case CohereType::ubinary:
      return "ubinary";
  }
  return "float";
}

void append_as(std::string& out, const std::vector<float>& vector, CohereType type) {
  switch (type) {
    case CohereType::floats:
      append_vector(out, vector);
      break;
    case CohereType::binary:
      append_bits(out, vector, BitSign::signed_bytes);
      break;
    case CohereType::ubinary:
      append_bits(out, vector, BitSign::unsigned_bytes);
      break;
  }
}

void append_vectors(std::string& out, const Embeddings& embeddings, CohereType type) {
  out += '[';
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    if (i > 0) out += ',';
    append_as(out, embeddings.vectors[i], type);
  }
  out += ']';
}

}  // namespace

Result<CohereRequest> parse_cohere_embed(std::string_view body, std::string_view model_id) {
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  const Field root(document, schema_words);
  const bool version_4 = is_version_4(model_id);
  if (version_4) {
    TRY_VOID(root.only({"texts", "images", "inputs", "input_type", "embedding_types", "truncate",
                        "output_dimension", "max_tokens"}));
  } else {
    TRY_VOID(root.only({"texts", "images", "input_type", "embedding_types", "truncate"}));
  }
  CohereRequest out;
  TRY(const Field input_type, root.required("input_type"));
  TRY_VOID(input_type.one_of(
      {"search_document", "search_query", "classification", "clustering", "image"}));
  TRY_VOID(read_texts(root, version_4 ? SIZE_MAX : text_chars_max_v3, out.order));
  TRY_VOID(read_types(root, out.types));
  if (const auto truncate = root.child("truncate")) {
    TRY_VOID(version_4 ? truncate->one_of({"NONE", "LEFT", "RIGHT"})
                       : truncate->one_of({"NONE", "START", "END"}));
  }
  if (const auto limit = root.child("max_tokens")) {
    return limit->refuse("max_tokens is not supported for this model",
                         "Send texts that are as long as they should count.");
  }
  TRY_VOID(read_dimension(root, out.order));
  return out;
}

std::string cohere_embed_answer(const Embeddings& embeddings, const CohereRequest& request,
                                std::string_view id) {
  std::string out = R"({"id":)";
  json::append_quoted(out, id);
  out += R"(,"texts":[)";
  for (std::size_t i = 0; i < request.order.texts.size(); ++i) {
    if (i > 0) out += ',';
    json::append_quoted(out, request.order.texts[i]);
  }
  out += R"(],"embeddings":)";
  if (request.types.empty()) {
    append_vectors(out, embeddings, CohereType::floats);
    return out += R"(,"response_type":"embeddings_floats"})";
  }
  for (std::size_t i = 0; i < request.types.size(); ++i) {
    out += i > 0 ? ',' : '{';
    json::append_quoted(out, name_of(request.types[i]));
    out += ':';
    append_vectors(out, embeddings, request.types[i]);
  }
  return out += R"(},"response_type":"embeddings_by_type"})";
}

}  // namespace tidegate::chat
