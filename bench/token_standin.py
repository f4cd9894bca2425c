"""A model server whose streams last: tokens at a steady rate until the client goes, each with the time at which it was
sent. Streams are out of phase: no two of a hundred send at the same moment.

  python3 token_standin.py PORT TOKENS_A_SECOND

Below /unary every question is answered at once and whole, below /flood with tokens as fast as they are taken.
"""

import json
import select
import socket
import sys
import time

from stack import ANSWER

PHASES = 100
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
MARK = "@{}".format("0" * 16)  # in its place: the time, in as many digits
TOKEN = ("data: " + json.dumps({
    "id": "chatcmpl-standin", "object": "chat.completion.chunk", "created": 1, "model": "standin",
    "choices": [{"index": 0, "delta": {"content": MARK + " "}, "finish_reason": None}]}) + "\n\n").encode()
CHUNK = b"%x\r\n%s\r\n" % (len(TOKEN), TOKEN)
BEFORE, AFTER = CHUNK.split(MARK.encode())
FLOOD = CHUNK * 200


def whole(kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.head = b""
        self.body_left = -1  # the head is not complete
        self.unsent = b""

    def question(self) -> str | None:
        """Reads what is there; the target once a whole request has come. Raises ConnectionError at its end."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionResetError
        if self.body_left < 0:
            self.head += piece
            head, end, piece = self.head.partition(b"\r\n\r\n")
            if not end:
                return None
            self.head = head
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self.body_left = int(lengths[0].split(b":")[1]) if lengths else 0
        self.body_left -= len(piece)
        if self.body_left > 0:
            return None
        target = self.head.split(b" ", 2)[1].decode()
        self.head, self.body_left = b"", -1
        return target

    def send(self, data: bytes) -> None:
        """Sends what there is room for. A token for which there is none is left out, but never half of one."""
        data = self.unsent or data
        try:
            self.unsent = data[self.socket.send(data):]
        except BlockingIOError:
            pass


class Standin:
    def __init__(self, port: int, rate: float) -> None:
        self.tick = 1 / rate / PHASES
        self.phases: list[set[Connection]] = [set() for _ in range(PHASES)]
        self.floods: set[Connection] = set()
        self.connections: dict[int, Connection] = {}
        self.started = 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=2048)
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)

    def drop(self, connection: Connection) -> None:
        for group in (*self.phases, self.floods):
            group.discard(connection)
        self.connections.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def accept(self) -> None:
        connected, _ = self.listener.accept()
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[connected.fileno()] = Connection(connected)
        self.epoll.register(connected, select.EPOLLIN)

    def read(self, connection: Connection) -> None:
        target = connection.question()
        if target is None:
            return
        if target.endswith("/health"):
            connection.send(whole("text/plain", b"ok"))
        elif target.startswith("/unary"):
            connection.send(whole("application/json", ANSWER.encode()))
        else:
            connection.send(HEAD)
            group = self.floods if target.startswith("/flood") else self.phases[self.started * 37 % PHASES]
            group.add(connection)
            self.started += 1

    def guarded(self, work, connection: Connection, *arguments) -> None:
        try:
            work(*arguments)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(connection)

    def run(self) -> None:
        phase, due = 0, time.monotonic()
        while True:
            for descriptor, _ in self.epoll.poll(max(0.0, due - time.monotonic())):
                if descriptor == self.listener.fileno():
                    self.accept()
                elif connection := self.connections.get(descriptor):
                    self.guarded(self.read, connection, connection)
            if time.monotonic() < due:
                continue
            for connection in list(self.phases[phase]):
                self.guarded(connection.send, connection, BEFORE + b"@%016d" % (time.monotonic_ns() // 1000) + AFTER)
            for connection in list(self.floods):
                self.guarded(connection.send, connection, FLOOD)
            phase = (phase + 1) % PHASES
            due += self.tick


Standin(int(sys.argv[1]), float(sys.argv[2])).run()
