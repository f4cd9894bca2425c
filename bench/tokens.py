"""Many open streams at once: what a token costs in CPU, how late it is, and what a slow reader costs in memory."""

import re
import select
import socket
import sys
import time
from dataclasses import dataclass

from client import Request, percentile

MARK = re.compile(rb"@(\d{16})")
OPEN_SECONDS_MAX = 60


@dataclass
class Tokens:
    count: int
    cpu_us: float        # a token
    delay_p99_ms: float  # between its sending by the model server and its arrival here


class Streams:
    """Open streams of one server, read as fast as they come."""

    def __init__(self, port: int, request: Request, count: int) -> None:
        self.epoll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.begun: set[int] = set()
        give_up = time.monotonic() + OPEN_SECONDS_MAX
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request.bytes)
            connection.setblocking(False)
            self.sockets[connection.fileno()] = connection
            self.epoll.register(connection, select.EPOLLIN)
            if number % 50 == 49:
                self.read(0.02)
        while len(self.begun) < count:
            if time.monotonic() > give_up:
                sys.exit(f"bench: {len(self.begun)} of {count} streams began within {OPEN_SECONDS_MAX} s")
            self.read(0.1)

    def read(self, seconds: float, delays_us: list[int] | None = None) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self.epoll.poll(left):
                data = self.sockets[descriptor].recv(65536)
                if not data:
                    sys.exit("bench: a stream ended")
                marks = MARK.findall(data)
                if marks:
                    self.begun.add(descriptor)
                elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
                    sys.exit(f"bench: a stream was refused: {data[:300]!r}")
                if delays_us is not None:
                    now = time.monotonic_ns() // 1000
                    delays_us.extend(now - int(mark) for mark in marks)

    def close(self) -> None:
        for connection in self.sockets.values():
            connection.close()


def tokens(port: int, request: Request, streams: int, seconds: float, processes: list) -> Tokens:
    opened = Streams(port, request, streams)
    opened.read(1)
    delays: list[int] = []
    before = sum(process.cpu_ns() for process in processes)
    opened.read(seconds, delays)
    spent = sum(process.cpu_ns() for process in processes) - before
    opened.close()
    if not delays:
        sys.exit(f"bench: no token came within {seconds} s: this machine stood still")
    return Tokens(len(delays), spent / 1000 / len(delays), percentile(sorted(delays), 0.99) / 1000)


def read_slowly(port: int, request: Request, seconds: int) -> None:
    """A client with a small buffer that takes 1 KB a second of a stream that could fill any memory."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request.bytes)
        for _ in range(seconds):
            connection.recv(1024)
            time.sleep(1)
