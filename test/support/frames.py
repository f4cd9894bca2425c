"""HTTP/2 as frames on a socket: what a client library would never send, and what comes back, frame by frame."""

import itertools
import socket
import ssl
import struct
from collections.abc import Iterable
from typing import NamedTuple

import hpack

from support.deployment import Region
from support.wire import connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)

Pairs = Iterable[tuple[str, str | bytes]]


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8], "big")


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(pairs: Pairs) -> bytes:
    """A header block without the dynamic table, so that blocks can be cut and repeated at will."""
    def text(value: str | bytes) -> bytes:
        octets = value if isinstance(value, bytes) else value.encode()
        return hpack.hpack.encode_integer(len(octets), 7) + octets
    return b"".join(b"\0" + text(name) + text(value) for name, value in pairs)


def headers(stream: int, pairs: Pairs, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, block(pairs))


def head(method: str = "GET", path: str = "/health", *more: tuple[str, str], authority: str = "x") -> list:
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority), *more]


def setting(name: int, value: int) -> bytes:
    return frame(SETTINGS, payload=struct.pack(">HI", name, value))


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", size))


class Reader:
    """Frames as they come on a connection. `events` are those so far; `ended` says whether the other side has left."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = b""
        self.events: list[Frame] = []
        self.ended = False

    def __iter__(self):
        """Until the connection ends."""
        while True:
            size = 9 + int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) >= 9 and len(self.buffer) >= size:
                raw, self.buffer = self.buffer[:size], self.buffer[size:]
                event = Frame(raw[3], raw[4], int.from_bytes(raw[5:9], "big"), raw[9:])
                self.events.append(event)
                yield event
                continue
            try:
                piece = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                piece = b""
            if not piece:
                self.ended = True
                return
            self.buffer += piece


class Http2(Reader):
    """A client's connection, its preface sent: to a Region's public port, or over a connection that is there already."""

    def __init__(self, region: Region | None, first: bytes = frame(SETTINGS), seconds: float = 10,
                 connection: socket.socket | None = None, **options) -> None:
        super().__init__(connection or connect(region, seconds, **options))
        self.decoder = hpack.Decoder()
        self.send(PREFACE + first)

    def __enter__(self) -> "Http2":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """False: the other side has closed; what it said before can still be read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False
        return True

    def until(self, *kinds: int, stream: int | None = None) -> Frame | None:
        """The next frame of one of these kinds, or nothing when the connection ends before."""
        wanted = (event for event in self if event.kind in kinds and stream in (None, event.stream))
        return next(wanted, None)

    def headers_of(self, event: Frame) -> dict[str, str]:
        return dict(self.decoder.decode(event.payload))

    def answer(self, stream: int = 1) -> tuple[dict[str, str], bytes]:
        """Headers and body of the answer on a stream."""
        found: dict[str, str] = {}
        body = b""
        for event in self:
            if event.kind == HEADERS:  # of any stream: the table of HPACK is shared
                decoded = self.headers_of(event)
                found |= decoded if event.stream == stream else {}
            if event.stream != stream:
                continue
            assert event.kind != RST_STREAM, f"reset with {event.code}"
            if event.kind == DATA:
                body += event.payload
            if event.kind in (DATA, HEADERS) and event.flags & END_STREAM:
                return found, body
        raise AssertionError(f"the connection ended: {self.events[-3:]}")

    def outcome(self) -> tuple[str, int]:
        """What the other side says of a request or a fault: ("status", n), ("reset", code) or ("goaway", code)."""
        event = self.until(HEADERS, RST_STREAM, GOAWAY)
        if event is None:
            return ("closed", 0)
        if event.kind == HEADERS:
            return ("status", int(self.headers_of(event)[":status"]))
        return ("reset" if event.kind == RST_STREAM else "goaway", event.code)

    def alive(self) -> bool:
        """A PING is answered."""
        token = next(TOKENS).to_bytes(8, "big")
        if not self.send(frame(PING, payload=token)):
            return False
        return any(event.kind == PING and event.flags & ACK and event.payload == token for event in self)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)


TOKENS = itertools.count(1)
