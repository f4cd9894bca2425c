"""Bytes on a socket, and AWS Signature Version 4 written out, for requests that no well-behaved client can make."""

import datetime
import hashlib
import hmac
import json
import socket
import urllib.parse

from support.deployment import Region


def sign(method: str, target: str, body: bytes, host: str, key: tuple[str, str], region: str, *,
         service: str = "bedrock", at: datetime.datetime | None = None, headers: dict[str, str] | None = None,
         ) -> dict[str, str]:
    """The headers of a signed request; `headers` are sent and signed too."""
    at = at or datetime.datetime.now(datetime.timezone.utc)
    stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    signed = {"host": host, "x-amz-date": stamp, **{k.lower(): v for k, v in (headers or {}).items()}}
    path, _, query = target.partition("?")
    canonical = "\n".join([
        method, urllib.parse.quote(path, safe="/-_.~"), "&".join(sorted(query.split("&"))),
        "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed)),
        ";".join(sorted(signed)), hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{key[1]}".encode()
    for part in (day, region, service, "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, to_sign.encode(), "sha256").hex()
    return {**signed, "authorization": f"AWS4-HMAC-SHA256 Credential={key[0]}/{scope}, "
            f"SignedHeaders={';'.join(sorted(signed))}, Signature={signature}"}


def request_bytes(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request with a Content-Length, unless the headers say otherwise."""
    if body and not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
        headers = {**headers, "content-length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def converse_bytes(region: Region, key: tuple[str, str], body: bytes, *,
                   profile: str = "eu.amazon.nova-2-lite-v1%3A0", operation: str = "converse", **options) -> bytes:
    """A whole signed Converse request."""
    host = "{}:{}".format(*region.address)
    target = f"/model/{profile}/{operation}"
    headers = sign("POST", target, body, host, key, region.name, **options)
    return request_bytes("POST", target, headers, body)


class Answer:
    """An HTTP/1.1 answer read from a socket until its end, or what came before the connection ended."""

    def __init__(self, raw: bytes, closed: bool) -> None:
        self.raw, self.closed = raw, closed
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        words = status_line.split()
        self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def error_type(self) -> str:
        return self.headers.get("x-amzn-errortype", "")

    def json(self) -> dict:
        return json.loads(self.body)


def connect(region: Region, seconds: float = 10, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(seconds)
    connection.connect(region.address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_answer(connection: socket.socket) -> Answer:
    """Reads one answer with a Content-Length, or until the connection ends."""
    raw, closed = b"", False
    while True:
        answer = Answer(raw, closed)
        if b"\r\n\r\n" in raw and len(answer.body) >= int(answer.headers.get("content-length", 1 << 60)):
            return answer
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return Answer(raw, closed=True)
        raw += piece


def exchange(region: Region, data: bytes, seconds: float = 15) -> Answer:
    """Sends bytes on a new connection and reads what comes back."""
    with connect(region, seconds) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent: the answer is already there
        return read_answer(connection)
