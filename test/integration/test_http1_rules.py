"""HTTP/1.1 as no decent client speaks it. What two programs could read in two ways is refused and the connection ends,
so that nothing can hide behind it; what is odd and clear is answered. A row a case: bytes, answer, and the words."""

import gzip
import json
import re
import socket

import pytest

from support.deployment import MILAN, eventually, one_record, script
from support.wire import Answer, connect, converse_bytes, exchange, read_answer, request_bytes, sign

BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}).encode()
TARGET = "/model/eu.amazon.nova-2-lite-v1%3A0/converse"
HIDDEN = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


pytestmark = pytest.mark.usefixtures("bounded_memory", "still_serving")


def get(*lines: bytes, line: bytes = b"GET /health HTTP/1.1", host: bytes = b"host: x\r\n") -> bytes:
    return line + b"\r\n" + host + b"".join(text + b"\r\n" for text in lines) + b"\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return get(*lines, line=b"POST / HTTP/1.1") + body


def coded(value: bytes) -> bytes:
    return post(b"transfer-encoding: " + value, body=b"0\r\n\r\n")


def everything(region, data: bytes, half_close: bool = False, seconds: float = 10) -> bytes:
    """All that comes back until the other side closes."""
    received = b""
    with connect(region, seconds) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    return received


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", received)]


# --- refused, and the connection ends ---------------------------------------------------------------------------------

REFUSED = {
    # two ways to find the end of a body
    "CL.TE": (post(b"content-length: 6", b"transfer-encoding: chunked", body=b"0\r\n\r\nG"), 400, "both"),
    "TE.CL": (post(b"transfer-encoding: chunked", b"content-length: 3", body=b"8\r\nSMUGGLED\r\n0\r\n\r\n"), 400, "both"),
    "two lengths": (post(b"content-length: 5", b"content-length: 6", body=b"hello"), 400, "more than one content-length"),
    "the same length twice": (post(b"content-length: 5", b"content-length: 5", body=b"hello"), 400, "more than one"),
    "a list of lengths": (post(b"content-length: 5, 5", body=b"hello"), 400, "not a number"),
    "negative length": (post(b"content-length: -1"), 400, "not a number"),
    "length with a sign": (post(b"content-length: +5", body=b"hello"), 400, "not a number"),
    "hexadecimal length": (post(b"content-length: 0x5", body=b"hello"), 400, "not a number"),
    "endless length": (post(b"content-length: 99999999999999999999"), 400, "not a number"),
    "TE xchunked": (coded(b"xchunked"), 400, "exactly"),
    "TE twice in one": (coded(b"chunked, chunked"), 400, "exactly"),
    "TE twice": (coded(b"chunked\r\ntransfer-encoding: identity"), 400, "exactly"),
    "TE gzip first": (coded(b"gzip, chunked"), 400, "exactly"),
    "TE with a parameter": (coded(b"chunked;q=1"), 400, "exactly"),
    "TE quoted": (coded(b'"chunked"'), 400, "exactly"),
    "TE identity": (coded(b"identity"), 400, "exactly"),
    "TE behind a vertical tab": (coded(b"\x0bchunked"), 400, "control byte"),
    "TE with a space before the colon": (post(b"transfer-encoding : chunked", body=b"0\r\n\r\n"), 400, "name"),
    "TE on a folded line": (post(b"x: y", b" transfer-encoding: chunked", body=b"0\r\n\r\n"), 400, "folded"),
    "TE behind a bare CR": (post(b"x: y\rtransfer-encoding: chunked", body=b"0\r\n\r\n"), 400, "control byte"),
    "TE behind a bare LF": (post(b"x: y\ntransfer-encoding: chunked", body=b"0\r\n\r\n"), 400, "bare LF"),
    "TE in HTTP/1.0": (get(b"transfer-encoding: chunked", line=b"POST / HTTP/1.0") + b"0\r\n\r\n", 400, "HTTP/1.0"),
    # the request line
    "not HTTP": (b"\x00\x01\x02\x03 what is this\r\n\r\n", 400, "malformed"),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400, "three parts"),
    "HTTP/1.2": (get(line=b"GET /health HTTP/1.2"), 400, "version"),
    "HTTP/9.9": (get(line=b"GET /health HTTP/9.9"), 400, "version"),
    "HTTP/2.0 in words": (get(line=b"GET /health HTTP/2.0"), 400, "version"),
    "space at the end": (get(line=b"GET /health HTTP/1.1 "), 400, "version"),
    "two spaces": (get(line=b"GET  /health HTTP/1.1"), 400, "target"),
    "space in the target": (get(line=b"GET /hea lth HTTP/1.1"), 400, "target"),
    "raw UTF-8 in the target": (get(line="GET /h\u00e9 HTTP/1.1".encode()), 400, "target"),
    "fragment": (get(line=b"GET /health#x HTTP/1.1"), 400, "fragment"),
    "absolute form": (get(line=b"GET http://x/health HTTP/1.1"), 400, "slash"),
    "asterisk form": (get(line=b"OPTIONS * HTTP/1.1"), 400, "slash"),
    "CONNECT": (get(line=b"CONNECT x:443 HTTP/1.1"), 400, "CONNECT"),
    "three empty lines first": (b"\r\n\r\n\r\n" + get(), 400, "no request line"),
    "bare LF throughout": (b"GET /health HTTP/1.1\nhost: x\n\n", 400, "bare LF"),
    # headers
    "no host": (get(host=b""), 400, "no host"),
    "two hosts": (get(b"host: y"), 400, "more than one host"),
    "path in the host": (get(host=b"host: x/y\r\n"), 400, "host"),
    "user in the host": (get(host=b"host: me@x\r\n"), 400, "host"),
    "space before the colon": (get(host=b"host : x\r\n"), 400, "name"),
    "no colon": (get(b"abc"), 400, "no colon"),
    "no name": (get(b": abc"), 400, "name"),
    "folded header": (get(b"a: b", b" c"), 400, "folded"),
    "NUL in a header": (get(b"a: b\x00c"), 400, "control byte"),
    # bombs
    "header bomb": (get(b"a: " + b"b" * 60_000), 431, "too large"),
    "too many headers": (get(*[b"a%d: b" % i for i in range(500)]), 431, "headers"),
    "endless target": (get(line=b"GET /" + b"a" * 60_000 + b" HTTP/1.1"), 431, "too large"),
    "target above its own limit": (get(line=b"GET /" + b"a" * 9_000 + b" HTTP/1.1"), 431, "target"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_nothing_read_behind_it(milan, name):
    data, status, words = REFUSED[name]
    received = everything(milan, data + HIDDEN)
    assert statuses(received) == [status]
    answer = Answer(received, closed=True)
    assert answer.headers["connection"] == "close" and answer.headers["x-amzn-requestid"]
    assert answer.error_type == "ValidationException"
    assert words in answer.json()["message"], answer.json()


@pytest.mark.parametrize(("target", "types"), [
    ("/v1/chat/completions", lambda document: document["error"]["type"]),
    ("/anthropic/v1/messages", lambda document: document["error"]["type"] if document["type"] == "error" else ""),
    ("/model/x/converse", lambda document: "invalid_request_error" if document["message"] else ""),
])
@pytest.mark.parametrize(("lines", "status"), [
    ([b"content-length: 1", b"transfer-encoding: chunked"], 400),
    ([b"a: " + b"b" * 60_000], 431),
])
def test_a_refusal_has_the_shape_of_its_door(milan, target, types, lines, status):
    received = everything(milan, get(*lines, line=f"POST {target} HTTP/1.1".encode()))
    assert statuses(received) in ([status], [400])  # the doors know no 431
    assert types(Answer(received, closed=True).json()) == "invalid_request_error"


# --- chunks -----------------------------------------------------------------------------------------------------------

def in_chunks(regions, milan, chunks: bytes, **headers: str) -> bytes:
    host = "{}:{}".format(*milan.address)
    signed = sign("POST", TARGET, BODY, host, regions.key(), MILAN)
    return request_bytes("POST", TARGET, signed | {"transfer-encoding": "chunked"} | headers) + chunks


WHOLE = b"%x\r\n%s\r\n" % (len(BODY), BODY)
CHUNKS = {
    "in two": (b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:20], BODY[20:])) + b"0\r\n\r\n", 200, ""),
    "with an extension": (b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), 200, ""),
    "with trailers, which change nothing": (WHOLE + b"0\r\nauthorization: nobody\r\nx-a: b\r\n\r\n", 200, ""),
    "trailer without a colon": (WHOLE + b"0\r\nno colon\r\n\r\n", 400, "trailer"),
    "trailer with a bare LF": (WHOLE + b"0\r\nx: y\n\r\n", 400, "bare LF"),
    "trailer bomb": (WHOLE + b"0\r\n" + b"x-a: b\r\n" * 20_000, 400, "trailers"),
    "no number": (b"zz\r\n", 400, "size"),
    "a sign": (b"-1\r\n", 400, "size"),
    "a prefix": (b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), 400, "size"),
    "a space": (b" %x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), 400, "size"),
    "a bare LF": (b"%x\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), 400, "bare LF"),
    "longer than it says": (b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY) - 1, BODY), 400, "between chunks"),
    "a size that overflows": (b"ffffffffffffffff\r\n", 400, "size"),
    "a size beyond the limit": (b"1c9c380\r\nabc", 413, "larger than"),
    "extension bomb": (b"5;" + b"a" * 5_000, 400, "too long"),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks(regions, milan, name):
    chunks, status, words = CHUNKS[name]
    answer = exchange(milan, in_chunks(regions, milan, chunks))
    assert answer.status == status and words in answer.json().get("message", ""), answer.raw[:500]
    assert answer.headers.get("connection") == (None if status == 200 else "close")
    assert one_record(regions, answer) if status == 200 else True


# --- odd, and answered ------------------------------------------------------------------------------------------------

ODD = {
    "HTTP/1.0": (get(line=b"GET /health HTTP/1.0", host=b""), 200),
    "an empty line first": (b"\r\n" + get(), 200),
    "h2c upgrade is not taken up": (get(b"connection: upgrade, http2-settings", b"upgrade: h2c",
                                        b"http2-settings: AAMAAABkAARAAAAAAAIAAAAA"), 200),
    "websocket is not taken up": (get(b"connection: upgrade", b"upgrade: websocket"), 200),
    "OPTIONS": (get(line=b"OPTIONS /health HTTP/1.1"), 404),
    "TRACE says nothing back": (get(b"x-secret: sesame", line=b"TRACE /health HTTP/1.1"), 404),
    "a method in small letters": (get(line=b"get /health HTTP/1.1"), 404),
    "a method that nobody knows": (get(line=b"BREW /health HTTP/1.1"), 404),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_and_answered(milan, name):
    data, status = ODD[name]
    answer = exchange(milan, data)
    assert answer.status == status and "upgrade" not in answer.headers and b"sesame" not in answer.raw
    if status == 404:
        assert answer.error_type == "UnknownOperationException"


def test_two_requests_on_one_connection(regions, milan):
    with connect(milan) as connection:
        for _ in range(2):
            connection.sendall(converse_bytes(milan, regions.key(), BODY))
            assert read_answer(connection).status == 200


def test_pipelined_requests_are_answered_in_order(milan):
    received = everything(milan, get() + get(line=b"GET /no-such-path HTTP/1.1") + get(b"connection: close"))
    assert statuses(received) == [200, 404, 200]


def test_garbage_behind_a_body_costs_the_connection_and_not_the_answer(regions, milan):
    received = everything(milan, converse_bytes(milan, regions.key(), BODY) + b"GARBAGE\r\n\r\n")
    assert statuses(received) == [200, 400]
    assert one_record(regions, Answer(received, closed=True))


@pytest.mark.parametrize("cut", [-5, 60])
def test_half_a_request_and_half_a_connection(regions, milan, cut):
    """Nobody is asked, and nothing is said to half a request."""
    asked = regions.control(MILAN)["requests"]
    assert everything(milan, converse_bytes(milan, regions.key(), BODY)[:cut], half_close=True) == b""
    assert regions.control(MILAN)["requests"] == asked


def test_a_client_that_half_closes_is_taken_for_gone(regions, milan):
    body = json.dumps({"messages": script(tokens=1_000, token_ms=20)}).encode()
    with connect(milan) as connection:
        connection.sendall(converse_bytes(milan, regions.key(), body, operation="converse-stream"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        assert regions.control(MILAN)["running"] == 1
        connection.shutdown(socket.SHUT_WR)
        eventually(lambda: regions.control(MILAN)["running"] == 0)


# --- Expect: 100-continue ---------------------------------------------------------------------------------------------

def expecting(regions, milan, **headers: str) -> bytes:
    host = "{}:{}".format(*milan.address)
    signed = sign("POST", TARGET, BODY, host, regions.key(), MILAN)
    return request_bytes("POST", TARGET, signed | {"content-length": str(len(BODY))} | headers)


def test_the_body_is_asked_for_once_the_head_is_good(regions, milan):
    with connect(milan) as connection:
        connection.sendall(expecting(regions, milan, expect="100-continue"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        answer = read_answer(connection)
        assert answer.status == 200 and one_record(regions, answer)


def test_a_body_that_is_not_wanted_is_never_asked_for(regions, milan):
    unsigned = post(b"expect: 100-continue", b"content-length: 1000")
    assert statuses(everything(milan, unsigned)) == [403]
    too_large = expecting(regions, milan, expect="100-continue") .replace(
        b"content-length: %d" % len(BODY), b"content-length: 25000001")
    assert statuses(everything(milan, too_large)) == [413]


def test_another_expectation_is_ignored(regions, milan):
    assert exchange(milan, expecting(regions, milan, expect="200-ok") + BODY).status == 200


# --- what a known caller signs ----------------------------------------------------------------------------------------

INVALID_MODEL = "The provided model identifier is invalid."
SIGNED = {  # target -> status, error type, words of the message, records
    "/model/eu.amazon.nova-2-lite-v1:0/converse": (200, "", "", 1),
    "/model/eu.amazon.nova-2-lite-v1%3a0/converse": (200, "", "", 1),
    "/model/eu%2Eamazon.nova-2-lite-v1%3A0/converse": (200, "", "", 1),
    "/model/eu.amazon.nova-2-lite-v1%3A0/converse?": (200, "", "", 1),
    "/model/eu.amazon.nova-2-lite-v1%253A0/converse": (400, "ValidationException", INVALID_MODEL, 1),
    "/model/a%2Fb/converse": (400, "ValidationException", INVALID_MODEL, 1),
    "/model/a%00b/converse": (400, "ValidationException", INVALID_MODEL, 1),
    "/model/%2e%2e/converse": (400, "ValidationException", "segment", 0),
    "/model/a%zz/converse": (404, "UnknownOperationException", "names no operation", 0),
    "/model/a%/converse": (404, "UnknownOperationException", "names no operation", 0),
    "/model/x/converse/": (404, "UnknownOperationException", "names no operation", 0),
    "//model/x/converse": (404, "UnknownOperationException", "names no operation", 0),
    "/model/../model/x/converse": (404, "UnknownOperationException", "names no operation", 0),
    "/model/x/conver%73e": (404, "UnknownOperationException", "names no operation", 0),
}


@pytest.mark.parametrize("target", SIGNED)
def test_targets_are_decoded_once_and_never_normalised(regions, milan, target):
    status, error_type, words, records = SIGNED[target]
    headers = sign("POST", target, BODY, "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", target, headers, BODY))
    assert (answer.status, answer.error_type) == (status, error_type), answer.raw
    assert words in answer.json().get("message", "")
    assert one_record(regions, answer) == records


def test_a_path_that_was_signed_without_its_second_encoding_is_refused(regions, milan):
    headers = sign("POST", TARGET.replace("%3A", ":"), BODY, "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", TARGET, headers, BODY))
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")
    assert "v1%253A0" in answer.json()["message"], "the canonical string shows the path that was expected"


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 400), ("aws-chunked", 400), ("identity", 200)])
def test_an_encoded_body(regions, milan, encoding, status):
    body = gzip.compress(BODY) if encoding == "gzip" else BODY
    headers = sign("POST", TARGET, body, "{}:{}".format(*milan.address), regions.key(), MILAN)
    answer = exchange(milan, request_bytes("POST", TARGET, headers | {"content-encoding": encoding}, body))
    assert answer.status == status
    if status == 400:
        assert answer.error_type == "ValidationException" and "content-encoding" in answer.json()["message"]
