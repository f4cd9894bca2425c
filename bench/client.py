"""The clients of a measurement: requests signed once and sent again and again, as the gateway must verify each of them.

A signature is valid for five minutes, so one request can be signed before a run and repeated through it.
"""

import asyncio
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.wire import request_bytes, sign  # noqa: E402

KEY = ("AKIABENCHBENCHBENCH1", "bench-secret-that-guards-nothing-at-all")
UNARY_PROFILE = "eu.amazon.nova-2-lite-v1%3A0"
STREAM_PROFILE = "eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
BODY = json.dumps({
    "system": [{"text": "You are a friendly guide to the sea."}],
    "messages": [{"role": "user", "content": [{"text": "Why do the tides rise and fall? " * 4}]}],
    "inferenceConfig": {"maxTokens": 80, "temperature": 0.2}}, separators=(",", ":")).encode()
LUA = """
wrk.method = "POST"
wrk.path = "%(path)s"
wrk.body = [==[%(body)s]==]
%(headers)s
"""


class Request:
    """One signed Converse or ConverseStream request, for a host name that need not be where it is sent."""

    def __init__(self, operation: str, region: str = "eu-south-1", body: bytes = BODY) -> None:
        profile = UNARY_PROFILE if operation == "converse" else STREAM_PROFILE
        self.path = f"/model/{profile}/{operation}"
        self.headers = sign("POST", self.path, body, "bench.example", KEY, region,
                            headers={"content-type": "application/json"})
        self.bytes = request_bytes("POST", self.path, self.headers, body)


def wrk(port: int, request: Request, connections: int, seconds: int, folder: pathlib.Path) -> float:
    """Requests answered with 200; ends the run if any was not."""
    script = folder / "post.lua"
    named = {"Host" if name == "host" else name: value for name, value in request.headers.items()}  # or wrk adds its own
    headers = "\n".join(f'wrk.headers["{name}"] = [==[{value}]==]' for name, value in named.items())
    script.write_text(LUA % {"path": request.path, "body": BODY.decode(), "headers": headers})
    done = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(script),
                           f"http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=seconds + 30)
    answered = re.search(r"(\d+) requests in", done.stdout)
    if done.returncode or not answered or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"bench: wrk against port {port} failed:\n{done.stdout}{done.stderr}")
    return float(answered[1])


def latencies_us(port: int, request: Request, count: int) -> list[float]:
    """One connection, one request after another: microseconds to the first body byte, in order of size."""
    found = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        for _ in range(count):
            started = time.perf_counter()
            connection.sendall(request.bytes)
            while b"\r\n\r\n" not in buffer or len(buffer) == buffer.index(b"\r\n\r\n") + 4:
                buffer += receive(connection)
            found.append((time.perf_counter() - started) * 1e6)
            buffer = rest_of(connection, buffer)
    return sorted(found)


def receive(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        sys.exit("bench: the connection ended in the middle of an answer")
    return piece


def rest_of(connection: socket.socket, buffer: bytes) -> bytes:
    """Reads the answer to its end; what follows it is returned."""
    head, _, body = buffer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
        sys.exit(f"bench: not a 200: {buffer[:500]!r}")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    if length:
        while len(body) < int(length[1]):
            body += receive(connection)
        return body[int(length[1]):]
    while not body.endswith(b"0\r\n\r\n"):
        body += receive(connection)
    return b""


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def hold_streams(port: int, request: Request, count: int, measure) -> float:
    """Opens `count` streams, waits for the first bytes of each, and returns what measure() says then."""
    gate = asyncio.Semaphore(64)

    async def open_one():
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(request.bytes)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if b" 200 " not in head:
                sys.exit(f"bench: a stream was refused: {head!r}")
            await asyncio.wait_for(reader.read(1), 30)
            return writer

    writers = await asyncio.gather(*(open_one() for _ in range(count)))
    result = measure()
    for writer in writers:
        writer.transport.abort()
    return result
