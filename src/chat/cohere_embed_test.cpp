// Cohere Embed, versions 3 and 4.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/json.hpp"
#include "chat/cohere_embed.hpp"

namespace tidegate::chat {
namespace {

constexpr std::string_view v3 = "cohere.embed-english-v3", v4 = "cohere.embed-v4:0";

std::string refusal(std::string_view text, std::string_view model) {
  const auto request = parse_cohere_embed(text, model);
  return request ? "(accepted)" : request.error().message;
}

TEST(CohereEmbed, Requests) {
  const auto request = parse_cohere_embed(
      R"({"texts":["a","b"],"input_type":"search_document","truncate":"LEFT","embedding_types":["float","ubinary","float"],"output_dimension":256})",
      v4);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->order.texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request->order.dimensions, 256);
  EXPECT_EQ(request->types, (std::vector{CohereType::floats, CohereType::ubinary}));
}

TEST(CohereEmbed, Refusals) {
  std::string many = R"({"input_type":"clustering","texts":["x")";
  for (int i = 0; i < 96; ++i) many += R"(,"x")";
  many += "]}";
  const std::string longest =
      fmt::format(R"({{"input_type":"clustering","texts":["{}"]}})", std::string(2049, 'x'));
  struct Row {
    std::string text;
    std::string_view model, expected;
  };
  for (const Row& row : {
           Row{R"({"texts":["a"]})", v3, "#: required key [input_type] not found"},
           Row{R"({"input_type":"clustering"})", v3, "#: required key [texts] not found"},
           Row{R"({"input_type":"sorting","texts":["a"]})", v3,
               "#/input_type: sorting is not a valid enum value"},
           Row{R"({"input_type":"clustering","texts":[]})", v3,
               "#/texts: expected minimum item count: 1, found: 0"},
           Row{many, v3, "#/texts: expected maximum item count: 96, found: 97"},
           Row{longest, v3, "#/texts/0: expected maxLength: 2048, actual: 2049"},
           Row{longest, v4, "(accepted)"},
           Row{R"({"input_type":"image","images":["data:image/png;base64,AAAA"]})", v3,
               "#/images: images are not supported for this model"},
           Row{R"({"input_type":"clustering","inputs":[]})", v4,
               "#/inputs: inputs are not supported for this model"},
           Row{R"({"input_type":"clustering","texts":["a"],"output_dimension":256})", v3,
               "#: extraneous key [output_dimension] is not permitted"},
           Row{R"({"input_type":"clustering","texts":["a"],"output_dimension":300})", v4,
               "#/output_dimension: 300 is not a valid enum value"},
           Row{R"({"input_type":"clustering","texts":["a"],"embedding_types":["int8"]})", v3,
               "#/embedding_types/0: int8 is not supported for this model"},
           Row{R"({"input_type":"clustering","texts":["a"],"truncate":"LEFT"})", v3,
               "#/truncate: LEFT is not a valid enum value"},
           Row{R"({"input_type":"clustering","texts":["a",1]})", v3,
               "#/texts/1: expected type: String, found: Integer"},
       }) {
    const std::string expected =
        row.expected == "(accepted)"
            ? "(accepted)"
            : fmt::format("Malformed input request: {}, please reformat your input and try again.",
                          row.expected);
    EXPECT_EQ(refusal(row.text, row.model), expected);
  }
}

TEST(CohereEmbed, Answers) {
  const Embeddings embeddings{.vectors = {{0.5F, -1, 0, 2, -3, 0.1F, 7, -8, 9}}, .input_tokens = 3};
  CohereRequest request{.order = {.texts = {"a"}, .dimensions = {}}, .types = {}};
  EXPECT_EQ(
      cohere_embed_answer(embeddings, request, "id-1"),
      R"({"id":"id-1","texts":["a"],"embeddings":[[0.5,-1,0,2,-3,0.1,7,-8,9]],"response_type":"embeddings_floats"})");
  request.types = {CohereType::floats, CohereType::ubinary, CohereType::binary};
  EXPECT_EQ(
      cohere_embed_answer(embeddings, request, "id-1"),
      R"({"id":"id-1","texts":["a"],"embeddings":{"float":[[0.5,-1,0,2,-3,0.1,7,-8,9]],"ubinary":[[150,128]],"binary":[[22,0]]},"response_type":"embeddings_by_type"})");
}

TEST(CohereEmbed, HasTheMembersThatOthersHaveSeen) {
  const std::string path =
      std::string(TIDEGATE_SOURCE_DIR) +
      "/../shared/vectors/agentgateway/response/bedrock-cohere/embeddings.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "no recorded answer at " << path;
  std::stringstream text;
  text << file.rdbuf();
  const auto theirs = json::parse(text.str());
  ASSERT_TRUE(theirs);
  const auto ours = json::parse(cohere_embed_answer(
      {.vectors = {{0.1F, 0.2F, 0.3F}, {0.4F, 0.5F, 0.6F}}},
      {.order = {.texts = {"hello", "world"}, .dimensions = {}}, .types = {}}, "123"));
  ASSERT_TRUE(ours);
  for (const auto& member : theirs->get_object()) {
    EXPECT_EQ(ours->get_object().at(member.key()), member.value()) << member.key();
  }
}

}  // namespace
}  // namespace tidegate::chat
