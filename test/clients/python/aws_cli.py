"""The AWS CLI: a process a case, as a shell would start it."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from protocol import Unsupported, serve

AWS = pathlib.Path(sys.executable).parent / "aws"
NO_STREAMS = "the AWS CLI has no streaming operations"
ERROR = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)", re.S)


class Refused(Exception):
    pass


def environment(case: dict) -> dict:
    end = case["endpoint"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    signed = {"AWS_ACCESS_KEY_ID": end["access_key_id"], "AWS_SECRET_ACCESS_KEY": end["secret_access_key"]}
    if end.get("bearer"):
        signed = {"AWS_BEARER_TOKEN_BEDROCK": end["bearer"]}
    return {**kept, **signed, "AWS_DEFAULT_REGION": end["region"], "AWS_ENDPOINT_URL": end["url"],
            "AWS_MAX_ATTEMPTS": str(case["attempts"]), "AWS_RETRY_MODE": "standard", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            **({"AWS_CA_BUNDLE": end["ca"]} if end.get("ca") else {})}


def has_bytes(value) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(has_bytes, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def observe(case: dict) -> dict:
    if case["stream"]:
        raise Unsupported(NO_STREAMS)
    request, files = dict(case["request"]), []
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        if case["call"] == "InvokeModel":
            pathlib.Path(folder, "body").write_bytes(request.pop("body"))
            files = ["--body", f"fileb://{folder}/body", str(out)]
        if has_bytes(request):
            raise Unsupported("the AWS CLI 1 takes no bytes inside a structure")
        operation = re.sub(r"(?<!^)(?=[A-Z])", "-", case["call"]).lower()
        paging = ["--no-paginate"] if {"maxResults", "MaxResults"} & set(request) else []
        done = subprocess.run(
            [str(AWS), case["api"], operation, *paging, "--output", "json", "--cli-input-json", json.dumps(request), *files],
            env=environment(case), capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
        if "Invalid choice" in done.stderr or "invalid choice" in done.stderr:
            raise Unsupported(f"the AWS CLI has no {case['api']} {operation}")
        if "Unknown parameter" in done.stderr or "Parameter validation failed" in done.stderr:
            raise Unsupported(f"the AWS CLI refuses it before it is sent: {done.stderr.strip().splitlines()[-1]}")
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        if files:
            answer["body"] = out.read_text()
        return {"answer": answer}


def error_of(error: BaseException) -> dict | None:
    found = ERROR.search(str(error)) if isinstance(error, Refused) else None
    return {"code": found[1], "message": found[3].strip(), "status": None} if found else None


if __name__ == "__main__":
    serve(observe, error_of)
