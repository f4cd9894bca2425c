// Bedrock from the client's side. What a conversation becomes is read back by our own Converse
// reader, and our own writers play Bedrock: both must come out as they went in.
#include "chat/to_converse.hpp"

#include <gtest/gtest.h>

#include "chat/converse.hpp"

namespace tidegate::chat {
namespace {

constexpr std::string_view bodies[] = {
    R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})",
    R"({"messages":[{"role":"user","content":[{"text":"Weather?"},{"cachePoint":{"type":"default"}},
        {"image":{"format":"png","source":{"bytes":"AAAA"}}},
        {"document":{"name":"d","format":"txt","source":{"bytes":"SGk="}}}]},
      {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm","signature":"s"}}},
        {"toolUse":{"toolUseId":"t1","name":"weather","input":{"city":"Milan"}}}]},
      {"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"error","content":[
        {"text":"no"},{"json":{"code":7}}]}}]}],
     "system":[{"text":"Be brief."}],
     "inferenceConfig":{"maxTokens":9,"temperature":0.5,"topP":0.9,"stopSequences":["x"]},
     "toolConfig":{"tools":[{"toolSpec":{"name":"weather","description":"d","strict":true,"inputSchema":{"json":{"type":"object"}}}}],
       "toolChoice":{"tool":{"name":"weather"}}},
     "additionalModelRequestFields":{"top_k":5,"thinking":{"type":"enabled"},"seed":1},
     "additionalModelResponseFieldPaths":["/a"],
     "requestMetadata":{"team":"x"},
     "outputConfig":{"effort":"low"}})",
    R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],
     "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"n","schema":"{\"type\":\"object\"}"}}}}})",
};

TEST(ToConverse, IsReadBackAsItWas) {
  for (const std::string_view body : bodies) {
    const auto given = parse_converse(body, {.pass_all = true});
    ASSERT_TRUE(given) << given.error().message;
    const std::string written = to_converse(*given);
    const auto read = parse_converse(written, {.pass_all = true});
    ASSERT_TRUE(read) << read.error().message << "\n" << written;
    EXPECT_EQ(to_converse(*read), written);
    EXPECT_EQ(read->messages.size(), given->messages.size());
    EXPECT_EQ(read->sampling.top_k, given->sampling.top_k);
    EXPECT_EQ(read->tools.size(), given->tools.size());
    EXPECT_EQ(read->response_paths, given->response_paths);
  }
}

Completion whole() {
  Completion out;
  out.blocks.emplace_back(Reasoning{"Hm", "sig"});
  out.blocks.emplace_back(Text{"Ciao"});
  out.blocks.emplace_back(ToolUse{"t1", "f", json::object{{"a", 1}}});
  out.stop_reason = StopReason::tool_use;
  out.usage = {
      .input_tokens = 3, .output_tokens = 2, .cache_read_tokens = 1, .cache_write_tokens = 4};
  out.additional = {{"stop_sequence", "x"}};
  return out;
}

TEST(FromConverse, ReadsAWholeAnswer) {
  const std::string body = converse_answer(whole(), std::chrono::milliseconds(5));
  const auto answer = from_converse(body);
  ASSERT_TRUE(answer) << answer.error().why;
  EXPECT_EQ(converse_answer(*answer, std::chrono::milliseconds(5)), body);
  for (const std::string_view bad :
       {"<html>", "[]", "{}", R"({"output":{"message":{"content":[1]}}})",
        R"({"output":{"message":{"content":[{"toolUse":{}}]}}})"}) {
    EXPECT_FALSE(from_converse(bad)) << bad;
  }
}

TEST(FromConverse, ReadsCounts) {
  EXPECT_EQ(from_count_tokens(R"({"inputTokens":7})").value_or(-1), 7);
  EXPECT_FALSE(from_count_tokens(R"({"inputTokens":"7"})"));
}

std::string written(const std::vector<Delta>& deltas) {
  ConverseStreamWriter writer;
  std::string out;
  for (const Delta& delta : deltas) writer.write(out, delta);
  writer.finish(out, std::chrono::milliseconds(5));
  return out;
}

TEST(ConverseStream, IsReadInAnyPieces) {
  const std::string bytes =
      written({ReasoningDelta{"Hm"}, ReasoningDelta{{}, "sig"}, TextDelta{"Ci"}, TextDelta{"ao"},
               ToolUseStart{"t1", "f"}, ToolUseDelta{"{\"a\""}, ToolUseDelta{":1}"},
               Stop{StopReason::tool_use}, Usage{3, 2, 1, 0}});
  for (const std::size_t piece : {1u, 13u, 10'000u}) {
    ConverseStreamReader reader;
    std::vector<Delta> deltas;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(at, piece), deltas));
    }
    ASSERT_TRUE(reader.finish(deltas));
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(written(deltas), bytes);
  }
}

TEST(ConverseStream, SaysWhereItBroke) {
  std::string exception;
  aws::append_exception(exception, "throttlingException", R"({"message":"slow down"})");
  std::string flipped = written({TextDelta{"a"}, Stop{StopReason::end_turn}});
  flipped[20] ^= 1;
  for (const auto& [bytes, status] :
       {std::pair{exception, 429}, {flipped, 0}, {written({}).substr(0, 30), 0}}) {
    ConverseStreamReader reader;
    std::vector<Delta> deltas;
    auto taken = reader.feed(bytes, deltas);
    if (taken) taken = reader.finish(deltas);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::model_stream_error);
    EXPECT_EQ(taken.error().upstream_status, status);
  }
}

}  // namespace
}  // namespace tidegate::chat
