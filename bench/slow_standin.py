"""A model server whose streams last: one token a second until the client goes. For memory with many open streams."""

import asyncio
import json
import sys

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TOKEN = b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "standin",
                                "choices": [{"index": 0, "delta": {"content": "tide "},
                                             "finish_reason": None}]}).encode() + b"\n\n"
SECONDS_MAX = 120


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                           if line.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                continue
            writer.write(HEAD)
            for _ in range(SECONDS_MAX):
                writer.write(b"%x\r\n%s\r\n" % (len(TOKEN), TOKEN))
                await writer.drain()
                await asyncio.sleep(1)
            return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


asyncio.run(main())
