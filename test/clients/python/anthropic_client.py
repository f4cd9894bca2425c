"""Anthropic's Python clients: `plain` on /anthropic, `bedrock` through InvokeModel."""

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


def observe(case: dict) -> dict:
    client = client_of(case)
    if case["call"] == "count_tokens":
        if FLAVOUR == "bedrock":
            raise Unsupported("Anthropic's Bedrock client refuses to count tokens")
        return {"answer": client.messages.count_tokens(**case["request"]).to_dict()}
    if not case["stream"]:
        return {"answer": client.messages.create(**case["request"]).to_dict()}
    with client.messages.create(**case["request"], stream=True) as stream:
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
