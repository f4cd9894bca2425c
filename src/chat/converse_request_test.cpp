// What a Converse body may say, and the sentence that refuses each thing that it may not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "chat/converse.hpp"

namespace tidegate::chat {
namespace {

const AdditionalFields nothing_more{};

std::string hello_with(std::string_view members) {
  return fmt::format(R"({{"messages":[{{"role":"user","content":[{{"text":"Hi"}}]}}]{}{}}})",
                     members.empty() ? "" : ",", members);
}
std::string message_of(std::string_view blocks) {
  return fmt::format(R"({{"messages":[{{"role":"user","content":[{}]}}]}})", blocks);
}
std::string conversation_of(std::string_view messages) {
  return fmt::format(
      R"({{"messages":[{}],"toolConfig":{{"tools":[{{"toolSpec":{{"name":"f","inputSchema":{{"json":{{"type":"object"}}}}}}}}]}}}})",
      messages);
}

struct Refusal {
  std::string body;
  ErrorCode code;
  std::string words;  // a part of message + mend
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithItsSentence) {
  const auto parsed = parse_converse(GetParam().body, nothing_more);
  ASSERT_FALSE(parsed) << GetParam().body;
  EXPECT_EQ(parsed.error().code, GetParam().code);
  EXPECT_EQ(parsed.error().origin, Origin::client);
  EXPECT_EQ(parsed.error().retry, Retry::never);
  const std::string said = parsed.error().message + " " + parsed.error().mend;
  EXPECT_NE(said.find(GetParam().words), std::string::npos) << said;
}

constexpr auto validation = ErrorCode::validation;
constexpr auto malformed = ErrorCode::malformed_json;

INSTANTIATE_TEST_SUITE_P(
    Json, Refused,
    testing::Values(
        Refusal{"", malformed, "not valid"},
        Refusal{"[]", malformed, "START_ARRAY can not be converted to an Object"},
        Refusal{R"({"messages":[)", malformed, "not valid"},
        Refusal{R"({"messages":{}})", malformed, "The member messages must be a List."},
        Refusal{R"({"messages":[3]})", malformed, "The member messages.0 must be an Object."},
        Refusal{message_of("3"), malformed, "messages.0.content.0 must be an Object"},
        Refusal{message_of(R"({"text":3})"), malformed,
                "NUMBER_VALUE can not be converted to a String"},
        Refusal{hello_with(R"("inferenceConfig":[])"), malformed,
                "inferenceConfig must be an Object"},
        Refusal{hello_with(R"("inferenceConfig":{"maxTokens":"9"})"), malformed,
                "STRING_VALUE can not be converted to an Integer"},
        Refusal{hello_with(R"("inferenceConfig":{"maxTokens":1.5})"), malformed, "DECIMAL_VALUE"},
        Refusal{hello_with(R"("inferenceConfig":{"maxTokens":99999999999})"), malformed,
                "an Integer"},
        Refusal{hello_with(R"("inferenceConfig":{"temperature":"hot"})"), malformed,
                "The member inferenceConfig.temperature must be a Float."}));

INSTANTIATE_TEST_SUITE_P(
    Messages, Refused,
    testing::Values(
        Refusal{"{}", validation, "A conversation must start with a user message."},
        Refusal{R"({"messages":null})", validation, "must start with a user message"},
        Refusal{R"({"messages":[]})", validation, "must start with a user message"},
        Refusal{R"({"messages":[{"role":"system","content":[{"text":"x"}]}]})", validation,
                "must start with a user message"},
        Refusal{R"({"messages":[{"role":"assistant","content":[{"text":"x"}]}]})", validation,
                "must start with a user message"},
        Refusal{R"({"messages":[{"content":[{"text":"x"}]}]})", validation,
                "Value null at 'messages.1.member.role' failed to satisfy constraint: Member must "
                "not be null"},
        Refusal{R"({"messages":[{"role":"user"}]})", validation, "'messages.1.member.content'"},
        Refusal{R"({"messages":[{"role":"tool","content":[{"text":"x"}]}]})", validation,
                "1 validation error detected: Value 'tool' at 'messages.1.member.role' failed to "
                "satisfy "
                "constraint: Member must satisfy enum value set: [user, assistant, system]"},
        Refusal{R"({"messages":[{"role":"user","content":[]}]})", validation,
                "The content field in the Message object at messages.0 is empty. Add a "
                "ContentBlock object to "
                "the content field and try again."},
        Refusal{
            R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"user","content":[{"text":"b"}]}]})",
            validation, "A conversation must alternate between user and assistant roles."}));

INSTANTIATE_TEST_SUITE_P(
    Blocks, Refused,
    testing::Values(
        Refusal{message_of("{}"), validation,
                "The ContentBlock object at messages.0.content.0 must set one of the following "
                "keys: text, image"},
        Refusal{message_of(R"({"txt":"Hi"})"), validation, "must set one of the following keys"},
        Refusal{message_of(R"({"text":"Hi","cachePoint":{"type":"default"}})"), validation,
                "can only set one of the following keys"},
        Refusal{message_of(R"({"text":" \n"})"), validation,
                "The text field in the ContentBlock object at messages.0.content.0 is blank. Add "
                "text to the text "
                "field, and try again."},
        Refusal{message_of(R"({"image":{"format":"bmp","source":{"bytes":"AAAA"}}})"), validation,
                "Member must satisfy enum value set: [png, jpeg, gif, webp]"},
        Refusal{message_of(R"({"image":{"format":"png","source":{"bytes":"AAA"}}})"), validation,
                "messages.0.content.0.image.source.bytes is not valid base64"},
        Refusal{message_of(R"({"image":{"format":"png","source":{"bytes":"A A="}}})"), validation,
                "base64"},
        Refusal{message_of(R"({"image":{"format":"png","source":{"bytes":""}}})"), validation,
                "base64"},
        Refusal{message_of(R"({"image":{"format":"png"}})"), validation, "image.source' failed"},
        Refusal{
            message_of(R"({"image":{"format":"png","source":{"s3Location":{"uri":"s3://a/b"}}}})"),
            validation,
            "This model doesn't support the messages.0.content.0.image.source.s3Location field."},
        Refusal{message_of(R"({"document":{"format":"pdf","name":"a","source":{"bytes":"AAAA"}}})"),
                validation,
                "This model doesn't support documents of the format pdf. Extract the text"},
        Refusal{message_of(R"({"document":{"format":"txt","name":"","source":{"text":"x"}}})"),
                validation, "Member must have length greater than or equal to 1"},
        Refusal{message_of(R"({"document":{"format":"txt","name":"a","source":{"bytes":"/w=="}}})"),
                validation, "is not text in UTF-8"},
        Refusal{message_of(R"({"video":{"format":"mp4","source":{"bytes":"AAAA"}}})"), validation,
                "This model doesn't support the messages.0.content.0.video field. Remove "
                "messages.0.content.0.video"},
        Refusal{message_of(R"({"audio":{"format":"mp3","source":{"bytes":"AAAA"}}})"), validation,
                "audio field"},
        Refusal{message_of(R"({"toolUse":{"toolUseId":"a","name":"f","input":{}}})"), validation,
                "can't be used in a message of the role user"},
        Refusal{message_of(R"({"cachePoint":{"type":"other"}})"), validation,
                "enum value set: [default]"},
        Refusal{R"({"system":[{"text":""}],"messages":[]})", validation,
                "SystemContentBlock object at system.0"},
        Refusal{R"({"system":[{"image":{}}],"messages":[]})", validation,
                "The SystemContentBlock object at system.0 must set one of the following keys"}));

constexpr std::string_view ask = R"({"role":"user","content":[{"text":"go"}]},)";
std::string call(std::string_view id, std::string_view input = "{}") {
  return fmt::format(
      R"({{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"{}","name":"f","input":{}}}}}]}},)",
      id, input);
}
std::string result(std::string_view id, std::string_view rest = R"("content":[{"text":"r"}])") {
  return fmt::format(R"({{"role":"user","content":[{{"toolResult":{{"toolUseId":"{}",{}}}}}]}})",
                     id, rest);
}

INSTANTIATE_TEST_SUITE_P(
    Tools, Refused,
    testing::Values(
        Refusal{conversation_of(std::string(ask) + call("a") +
                                R"({"role":"user","content":[{"text":"r"}]})"),
                validation,
                "Expected toolResult blocks at messages.2.content for the following Ids: a"},
        Refusal{conversation_of(result("a")), validation,
                "The number of toolResult blocks at messages.0.content exceeds the number of "
                "toolUse blocks of "
                "previous turn."},
        Refusal{conversation_of(std::string(ask) + call("a b") + result("a b")), validation,
                "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"},
        Refusal{conversation_of(std::string(ask) + call(std::string(65, 'x')) + result("a")),
                validation, "Member must have length less than or equal to 64"},
        Refusal{conversation_of(std::string(ask) + call("a", "[]") + result("a")), validation,
                "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide "
                "a json object"},
        Refusal{conversation_of(std::string(ask) + call("a") +
                                result("a", R"("content":[],"status":"error")")),
                validation,
                "The content field at messages.2.content.0.toolResult cannot be empty when status "
                "value is error."},
        Refusal{fmt::format(R"({{"messages":[{}{}{}]}})", ask, call("a"), result("a")), validation,
                "The toolConfig field must be defined when using toolUse and toolResult content "
                "blocks."},
        Refusal{hello_with(R"("toolConfig":{})"), validation, "'toolConfig.tools'"},
        Refusal{hello_with(R"("toolConfig":{"tools":[]})"), validation,
                "length greater than or equal to 1"},
        Refusal{hello_with(R"("toolConfig":{"tools":[{"systemTool":{"name":"x"}}]})"), validation,
                "doesn't support the toolConfig.tools.0.systemTool field"},
        Refusal{
            hello_with(
                R"("toolConfig":{"tools":[{"toolSpec":{"name":"a b","inputSchema":{"json":{}}}}]})"),
            validation, "[a-zA-Z0-9_-]+"},
        Refusal{
            hello_with(
                R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]})"),
            validation,
            "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the "
            "following: object."},
        Refusal{
            hello_with(
                R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"tool":{"name":"g"}}})"),
            validation, "The tool g at toolConfig.toolChoice.tool isn't defined"},
        Refusal{
            hello_with(
                R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{}})"),
            validation,
            "The ToolChoice object at toolConfig.toolChoice must set one of the following keys"}));

INSTANTIATE_TEST_SUITE_P(
    Options, Refused,
    testing::Values(
        Refusal{hello_with(R"("inferenceConfig":{"maxTokens":0})"), validation,
                "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member "
                "must have value "
                "greater than or equal to 1"},
        Refusal{hello_with(R"("inferenceConfig":{"temperature":1.5})"), validation,
                "Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member "
                "must have value "
                "less than or equal to 1"},
        Refusal{hello_with(R"("inferenceConfig":{"topP":-0.1})"), validation,
                "inferenceConfig.topP"},
        Refusal{hello_with(R"("inferenceConfig":{"stopSequences":[""]})"), validation,
                "'inferenceConfig.stopSequences.1.member'"},
        Refusal{hello_with(R"("guardrailConfig":{"guardrailIdentifier":"g"})"), validation,
                "This model doesn't support the guardrailConfig field."},
        Refusal{hello_with(R"("promptVariables":{"a":{"text":"b"}})"), validation,
                "promptVariables field"},
        Refusal{hello_with(R"("performanceConfig":{"latency":"optimized"})"), validation,
                "Latency performance configuration is not supported"},
        Refusal{hello_with(R"("serviceTier":{"type":"flex"})"), validation,
                "service tier is not supported"},
        Refusal{hello_with(R"("requestMetadata":{})"), validation, "between 1 and 16"},
        Refusal{hello_with(R"("requestMetadata":{"team":"a|b"})"), validation,
                "Value 'a|b' at 'requestMetadata.team'"},
        Refusal{hello_with(R"("additionalModelResponseFieldPaths":["x"])"), validation,
                "is not a JSON Pointer"},
        Refusal{
            hello_with(
                R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}})"),
            validation, "must be a JSON schema"},
        Refusal{hello_with(R"("outputConfig":{"textFormat":{"type":"xml","structure":{}}})"),
                validation, "enum value set: [json_schema]"}));

TEST(ConverseRequest, CarriesEverythingOver) {
  const auto parsed = parse_converse(R"({
    "system":[{"text":"Be brief."},{"cachePoint":{"type":"default"}},
      {"guardContent":{"text":{"text":"guarded"}}}],
    "messages":[
      {"role":"user","content":[{"text":"What is the weather?"},
        {"image":{"format":"png","source":{"bytes":"iVBORw0K"}}},
        {"document":{"format":"md","name":"notes","source":{"bytes":"IyBIaQ=="},
          "context":"read it"}}]},
      {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm",
        "signature":"s"}}},
        {"text":"Let me look."},{"toolUse":{"toolUseId":"t1","name":"weather",
          "input":{"city":"Bari"}}}]},
      {"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"success",
        "content":[{"json":{"celsius":21}},{"text":"sunny"}]}},{"text":"And now?"}]}],
    "inferenceConfig":{"maxTokens":100,"temperature":0.5,"topP":1,"stopSequences":["END"]},
    "toolConfig":{"tools":[{"toolSpec":{"name":"weather","description":"d",
      "inputSchema":{"json":{"type":"object"}},
      "strict":true}},{"cachePoint":{"type":"default"}}],"toolChoice":{"any":{}}},
    "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"n",
      "schema":"{\"type\":\"object\"}"}}},
      "effort":"low"},
    "requestMetadata":{"team":"red-1"},"performanceConfig":{"latency":"standard"},
    "serviceTier":{"type":"default"},
    "additionalModelResponseFieldPaths":["/stop_sequence"],"somethingNew":{"ignored":true}})",
                                     nothing_more);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Conversation& c = *parsed;
  ASSERT_EQ(c.messages.size(), 4u);
  EXPECT_EQ(c.messages[0].role, Role::system);
  EXPECT_EQ(c.messages[0].blocks.size(), 3u);
  EXPECT_EQ(std::get<Text>(c.messages[0].blocks[2]).text, "guarded");
  EXPECT_EQ(std::get<Image>(c.messages[1].blocks[1]).base64, "iVBORw0K");
  EXPECT_EQ(std::get<Document>(c.messages[1].blocks[2]).text, "read it\n\n# Hi");
  EXPECT_EQ(std::get<Reasoning>(c.messages[2].blocks[0]).text, "hm");
  EXPECT_EQ(std::get<ToolUse>(c.messages[2].blocks[2]).input.at("city").as_string(), "Bari");
  EXPECT_EQ(std::get<ToolResult>(c.messages[3].blocks[0]).content.size(), 2u);
  EXPECT_EQ(c.sampling.max_tokens, 100);
  EXPECT_EQ(c.sampling.top_p, 1.0);
  EXPECT_EQ(c.sampling.effort, "low");
  ASSERT_EQ(c.tools.size(), 1u);
  EXPECT_TRUE(c.tools[0].strict);
  EXPECT_EQ(c.tool_choice->kind, ToolChoice::Kind::any);
  EXPECT_EQ(c.output_schema->schema.at("type").as_string(), "object");
  EXPECT_EQ(c.request_metadata.at("team").as_string(), "red-1");
  EXPECT_TRUE(c.echo.performance_config);
  EXPECT_TRUE(c.echo.service_tier);
}

TEST(ConverseRequest, TakesWhatAwsTakes) {
  for (const std::string& body :
       {hello_with(""), hello_with(R"("inferenceConfig":null)"), hello_with(R"("system":[])"),
        conversation_of(std::string(ask) + call("a") + result("a", R"("content":[])")),
        conversation_of(std::string(ask) + call("a") + result("a", R"("content":[{"text":""}])")),
        message_of(R"({"text":"a","image":null})"),
        message_of(
            R"({"document":{"name":"a","source":{"content":[{"text":"x"},{"text":"y"}]}}})")}) {
    const auto parsed = parse_converse(body, nothing_more);
    EXPECT_TRUE(parsed) << body << ": " << parsed.error().message;
  }
}

struct Additional {
  std::string fields;
  AdditionalFields model;
  std::string refusal;  // empty: accepted
};

TEST(ConverseRequest, AdditionalFields) {
  const AdditionalFields nova{.allowed = {"/inferenceConfig/topK", "/a~1b"}};
  const AdditionalFields all{.pass_all = true};
  for (const Additional& c : {
           Additional{R"({"x":1})",
                      {},
                      "Malformed input request: #: extraneous key [x] is not permitted, please "
                      "reformat your input "
                      "and try again."},
           Additional{R"({"inferenceConfig":{"topX":1}})", nova,
                      "Malformed input request: #/inferenceConfig: extraneous key [topX] is not "
                      "permitted, please "
                      "reformat your input and try again."},
           Additional{R"({"x":1,"inferenceConfig":{"topX":1}})", nova,
                      "Malformed input request: 2 schema violations found, please reformat your "
                      "input and try again."},
           Additional{R"({"inferenceConfig":3})", nova, "#: extraneous key [inferenceConfig]"},
           Additional{R"({"inferenceConfig":{"topK":"20"}})", nova,
                      "#/inferenceConfig/topK: expected a whole number"},
           Additional{R"({"top_k":1,"topK":2})", all, "top-k is set twice"},
           Additional{R"({"thinking":{}})", all, "#/thinking: required key [type] not found"},
           Additional{"[]", all, "expected type: JSONObject"},
           Additional{"{}", {}, ""},
           Additional{R"({"inferenceConfig":{"topK":20},"a/b":{"deep":1}})", nova, ""},
           Additional{R"({"anything":[1]})", all, ""},
       }) {
    const auto parsed =
        parse_converse(hello_with(R"("additionalModelRequestFields":)" + c.fields), c.model);
    ASSERT_EQ(parsed.has_value(), c.refusal.empty()) << c.fields;
    if (!parsed) {
      EXPECT_NE(parsed.error().message.find(c.refusal), std::string::npos)
          << parsed.error().message;
    }
  }
}

TEST(ConverseRequest, AdditionalFieldsReachTheSampling) {
  const auto parsed = parse_converse(
      hello_with(
          R"("additionalModelRequestFields":{"inferenceConfig":{"topK":20},"seed":7,"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}})"),
      {.pass_all = true});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->sampling.top_k, 20);
  EXPECT_EQ(parsed->sampling.thinking, true);
  EXPECT_EQ(parsed->sampling.effort, "low");
  EXPECT_EQ(json::serialize(parsed->additional), R"({"seed":7})");
}

}  // namespace
}  // namespace tidegate::chat
