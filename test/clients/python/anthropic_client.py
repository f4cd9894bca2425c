"""Anthropic's Python clients: `plain` on /anthropic, `bedrock` through InvokeModel."""

import inspect
import os
import sys

import anthropic

from protocol import Unsupported, collect, serve

FLAVOUR = sys.argv[1]


def client_of(case: dict):
    end = case["endpoint"]
    shared = {"max_retries": case["attempts"] - 1, "timeout": 60}
    if FLAVOUR == "plain":
        return anthropic.Anthropic(api_key=end["bearer"], base_url=end["url"] + "/anthropic", **shared)
    os.environ.pop("AWS_BEARER_TOKEN_BEDROCK", None)
    return anthropic.AnthropicBedrock(aws_access_key=end["access_key_id"], aws_secret_key=end["secret_access_key"],
                                      aws_region=end["region"], base_url=end["url"], **shared)


def arguments(method, request: dict) -> dict:
    """Members of the API that this version's method has no parameter for go as its users send them, in extra_body."""
    known = inspect.signature(method).parameters
    extra = {name: value for name, value in request.items() if name not in known}
    return {name: value for name, value in request.items() if name in known} | ({"extra_body": extra} if extra else {})


def observe(case: dict) -> dict:
    client = client_of(case)
    request = arguments(client.messages.create, case["request"])
    if case["call"] == "count_tokens":
        if FLAVOUR == "bedrock":
            raise Unsupported("Anthropic's Bedrock client refuses to count tokens")
        return {"answer": client.messages.count_tokens(**request).to_dict()}
    if not case["stream"]:
        return {"answer": client.messages.create(**request).to_dict()}
    with client.messages.create(**request, stream=True) as stream:
        return {"events": collect(stream, lambda event: event.to_dict())}


def error_of(error: BaseException) -> dict | None:
    if isinstance(error, anthropic.APIError):
        body = error.body if isinstance(error.body, dict) else {}
        inner = body.get("error") if isinstance(body.get("error"), dict) else body
        response = getattr(error, "response", None)
        code = inner.get("type") or (response.headers.get("x-amzn-errortype") if response is not None else None)
        return {"code": code or type(error).__name__, "status": getattr(error, "status_code", None),
                "message": inner.get("message") or error.message}
    return None


if __name__ == "__main__":
    serve(observe, error_of)
