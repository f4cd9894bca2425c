"""A lying destination: Dublin is in Milan's row, so it may have the payload, but what it answers must be its own, whole and
about this very request, or no client gets it; and it may send the payload nowhere. Milan has room nowhere else."""

import base64
import os
import struct
import zlib

from case import Case, Failed, Trial
from link import (
    EXECUTE, TRAILER_FIELDS, TRAILER_LABEL, Reply, Request, answer_headers, packed, pieces, row_hash, seal, token, trailer)
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA
from world import DUBLIN

ANSWER = (b'{"metrics":{"latencyMs":1},"output":{"message":{"content":[{"text":"a lie"}],"role":"assistant"}},'
          b'"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}')
HEADERS = answer_headers(("content-type", "application/json"))


def sealed(request: Request, body: bytes = ANSWER, secret: bytes | None = None, **changed) -> bytes:
    made = trailer(request.token["rid"], DUBLIN, request.token["row"], body, **changed)
    return seal(TRAILER_LABEL, packed(TRAILER_FIELDS, made), secret or request.secret)


def ask(trial: Trial, reply, operation: str = "converse"):
    dublin = trial.deployment.dublin
    before = len(dublin.seen)
    trial.deployment.reply = reply
    answer = trial.deployment.hosts[MILAN].invoke(NOVA, trial.canary, operation)
    if len(dublin.seen) == before:
        raise Failed(f"nothing reached Dublin: {answer.status} {answer.body[:120]!r}")
    return answer


def lies(trial: Trial, reply) -> str:
    answer = ask(trial, reply)
    if answer.status == 200 or b"a lie" in answer.body:
        raise Failed(f"the client was given {answer.status} {answer.body[:80]!r}")
    return f"refused: the client got {answer.status} {answer.headers.get('x-amzn-errortype', '').split(':')[0]}"


def lies_about_place(trial: Trial, reply, rule: str) -> str:
    said = lies(trial, reply)
    return f"{said}; {trial.noticed(MILAN, rule)}"


def honest(trial: Trial) -> str:
    """That Dublin is believed when it does not lie: without this, no refusal above would mean anything."""
    answer = ask(trial, lambda request: Reply(ANSWER, [sealed(request)]))
    if answer.status != 200 or answer.region != DUBLIN:
        raise Failed(f"answered {answer.status} by {answer.region}: {answer.body[:100]!r}")
    return "answered 200 by eu-west-1, and the referee read the payload on its wire"


def forwards(trial: Trial) -> str:
    """Dublin dials London with its own certificate and passes Milan's payload on, with Milan's token, then its own."""
    said = []

    def onwards(request: Request) -> Reply:
        widened = row_hash(NOVA, 1, MILAN, ["eu-west-2"])
        with trial.link(LONDON, DUBLIN, DUBLIN) as link:
            for made in (dict(request.token), request.token | {"dst": LONDON},
                         token(NOVA, ["eu-west-2"], DUBLIN, LONDON, request.body, row=widened)):
                answer = link.execute([link.sealed(made)], request.body)
                said.append(trial.refused(answer, "source_mismatch", "wrong_destination", "not_in_row", "row_hash",
                                          "no_row_to_here"))
        return Reply(b"{}", [], status="503", headers=[("x-tidegate-peer-error", "capacity")])
    ask(trial, onwards)
    if len(said) != 3:
        raise Failed(f"London refused {len(said)} of 3: {said}")
    trial.noticed(LONDON, "source_mismatch", "wrong_destination", "not_in_row", "row_hash", "no_row_to_here")
    return f"London {', '.join(said)}; event and metric at {LONDON}"


def redirects(trial: Trial) -> str:
    return lies(trial, lambda request: Reply(b"", [], status="307", headers=[
        ("location", f"https://10.77.0.4:7200{EXECUTE}")]))


def mixed_up(trial: Trial) -> str:
    """The trailer of an earlier request, word for word."""
    kept: list[bytes] = []

    def reply(request: Request) -> Reply:
        kept.append(sealed(request))
        return Reply(ANSWER, [kept[0]])
    ask(trial, reply)
    return lies(trial, reply)


def cut_stream(trial: Trial, events: bytes = b"") -> str:
    """A stream without its trailer ends in an exception of Milan's own, never as if it were whole."""
    answer = ask(trial, lambda request: Reply(events, [], content_type="application/vnd.amazon.eventstream"),
                 "converse-stream")
    if (answer.status == 200) != bool(events) or (events and not (b"a lie" in answer.body and b"xception" in answer.body)):
        raise Failed(f"the client was given {answer.status} {answer.body[:80]!r}")
    return f"refused: the client got {answer.status}" + (", what had come, and an exception" if events else "")


def stream_headers(trial: Trial, *pairs: tuple[str, str]) -> str:
    """A stream's headers leave before its trailer is there: they are looked at all the same."""
    answer = ask(trial, lambda request: Reply(SOME_EVENTS, [sealed(request, SOME_EVENTS)], headers=[
        ("content-type", "application/vnd.amazon.eventstream"), *pairs]), "converse-stream")
    if answer.status == 200 or b"a lie" in answer.body:
        raise Failed(f"the client was given {answer.status} {answer.body[:80]!r}")
    return f"refused: the client got {answer.status}"


def event(name: bytes, payload: bytes) -> bytes:
    """One message of application/vnd.amazon.eventstream."""
    heads = b"".join(bytes([len(key)]) + key + b"\7" + struct.pack(">H", len(value)) + value for key, value in (
        (b":event-type", name), (b":content-type", b"application/json"), (b":message-type", b"event")))
    front = struct.pack(">II", 16 + len(heads) + len(payload), len(heads))
    message = front + struct.pack(">I", zlib.crc32(front)) + heads + payload
    return message + struct.pack(">I", zlib.crc32(message))


SOME_EVENTS = event(b"messageStart", b'{"role":"assistant"}') + event(
    b"contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"a lie"}}')


def lying(name: str, run, liar: str = "") -> Case:
    return Case("lying destination", name, run, able=(DUBLIN,), liar=liar)


def cases() -> list[Case]:
    def one(name: str, reply) -> Case:
        return lying(name, lambda trial: lies(trial, reply))

    def place(name: str, rule: str, **changed) -> Case:
        return lying(name, lambda trial: lies_about_place(
            trial, lambda request: Reply(ANSWER, [sealed(request, **changed)]), rule))
    return [
        Case("control", "an honest Dublin is believed", honest, able=(DUBLIN,)),
        place("says that London ran it", "trailer_region", region=LONDON),
        place("says that Frankfurt ran it", "trailer_region", region=FRANKFURT),
        place("says that nobody ran it", "trailer_region", region=""),
        place("names another row", "trailer_row", row="0" * 64),
        one("no trailer", lambda request: Reply(ANSWER, [])),
        one("two trailers", lambda request: Reply(ANSWER, [sealed(request), sealed(request)])),
        one("a trailer about other bytes", lambda request: Reply(ANSWER, [sealed(request, b"other bytes")])),
        one("a trailer of another request", lambda request: Reply(ANSWER, [sealed(request, rid="another")])),
        lying("an earlier request's trailer", mixed_up),
        one("a trailer sealed with another secret", lambda request: Reply(ANSWER, [sealed(request, secret=bytes(32))])),
        one("a trailer of chance", lambda request: Reply(ANSWER, [os.urandom(300)])),
        one("a trailer in base64", lambda request: Reply(ANSWER, [base64.b64encode(sealed(request))])),
        one("the token sent back as the trailer",
            lambda request: Reply(ANSWER, [request.sealed])),
        one("a trailer longer than any may be", lambda request: Reply(ANSWER, [sealed(request) + bytes(16_384)])),
        one("its trailer in a header", lambda request: Reply(ANSWER, [], headers=[
            ("content-type", "application/json"), ("x-tidegate-trailer", base64.b64encode(sealed(request)))])),
        one("its trailer behind the body, in fields of HTTP/2", lambda request: Reply(
            b"", [], raw=HEADERS + pieces(ANSWER) + bytes(4), fields=[("x-tidegate-trailer", base64.b64encode(sealed(request)))])),
        one("an answer in no pieces", lambda request: Reply(b"", [], raw=HEADERS + ANSWER + sealed(request))),
        one("an answer without headers", lambda request: Reply(b"", [], raw=pieces(ANSWER, sealed(request)))),
        one("an answer whose headers are HTTP/2's", lambda request: Reply(
            b"", [], raw=bytes(4) + pieces(ANSWER, sealed(request)))),
        one("a header that ends its line and begins another", lambda request: Reply(ANSWER, [sealed(request)], headers=[
            ("content-type", "application/json"), ("cache-control", "no-store\r\nx-tidegate-inference-region: eu-south-1")])),
        one("a header whose name ends its line", lambda request: Reply(ANSWER, [sealed(request)], headers=[
            ("content-type", "application/json"), ("x-amzn-bedrock-a: b\r\nx-tidegate-inference-region", "eu-south-1")])),
        one("headers that are cut", lambda request: Reply(
            b"", [], raw=struct.pack(">I", 9) + HEADERS[4:13] + pieces(ANSWER, sealed(request)))),
        one("headers of four gigabytes that never come", lambda request: Reply(
            b"", [], raw=b"\xff\xff\xff\xff" + ANSWER + bytes(4) + sealed(request))),
        one("a piece of four gigabytes that never come", lambda request: Reply(
            b"", [], raw=HEADERS + b"\xff\xff\xff\xff" + ANSWER + bytes(4) + sealed(request))),
        one("pieces after the last", lambda request: Reply(
            b"", [], raw=HEADERS + pieces(ANSWER, b"") + pieces(ANSWER, sealed(request, ANSWER + ANSWER)))),
        one("an answer of nothing at all", lambda request: Reply(b"", [])),
        one("an error that no version knows", lambda request: Reply(
            b"{}", [], status="500", headers=[("x-tidegate-peer-error", "run-it-in-london")])),
        lying("redirects to London", redirects),
        lying("forwards to London", forwards, liar=DUBLIN),
        lying("a stream without a trailer", cut_stream),
        lying("a stream's header whose value ends its line", lambda trial: stream_headers(
            trial, ("cache-control", "no-store\r\nx-tidegate-inference-region: eu-south-1"))),
        lying("a stream's header whose name ends its line", lambda trial: stream_headers(
            trial, ("x-amzn-bedrock-a: b\r\nx-tidegate-inference-region", "eu-south-1"))),
        lying("a stream that is cut between two events", lambda trial: cut_stream(trial, SOME_EVENTS)),
    ]
