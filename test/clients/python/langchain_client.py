"""LangChain on AWS: ChatBedrockConverse for Converse, ChatBedrock and BedrockEmbeddings for InvokeModel.

LangChain has words of its own for a conversation. A case is translated into them where they can say it, and its answer
back; "shows" names the members of the answer that LangChain lets its user see.
"""

import base64
import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from langchain_aws import BedrockEmbeddings, ChatBedrock, ChatBedrockConverse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from protocol import BOTOCORE_ERROR, StreamBroke, Unsupported, serve

SHOWN = ["output.message", "stopReason", "usage.outputTokens", "usage.totalTokens"]
SAMPLING = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop_sequences"}
SETTINGS = {"additionalModelRequestFields": "additional_model_request_fields", "guardrailConfig": "guardrail_config",
            "additionalModelResponseFieldPaths": "additional_model_response_field_paths",
            "performanceConfig": "performance_config", "requestMetadata": "request_metadata"}


def client_of(case: dict):
    end = case["endpoint"]
    if end.get("bearer"):
        raise Unsupported("the key is botocore's business, see boto3")
    return boto3.session.Session().client(
        "bedrock-runtime", region_name=end["region"], endpoint_url=end["url"], verify=end.get("ca") or None,
        aws_access_key_id=end["access_key_id"], aws_secret_access_key=end["secret_access_key"],
        config=Config(retries={"total_max_attempts": case["attempts"], "mode": "standard"}, read_timeout=60))


def block_of(block: dict) -> dict:
    (kind, value), = block.items()
    if kind == "text":
        return {"type": "text", "text": value}
    if kind == "image" and "bytes" in value["source"]:
        data = base64.b64encode(value["source"]["bytes"]).decode()
        return {"type": "image", "source": {"type": "base64", "media_type": f"image/{value['format']}", "data": data}}
    raise Unsupported(f"LangChain's messages have no word for {kind} as this case sends it")


def messages_of(request: dict) -> list:
    out = [SystemMessage([block_of(block) for block in request["system"]])] if "system" in request else []
    for message in request["messages"]:
        blocks = message["content"]
        calls = [{"name": use["name"], "args": use["input"], "id": use["toolUseId"], "type": "tool_call"}
                 for use in (block["toolUse"] for block in blocks if "toolUse" in block)]
        results = [block["toolResult"] for block in blocks if "toolResult" in block]
        rest = [block_of(block) for block in blocks if not {"toolUse", "toolResult"} & set(block)]
        out += [ToolMessage(content=json.dumps(result["content"][0]["json"], separators=(",", ":")),
                            tool_call_id=result["toolUseId"]) for result in results]
        if message["role"] == "assistant":
            out.append(AIMessage(content=rest or "", tool_calls=calls))
        elif rest:
            out.append(HumanMessage(rest))
    return out


def model_of(case: dict) -> tuple:
    request, options = case["request"], {}
    if not request["messages"]:
        raise Unsupported("LangChain puts a message in where there is none")
    if case["case"].endswith(".malformed_tool_use"):
        raise Unsupported("LangChain's messages hold no tool input that is not an object")
    for name, value in request.get("inferenceConfig", {}).items():
        options[SAMPLING[name]] = value
    for name, value in request.items():
        if name in SETTINGS:
            options[SETTINGS[name]] = value
        elif name not in ("modelId", "messages", "system", "inferenceConfig", "toolConfig"):
            raise Unsupported(f"ChatBedrockConverse has no setting for {name}")
    if request["modelId"].startswith("arn:"):
        options["provider"] = "amazon"
    client = client_of(case)
    model = ChatBedrockConverse(client=client, bedrock_client=client, model=request["modelId"], **options)
    if "toolConfig" not in request:
        return model, request
    specs = [tool["toolSpec"] for tool in request["toolConfig"]["tools"]]
    tools = [{"type": "function", "function": {"name": spec["name"], "description": spec["description"],
                                               "parameters": spec["inputSchema"]["json"]}} for spec in specs]
    choice = request["toolConfig"].get("toolChoice", {})
    named = {"tool_choice": choice["tool"]["name"] if "tool" in choice else next(iter(choice))} if choice else {}
    try:
        return model.bind_tools(tools, **named), request
    except ValueError as error:  # it keeps a list of the models that may be told
        raise Unsupported(f"LangChain refuses it before it is sent: {error}") from None


def answer_of(message) -> dict:
    content = []
    for block in blocks_of(message.content):
        if block["type"] == "text" and block.get("text"):
            content.append({"text": block["text"]})
        elif block["type"] == "reasoning_content":
            content.append({"reasoningContent": {"reasoningText": {"text": block["reasoning_content"].get("text")}}})
    content += [{"toolUse": {"toolUseId": call["id"], "name": call["name"], "input": call["args"]}}
                for call in message.tool_calls]
    usage = message.usage_metadata or {}
    return {"output": {"message": {"role": "assistant", "content": content}},
            "stopReason": message.response_metadata.get("stopReason"),
            "usage": {"outputTokens": usage.get("output_tokens"), "totalTokens": usage.get("total_tokens")}}


def blocks_of(content) -> list[dict]:
    """Content is a text, or a list of blocks and, where chunks were added up, texts."""
    parts = content if isinstance(content, list) else [content]
    blocks = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return [block for block in blocks if block != {"type": "text", "text": ""}]


def streamed(model, messages):
    whole, seen = None, []
    try:
        for chunk in model.stream(messages):
            seen.append(str(chunk.content)[:40])
            whole = chunk if whole is None else whole + chunk
    except Exception as error:  # noqa: BLE001
        if seen:
            raise StreamBroke(seen, error) from error
        raise
    return whole


def converse(case: dict) -> dict:
    model, request = model_of(case)
    messages = messages_of(request)
    message = streamed(model, messages) if case["stream"] else model.invoke(messages)
    return {"answer": answer_of(message), "shows": SHOWN}


def invoke(case: dict) -> dict:
    request = case["request"]
    body = json.loads(request["body"])
    if case["family"] == "cohere":
        if set(body) != {"texts", "input_type"}:
            raise Unsupported("BedrockEmbeddings sends texts and input_type")
        vectors = BedrockEmbeddings(client=client_of(case), model_id=request["modelId"]).embed_documents(body["texts"])
        return {"answer": {"body": json.dumps({"embeddings": vectors})}, "shows": ["embeddings"]}
    plain = case["family"] == "messages" and all(isinstance(message["content"], str) for message in body["messages"])
    if not plain or {"tools", "no_such_field"} & set(body) or body.get("max_tokens") is None:
        raise Unsupported("ChatBedrock is tried with plain text of Anthropic's form only")
    if "anthropic" not in request["modelId"]:
        raise Unsupported("ChatBedrock refuses a model of no known provider before it is sent")
    kept = {name: value for name, value in body.items() if name not in ("messages", "system", "anthropic_version")}
    model = ChatBedrock(client=client_of(case), model=request["modelId"], model_kwargs=kept)
    messages = [SystemMessage(body["system"])] if "system" in body else []
    messages += [HumanMessage(message["content"]) for message in body["messages"]]
    message = streamed(model, messages) if case["stream"] else model.invoke(messages)
    answer = {"content": blocks_of(message.content)}
    return {"answer": {"body": json.dumps(answer)} if not case["stream"] else answer, "shows": ["content"]}


def observe(case: dict) -> dict:
    if case["call"] in ("Converse", "ConverseStream"):
        return converse(case)
    if case["call"] in ("InvokeModel", "InvokeModelWithResponseStream") and case["family"]:
        return invoke(case)
    raise Unsupported("LangChain has no such call")


def error_of(error: BaseException) -> dict | None:
    while error.__cause__ is not None and not isinstance(error, (ClientError, EventStreamError)):
        error = error.__cause__
    if isinstance(error, (ClientError, EventStreamError)):
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"].get("Message", ""),
                "status": error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")}
    found = BOTOCORE_ERROR.search(str(error))
    return {"code": found[1], "message": found[2], "status": None} if found else None


if __name__ == "__main__":
    serve(observe, error_of)
