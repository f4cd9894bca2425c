"""What one case is, and the small words that the tables of cases are written in."""

import base64
import json
from dataclasses import dataclass, field

NOVA_MODEL = "amazon.nova-2-lite-v1:0"
NOVA = f"eu.{NOVA_MODEL}"
SONNET_MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET = f"eu.{SONNET_MODEL}"
EMBED_MODEL = "cohere.embed-v4:0"
EMBED = f"eu.{EMBED_MODEL}"
UNKNOWN = "no.such-model-v1:0"
NOT_MAPPED = "amazon.nova-lite-v1:0"  # AWS offers it through a profile only; here no back-end has it
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass(frozen=True)
class Case:
    name: str
    operation: str  # as the page of compatibility calls it
    field: str  # what of the operation it shows
    api: str  # bedrock-runtime, bedrock, sts, cloudtrail, openai, anthropic
    call: str  # the operation's name in that API
    request: dict
    stream: bool = False
    family: str = ""  # the form of an answer with text: converse, nova, messages, chat; or cohere
    answer: dict = field(default_factory=dict)  # path -> expected
    backend: dict = field(default_factory=dict)  # path into the request that reached the model server -> expected
    error: dict | None = None  # {"code", "status", "message", "in_stream"}, or one such for a client's dialect
    gateway: str = "scripted"  # or milan, london: Regions of the demo, whose model is real
    caller: str = "demo"
    attempts: int = 1  # what the client's own retries may make of it

    def message(self) -> dict:
        """What a client program gets to know; the runner adds the end point."""
        return {"case": self.name, "api": self.api, "call": self.call, "request": self.request, "stream": self.stream,
                "family": self.family, "attempts": self.attempts}


def blob(data: bytes | str) -> dict:
    """A member of the type blob: each client turns it into what its SDK takes."""
    return {"$bytes": base64.b64encode(data.encode() if isinstance(data, str) else data).decode()}


def json_blob(document: dict) -> dict:
    return blob(json.dumps(document))


def script(**members) -> str:
    """A prompt that directs the scripted model server: see backend.py."""
    return "script:" + json.dumps(members)


ECHO = script(echo=True)

# Errors that many operations share. AWS's words where clients match on them.
INVALID_ID = {"status": 400, "code": "^ValidationException$", "message": "^The provided model identifier is invalid."}
ON_DEMAND = {"status": 400, "code": "^ValidationException$",
             "message": f"^Invocation of model ID {NOT_MAPPED} with on-demand throughput isn.t supported. Retry your "
                        "request with the ID or ARN of an inference profile that contains this model."}
DENIED = {"status": 403, "code": "^AccessDeniedException$", "message": "is not authorized to perform: bedrock:"}
BAD_SIGNATURE = {"status": 403, "code": "^InvalidSignatureException$",
                 "message": "The request signature we calculated does not match the signature you provided"}
UNKNOWN_KEY = {"status": 403, "code": "^UnrecognizedClientException$",
               "message": "The security token included in the request is invalid"}
# Not ModelNotReadyException: the SDK for Go does not try that again.
THROTTLED = {"status": 429, "code": "^ThrottlingException$", "message": "."}
MODEL_ERROR = {"status": 424, "code": "^ModelErrorException$", "message": "."}
MODEL_TIMEOUT = {"status": 408, "code": "^ModelTimeoutException$", "message": "^Model has timed out in processing"}
UNAVAILABLE = {"status": 503, "code": "^ServiceUnavailableException$", "message": "."}
IN_STREAM = {"in_stream": True, "code": "^ModelStreamErrorException$", "message": "."}


def invalid(words: str) -> dict:
    return {"status": 400, "code": "^ValidationException$", "message": words}
