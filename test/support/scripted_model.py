"""A stand-in for a model server that does what a test says. Same command line as tools/model_server.py.

Two ways to direct it. A prompt that begins with "script:" carries a JSON object for that request alone. `POST /control`
sets the mode of the whole server until the next one and begins a new peak of requests at once; `GET /control` tells
what it has seen.

Script members: answer (text), tokens (pieces of a stream), delay_ms (before the first byte), token_ms (between pieces),
status (an HTTP error, or with location a redirect), break_after (pieces after which the connection is cut), finish_reason.
Modes: ok; refuse (503); cut (closes before a byte); hang (never answers); hold (answers once the mode is another);
garbage (200 that is not JSON); sick (/health answers 503).
"""

import argparse
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_SECONDS = 90


class Facts:
    """What the server has seen, shared by its threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.mode = "ok"
        self.seen = {"requests": 0, "answered": 0, "cancelled": 0, "running": 0, "running_peak": 0}
        self.last_request: dict = {}

    def begin(self, request: dict) -> str:
        with self.lock:
            self.seen["requests"] += 1
            self.seen["running"] += 1
            self.seen["running_peak"] = max(self.seen["running_peak"], self.seen["running"])
            self.last_request = request
            return self.mode

    def end(self, outcome: str) -> None:
        with self.lock:
            self.seen["running"] -= 1
            self.seen[outcome] += 1

    def snapshot(self) -> dict:
        with self.lock:
            return {**self.seen, "mode": self.mode, "last_request": self.last_request}


FACTS = Facts()


def script_of(request: dict) -> dict:
    content = request["messages"][-1]["content"] if request.get("messages") else ""
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    return json.loads(content[len("script:"):]) if content.startswith("script:") else {}


class ClientGone(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def redirect(self, status: int, location: str) -> None:
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def pause(self, seconds: float) -> None:
        """Waits, and notices a client that goes away meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.connection.settimeout(min(left, 0.05))
            try:
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    raise ClientGone
                time.sleep(min(left, 0.05))
            except TimeoutError:
                continue
            finally:
                self.connection.settimeout(None)

    def do_GET(self) -> None:
        if self.path == "/health":
            sick = FACTS.snapshot()["mode"] == "sick"
            self.answer(503 if sick else 200, {"status": "error" if sick else "ok"})
        elif self.path == "/control":
            self.answer(200, FACTS.snapshot())
        elif self.path == "/slots":
            busy = FACTS.snapshot()["running"]
            self.answer(200, [{"id": i, "is_processing": i < busy} for i in range(self.server.slots)])
        elif self.path == "/v1/models":
            self.answer(200, {"object": "list", "data": [{"id": self.server.alias, "object": "model"}]})
        else:
            self.answer(404, {"error": {"message": "not here"}})

    def do_POST(self) -> None:
        body = self.body()
        if self.path == "/control":
            with FACTS.lock:
                FACTS.mode = json.loads(body)["mode"]
                FACTS.seen["running_peak"] = FACTS.seen["running"]
            self.answer(200, FACTS.snapshot())
        elif self.path == "/v1/chat/completions":
            self.chat(json.loads(body))
        else:
            self.answer(404, {"error": {"message": "not here"}})

    def chat(self, request: dict) -> None:
        mode = FACTS.begin(request)
        self.running = True
        try:
            self.chat_in_mode(mode, request)
            self.end("answered")
        except (ClientGone, BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.end("cancelled")  # unless it has ended above

    def end(self, outcome: str) -> None:
        """Once, and before the last byte leaves: whoever has the whole answer may send the next request at once, and
        must not find this one still counted as running."""
        if self.running:
            self.running = False
            FACTS.end(outcome)

    def chat_in_mode(self, mode: str, request: dict) -> None:
        script = script_of(request)
        if mode == "refuse":
            return self.answer(503, {"error": {"message": "scripted refusal", "type": "unavailable_error"}})
        if mode == "cut":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        if mode == "hang":
            return self.pause(HANG_SECONDS)
        if mode == "garbage":
            return self.answer(200, b"<html>not what you asked for</html>")
        while mode == "hold" and FACTS.snapshot()["mode"] == "hold":
            self.pause(0.02)
        self.pause(script.get("delay_ms", self.server.delay_ms) / 1000)
        if "status" in script:
            self.end("answered")
            if "location" in script:
                return self.redirect(script["status"], script["location"])
            return self.answer(script["status"], {"error": {"message": "scripted error", "code": script["status"]}})
        return self.stream(request, script) if request.get("stream") else self.unary(request, script)

    def usage(self, request: dict, pieces: int) -> dict:
        words = sum(len(str(message["content"]).split()) for message in request["messages"])
        return {"prompt_tokens": words, "completion_tokens": pieces, "total_tokens": words + pieces,
                "prompt_tokens_details": {"cached_tokens": 0}}

    def pieces(self, script: dict) -> list[str]:
        words = script.get("answer", "a scripted answer").split()
        count = script.get("tokens", len(words))
        return [words[i % len(words)] + " " for i in range(count)]

    def unary(self, request: dict, script: dict) -> None:
        pieces = self.pieces(script)
        self.pause(script.get("token_ms", 0) / 1000 * len(pieces))
        self.end("answered")
        self.answer(200, {
            "id": "chatcmpl-scripted", "object": "chat.completion", "created": int(time.time()),
            "model": self.server.alias, "usage": self.usage(request, len(pieces)),
            "choices": [{"index": 0, "finish_reason": script.get("finish_reason", "stop"),
                         "message": {"role": "assistant", "content": "".join(pieces).strip()}}]})

    def stream(self, request: dict, script: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def event(payload: object) -> None:
            data = f"data: {payload if isinstance(payload, str) else json.dumps(payload)}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def chunk(delta: dict, finish: str | None = None) -> dict:
            return {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(time.time()),
                    "model": self.server.alias, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

        event(chunk({"role": "assistant", "content": None}))
        pieces = self.pieces(script)
        for number, piece in enumerate(pieces):
            if number == script.get("break_after"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            event(chunk({"content": piece}))
            self.pause(script.get("token_ms", 0) / 1000)
        event(chunk({}, script.get("finish_reason", "stop")))
        event({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(time.time()),
               "model": self.server.alias, "choices": [], "usage": self.usage(request, len(pieces))})
        self.end("answered")
        event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--model-alias", default="smollm2")
    parser.add_argument("--delay-ms", type=int, default=0, help="before the first byte, where a script says nothing")
    arguments = parser.parse_args()
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server((arguments.host, arguments.port), Handler)
    server.slots, server.alias, server.delay_ms = arguments.slots, arguments.model_alias, arguments.delay_ms
    print("ready: scripted", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
