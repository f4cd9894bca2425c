"""What a client program in Python shares with the others: cases in, one line of observation a case out.

stdin: {"cases": [{case, api, call, request, stream, endpoint, attempts}]}. stdout, for each case, one of
  {"case", "answer", "request_id"}                an answer, in the API's own member names, blobs as text
  {"case", "events", "request_id"}                a stream, and beside it "error" if it ended with one
  {"case", "error": {"code", "status", "message"}, "request_id"}
  {"case", "unsupported": "why this client does not offer it"}
A string "${case.member}" in a request is that member of an earlier case's answer.
"""

import base64
import datetime
import json
import re
import sys
import traceback

PLACEHOLDER = re.compile(r"\$\{([a-z_.]+)\.([A-Za-z]+)\}")

# How botocore words the service's error where only text is left of it.
BOTOCORE_ERROR = re.compile(
    r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: (.*)", re.S)


class Unsupported(Exception):
    """This client has no such operation or member; the message says which."""


class StreamBroke(Exception):
    """A stream ended with an error after some events."""

    def __init__(self, events: list, error: BaseException) -> None:
        super().__init__(str(error))
        self.events, self.error = events, error


def resolved(value, answers: dict):
    if isinstance(value, dict):
        if list(value) == ["$bytes"]:
            return base64.b64decode(value["$bytes"])
        return {key: resolved(member, answers) for key, member in value.items()}
    if isinstance(value, list):
        return [resolved(member, answers) for member in value]
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: str(answers.get(found[1], {}).get(found[2], found[0])), value)
    return value


def plain(value):
    """JSON of what an SDK gave: bytes as text, times as ISO 8601."""
    if isinstance(value, (bytes, bytearray)):
        return value.decode(errors="replace")
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value)


def serve(observe, error_of) -> None:
    """`observe(case)` returns the observation of a success; `error_of(exception)` its {"code", "status", "message"},
    with "request_id" where it is known, or None if the exception is not the service's answer."""
    answers: dict = {}
    for case in json.load(sys.stdin)["cases"]:
        case["request"] = resolved(case["request"], answers)
        try:
            observed = observe(case)
        except Unsupported as why:
            observed = {"unsupported": str(why)}
        except StreamBroke as broke:
            observed = {"events": broke.events, **failure(broke.error, error_of)}
        except Exception as error:  # noqa: BLE001: whatever a client does is an observation
            observed = failure(error, error_of)
        answers[case["case"]] = observed.get("answer") or {}
        print(json.dumps({"case": case["case"], **observed}, default=plain), flush=True)


def failure(error: BaseException, error_of) -> dict:
    found = error_of(error)
    if found is None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": {"code": type(error).__name__, "status": None,
                          "message": f"{error} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno})"}}
    request_id = found.pop("request_id", None)
    return {"error": found} | ({"request_id": request_id} if request_id is not None else {})


def collect(stream, convert=lambda event: event) -> list:
    """All events of a stream; StreamBroke if it ends with an exception."""
    events: list = []
    try:
        for event in stream:
            events.append(convert(event))
    except Exception as error:  # noqa: BLE001
        raise StreamBroke(events, error) from error
    return events
