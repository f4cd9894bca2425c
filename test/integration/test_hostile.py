"""Bytes that no well-behaved client sends. Each has a defined answer, costs a bounded amount, and disturbs nobody."""

import datetime
import json
import pathlib
import ssl
import time

import pytest

from support.deployment import MILAN, NOVA, eventually, inference_region, script
from support.wire import connect, converse_bytes, exchange, read_answer, request_bytes, sign

BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}).encode()
TARGET = "/model/eu.amazon.nova-2-lite-v1%3A0/converse"


@pytest.fixture
def milan(regions):
    return regions.region(MILAN)


@pytest.fixture(autouse=True)
def still_serving(regions):
    yield
    assert inference_region(regions.client("bedrock-runtime").converse(modelId=NOVA, messages=script())) == MILAN


def test_the_signature_written_out_here_is_accepted(regions, milan):
    answer = exchange(milan, converse_bytes(milan, regions.key(), BODY))
    assert answer.status == 200 and answer.json()["stopReason"] == "end_turn"


# --- HTTP -------------------------------------------------------------------------------------------------------------

FRAMING = {
    "not HTTP": (b"\x00\x01\x02\x03 what is this\r\n\r\n", {400}),
    "unknown version": (b"GET /health HTTP/9.9\r\nhost: x\r\n\r\n", {400, 505}),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", {400}),
    "two hosts": (b"GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", {400}),
    "space before the colon": (b"GET /health HTTP/1.1\r\nhost : x\r\n\r\n", {400}),
    "folded header": (b"GET /health HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n", {400}),
    "NUL in a header": (b"GET /health HTTP/1.1\r\nhost: x\r\na: b\x00c\r\n\r\n", {400}),
    "length and chunks": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
                          b"0\r\n\r\n", {400}),
    "two lengths": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", {400}),
    "negative length": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", {400}),
    "length with a sign": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello", {400}),
    "endless length": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n", {400, 413}),
    "chunk size that is none": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", {400, 403}),
    "header bomb": (b"GET /health HTTP/1.1\r\nhost: x\r\na: " + b"b" * 60_000 + b"\r\n\r\n", {431}),
    "too many headers": (b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"".join(b"a%d: b\r\n" % i for i in range(500))
                         + b"\r\n", {431}),
    "endless target": (b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", {414, 431}),
}


@pytest.mark.parametrize("name", FRAMING)
def test_framing(milan, name):
    data, statuses = FRAMING[name]
    answer = exchange(milan, data)
    assert answer.status in statuses
    assert answer.headers.get("connection", "").lower() == "close" or answer.closed


def test_nothing_smuggled_behind_a_refusal_is_read(milan):
    inner = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(milan) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
                           b"0\r\n\r\n" + inner)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 ") == 1


def test_two_requests_on_one_connection(regions, milan):
    with connect(milan) as connection:
        for _ in range(2):
            connection.sendall(converse_bytes(milan, regions.key(), BODY))
            assert read_answer(connection).status == 200


def test_pipelined_requests_are_answered_in_order(regions, milan):
    with connect(milan) as connection:
        health = request_bytes("GET", "/health", {"host": "x"})
        connection.sendall(health + b"GET /no-such-path HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read_answer(connection).status == 200


def test_a_body_in_chunks_is_a_body(regions, milan):
    host = "{}:{}".format(*milan.address)
    headers = sign("POST", TARGET, BODY, host, regions.key(), MILAN) | {"transfer-encoding": "chunked"}
    half = len(BODY) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:])) + b"0\r\n\r\n"
    assert exchange(milan, request_bytes("POST", TARGET, headers) + chunks).status == 200


def test_a_body_that_is_too_large(regions, milan):
    host = "{}:{}".format(*milan.address)
    headers = sign("POST", TARGET, b"", host, regions.key(), MILAN) | {"content-length": "25000001"}
    answer = exchange(milan, request_bytes("POST", TARGET, headers) + b"{" * 100_000)
    assert answer.status == 413 and answer.error_type


# --- silence ----------------------------------------------------------------------------------------------------------

def test_half_a_request_then_silence(regions, milan):
    """Headers have ten seconds, a body twenty between two pieces. Both are waited for at once."""
    whole = converse_bytes(milan, regions.key(), BODY)
    with connect(milan, 40) as half_head, connect(milan, 40) as half_body:
        started = time.monotonic()
        half_head.sendall(whole[:60])
        half_body.sendall(whole[:-10])
        assert read_answer(half_head).status in (408, 0)
        assert 8 < time.monotonic() - started < 14
        assert read_answer(half_body).status in (408, 0)
        assert 15 < time.monotonic() - started < 28


def test_a_client_that_never_reads_costs_a_bounded_amount(regions, milan):
    body = json.dumps({"messages": script(tokens=60_000, answer="word" * 200)}).encode()
    pid = regions.gateway_pid(MILAN)
    def resident_kb() -> int:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])
    before = resident_kb()
    connections = [connect(milan, receive_buffer=4096) for _ in range(2)]
    for connection in connections:
        connection.sendall(converse_bytes(milan, regions.key(), body, operation="converse-stream"))
    eventually(lambda: regions.control(MILAN)["running"] == 2)
    time.sleep(3)
    assert resident_kb() - before < 20_000, "an answer that is not read waits at the model server, not here"
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


@pytest.mark.parametrize("target", ["/model/../model/x/converse", "/model//converse", "/./model/x/converse"])
def test_targets_with_empty_or_dot_segments(regions, milan, target):
    headers = sign("POST", target, BODY, "{}:{}".format(*milan.address), regions.key(), MILAN)
    assert exchange(milan, request_bytes("POST", target, headers, BODY)).status in (400, 403, 404)


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
    "invalid UTF-8": (b'{"messages":[{"role":"user","content":[{"text":"\xff\xfe"}]}]}',
                      {"SerializationException", "ValidationException"}),
}


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(regions, milan, name, operation):
    body, types = DOCUMENTS[name]
    answer = exchange(milan, converse_bytes(milan, regions.key(), body, operation=operation))
    assert answer.status == 400 and answer.error_type in types


@pytest.mark.parametrize("path", ["/no/such/path", "/model", "/inference-profiles/a/b"])
def test_unknown_paths(regions, milan, path):
    headers = sign("POST", path, b"", "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", path, headers | {"content-length": "0"}))
    assert answer.status == 404 and answer.error_type == "UnknownOperationException"


# --- the same port speaks HTTP/2 and TLS ------------------------------------------------------------------------------

def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def read_frames(connection):
    data = b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            length = int.from_bytes(data[:3], "big")
            yield data[3], int.from_bytes(data[5:9], "big"), data[9:9 + length]
            data = data[9 + length:]
        piece = connection.recv(65536)
        assert piece, "the connection ended"
        data += piece


def test_http2_with_prior_knowledge(milan):
    get_health = b"\x82\x86\x04\x07/health\x41\x01x"  # :method GET, :scheme http, :path, :authority
    with connect(milan) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, get_health))
        for kind, stream, payload in read_frames(connection):
            if (kind, stream) == (1, 1):
                assert payload[0] == 0x88, "the first header is :status 200, from the static table"
                return


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_alpn(milan, protocol):
    context = ssl.create_default_context(cafile=milan.ca)
    context.set_alpn_protocols([protocol])
    host, port = milan.tls_url.removeprefix("https://").rsplit(":", 1)
    tls = type(milan)(**{**milan.__dict__, "url": f"http://{host}:{port}"})
    with context.wrap_socket(connect(tls), server_hostname=host) as connection:
        assert connection.selected_alpn_protocol() == protocol


def test_ten_thousand_bytes_of_noise_over_http2(milan):
    with connect(milan) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)) * 40)
        connection.settimeout(10)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
