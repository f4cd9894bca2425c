"""boto3, as it comes from its registry."""

import os
import re

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError, ParamValidationError

from protocol import Unsupported, collect, serve

CLIENTS: dict = {}


def client_of(case: dict):
    end = case["endpoint"]
    key = (case["api"], case["attempts"], *sorted(end.items()))
    os.environ.pop("AWS_BEARER_TOKEN_BEDROCK", None)  # looked at with each request, not only by a new client
    if end.get("bearer"):
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = end["bearer"]
    if key not in CLIENTS:
        signed = {"aws_access_key_id": end["access_key_id"], "aws_secret_access_key": end["secret_access_key"]}
        if end.get("bearer"):
            signed = {}
        CLIENTS[key] = boto3.session.Session().client(
            case["api"], region_name=end["region"], endpoint_url=end["url"], verify=end.get("ca") or None, **signed,
            config=Config(retries={"total_max_attempts": case["attempts"], "mode": "standard"}, read_timeout=60))
    return CLIENTS[key]


def observe(case: dict) -> dict:
    client = client_of(case)
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", case["call"]).lower()
    if not hasattr(client, method):
        raise Unsupported(f"boto3 has no {method}")
    answer = getattr(client, method)(**case["request"])
    request_id = answer.pop("ResponseMetadata")["RequestId"]
    if case["stream"]:
        events = collect(answer["stream"] if "stream" in answer else answer["body"])
        return {"events": events, "request_id": request_id}
    if case["call"] == "InvokeModel":
        answer["body"] = answer["body"].read()
    return {"answer": answer, "request_id": request_id}


def error_of(error: BaseException) -> dict | None:
    if isinstance(error, ParamValidationError):
        raise Unsupported(f"botocore refuses it before it is sent: {str(error).splitlines()[-1]}") from None
    if not isinstance(error, (ClientError, EventStreamError)):
        return None
    answer = error.response
    metadata = answer.get("ResponseMetadata", {})
    known = {"request_id": metadata.get("RequestId")} if metadata else {}
    return {"code": answer["Error"]["Code"], "message": answer["Error"].get("Message", ""),
            "status": metadata.get("HTTPStatusCode"), **known}


if __name__ == "__main__":
    serve(observe, error_of)
