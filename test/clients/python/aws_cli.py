"""The AWS CLI: a process a case, as a shell would start it, but forked from one that has loaded its modules already
(starting Python costs more than the call)."""

import json
import os
import pathlib
import re
import sys
import tempfile

import awscli.clidriver

from protocol import BOTOCORE_ERROR, Unsupported, serve

NO_STREAMS = "the AWS CLI has no streaming operations"


class Refused(Exception):
    pass


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def environment(case: dict) -> dict:
    end = case["endpoint"]
    signed = {"AWS_ACCESS_KEY_ID": end["access_key_id"], "AWS_SECRET_ACCESS_KEY": end["secret_access_key"]}
    if end.get("bearer"):
        signed = {"AWS_BEARER_TOKEN_BEDROCK": end["bearer"]}
    return {**signed, "AWS_DEFAULT_REGION": end["region"], "AWS_ENDPOINT_URL": end["url"],
            "AWS_MAX_ATTEMPTS": str(case["attempts"]), "AWS_RETRY_MODE": "standard",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            **({"AWS_CA_BUNDLE": end["ca"]} if end.get("ca") else {})}


def as_text(value):
    """A blob inside a structure is given to the AWS CLI 1 as text, which it encodes."""
    if isinstance(value, dict):
        return {key: as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [as_text(member) for member in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Unsupported("the AWS CLI 1 takes no bytes inside a structure, only text") from None


def aws(arguments: list[str], environ: dict, folder: pathlib.Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `aws ARGUMENTS`."""
    pid = os.fork()
    if pid == 0:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
        os.environ.update(environ)
        sys.argv = ["aws", *arguments]
        code = 255
        try:
            code = awscli.clidriver.main()
        except SystemExit as exit_:
            code = exit_.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), (folder / "stdout").read_text(), (folder / "stderr").read_text()


def observe(case: dict) -> dict:
    if case["stream"]:
        raise Unsupported(NO_STREAMS)
    operation, request = kebab(case["call"]), case["request"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if case["call"] == "InvokeModel":
            (folder / "body").write_bytes(request.pop("body"))
            flags = [word for key, value in request.items() for word in (f"--{kebab(key)}", value)]
            flags += ["--body", f"fileb://{folder}/body", str(folder / "out")]
        else:
            flags = ["--cli-input-json", json.dumps(as_text(request))]
        paging = ["--no-paginate"] if {"maxResults", "MaxResults"} & set(request) else []
        code, out, err = aws([case["api"], operation, "--output", "json", *paging, *flags], environment(case), folder)
        if "invalid choice" in err.lower():
            raise Unsupported(f"the AWS CLI has no {case['api']} {operation}")
        if "Parameter validation failed" in err:
            raise Unsupported(f"the AWS CLI refuses it before it is sent: {err.strip().splitlines()[-1]}")
        if code != 0:
            raise Refused(err.strip())
        answer = json.loads(out) if out.strip() else {}
        if case["call"] == "InvokeModel":
            answer["body"] = (folder / "out").read_text()
        return {"answer": answer}


def error_of(error: BaseException) -> dict | None:
    found = BOTOCORE_ERROR.search(str(error)) if isinstance(error, Refused) else None
    return {"code": found[1], "message": found[2].strip(), "status": None} if found else None


if __name__ == "__main__":
    awscli.clidriver.create_clidriver()  # imports what every command needs, before the first fork
    serve(observe, error_of)
