"""Bytes that no well-behaved client sends. Each has a defined answer, costs a bounded amount, and disturbs nobody."""

import datetime
import json
import ssl
import time

import pytest

from support.deployment import MILAN, NOVA, eventually, inference_region, one_record, script
from support.frames import DATA, HEADERS, Http2, block, frame, head, headers
from support.wire import connect, converse_bytes, exchange, read_answer, request_bytes, sign

BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}).encode()
TARGET = "/model/eu.amazon.nova-2-lite-v1%3A0/converse"


@pytest.fixture(autouse=True)
def still_serving(regions):
    yield
    assert inference_region(regions.client("bedrock-runtime").converse(modelId=NOVA, messages=script())) == MILAN


def test_the_signature_written_out_here_is_accepted(regions, milan):
    answer = exchange(milan, converse_bytes(milan, regions.key(), BODY))
    assert answer.status == 200 and answer.json()["stopReason"] == "end_turn"


# --- sizes and silence -------------------------------------------------------------------------------------------------

def test_a_body_that_is_too_large(regions, milan):
    host = "{}:{}".format(*milan.address)
    headers = sign("POST", TARGET, b"", host, regions.key(), MILAN) | {"content-length": "25000001"}
    answer = exchange(milan, request_bytes("POST", TARGET, headers) + b"{" * 100_000)
    assert answer.status == 413 and answer.error_type


class Drips:
    """A client that sends a byte a second, over either protocol, and never ends."""

    def __init__(self, connection, first: bytes, drip: bytes) -> None:
        self.connection, self.drip = connection, drip
        self.answered_after = 0.0
        self.started = time.monotonic()
        connection.sendall(first)
        connection.setblocking(False)
        self.received = b""

    def step(self) -> bool:
        """False once the other side has said something, or closed."""
        try:
            piece = self.connection.recv(65536)
            self.received += piece
            ended = not piece
        except BlockingIOError:
            ended = False
        except ConnectionResetError:
            ended = True
        if ended or self.says():
            self.answered_after = time.monotonic() - self.started
            return False
        try:
            self.connection.sendall(self.drip)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return True

    def says(self) -> bool:
        return self.received.startswith(b"HTTP/1.1 ") or b"did not arrive in time" in self.received


def test_half_a_request_then_silence_or_a_byte_a_second(regions, milan):
    """Headers have ten seconds in all; a body twenty between two pieces, and five hundred bytes a second. All are waited
    for at once."""
    whole = converse_bytes(milan, regions.key(), BODY)
    long_body = whole.replace(b"content-length: %d" % len(BODY), b"content-length: 1000000")
    get = block(head())
    with connect(milan, 40) as half_head, connect(milan, 40) as half_body, connect(milan) as slow_head, \
            connect(milan) as slow_body, Http2(milan) as slow_block, Http2(milan) as slow_data:
        started = time.monotonic()
        half_head.sendall(whole[:60])
        half_body.sendall(whole[:-10])
        drips = {
            "head": Drips(slow_head, b"GET /health HTTP/1.1\r\nhost: x\r\na: ", b"b"),
            "body": Drips(slow_body, long_body, b" "),
            "HTTP/2 block": Drips(slow_block.socket, frame(HEADERS, 1, 1, get[:1]), b""),
            "HTTP/2 body": Drips(slow_data.socket, headers(1, signed_pairs(regions, milan), 4), frame(DATA, 0, 1, b" ")),
        }
        dripping = dict(drips)
        while dripping and time.monotonic() - started < 35:
            dripping = {name: client for name, client in dripping.items() if client.step()}
            time.sleep(0.5)
        assert not dripping, f"still served: {list(dripping)}"
        assert read_answer(half_head).status in (408, 0)
        assert read_answer(half_body).status in (408, 0)
        assert b" 408 " in drips["body"].received.split(b"\r\n")[0]
        assert 8 < drips["head"].answered_after < 14 and 8 < drips["HTTP/2 block"].answered_after < 14
        assert 18 < drips["body"].answered_after < 28 and 18 < drips["HTTP/2 body"].answered_after < 28


def signed_pairs(regions, milan) -> list:
    """A signed request over HTTP/2, without its body."""
    authority = "{}:{}".format(*milan.address)
    signed = sign("POST", TARGET, BODY, authority, regions.key(), MILAN)
    return head("POST", TARGET, *[pair for pair in signed.items() if pair[0] != "host"], authority=authority)


def test_a_client_that_never_reads_costs_a_bounded_amount(regions, milan):
    body = json.dumps({"messages": script(tokens=60_000, answer="word" * 200)}).encode()
    before = regions.resident_kb(MILAN)
    connections = [connect(milan, receive_buffer=4096) for _ in range(2)]
    for connection in connections:
        connection.sendall(converse_bytes(milan, regions.key(), body, operation="converse-stream"))
    eventually(lambda: regions.control(MILAN)["running"] == 2)
    time.sleep(3)
    assert regions.resident_kb(MILAN) - before < 20_000, "an answer that is not read waits at the model server, not here"
    for connection in connections:
        connection.close()
    eventually(lambda: regions.control(MILAN)["running"] == 0)


# --- callers ----------------------------------------------------------------------------------------------------------

def test_unsigned(milan):
    answer = exchange(milan, request_bytes("POST", TARGET, {"host": "x"}, BODY))
    assert (answer.status, answer.error_type) == (403, "MissingAuthenticationTokenException")
    assert answer.headers["x-amzn-requestid"] and "message" in answer.json()


@pytest.mark.parametrize("authorization", ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "Basic eDp5",
                                           "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0"])
def test_half_an_authorization(milan, authorization):
    answer = exchange(milan, request_bytes("POST", TARGET, {"host": "x", "authorization": authorization,
                                                            "x-amz-date": "20260101T000000Z"}, BODY))
    assert answer.status == 403 and answer.error_type in (
        "IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException")


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_off_by_an_hour(regions, milan, hours):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    answer = exchange(milan, converse_bytes(milan, regions.key(), BODY, at=at))
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")
    assert ("expired" if hours < 0 else "not yet current") in answer.json()["message"]


def test_a_body_that_was_changed_on_the_way(regions, milan):
    data = converse_bytes(milan, regions.key(), BODY)
    answer = exchange(milan, data.replace(b"hello", b"hacks"))
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")


def test_unsigned_payload_is_refused(regions, milan):
    host = "{}:{}".format(*milan.address)
    headers = sign("POST", TARGET, BODY, host, regions.key(), MILAN,
                   headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert exchange(milan, request_bytes("POST", TARGET, headers, BODY)).status == 403


# --- documents --------------------------------------------------------------------------------------------------------

DOCUMENTS = {
    "nothing": (b"", {"ValidationException", "SerializationException"}),
    "not JSON": (b"{not json", {"SerializationException", "ValidationException"}),
    "cut short": (BODY[:-3], {"SerializationException"}),
    "an array": (b"[]", {"SerializationException", "ValidationException"}),
    "too deep": (b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}", {"SerializationException", "ValidationException"}),
    "wrong type": (b'{"messages":"hello"}', {"ValidationException", "SerializationException"}),
    "number for text": (b'{"messages":[{"role":"user","content":[{"text":1}]}]}',
                        {"ValidationException", "SerializationException"}),
    "unknown role": (b'{"messages":[{"role":"king","content":[{"text":"x"}]}]}', {"ValidationException"}),
    "a member twice": (b'{"messages":[],' + BODY[1:], {"SerializationException"}),
    "a member twice, below": (BODY.replace(b'"role"', b'"role":"user","role"'), {"SerializationException"}),
    "too deep where anything may be": (BODY[:-1] + b',"additionalModelRequestFields":' + b'{"a":' * 65 + b"1" + b"}" * 66,
                                       {"SerializationException"}),
    "a hundred thousand brackets": (b"[" * 100_000, {"SerializationException"}),
    "half a surrogate pair": (BODY.replace(b"hello", b"\\ud800"), {"SerializationException"}),
    "overlong UTF-8": (BODY.replace(b"hello", b"\xc0\xaf"), {"SerializationException"}),
    "byte order mark": (b"\xef\xbb\xbf" + BODY, {"SerializationException"}),
    "UTF-16": (BODY.decode().encode("utf-16"), {"SerializationException"}),
    "garbage behind it": (BODY + b" {}", {"SerializationException"}),
    "NaN": (BODY[:-1] + b',"inferenceConfig":{"temperature":NaN}}', {"SerializationException"}),
    "a number beyond all bounds": (BODY[:-1] + b',"inferenceConfig":{"maxTokens":99999999999999999999}}',
                                   {"SerializationException", "ValidationException"}),
    "infinity": (BODY[:-1] + b',"inferenceConfig":{"temperature":1e999}}', {"SerializationException"}),
    "invalid UTF-8": (b'{"messages":[{"role":"user","content":[{"text":"\xff\xfe"}]}]}',
                      {"SerializationException", "ValidationException"}),
}


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(regions, milan, name, operation):
    body, types = DOCUMENTS[name]
    answer = exchange(milan, converse_bytes(milan, regions.key(), body, operation=operation))
    assert answer.status == 400 and answer.error_type in types
    assert one_record(regions, answer)


@pytest.mark.parametrize(("target", "type_of"), [
    ("/v1/chat/completions", lambda document: document["error"]["type"]),
    ("/v1/embeddings", lambda document: document["error"]["type"]),
    ("/anthropic/v1/messages", lambda document: document["error"]["type"]),
])
@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'{"model":"%s","model":"y"}' % NOVA.encode(), b'{"model":"\xff"}', b'{"model":' + b"[" * 500,
    b'{"model":"%s"} {}' % NOVA.encode()])
def test_documents_at_the_doors(regions, milan, target, type_of, body):
    headers = sign("POST", target, body, "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", target, headers | {"content-length": str(len(body))}, body))
    assert answer.status == 400 and type_of(answer.json()) == "invalid_request_error", answer.raw


@pytest.mark.parametrize("path", ["/no/such/path", "/model", "/inference-profiles/a/b"])
def test_unknown_paths(regions, milan, path):
    headers = sign("POST", path, b"", "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", path, headers | {"content-length": "0"}))
    assert answer.status == 404 and answer.error_type == "UnknownOperationException"


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_alpn(milan, protocol):
    context = ssl.create_default_context(cafile=milan.ca)
    context.set_alpn_protocols([protocol])
    host, port = milan.tls_url.removeprefix("https://").rsplit(":", 1)
    tls = type(milan)(**{**milan.__dict__, "url": f"http://{host}:{port}"})
    with context.wrap_socket(connect(tls), server_hostname=host) as connection:
        assert connection.selected_alpn_protocol() == protocol
