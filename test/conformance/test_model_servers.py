"""The real llama.cpp server behind each adapter that it can be spoken to with: OpenAI's API with its own tool parser and
without, and Anthropic's Messages. What a caller sees must not depend on which."""

import pathlib
import sys

import pytest
from botocore.exceptions import ClientError

from support.deployment import MILAN, NOVA, eventually
from support.single import Single, free_port

MODEL_SERVER = pathlib.Path(__file__).parents[2] / "tools" / "model_server.py"
CONFIG = """\
region: {region}
operator_domain: example.internal
state_dir: state
listen: {{api: "127.0.0.1:{api}"}}
backends: [{{name: llama, kind: {kind}, tools: {tools}, url: "http://127.0.0.1:{model}", slots: 2}}]
models: [{{id: "amazon.nova-2-lite-v1:0", backend: llama, served_as: smollm2, name: smollm2-135m-instruct}}]
"""
TOOL = {"toolSpec": {"name": "weather", "description": "The weather of a city.", "inputSchema": {"json": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"],
    "additionalProperties": False}}}}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    server = Single(tmp_path_factory.mktemp("model"))
    server.model = free_port()
    server.start(sys.executable, str(MODEL_SERVER), "--port", str(server.model), "--slots", "2")
    yield server.model
    server.end()


@pytest.fixture(scope="module", params=[("openai", "native"), ("openai", "schema"), ("anthropic", "native")],
                ids=lambda kind: "-".join(kind))
def gateway(model, tmp_path_factory, request):
    made = Single(tmp_path_factory.mktemp("gateway"))
    made.kind, made.tools = request.param
    made.config.write_text(CONFIG.format(region=MILAN, api=made.api, kind=made.kind, tools=made.tools, model=model))
    made.serve()
    assert made.apply().returncode == 0, made.log()
    eventually(lambda: made.health() == 200, 60)
    yield made
    made.end()


def ask(gateway, tokens=8, **more):
    return gateway.client().converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Say hello."}]}],
                                     inferenceConfig={"maxTokens": tokens, "temperature": 0}, **more)


def test_a_whole_answer_and_its_usage(gateway):
    answer = ask(gateway)
    assert answer["output"]["message"]["content"][0]["text"]
    assert answer["stopReason"] in ("max_tokens", "end_turn")
    usage = answer["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] + usage.get("cacheReadInputTokens", 0)
    assert 0 < usage["outputTokens"] <= 8 and usage["totalTokens"] > 20


def test_a_stream_says_the_same(gateway):
    stream = gateway.client().converse_stream(
        modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Say hello."}]}],
        inferenceConfig={"maxTokens": 8, "temperature": 0})["stream"]
    events = list(stream)
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    answer = ask(gateway)
    assert text == answer["output"]["message"]["content"][0]["text"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == answer["usage"]["outputTokens"]


def test_tokens_are_counted_as_they_are_billed(gateway):
    counted = gateway.client().count_tokens(modelId=NOVA, input={"converse": {
        "messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}})["inputTokens"]
    usage = ask(gateway)["usage"]
    assert counted == usage["inputTokens"] + usage.get("cacheReadInputTokens", 0)


def test_a_forced_tool_is_called(gateway):
    """The template of this model knows no tools, so its server would drop them without a word: `tools: schema` is how
    it must be configured, and then a forced call is a call."""
    if gateway.tools == "native":
        pytest.skip("this model's template has no tools")
    for choice in ({"any": {}}, {"tool": {"name": "weather"}}):
        answer = ask(gateway, tokens=64, toolConfig={"tools": [TOOL], "toolChoice": choice})
        assert answer["stopReason"] == "tool_use"
        call = answer["output"]["message"]["content"][0]["toolUse"]
        assert call["name"] == "weather" and isinstance(call["input"]["city"], str)


def test_a_free_choice_of_tools_needs_a_parser(gateway):
    if gateway.tools == "native":
        pytest.skip("this model's template has no tools")
    with pytest.raises(ClientError) as caught:
        ask(gateway, toolConfig={"tools": [TOOL]})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "toolChoice" in caught.value.response["Error"]["Message"]
