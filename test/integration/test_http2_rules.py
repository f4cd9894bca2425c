"""HTTP/2 as no decent client speaks it: a row a rule, named by the section of RFC 9113 (or 7541) that states it, in the
manner of h2spec. A fault of the connection ends it with GOAWAY and the code of the RFC; a fault of one stream resets that
stream and no other. Then floods, windows and the end of a connection."""

import itertools
import json
import struct

import pytest

from support import frames as h2
from support.deployment import MILAN, eventually, one_record, script
from support.frames import DATA, END_HEADERS, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Http2, block, frame, head, headers
from support.single import KEY as SINGLE_KEY
from support.single import Single
from support.wire import Answer, sign

TARGET = "/model/eu.amazon.nova-2-lite-v1%3A0/converse"


pytestmark = pytest.mark.usefixtures("bounded_memory", "still_serving")


GET = head()
SPLIT = block(GET)


def post(*more: tuple[str, str]) -> list:
    return head("POST", "/model/x/converse", *more)


def more(*pairs: tuple[str, str]) -> bytes:
    return headers(1, [*GET, *pairs])


def without(name: str) -> bytes:
    return headers(1, [pair for pair in GET if pair[0] != name])


def twice(name: str) -> bytes:
    return headers(1, sorted([*GET, *[pair for pair in GET if pair[0] == name]]))


OPEN = headers(1, post(), END_HEADERS)  # a request whose body is still to come
RESET = frame(RST_STREAM, stream=1, payload=struct.pack(">I", h2.CANCEL))
ANSWERED, MALFORMED = ("status", 200), ("reset", h2.PROTOCOL_ERROR)


def broken(code: int) -> tuple[str, int]:
    return ("goaway", code)


BROKEN = broken(h2.PROTOCOL_ERROR)
TOO_LARGE = broken(h2.FRAME_SIZE_ERROR)
GARBLED = broken(h2.COMPRESSION_ERROR)

RULES = {
    # frames
    "4.1 unknown types are ignored": (frame(0xab, payload=b"x" * 10) + headers(1, GET), ANSWERED),
    "4.2 frame above 16 KiB": (frame(DATA, stream=1, payload=b"x" * 16_385), TOO_LARGE),
    "4.2 unknown frame above 16 KiB": (frame(0xab, payload=b"x" * 16_385), TOO_LARGE),
    "4.2 HEADERS above 16 KiB": (frame(HEADERS, 5, 1, b"\0" * 16_385), TOO_LARGE),
    "4.3 block that is not HPACK": (frame(HEADERS, 5, 1, b"\xff" * 6), GARBLED),
    "4.3 another frame inside a block": (frame(HEADERS, 1, 1, SPLIT[:5]) + frame(PING, payload=b"12345678"), BROKEN),
    "4.3 another stream inside a block": (frame(HEADERS, 1, 1, SPLIT[:5]) + frame(9, 4, 3, SPLIT[5:]), BROKEN),
    "4.3 unknown frame inside a block": (frame(HEADERS, 1, 1, SPLIT[:5]) + frame(0xab, stream=1), BROKEN),
    "7541 2.3.3 index 0": (frame(HEADERS, 5, 1, b"\x80"), GARBLED),
    "7541 2.3.3 index beyond the table": (frame(HEADERS, 5, 1, b"\xc6"), GARBLED),
    "7541 4.2 table size inside a block": (frame(HEADERS, 5, 1, SPLIT + b"\x20"), GARBLED),
    "7541 6.3 table size above the limit": (frame(HEADERS, 5, 1, b"\x3f\xe1\x7f" + SPLIT), GARBLED),
    # stream states
    "5.1 DATA on an idle stream": (frame(DATA, stream=1, payload=b"x"), BROKEN),
    "5.1 RST_STREAM on an idle stream": (RESET, BROKEN),
    "5.1 WINDOW_UPDATE on an idle stream": (h2.window_update(1, 1), BROKEN),
    "5.1 CONTINUATION on an idle stream": (frame(9, 4, 1, SPLIT), BROKEN),
    "5.1 DATA after the end": (headers(1, post()) + frame(DATA, 1, 1, b"x"), broken(h2.STREAM_CLOSED)),
    "5.1 HEADERS after the end": (headers(1, GET) + headers(1, GET), broken(h2.STREAM_CLOSED)),
    "5.1.1 stream 0": (frame(HEADERS, 5, 0, SPLIT), BROKEN),
    "5.1.1 even stream": (headers(2, GET), BROKEN),
    "5.1.1 a lower number than before": (headers(5, post(), END_HEADERS) + headers(3, GET), BROKEN),
    "5.1.1 the lowest number, after others": (headers(3, post(), END_HEADERS) + headers(1, GET), BROKEN),
    "5.1.1 numbers may be passed over": (headers(7, GET) + headers(11, GET), ANSWERED),
    # each frame
    "6.1 DATA on stream 0": (frame(DATA, payload=b"x"), BROKEN),
    "6.1 padding longer than DATA": (OPEN + frame(DATA, 8, 1, b"\xffabc"), BROKEN),
    "6.2 padding is taken off": (frame(HEADERS, 13, 1, b"\3" + SPLIT + b"\0\0\0"), ANSWERED),
    "6.2 padding longer than HEADERS": (frame(HEADERS, 13, 1, b"\xff" + SPLIT), BROKEN),
    "6.3 PRIORITY on stream 0": (frame(2, payload=b"12345"), BROKEN),
    "6.3 PRIORITY of another length": (frame(2, stream=1, payload=b"1234"), TOO_LARGE),
    "6.4 RST_STREAM on stream 0": (frame(RST_STREAM, payload=b"\0\0\0\x08"), BROKEN),
    "6.4 RST_STREAM of another length": (OPEN + frame(RST_STREAM, stream=1, payload=b"\0\0\0"), TOO_LARGE),
    "6.5 SETTINGS on a stream": (frame(SETTINGS, stream=1), BROKEN),
    "6.5 SETTINGS of another length": (frame(SETTINGS, payload=b"12345"), TOO_LARGE),
    "6.5 ACK with a payload": (frame(SETTINGS, 1, payload=b"123456"), TOO_LARGE),
    "6.5.2 ENABLE_PUSH is 2": (h2.setting(h2.ENABLE_PUSH, 2), BROKEN),
    "6.5.2 window above 2^31-1": (h2.setting(h2.INITIAL_WINDOW_SIZE, 1 << 31), broken(h2.FLOW_CONTROL_ERROR)),
    "6.5.2 frames below 16 KiB": (h2.setting(h2.MAX_FRAME_SIZE, 16_383), BROKEN),
    "6.5.2 frames above 16 MiB": (h2.setting(h2.MAX_FRAME_SIZE, 1 << 24), BROKEN),
    "6.5.2 unknown settings are ignored": (h2.setting(99, 1) + headers(1, GET), ANSWERED),
    "6.6 PUSH_PROMISE of a client": (frame(5, 4, 1, b"\0\0\0\2" + SPLIT), BROKEN),
    "6.7 PING on a stream": (frame(PING, stream=1, payload=b"12345678"), BROKEN),
    "6.7 PING of another length": (frame(PING, payload=b"123"), TOO_LARGE),
    "6.8 GOAWAY on a stream": (frame(GOAWAY, stream=1, payload=b"\0" * 8), BROKEN),
    "6.8 a request after GOAWAY": (frame(GOAWAY, payload=b"\0" * 8) + headers(1, GET), ANSWERED),
    "6.9 WINDOW_UPDATE of 0": (h2.window_update(0, 0), BROKEN),
    "6.9 WINDOW_UPDATE of 0 on a stream": (OPEN + h2.window_update(1, 0), BROKEN),
    "6.9 WINDOW_UPDATE of another length": (frame(8, payload=b"\0\0\1"), TOO_LARGE),
    "6.9.1 window of the connection overflows": (h2.window_update(0, (1 << 31) - 1), broken(h2.FLOW_CONTROL_ERROR)),
    "6.9.1 window of a stream overflows": (OPEN + h2.window_update(1, (1 << 31) - 1), ("reset", h2.FLOW_CONTROL_ERROR)),
    "6.10 CONTINUATION": (frame(HEADERS, 1, 1, SPLIT[:5]) + frame(9, 4, 1, SPLIT[5:]), ANSWERED),
    "6.10 CONTINUATION after the end": (headers(1, GET) + frame(9, 4, 1), BROKEN),
    # requests
    "8.1 trailers": (OPEN + headers(1, [("x", "y")]), ("status", 403)),
    "8.1 trailers without the end": (OPEN + headers(1, [("x", "y")], END_HEADERS), MALFORMED),
    "8.1 trailers with a pseudo-header": (OPEN + headers(1, [(":path", "/")]), MALFORMED),
    "8.1.1 body shorter than its length": (headers(1, post(("content-length", "5")), 4) + frame(DATA, 1, 1, b"abc"), MALFORMED),
    "8.1.1 body longer than its length": (headers(1, post(("content-length", "2")), 4) + frame(DATA, 1, 1, b"abc"), MALFORMED),
    "8.1.1 length and no body": (headers(1, post(("content-length", "2"))), MALFORMED),
    "8.1.1 two lengths": (headers(1, post(("content-length", "2"), ("content-length", "2")), 4), MALFORMED),
    "8.1.1 length that is no number": (headers(1, post(("content-length", "x")), 4), MALFORMED),
    "8.1.1 length with a sign": (headers(1, post(("content-length", "+3")), 4), MALFORMED),
    "8.1.1 endless length": (headers(1, post(("content-length", "9" * 23)), 4), MALFORMED),
    "8.2.1 capital letter": (more(("X-A", "b")), MALFORMED),
    "8.2.1 space in a name": (more(("a b", "c")), MALFORMED),
    "8.2.1 empty name": (more(("", "c")), MALFORMED),
    "8.2.1 line break in a value": (more(("a", "b\nc")), MALFORMED),
    "8.2.1 NUL in a value": (more(("a", "b\0")), MALFORMED),
    "8.2.1 space around a value": (more(("a", " b")), MALFORMED),
    "8.2.2 connection": (more(("connection", "close")), MALFORMED),
    "8.2.2 keep-alive": (more(("keep-alive", "1")), MALFORMED),
    "8.2.2 proxy-connection": (more(("proxy-connection", "1")), MALFORMED),
    "8.2.2 transfer-encoding": (more(("transfer-encoding", "chunked")), MALFORMED),
    "8.2.2 upgrade": (more(("upgrade", "h2c")), MALFORMED),
    "8.2.2 te": (more(("te", "gzip")), MALFORMED),
    "8.2.2 te: trailers": (more(("te", "trailers")), ANSWERED),
    "8.2.3 cookies in crumbs": (more(*[("cookie", "a")] * 50), ANSWERED),
    "8.3 unknown pseudo-header": (more((":x", "y")), MALFORMED),
    "8.3 pseudo-header of an answer": (more((":status", "200")), MALFORMED),
    "8.3 pseudo-header after a header": (headers(1, [*GET[:3], ("a", "b"), *GET[3:]]), MALFORMED),
    "8.3.1 no :method": (without(":method"), MALFORMED),
    "8.3.1 no :scheme": (without(":scheme"), MALFORMED),
    "8.3.1 no :path": (without(":path"), MALFORMED),
    "8.3.1 no :authority and no host": (without(":authority"), MALFORMED),
    "8.3.1 two :method": (twice(":method"), MALFORMED),
    "8.3.1 two :scheme": (twice(":scheme"), MALFORMED),
    "8.3.1 two :path": (twice(":path"), MALFORMED),
    "8.3.1 two :authority": (twice(":authority"), MALFORMED),
    "8.3.1 method that is no token": (headers(1, head("G T")), MALFORMED),
    "8.3.1 empty :path": (headers(1, head("GET", "")), MALFORMED),
    "8.3.1 :path without a slash": (headers(1, head("GET", "health")), MALFORMED),
    "8.3.1 absolute :path": (headers(1, head("GET", "http://x/health")), MALFORMED),
    "8.3.1 space in :path": (headers(1, head("GET", "/he alth")), MALFORMED),
    "8.3.1 raw UTF-8 in :path": (headers(1, head("GET", "/h\u00e9")), ("status", 400)),
    "8.3.1 fragment in :path": (headers(1, head("GET", "/health#x")), ("status", 400)),
    "8.3.1 asterisk": (headers(1, head("OPTIONS", "*")), ("status", 400)),
    "8.3.1 empty :authority": (headers(1, head(authority="")), MALFORMED),
    "8.3.1 user in :authority": (headers(1, head(authority="me@x")), ("status", 400)),
    "8.3.1 host is another authority": (more(("host", "y")), ("status", 400)),
    "8.3.1 host is the authority": (more(("host", "x")), ANSWERED),
    "8.5 CONNECT": (headers(1, [(":method", "CONNECT"), (":authority", "x:1")]), ("status", 400)),
    "8.5 CONNECT with a path": (headers(1, head("CONNECT")), MALFORMED),
    "8441 4 extended CONNECT": (headers(1, head("CONNECT", "/health", (":protocol", "websocket"))), MALFORMED),
    # methods and sizes
    "9110 9.3.7 OPTIONS": (headers(1, head("OPTIONS")), ("status", 404)),
    "9110 9.3.8 TRACE": (headers(1, head("TRACE")), ("status", 404)),
    "9110 10.1.1 Expect is not waited for": (headers(1, post(("expect", "100-continue"))), ("status", 403)),
    "10.5.1 a hundred headers": (more(*[("a", "b")] * 100), ANSWERED),
    "10.5.1 more than a hundred headers": (more(*[("a", "b")] * 101), ("status", 431)),
    "10.5.1 headers above 32 KiB": (b"".join(frame(kind, flags, 1, block(more_than)) for kind, flags, more_than in (
        (HEADERS, 1, [*GET, ("a", "b" * 15_000)]), (9, 0, [("a", "b" * 15_000)]), (9, 4, [("a", "b" * 5_000)]))), ("status", 431)),
    "10.5.1 target above 8 KiB": (headers(1, head("GET", "/" + "a" * 9_000)), ("status", 431)),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule(milan, rule):
    data, expected = RULES[rule]
    with Http2(milan) as connection:
        connection.send(data)
        assert connection.outcome() == expected
        if expected[0] == "goaway" or rule.startswith("6.8"):
            connection.until()
            assert connection.ended, "and closes"
        else:
            assert connection.alive(), "a fault of one stream is not one of the connection"


@pytest.mark.parametrize("first", [frame(PING, payload=b"12345678"), b"\0" * 9 + b"GET / HTTP/1.1\r\n\r\n",
                                   bytes(range(256)) * 40])
def test_what_is_not_settings_after_the_preface(milan, first):
    with Http2(milan, first) as connection:
        assert connection.outcome()[0] == "goaway"
        connection.until()
        assert connection.ended


def test_frames_on_a_stream_that_was_reset_are_ignored(milan):
    with Http2(milan) as connection:
        connection.send(OPEN + RESET + frame(DATA, 1, 1, b"x") + headers(1, GET))
        assert connection.alive()


def test_what_a_refused_head_is_told(milan):
    with Http2(milan) as connection:
        connection.send(headers(1, head("POST", "/v1/chat/completions", ("host", "y"))))
        answered, body = connection.answer()
        assert answered[":status"] == "400" and "more than one host" in json.loads(body)["error"]["message"]
        connection.send(headers(3, head("POST", "/model/x/converse", *[("a", "b")] * 101)))
        answered, body = connection.answer(3)
        assert answered["x-amzn-errortype"] == "ValidationException" and "100 headers" in json.loads(body)["message"]


# --- floods -----------------------------------------------------------------------------------------------------------

def numbered(make):
    return lambda: (make(2 * turn + 1) for turn in itertools.count(1))


def endless(data: bytes):
    return lambda: itertools.repeat(data)


FLOODS = {  # first, then without end
    "CONTINUATION": (frame(HEADERS, 1, 1, SPLIT), endless(frame(9, 0, 1))),
    "CONTINUATION, each full": (frame(HEADERS, 1, 1, SPLIT), endless(frame(9, 0, 1, block([("a", "b" * 16_000)])))),
    "PING": (b"", endless(frame(PING, payload=b"12345678"))),
    "answers to no PING": (b"", endless(frame(PING, 1, payload=b"12345678"))),
    "SETTINGS": (b"", endless(frame(SETTINGS))),
    "PRIORITY": (b"", endless(frame(2, stream=1, payload=b"\0\0\0\0\1"))),
    "a type that nobody knows": (b"", endless(frame(0xab))),
    "WINDOW_UPDATE": (b"", endless(h2.window_update(0, 1))),
    "WINDOW_UPDATE of a stream": (OPEN, endless(h2.window_update(1, 1))),
    "empty DATA": (OPEN, endless(frame(DATA, stream=1))),
    "rapid reset": (b"", numbered(lambda id: headers(id, post(), END_HEADERS) + frame(
        RST_STREAM, stream=id, payload=struct.pack(">I", h2.CANCEL)))),
    "made you reset": (b"", numbered(lambda id: headers(id, post(), END_HEADERS) + h2.window_update(id, (1 << 31) - 1))),
    "made you reset, by malformed heads": (b"", numbered(lambda id: headers(id, [*GET, ("X", "y")]))),
}
FLOOD_FRAMES_MAX = 50_000  # the limits are a burst of 1,000 frames and 100 a second


@pytest.mark.parametrize("name", FLOODS)
def test_floods(regions, milan, name):
    first, rest = FLOODS[name]
    before = regions.resident_kb(MILAN)
    with Http2(milan, seconds=30) as connection:
        connection.send(first)
        flood = itertools.islice(rest(), FLOOD_FRAMES_MAX)
        while (batch := b"".join(itertools.islice(flood, 100))) and connection.send(batch):
            pass
        farewell = connection.until(GOAWAY)
        assert connection.ended or farewell.code == h2.ENHANCE_YOUR_CALM
        connection.until()
        assert connection.ended, "the connection outlived 50,000 frames"
    assert regions.resident_kb(MILAN) - before < 10_000
    assert regions.control(MILAN)["running"] == 0


@pytest.mark.parametrize("acknowledged", [False, True])
def test_more_streams_than_offered(milan, acknowledged):
    """256 at once (RFC 9113, section 5.1.2). The rest is refused, which says that nothing was done; a client that has
    acknowledged the number and goes beyond it loses the connection."""
    with Http2(milan, h2.setting(h2.INITIAL_WINDOW_SIZE, 0)) as connection:  # so that no answer can end
        settings = connection.until(SETTINGS)
        offered = dict(struct.iter_unpack(">HI", settings.payload))[h2.MAX_CONCURRENT_STREAMS]
        assert offered == 256
        streams = range(1, 2 * (offered + 10), 2)
        connection.send(frame(SETTINGS, h2.ACK) * acknowledged + b"".join(headers(stream, GET) for stream in streams))
        if acknowledged:
            assert connection.until(GOAWAY).code == h2.PROTOCOL_ERROR
            return
        refused = [connection.until(RST_STREAM) for _ in range(10)]
        assert {event.code for event in refused} == {h2.REFUSED_STREAM}
        assert {event.stream for event in refused} == set(streams[offered:])


# --- windows ----------------------------------------------------------------------------------------------------------

def converse(key: tuple[str, str], milan, operation: str = "converse-stream", **members) -> tuple[list, bytes]:
    body = json.dumps({"messages": script(**members)}).encode()
    target = TARGET.replace("converse", operation)
    authority = "{}:{}".format(*milan.address)
    signed = sign("POST", target, body, authority, key, MILAN)
    rest = [(name, value) for name, value in signed.items() if name != "host"]
    return head("POST", target, *rest, authority=authority), body


def test_a_window_of_nothing_holds_the_answer_back_and_not_the_memory(regions, milan):
    pairs, body = converse(regions.key(), milan, tokens=3_000, answer="word" * 500)
    before = regions.resident_kb(MILAN)
    with Http2(milan, h2.setting(h2.INITIAL_WINDOW_SIZE, 0), seconds=60) as connection:
        connection.send(headers(1, pairs, END_HEADERS) + frame(DATA, 1, 1, body))
        opened = connection.until(HEADERS)
        assert dict(connection.headers_of(opened))[":status"] == "200"
        assert connection.alive(), "nothing but the head came"
        assert not [event for event in connection.events if event.kind == DATA]
        eventually(lambda: regions.control(MILAN)["running"] == 1)
        assert regions.resident_kb(MILAN) - before < 10_000
        connection.send(h2.window_update(0, (1 << 31) - 70_000) + h2.window_update(1, (1 << 31) - 1))
        received = b""
        for event in connection:
            received += event.payload if event.kind == DATA else b""
            if event.stream == 1 and event.flags & h2.END_STREAM:
                break
        assert received.endswith(b"}", 0, received.rindex(b"}") + 1) and b"messageStop" in received and b"metadata" in received


def test_a_request_over_http2_is_answered_and_recorded(regions, milan):
    pairs, body = converse(regions.key(), milan, "converse")
    with Http2(milan) as connection:
        connection.send(headers(1, pairs, END_HEADERS) + frame(DATA, 0, 1, body[:7]) + frame(DATA, 1, 1, body[7:]))
        answered, document = connection.answer()
    assert answered[":status"] == "200" and json.loads(document)["stopReason"] == "end_turn"
    answer = Answer(b"", closed=False)
    answer.headers = answered
    assert one_record(regions, answer)


def test_a_client_that_half_closes_is_gone(regions, milan):
    pairs, body = converse(regions.key(), milan, tokens=1_000, token_ms=20)
    with Http2(milan) as connection:
        connection.send(headers(1, pairs, END_HEADERS) + frame(DATA, 1, 1, body))
        connection.until(DATA)
        eventually(lambda: regions.control(MILAN)["running"] == 1)
        connection.half_close()
        eventually(lambda: regions.control(MILAN)["running"] == 0)
        connection.until()
        assert connection.ended


def test_a_shutdown_says_goaway_twice_and_ends_what_runs(tmp_path):
    """RFC 9113, section 6.8: first that it comes, then, once the client has heard it, which streams are still served."""
    single = Single(tmp_path)
    try:
        single.start_model()
        gateway = single.serve()
        single.apply()
        eventually(lambda: single.health() == 200)
        pairs, body = converse(SINGLE_KEY, single.region, tokens=40, token_ms=25)
        with Http2(single.region, seconds=20) as connection:
            connection.send(headers(1, pairs, END_HEADERS) + frame(DATA, 1, 1, body))
            connection.until(DATA)
            gateway.terminate()
            last_streams, received = [], b""
            for event in connection:
                if event.kind == GOAWAY:
                    assert event.code == h2.NO_ERROR
                    last_streams.append(int.from_bytes(event.payload[:4], "big"))
                elif event.kind == PING and not event.flags & h2.ACK:
                    connection.send(frame(PING, h2.ACK, payload=event.payload))
                elif event.kind == DATA:
                    received += event.payload
            assert last_streams == [(1 << 31) - 1, 1]
            assert b"messageStop" in received and b"metadata" in received
        assert gateway.wait(30) == 0
    finally:
        single.end()
