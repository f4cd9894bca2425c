"""Cases of bedrock-runtime: Converse and ConverseStream from one table, InvokeModel of each family, CountTokens."""

import base64
import itertools

from case import (BAD_SIGNATURE, DENIED, ECHO, EMBED, IN_STREAM, INVALID_ID, MODEL_ERROR, MODEL_TIMEOUT,
                  NOT_MAPPED, NOVA, NOVA_MODEL, ON_DEMAND, PNG, SONNET, THROTTLED, UNAVAILABLE, UNKNOWN, UNKNOWN_KEY,
                  Case,
                  blob, invalid, json_blob, script)
from judge import at_least, like, near, of_length, present

WEATHER = {"name": "weather", "description": "The weather of a place.",
           "inputSchema": {"json": {"type": "object", "properties": {"place": {"type": "string"}},
                                    "required": ["place"]}}}
CALL_WEATHER = [{"name": "weather", "arguments": {"place": "Milan"}}]
PNG_BYTES = base64.b64decode(PNG)
QUESTION = "Why is the sea salty? One sentence."
WORDS = {"output.message.role": "assistant", "stopReason": like("^(end_turn|max_tokens)$"),
         "usage.inputTokens": at_least(0),
         "usage.outputTokens": at_least(1), "usage.totalTokens": at_least(2), "metrics.latencyMs": at_least(0)}


def said(text: str, *more: dict) -> list[dict]:
    return [{"role": "user", "content": [*more, {"text": text}]}]


def converse(name: str, field: str, members: dict | None = None, *, text: str = ECHO, stream_error: dict | None = None,
             modes: tuple = (False, True), **case) -> list[Case]:
    """The unary and the streamed case of one row. The prompt is `text` unless `members` has messages."""
    request = {"modelId": NOVA, "messages": said(text), **(members or {})}
    cases = []
    for stream in modes:
        call = "ConverseStream" if stream else "Converse"
        own = {**case, "error": stream_error} if stream and stream_error else case
        cases.append(Case(name=f"{call}.{name}", operation="Converse, ConverseStream", field=field,
                          api="bedrock-runtime", call=call, request=request, stream=stream, family="converse", **own))
    return cases


def converse_fields() -> list[Case]:
    document = {"format": "md", "name": "notes", "source": {"bytes": blob("# Low tide\nat six")}}
    image = {"format": "png", "source": {"bytes": blob(PNG_BYTES)}}
    tool_turns = [
        *said("What is the weather in Milan?"),
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "tooluse_1", "name": "weather",
                                                       "input": {"place": "Milan"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "tooluse_1", "content": [{"json": {"sky": "blue"}}]}},
                                     {"text": ECHO}]}]
    tools = {"tools": [{"toolSpec": WEATHER}]}
    schema = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
    rows = [
        converse("text", "messages: text", {"inferenceConfig": {"maxTokens": 16}}, text=QUESTION, gateway="milan",
                 answer={**WORDS, "output.message.content.0.text": present}),
        converse("turns", "messages: several turns", {"messages": [
            *said("My name is Ada."), {"role": "assistant", "content": [{"text": "Hello, Ada."}]}, *said(ECHO)]},
            backend={"messages.0.role": "user", "messages.1.role": "assistant", "messages.1.content": "Hello, Ada.",
                     "messages.2.role": "user"}),
        converse("system", "system", {"system": [{"text": "You are a sailor."}]},
                 backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        converse("inference_config", "inferenceConfig", {"inferenceConfig": {
            "maxTokens": 500, "temperature": 0.25, "topP": 0.5, "stopSequences": ["END", "STOP"]}},
            backend={"max_tokens": 500, "temperature": near(0.25), "top_p": near(0.5), "stop": ["END", "STOP"]}),
        converse("image", "messages: image", {"messages": said(ECHO, {"image": image})},
                 backend={"messages.0.content.0.image_url.url": f"data:image/png;base64,{PNG}"}),
        converse("document", "messages: document (txt, md, csv, html)",
                 {"messages": said(ECHO, {"document": document})},
                 backend={"messages.0.content.0.text": like("Low tide")}),
        converse("reasoning_history", "messages: reasoningContent", {"messages": [
            *said("Two plus two?"),
            {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "Count."}}},
                                              {"text": "Four."}]},
            *said(ECHO)]}, backend={"messages.1.role": "assistant", "messages.1.content": "Four."}),
        converse("guard_content", "messages: guardContent", {"messages": said(
            ECHO, {"guardContent": {"text": {"text": "Guard this."}}})},
            backend={"messages.0.content.0.text": "Guard this."}),
        converse("cache_point", "messages, system: cachePoint", {
            "system": [{"text": "Long rules."}, {"cachePoint": {"type": "default"}}]},
            backend={"messages.0.content": "Long rules."}),
        converse("tools", "toolConfig: tools", {"toolConfig": tools},
                 backend={"tools.0.function.name": "weather", "tools.0.function.parameters.required": ["place"]}),
        converse("tool_choice_auto", "toolConfig: toolChoice auto", {
            "toolConfig": {**tools, "toolChoice": {"auto": {}}}},
                 backend={"tool_choice": "auto"}),
        converse("tool_choice_any", "toolConfig: toolChoice any", {"toolConfig": {**tools, "toolChoice": {"any": {}}}},
                 backend={"tool_choice": "required"}),
        converse("tool_choice_tool", "toolConfig: toolChoice tool", {
            "toolConfig": {**tools, "toolChoice": {"tool": {"name": "weather"}}}},
            backend={"tool_choice.function.name": "weather"}),
        converse("tool_use", "output: toolUse", {"toolConfig": tools}, text=script(calls=CALL_WEATHER),
                 answer={"stopReason": "tool_use", "output.message.content.0.toolUse.name": "weather",
                         "output.message.content.0.toolUse.input": {"place": "Milan"},
                         "output.message.content.0.toolUse.toolUseId": present}),
        converse("tool_uses", "output: text and several toolUse", {"toolConfig": tools},
                 text=script(answer="Both.", calls=CALL_WEATHER * 2),
                 answer={"stopReason": "tool_use", "output.message.content.0.text": "Both.",
                         "output.message.content": of_length(3, 3)}),
        converse("malformed_tool_use", "stopReason: malformed_tool_use (an input that is no object)",
                 {"toolConfig": tools}, text=script(calls=[{"name": "weather", "arguments": ["Milan"]}]),
                 answer={"stopReason": "malformed_tool_use", "output.message.content.0.toolUse.name": "weather"}),
        converse("tool_result", "messages: toolUse, toolResult", {"messages": tool_turns, "toolConfig": tools},
                 backend={"messages.1.tool_calls.0.function.name": "weather", "messages.2.role": "tool",
                          "messages.2.tool_call_id": "tooluse_1", "messages.2.content": '{"sky":"blue"}'}),
        converse("reasoning", "output: reasoningContent", text=script(answer="Four.", reasoning="Count on fingers."),
                 answer={"output.message.content.0.reasoningContent.reasoningText.text": "Count on fingers.",
                         "output.message.content.1.text": "Four."}),
        converse("structured", "outputConfig: textFormat", {"outputConfig": {"textFormat": {
            "type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "city"}}}}},
            backend={"response_format.type": "json_schema", "response_format.json_schema.name": "city",
                     "response_format.json_schema.schema.required": ["city"]}),
        converse("additional", "additionalModelRequestFields (listed ones)", {
            "additionalModelRequestFields": {"inferenceConfig": {"topK": 20}}}, backend={"top_k": 20}),
        converse("additional_unknown", "additionalModelRequestFields (others)", {
            "additionalModelRequestFields": {"no_such_field": 1}},
            error=invalid("Malformed input request: #: extraneous key \\[no_such_field\\] is not permitted")),
        converse("response_paths", "additionalModelResponseFieldPaths", {
            "additionalModelResponseFieldPaths": ["/usage/total_tokens"]}, text=script(answer="Yes."), modes=(False,),
            answer={"additionalModelResponseFields": present}),
        converse("metadata", "requestMetadata", {"requestMetadata": {"team": "tide", "ticket": "T-1"}},
                 backend={"model": present}),
        converse("performance", "performanceConfig: standard", {"performanceConfig": {"latency": "standard"}},
                 answer={"performanceConfig.latency": "standard"}),
        converse("optimized", "performanceConfig: optimized", {"performanceConfig": {"latency": "optimized"}},
                 error=invalid("Latency performance configuration is not supported for this model")),
        converse("tier", "serviceTier: default", {"serviceTier": {"type": "default"}},
                 answer={"serviceTier.type": "default"}),
        converse("flex", "serviceTier: flex", {"serviceTier": {"type": "flex"}},
                 error=invalid("service tier is not supported for this model")),
        converse("guardrail", "guardrailConfig", {"guardrailConfig": {
            "guardrailIdentifier": "g1", "guardrailVersion": "1"}}, error=invalid("guardrailConfig")),
        converse("prompt_variables", "promptVariables", {"promptVariables": {"name": {"text": "Ada"}}},
                 error=invalid("promptVariables")),
        converse("image_s3", "messages: image in S3", {"messages": said(ECHO, {"image": {
            "format": "png", "source": {"s3Location": {"uri": "s3://bucket/key.png"}}}})}, error=invalid("s3Location")),
        converse("document_pdf", "messages: document (pdf and the like)", {"messages": said(ECHO, {"document": {
            "format": "pdf", "name": "paper", "source": {"bytes": blob("%PDF-1.7")}}})}, error=invalid("pdf")),
        converse("video", "messages: video", {"messages": said(ECHO, {"video": {
            "format": "mp4", "source": {"bytes": blob("film")}}})}, error=invalid("video")),
    ]
    return list(itertools.chain(*rows))


def converse_outcomes() -> list[Case]:
    def stops(reason: str, limit: int = 100, **members) -> list[Case]:
        return converse(f"stop_{reason}", f"stopReason: {reason}", {"inferenceConfig": {"maxTokens": limit}},
                        text=script(answer="So far.", **members), answer={"stopReason": reason})
    rows = [
        stops("end_turn"), stops("max_tokens", limit=2, finish="length"),
        stops("content_filtered", finish="content_filter"), stops("stop_sequence", matched="END"),
        stops("model_context_window_exceeded", finish="length"),
        converse("cache_usage", "usage: cacheReadInputTokens", text=script(cached=2000),
                 answer={"usage.cacheReadInputTokens": 2000, "usage.inputTokens": at_least(1),
                         "usage.totalTokens": at_least(2002)}),
        converse("bare_id", "modelId: model of this Region", {"modelId": NOVA_MODEL}, backend={"model": present}),
        converse("profile_arn", "modelId: ARN of a profile", {
            "modelId": f"arn:aws:bedrock:eu-south-1:${{account}}:inference-profile/{NOVA}"},
            backend={"model": present}),
        converse("model_arn", "modelId: ARN of a model", {
            "modelId": f"arn:aws:bedrock:eu-south-1::foundation-model/{NOVA_MODEL}"}, backend={"model": present}),
        converse("global", "modelId: global profile, granted", {"modelId": f"global.{NOVA_MODEL}", "inferenceConfig": {
            "maxTokens": 4}}, text=QUESTION, gateway="milan", caller="global", answer=WORDS),
        converse("api_key", "API key over TLS", {"inferenceConfig": {"maxTokens": 4}}, text=QUESTION,
                 gateway="milan-tls",
                 caller="bearer", answer=WORDS),
        converse("tls", "SigV4 over TLS", {"inferenceConfig": {"maxTokens": 4}}, text=QUESTION, gateway="milan-tls",
                 answer=WORDS),
        # What goes wrong before the model is asked.
        converse("unknown_id", "unknown model id", {"modelId": UNKNOWN}, error=INVALID_ID),
        converse("on_demand", "model offered by profile only", {"modelId": NOT_MAPPED}, error=ON_DEMAND),
        converse("no_row", "profile without a row for this Region", gateway="london", error=INVALID_ID),
        converse("foreign_arn", "ARN of another account's profile", {
            "modelId": f"arn:aws:bedrock:eu-south-1:999999999999:inference-profile/{NOVA}"},
            error={"code": "^(AccessDenied|ResourceNotFound|Validation)Exception$", "message": "."}),
        converse("denied", "caller without a policy", caller="nobody", error=DENIED),
        converse("global_denied", "global profile, not granted", {"modelId": f"global.{NOVA_MODEL}"}, gateway="milan",
                 error=DENIED),
        converse("signature", "wrong secret access key", caller="wrong-secret", error=BAD_SIGNATURE),
        converse("unknown_key", "unknown access key", caller="unknown-key", error=UNKNOWN_KEY),
        converse("unknown_api_key", "unknown API key", gateway="milan-tls", caller="unknown-bearer", error={
            "status": 403, "code": "^AccessDeniedException$",
            "message": "^Authentication failed: Please make sure your API Key is valid"}),
        converse("expired_api_key", "expired API key", gateway="milan-tls", caller="expired-bearer", error={
            "status": 403, "code": "^AccessDeniedException$", "message": "^Bearer Token has expired"}),
        converse("no_messages", "no messages", {"messages": []},
                 error=invalid("A conversation must start with a user message")),
        converse("assistant_first", "conversation that begins with the assistant", {
            "messages": [{"role": "assistant", "content": [{"text": "I begin."}]}]},
            error=invalid("A conversation must start with a user message")),
        converse("temperature", "temperature above 1", {"inferenceConfig": {"temperature": 7.0}},
                 error=invalid("temperature")),
        # What goes wrong at the model.
        converse("throttled", "back-end answers 429", text=script(status=429), error=THROTTLED),
        converse("retried", "429, then an answer: the client's own retry", text=script(
            status=429, times=1, answer="At last.", client="${client}", mode="${case}"), attempts=3,
            answer={"output.message.content.0.text": "At last."}),
        converse("model_error", "back-end answers 418", text=script(status=418), error=MODEL_ERROR),
        converse("timeout", "back-end answers 408", text=script(status=408), error=MODEL_TIMEOUT),
        converse("unavailable", "back-end answers 500", text=script(status=500), error=UNAVAILABLE),
        converse("in_stream_error", "back-end fails inside the stream",
                 text=script(answer="word " * 40, error_after=4), modes=(True,), error=IN_STREAM),
        converse("in_stream_cut", "back-end closes inside the stream", text=script(answer="word " * 40, cut_after=4),
                 modes=(True,), error=IN_STREAM),
    ]
    return list(itertools.chain(*rows))


OPERATION_OF = {"anthropic": "InvokeModel, InvokeModelWithResponseStream: Anthropic Messages",
                "nova": "InvokeModel, InvokeModelWithResponseStream: Amazon Nova",
                "cohere": "InvokeModel: Cohere Embed"}


def invoke(family: str, name: str, field: str, body: dict, *, modes: tuple = (False, True), model: str,
           **case) -> list[Case]:
    cases = []
    for stream in modes:
        call = "InvokeModelWithResponseStream" if stream else "InvokeModel"
        cases.append(Case(
            name=f"{call}.{family}.{name}", operation=OPERATION_OF[family], field=field,
            api="bedrock-runtime", call=call, stream=stream,
            family={"anthropic": "messages", "nova": "nova", "cohere": "cohere"}[family],
            request={"modelId": model, "contentType": "application/json", "accept": "application/json",
                     "body": json_blob(body)}, **case))
    return cases


def anthropic(name: str, field: str, members: dict | None = None, *, text: str = ECHO, model: str = SONNET,
              **case) -> list[Case]:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
            "messages": [{"role": "user", "content": text}], **(members or {})}
    return invoke("anthropic", name, field, body, model=model, **case)


def nova(name: str, field: str, members: dict | None = None, *, text: str = ECHO, model: str = NOVA,
         **case) -> list[Case]:
    body = {"schemaVersion": "messages-v1", "messages": said(text), **(members or {})}
    return invoke("nova", name, field, body, model=model, **case)


def invoke_anthropic() -> list[Case]:
    tool = {"name": "weather", "description": "The weather of a place.", "input_schema": WEATHER["inputSchema"]["json"]}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    message = {"type": "message", "role": "assistant", "usage.output_tokens": at_least(1), "id": present}
    rows = [
        anthropic("text", "messages", text=QUESTION, gateway="milan", members={"max_tokens": 16}, answer={
            **message, "content.0.type": "text", "content.0.text": present,
            "stop_reason": like("^(end_turn|max_tokens)$")}),
        anthropic("system", "system", {"system": "You are a sailor."},
                  backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        anthropic("sampling", "max_tokens, temperature, top_p, top_k, stop_sequences", {
            "max_tokens": 99, "temperature": 0.5, "top_k": 7, "stop_sequences": ["END"]},
            backend={"max_tokens": 99, "temperature": near(0.5), "top_k": 7, "stop": ["END"]}),
        anthropic("newest_version", "anthropic_version 2026-10-21", {"anthropic_version": "2026-10-21"},
                  backend={"messages.0.role": "user"}),
        anthropic("image", "messages: image", {"messages": [{"role": "user", "content": [
            image, {"type": "text", "text": ECHO}]}]},
            backend={"messages.0.content.0.image_url.url": f"data:image/png;base64,{PNG}"}),
        anthropic("tools", "tools, tool_choice", {"tools": [tool], "tool_choice": {"type": "any"}},
                  backend={"tools.0.function.name": "weather", "tool_choice": "required"}),
        anthropic("tool_use", "output: tool_use", {"tools": [tool]}, text=script(calls=CALL_WEATHER), answer={
            "stop_reason": "tool_use", "content.0.type": "tool_use", "content.0.name": "weather",
            "content.0.input": {"place": "Milan"}}),
        anthropic("thinking", "output: thinking", text=script(answer="Four.", reasoning="Count."), answer={
            "content.0.type": "thinking", "content.0.thinking": "Count.", "content.1.text": "Four."}),
        anthropic("no_max_tokens", "without max_tokens", {"max_tokens": None}, error=invalid("max_tokens")),
        anthropic("extraneous", "unknown member", {"no_such_field": 1}, error=invalid("no_such_field")),
        anthropic("throttled", "back-end answers 429", text=script(status=429), error=THROTTLED),
        anthropic("model_error", "back-end answers 418", text=script(status=418), error=MODEL_ERROR),
        anthropic("timeout", "back-end answers 408", text=script(status=408), error=MODEL_TIMEOUT),
        anthropic("unknown_id", "unknown model id", model=UNKNOWN, error=INVALID_ID),
        anthropic("in_stream_error", "back-end fails inside the stream", modes=(True,),
                  text=script(answer="word " * 40, error_after=4), error=IN_STREAM),
    ]
    return list(itertools.chain(*rows))


def invoke_others() -> list[Case]:
    floats = {"texts": ["low tide", "high tide"], "input_type": "search_document"}
    cohere = lambda name, field, body, **case: invoke(  # noqa: E731
        "cohere", name, field, body, modes=(False,), model=case.pop("model", EMBED), **case)
    rows = [
        nova("text", "messages", text=QUESTION, gateway="milan", members={"inferenceConfig": {"maxTokens": 16}},
             answer={
            "output.message.role": "assistant", "output.message.content.0.text": present,
            "stopReason": like("^(end_turn|max_tokens)$"), "usage.outputTokens": at_least(1)}),
        nova("system", "system", {"system": [{"text": "You are a sailor."}]},
             backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        nova("inference_config", "inferenceConfig", {"inferenceConfig": {
            "maxTokens": 99, "temperature": 0.5, "topP": 0.25, "topK": 7, "stopSequences": ["END"]}},
            backend={"max_tokens": 99, "temperature": near(0.5), "top_p": near(0.25), "top_k": 7, "stop": ["END"]}),
        nova("image", "messages: image", {"messages": [{"role": "user", "content": [
            {"image": {"format": "png", "source": {"bytes": PNG}}}, {"text": ECHO}]}]},
            backend={"messages.0.content.0.image_url.url": f"data:image/png;base64,{PNG}"}),
        nova("tool_use", "toolConfig; output: toolUse", {"toolConfig": {"tools": [{"toolSpec": WEATHER}]}},
             text=script(calls=CALL_WEATHER), answer={
                 "stopReason": "tool_use", "output.message.content.0.toolUse.input": {"place": "Milan"}}),
        nova("throttled", "back-end answers 429", text=script(status=429), error=THROTTLED),
        nova("in_stream_error", "back-end fails inside the stream", modes=(True,),
             text=script(answer="word " * 40, error_after=4), error=IN_STREAM),
        cohere("floats", "texts, input_type", floats, gateway="milan", answer={
            "response_type": like("^embeddings_"), "texts": of_length(2, 2), "id": present, "embeddings": present}),
        cohere("by_type", "embedding_types", {**floats, "embedding_types": ["float"]}, answer={
            "response_type": "embeddings_by_type", "embeddings.float.0": [8.0, 1.0, 0.0, 0.0]}),
        cohere("no_texts", "without texts", {"input_type": "search_query"}, error=invalid(".")),
        [Case(name="InvokeModel.other_family", operation="InvokeModel: other families", field="any", call="InvokeModel",
              api="bedrock-runtime", request={"modelId": "meta.llama3-2-1b-instruct-v1:0",
                                              "body": json_blob({"prompt": "Hi"})},
              error={"status": 400, "code": "^ValidationException$", "message": "."})],
    ]
    return list(itertools.chain(*rows))


def count_tokens() -> list[Case]:
    def count(name: str, field: str, given: dict, **case) -> Case:
        return Case(name=f"CountTokens.{name}", operation="CountTokens", field=field, api="bedrock-runtime",
                    call="CountTokens", request={"modelId": case.pop("model", NOVA_MODEL), "input": given}, **case)
    conversation = {"messages": said(QUESTION), "system": [{"text": "You are a sailor."}]}
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
            "messages": [{"role": "user", "content": QUESTION}]}
    return [
        count("converse", "input: converse", {"converse": conversation}, gateway="milan",
              answer={"inputTokens": at_least(8)}),
        count("invoke", "input: invokeModel", {"invokeModel": {"body": json_blob(body)}}, gateway="milan",
              model="anthropic.claude-sonnet-4-5-20250929-v1:0", answer={"inputTokens": at_least(8)}),
        count("unknown_id", "unknown model id", {"converse": conversation}, model=UNKNOWN, error=INVALID_ID),
    ]


def not_offered() -> list[Case]:
    bucket = {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out"}}
    calls = {
        "ApplyGuardrail": {"guardrailIdentifier": "g1", "guardrailVersion": "1", "source": "INPUT",
                           "content": [{"text": {"text": "x"}}]},
        "StartAsyncInvoke": {"modelId": NOVA_MODEL, "modelInput": {"text": "x"}, "outputDataConfig": bucket},
        "GetAsyncInvoke": {"invocationArn": "arn:aws:bedrock:eu-south-1:111122223333:async-invoke/abcdefghijkl"},
        "ListAsyncInvokes": {},
    }
    return [Case(name=call, operation=call, field="any", api="bedrock-runtime", call=call, request=request,
                 error=invalid(f"{call} is not offered by tidegate")) for call, request in calls.items()]


def cases() -> list[Case]:
    return [*converse_fields(), *converse_outcomes(), *invoke_anthropic(), *invoke_others(), *count_tokens(),
            *not_offered()]
