"""Cases of the doors in OpenAI's and Anthropic's own APIs. Anthropic's client for Bedrock does the same cases of
messages through InvokeModel, where errors are Bedrock's: those expectations stand beside the plain client's."""

import itertools

from case import ECHO, EMBED, INVALID_ID, NOVA, PNG, SONNET, THROTTLED, UNKNOWN, Case, invalid, script
from judge import at_least, containing, like, near, of_length, present

QUESTION = "Why is the sea salty? One sentence."
CALL_WEATHER = [{"name": "weather", "arguments": {"place": "Milan"}}]
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}


def chat(name: str, field: str, members: dict | None = None, *, text: str = ECHO, stream_error: dict | None = None,
         modes: tuple = (False, True), **case) -> list[Case]:
    cases = []
    for stream in modes:
        request = {"model": NOVA, "messages": [{"role": "user", "content": text}], **(members or {})}
        own = {**case, "error": stream_error} if stream and stream_error else case
        cases.append(Case(name=f"chat{'_stream' if stream else ''}.{name}", operation="OpenAI: Chat completions",
                          field=field,
                          api="openai", call="chat.completions", request=request, stream=stream, family="chat", **own))
    return cases


def chat_cases() -> list[Case]:
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA}}
    turns = [{"role": "user", "content": "What is the weather in Milan?"},
             {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {
                 "name": "weather", "arguments": '{"place":"Milan"}'}}]},
             {"role": "tool", "tool_call_id": "call_1", "content": "blue sky"}, {"role": "user", "content": ECHO}]
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    rows = [
        chat("text", "messages", {"max_tokens": 16}, text=QUESTION, gateway="milan", answer={
            "choices.0.message.role": "assistant", "choices.0.message.content": present, "id": present,
            "model": present,
            "choices.0.finish_reason": like("^(stop|length)$")}),
        chat("usage", "usage", text=script(answer="One two three."), modes=(False,), answer={
            "usage.completion_tokens": at_least(1), "usage.prompt_tokens": at_least(1),
            "usage.total_tokens": at_least(2)}),
        chat("stream_usage", "stream_options: include_usage", {"stream_options": {"include_usage": True}},
             text=script(answer="One two three."), modes=(True,), answer={"usage.completion_tokens": at_least(1)}),
        chat("system", "messages: system", {"messages": [{"role": "system", "content": "You are a sailor."},
                                                         {"role": "user", "content": ECHO}]},
             backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        chat("sampling", "max_tokens, temperature, top_p, stop", {
            "max_tokens": 400, "temperature": 0.25, "top_p": 0.5, "stop": ["END"]},
            backend={"max_tokens": 400, "temperature": near(0.25), "top_p": near(0.5), "stop": ["END"]}),
        chat("max_completion_tokens", "max_completion_tokens", {"max_completion_tokens": 401},
             backend={"max_tokens": 401}),
        chat("image", "messages: image_url (data)", {"messages": [{"role": "user", "content": [
            image, {"type": "text", "text": ECHO}]}]},
            backend={"messages.0.content.0.image_url.url": f"data:image/png;base64,{PNG}"}),
        chat("tools", "tools, tool_choice", {"tools": [tool], "tool_choice": "required"},
             backend={"tools.0.function.name": "weather", "tool_choice": "required"}),
        chat("tool_calls", "answer: tool_calls", {"tools": [tool]}, text=script(calls=CALL_WEATHER), answer={
            "choices.0.finish_reason": "tool_calls", "choices.0.message.tool_calls.0.function.name": "weather",
            "choices.0.message.tool_calls.0.function.arguments": like(r'^\{"place": ?"Milan"\}$')}),
        chat("tool_result", "messages: tool", {"messages": turns, "tools": [tool]},
             backend={"messages.1.tool_calls.0.function.name": "weather", "messages.2.content": "blue sky"}),
        chat("response_format", "response_format: json_schema", {"response_format": {
            "type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}},
            backend={"response_format.json_schema.schema.required": ["place"]}),
        chat("length", "finish_reason: length", text=script(answer="So far.", finish="length"),
             answer={"choices.0.finish_reason": "length"}),
        chat("unknown_model", "unknown model", {"model": UNKNOWN}, error={"status": 404, "code": "model_not_found",
                                                                          "message": "model"}),
        chat("bad_key", "unknown API key", caller="unknown-bearer", error={"status": 401, "code": "invalid_api_key",
                                                                           "message": "."}),
        chat("expired_key", "expired API key", gateway="milan", caller="expired-bearer", error={
            "status": 401, "code": "invalid_api_key", "message": "expired"}),
        chat("no_messages", "no messages", {"messages": []}, error={"status": 400, "message": "."}),
        chat("throttled", "back-end answers 429", text=script(status=429), error={"status": 429, "message": "."}),
        chat("unavailable", "back-end answers 500", text=script(status=500), error={"status": 503, "message": "."}),
        chat("in_stream_error", "back-end fails inside the stream", text=script(answer="word " * 40, error_after=4),
             modes=(True,), error={"in_stream": True, "message": "."}),
        chat("other_path", "/openai/v1/chat/completions", text=script(answer="Yes."), gateway="scripted-openai",
             answer={
            "choices.0.message.content": "Yes."}),
        chat("tls", "API key over TLS", {"max_tokens": 4}, text=QUESTION, gateway="milan-tls", answer={
            "choices.0.message.role": "assistant"}),
    ]
    return list(itertools.chain(*rows))


def openai_others() -> list[Case]:
    def other(name: str, operation: str, field: str, call: str, request: dict, **case) -> Case:
        return Case(name=name, operation=f"OpenAI: {operation}", field=field, api="openai", call=call, request=request,
                    **case)
    return [
        other("embeddings.text", "Embeddings", "input: text", "embeddings", {
            "model": EMBED, "input": "low tide", "encoding_format": "float"}, gateway="milan", answer={
            "data.0.embedding": of_length(8), "usage.prompt_tokens": at_least(1), "object": "list"}),
        other("embeddings.list", "Embeddings", "input: list", "embeddings", {
            "model": EMBED, "input": ["low", "high tide"], "encoding_format": "float"}, answer={
            "data.1.embedding": [9.0, 1.0, 0.0, 0.0], "data.1.index": 1}),
        other("embeddings.base64", "Embeddings", "encoding_format: base64", "embeddings", {
            "model": EMBED, "input": "low tide"}, answer={"data.0.embedding": [8.0, 1.0, 0.0, 0.0]}),
        other("embeddings.unknown", "Embeddings", "unknown model", "embeddings", {"model": UNKNOWN, "input": "x"},
              error={"status": 404, "code": "model_not_found", "message": "."}),
        other("openai_models.list", "Models", "list", "models.list", {}, answer={
            "data": containing(id=NOVA, object="model")}),
        other("openai_models.retrieve", "Models", "retrieve", "models.retrieve", {"model": NOVA}, answer={"id": NOVA}),
        other("openai_models.unknown", "Models", "retrieve an unknown one", "models.retrieve", {"model": UNKNOWN},
              error={"status": 404, "message": "."}),
    ]


def messages(name: str, field: str, members: dict | None = None, *, text: str = ECHO, modes: tuple = (False, True),
             error: dict | None = None, bedrock_error: dict | None = None, **case) -> list[Case]:
    request = {"model": SONNET, "max_tokens": 64, "messages": [{"role": "user", "content": text}], **(members or {})}
    both = {**error, "bedrock": bedrock_error or error} if error else None
    return [Case(name=f"messages{'_stream' if stream else ''}.{name}",
                 operation="Anthropic: Messages", field=field, api="anthropic", call="messages",
                 request=request, stream=stream, family="messages", error=both, **case)
            for stream in modes]


def messages_cases() -> list[Case]:
    tool = {"name": "weather", "description": "The weather.", "input_schema": SCHEMA}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns = [{"role": "user", "content": "What is the weather in Milan?"},
             {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather",
                                                "input": {"place": "Milan"}}]},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "blue sky"},
                                          {"type": "text", "text": ECHO}]}]
    rows = [
        messages("text", "messages", {"max_tokens": 16}, text=QUESTION, gateway="milan", answer={
            "type": "message", "role": "assistant", "content.0.type": "text", "content.0.text": present,
            "model": present,
            "stop_reason": like("^(end_turn|max_tokens)$"), "usage.output_tokens": at_least(1)}),
        messages("system", "system", {"system": "You are a sailor."},
                 backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        messages("system_blocks", "system: blocks with cache_control", {"system": [
            {"type": "text", "text": "You are a sailor.", "cache_control": {"type": "ephemeral"}}]},
            backend={"messages.0": {"role": "system", "content": "You are a sailor."}}),
        messages("sampling", "temperature, top_k, stop_sequences", {
            "temperature": 0.5, "top_k": 7, "stop_sequences": ["END"]},
            backend={"max_tokens": 64, "temperature": near(0.5), "top_k": 7, "stop": ["END"]}),
        messages("image", "messages: image", {"messages": [{"role": "user", "content": [
            image, {"type": "text", "text": ECHO}]}]},
            backend={"messages.0.content.0.image_url.url": f"data:image/png;base64,{PNG}"}),
        messages("tools", "tools, tool_choice", {"tools": [tool], "tool_choice": {"type": "tool", "name": "weather"}},
                 backend={"tools.0.function.name": "weather", "tool_choice.function.name": "weather"}),
        messages("tool_use", "answer: tool_use", {"tools": [tool]}, text=script(calls=CALL_WEATHER), answer={
            "stop_reason": "tool_use", "content.0.type": "tool_use", "content.0.input": {"place": "Milan"},
            "content.0.id": present}),
        messages("tool_result", "messages: tool_result", {"messages": turns, "tools": [tool]},
                 backend={"messages.1.tool_calls.0.function.name": "weather", "messages.2.content": "blue sky"}),
        messages("thinking", "thinking", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
                 text=script(answer="Four.", reasoning="Count."), answer={
                     "content.0.type": "thinking", "content.0.thinking": "Count.", "content.1.text": "Four."}),
        messages("stop_sequence", "stop_reason: stop_sequence", text=script(answer="So far.", matched="END"), answer={
            "stop_reason": "stop_sequence", "stop_sequence": "END"}),
        messages("cache_usage", "usage: cache_read_input_tokens", text=script(cached=2000), answer={
            "usage.cache_read_input_tokens": 2000}),
        messages("unknown_model", "unknown model", {"model": UNKNOWN}, bedrock_error=INVALID_ID, error={
            "status": 404, "code": "not_found_error", "message": "model"}),
        messages("no_messages", "no messages", {"messages": []}, bedrock_error=invalid("."), error={
            "status": 400, "code": "invalid_request_error", "message": "."}),
        messages("bad_key", "unknown API key, or wrong secret", caller="wrong-secret", bedrock_error={
            "status": 403, "message": "signature"}, error={"status": 401, "code": "authentication_error",
                                                           "message": "."}),
        messages("throttled", "back-end answers 429", text=script(status=429), bedrock_error=THROTTLED, error={
            "status": 429, "code": "rate_limit_error", "message": "."}),
        messages("unavailable", "back-end answers 500", text=script(status=500), bedrock_error={
            "status": 503, "message": "."},
                 error={"status": 529, "code": "overloaded_error", "message": "."}),
        messages("in_stream_error", "back-end fails inside the stream", text=script(answer="word " * 40, error_after=4),
                 modes=(True,), error={"in_stream": True, "message": "."}),
    ]
    return list(itertools.chain(*rows))


def count_tokens() -> list[Case]:
    request = {"model": SONNET, "messages": [{"role": "user", "content": QUESTION}], "system": "You are a sailor."}
    return [Case(name="count_tokens.text", operation="Anthropic: Count tokens", field="messages, system",
                 api="anthropic",
                 call="count_tokens", request=request, gateway="milan", answer={"input_tokens": at_least(8)}),
            Case(name="count_tokens.unknown", operation="Anthropic: Count tokens", field="unknown model",
                 api="anthropic",
                 call="count_tokens", request={**request, "model": UNKNOWN},
                 error={"status": 404, "code": "not_found_error", "message": "."})]


def cases() -> list[Case]:
    return [*chat_cases(), *openai_others(), *messages_cases(), *count_tokens()]
