"""A model server that does what a prompt tells it, and tells what it was asked: the scripted gateway's back-end.

OpenAI-compatible. A prompt that holds "script:" and a JSON object directs the answer to that request:

  answer       the text
  echo         true: the text is the request as it arrived here, in JSON, so that a case can check what a field became
  reasoning    text before the answer
  calls        tool calls: [{"name", "arguments"}]
  finish       finish_reason ("stop"; "tool_calls" where there are calls)
  matched      the stop string that matched, told as vLLM does
  cached       how many prompt tokens came from its cache
  status       an HTTP error instead of an answer
  times        ... only for the first so many requests that carry the same script
  error_after  a stream's pieces before an error inside it;  cut_after: before the connection is closed

Anything else is answered with "a scripted answer". Embeddings are [length of the text, 1, 0, 0].
"""

import argparse
import asyncio
import base64
import collections
import ctypes
import json
import re
import signal
import struct
import sys

PIECE_CHARS = 24  # of a streamed answer
SCRIPT = re.compile(r"script:(?=\{)")


def texts_of(request: dict):
    for message in request.get("messages", []):
        content = message.get("content") or ""
        for part in content if isinstance(content, list) else [{"text": content}]:
            yield part.get("text", "")


def script_of(request: dict) -> dict:
    found = {}
    for text in texts_of(request):
        if place := SCRIPT.search(text):
            found, _ = json.JSONDecoder().raw_decode(text, place.end())
    return found


class Answer:
    """What a script makes of a request, before it is known whether it is streamed."""

    def __init__(self, request: dict, script: dict) -> None:
        self.text = json.dumps(request) if script.get("echo") else script.get("answer", "a scripted answer")
        self.calls = [{"id": f"call_{index}", "type": "function",
                       "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}
                      for index, call in enumerate(script.get("calls", []))]
        if self.calls and "answer" not in script:
            self.text = ""
        self.reasoning = script.get("reasoning", "")
        self.finish = script.get("finish", "tool_calls" if self.calls else "stop")
        self.matched = script.get("matched")
        words = sum(len(text.split()) for text in texts_of(request)) + 1
        made = len(self.text.split()) + len(self.calls)
        self.usage = {"prompt_tokens": words + script.get("cached", 0), "completion_tokens": made,
                      "total_tokens": words + made + script.get("cached", 0),
                      "prompt_tokens_details": {"cached_tokens": script.get("cached", 0)}}
        self.head = {"id": "chatcmpl-scripted", "created": 1_700_000_000, "model": request.get("model", "scripted")}

    def choice(self, **members) -> dict:
        matched = {"stop_reason": self.matched} if self.matched else {}
        return {"index": 0, **members, **matched}

    def whole(self) -> dict:
        message = {"role": "assistant", "content": self.text or None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = self.calls
        return {**self.head, "object": "chat.completion", "usage": self.usage,
                "choices": [self.choice(message=message, finish_reason=self.finish)]}

    def chunk(self, delta: dict, finish: str | None = None) -> dict:
        choice = self.choice(delta=delta, finish_reason=finish) if finish else \
            {"index": 0, "delta": delta, "finish_reason": None}
        return {**self.head, "object": "chat.completion.chunk", "choices": [choice]}

    def chunks(self, with_usage: bool):
        yield self.chunk({"role": "assistant", "content": None})
        for start in range(0, len(self.reasoning), PIECE_CHARS):
            yield self.chunk({"reasoning_content": self.reasoning[start:start + PIECE_CHARS]})
        for start in range(0, len(self.text), PIECE_CHARS):
            yield self.chunk({"content": self.text[start:start + PIECE_CHARS]})
        for index, call in enumerate(self.calls):
            arguments = call["function"]["arguments"]
            first = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            yield self.chunk({"tool_calls": [first]})
            for start in range(0, len(arguments), PIECE_CHARS):
                piece = {"arguments": arguments[start:start + PIECE_CHARS]}
                yield self.chunk({"tool_calls": [{"index": index, "function": piece}]})
        yield self.chunk({}, self.finish)
        if with_usage:
            yield {**self.head, "object": "chat.completion.chunk", "choices": [], "usage": self.usage}


def embeddings(request: dict) -> dict:
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    vectors = [[float(len(str(text))), 1.0, 0.0, 0.0] for text in inputs]
    if request.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<4f", *vector)).decode() for vector in vectors]
    count = sum(len(str(text).split()) for text in inputs)
    return {"object": "list", "model": request.get("model", "scripted"),
            "usage": {"prompt_tokens": count, "total_tokens": count},
            "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]}


class Backend:
    def __init__(self) -> None:
        self.failed = collections.Counter()  # script -> how often `status` was answered

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                length = re.search(rb"content-length: *(\d+)", head, re.I)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not await self.answer(writer, method, target, body):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, method: str, target: str, body: bytes) -> bool:
        """True: the connection can be used again."""
        if method == "GET" and target == "/health":
            return await self.whole(writer, 200, {"status": "ok"})
        if target == "/v1/embeddings":
            return await self.whole(writer, 200, embeddings(json.loads(body)))
        if target != "/v1/chat/completions":
            return await self.whole(writer, 404, {"error": {"message": "not here", "code": 404}})
        request = json.loads(body)
        script = script_of(request)
        key = json.dumps(script)
        if "status" in script and self.failed[key] < script.get("times", sys.maxsize):
            self.failed[key] += 1
            return await self.whole(writer, script["status"],
                                    {"error": {"message": "as scripted", "type": "scripted", "code": script["status"]}})
        answer = Answer(request, script)
        if not request.get("stream"):
            return await self.whole(writer, 200, answer.whole())
        return await self.stream(writer, answer, request, script)

    async def whole(self, writer: asyncio.StreamWriter, status: int, body: dict) -> bool:
        payload = json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        await writer.drain()
        return True

    async def stream(self, writer: asyncio.StreamWriter, answer: Answer, request: dict, script: dict) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

        async def event(data: str) -> None:
            payload = f"data: {data}\n\n".encode()
            writer.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")
            await writer.drain()

        with_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        for number, chunk in enumerate(answer.chunks(with_usage)):
            if number == script.get("cut_after"):
                return False
            if number == script.get("error_after"):
                await event(json.dumps({"error": {"message": "as scripted", "type": "server_error", "code": 500}}))
                break
            await event(json.dumps(chunk))
        await event("[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: it ends with the runner
    server = await asyncio.start_server(Backend().serve, "127.0.0.1", arguments.port, limit=32 << 20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
