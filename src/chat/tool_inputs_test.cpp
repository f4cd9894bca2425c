#include "chat/tool_inputs.hpp"

#include <gtest/gtest.h>

namespace tidegate::chat {
namespace {

StopReason reason_of(std::vector<std::vector<std::string>> calls,
                     StopReason given = StopReason::tool_use) {
  ToolInputs inputs;
  inputs.see(TextDelta{"Let me look."});
  for (auto& pieces : calls) {
    inputs.see(ToolUseStart{"tooluse_1", "weather"});
    for (auto& piece : pieces) inputs.see(ToolUseDelta{piece});
  }
  return inputs.reason(given);
}

TEST(ToolInputs, OnlyObjectsAreInputs) {
  EXPECT_EQ(reason_of({}, StopReason::end_turn), StopReason::end_turn);
  EXPECT_EQ(reason_of({{}}), StopReason::tool_use);
  EXPECT_EQ(reason_of({{"{\"a\"", ":1}"}, {"{}"}}), StopReason::tool_use);
  EXPECT_EQ(reason_of({{"{\"a\":"}}), StopReason::malformed_tool_use);
  EXPECT_EQ(reason_of({{"[1]"}}), StopReason::malformed_tool_use);
  EXPECT_EQ(reason_of({{"{} {}"}, {"{}"}}), StopReason::malformed_tool_use);
}

TEST(ToolInputs, ALimitExplainsWhatItCutOff) {
  EXPECT_EQ(reason_of({{"{\"a\":"}}, StopReason::max_tokens), StopReason::max_tokens);
}

}  // namespace
}  // namespace tidegate::chat
