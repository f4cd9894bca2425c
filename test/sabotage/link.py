"""The link protocol byte for byte, for attackers that hold real certificates: mutual TLS, the exported secret, sealed
documents (src/peer/seal.hpp and packed.hpp), routing tokens (token.hpp), trailers and reports (wire.hpp), and both roles
of HTTP/2.
Everything here can be told to lie; nothing here decides what is right.
"""

import hashlib
import hmac
import json
import os
import pathlib
import socket
import ssl
import struct
import threading
import time
import uuid
from collections.abc import Callable

import hpack

from support import frames
from world import MODEL_ID

EXPORTER_LABEL = b"EXPORTER-tidegate-routing-token"
TOKEN_LABEL, TRAILER_LABEL = b"tidegate routing token 1", b"tidegate trailer 1"
EXECUTE, REPORTS, TOKENS = (f"/peer/3/{name}" for name in ("execute", "reports", "tokens"))
LIFETIME_MS = 60_000
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FRAME_MAX = 16_384  # octets, RFC 9113, section 4.2
TOKEN_FIELDS = (("v", "version"), ("jti", "text"), ("rid", "text"), ("src", "text"), ("dst", "text"), ("profile", "text"),
                ("pv", "number"), ("row", "digest"), ("subset", "texts"), ("op", "text"), ("model", "text"),
                ("body", "digest"), ("principal", "digest"), ("exp", "number"))
TRAILER_FIELDS = (("v", "version"), ("rid", "text"), ("region", "text"), ("outcome", "text"), ("message", "text"),
                  ("model", "text"), ("stop", "text"), ("in", "number"), ("out", "number"), ("cacheRead", "number"),
                  ("cacheWrite", "number"), ("firstByteMs", "number"), ("totalMs", "number"), ("at", "number"),
                  ("row", "digest"), ("answer", "digest"))


# --- sealed documents -----------------------------------------------------------------------------------------------

def canonical(document: dict) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def packed(fields: tuple, document: dict) -> bytes:
    """The fields in their order; what the document has not is left out."""
    return b"".join(packed_field(kind, document[name]) for name, kind in fields if name in document)


def packed_field(kind: str, value) -> bytes:
    if kind == "version":
        return bytes([value])
    if kind == "number":
        return struct.pack(">q", value)
    if kind == "digest":
        return bytes.fromhex(value)
    if kind == "texts":
        return struct.pack(">H", len(value)) + b"".join(packed_field("text", one) for one in value)
    octets = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(octets)) + octets


def unpacked(fields: tuple, data: bytes) -> dict:
    document = {}

    def take(octets: int) -> bytes:
        nonlocal data
        taken, data = data[:octets], data[octets:]
        return taken

    def text() -> str:
        return take(int.from_bytes(take(2), "big")).decode()
    for name, kind in fields:
        if kind == "texts":
            document[name] = [text() for _ in range(int.from_bytes(take(2), "big"))]
        else:
            document[name] = (take(1)[0] if kind == "version" else struct.unpack(">q", take(8))[0] if kind == "number"
                              else take(32).hex() if kind == "digest" else text())
    return document


def seal(label: bytes, text: bytes, secret: bytes) -> bytes:
    leaf = hashlib.sha256(b"\0" + label + b"\0" + text).digest()
    return text + hmac.digest(secret, leaf, "sha256")


def front(sealed: bytes, traceparent: bytes = TRACEPARENT) -> bytes:
    """What stands before the body that a token is about."""
    return struct.pack(">H", len(sealed)) + sealed + traceparent


def answer_headers(*pairs: tuple[str, str | bytes]) -> bytes:
    """The first piece of an answer."""
    octets = struct.pack(">H", len(pairs)) + b"".join(packed_field("text", one) for pair in pairs for one in pair)
    return struct.pack(">I", len(octets)) + octets


def pieces(answer: bytes, *trailers: bytes) -> bytes:
    """An answer as it goes over a link, behind its headers: in pieces, then the trailer."""
    cut = [answer[start:start + FRAME_MAX // 2] for start in range(0, len(answer), FRAME_MAX // 2)]
    return b"".join(struct.pack(">I", len(piece)) + piece for piece in [*cut, *([b""] if trailers else [])]) \
        + b"".join(trailers)


def row_hash(profile: str, version: int, source: str, destinations: list[str]) -> str:
    return hashlib.sha256(canonical({"destinations": sorted(destinations), "profile": profile, "source": source,
                                     "version": version})).hexdigest()


def token(profile: str, destinations: list[str], source: str, destination: str, body: bytes, /,
          **changed) -> dict:
    """A token as an honest signer makes it for this row; `changed` members are replaced, or left out where None."""
    made = {"body": hashlib.sha256(body).hexdigest(), "dst": destination,
            "exp": int(time.time() * 1000) + LIFETIME_MS, "jti": str(uuid.uuid4()), "model": MODEL_ID,
            "op": "Converse", "principal": hashlib.sha256(b"arn:aws:iam::111122223333:user/service").hexdigest(),
            "profile": profile, "pv": 1, "rid": str(uuid.uuid4()), "row": row_hash(profile, 1, source, destinations),
            "src": source, "subset": [], "v": 1} | changed
    return {name: value for name, value in made.items() if value is not None}


def trailer(request_id: str, place: str, ran: str, body: bytes, **changed) -> dict:
    return {"answer": hashlib.sha256(body).hexdigest(), "at": int(time.time() * 1000), "cacheRead": 0, "cacheWrite": 0, "firstByteMs": 1, "in": 1,
            "message": "", "model": "lying-model", "out": 1, "outcome": "success", "region": place,
            "rid": request_id, "row": ran, "stop": "end_turn", "totalMs": 1, "v": 1} | changed


def report(sequence: int, slots: int = 50, **changed) -> bytes:
    """Room for everybody."""
    return canonical({"catalogEpoch": 0, "drained": False, "draining": False, "epoch": 1, "models": {
        MODEL_ID: {"busy": 0, "ready": True, "slots": slots, "waiting": 0}}, "operations": ["Converse", "ConverseStream"],
        "protocol": 3, "runningForReader": 0, "sequence": sequence} | changed) + b"\n"


# --- TLS --------------------------------------------------------------------------------------------------------------

def exported_secret(key_log: str, cipher: str) -> bytes:
    """RFC 8446, section 7.5, from the session's exporter secret: Python's ssl module does not offer it."""
    digest = "sha384" if cipher.endswith("SHA384") else "sha256"
    master = next(bytes.fromhex(line.split()[2]) for line in key_log.splitlines()
                  if line.startswith("EXPORTER_SECRET"))
    size = hashlib.new(digest).digest_size

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        name = b"tls13 " + label
        info = struct.pack(">HB", length, len(name)) + name + bytes([len(context)]) + context
        return hmac.digest(secret, info + b"\x01", digest)[:length]
    derived = expand(master, EXPORTER_LABEL, hashlib.new(digest, b"").digest(), size)
    return expand(derived, b"exporter", hashlib.new(digest, b"").digest(), 32)


class Session:
    """One TLS session over a socket, its keys added to the capture's."""

    def __init__(self, raw: socket.socket, certificate: tuple[str, str] | None, keys: pathlib.Path, role: str,
                 maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = maximum
        context.set_alpn_protocols(["h2"])
        if certificate:
            context.load_cert_chain(*certificate)
        own = keys.with_name(f"keys-{uuid.uuid4()}")
        context.keylog_filename = str(own)
        try:
            self.socket = context.wrap_socket(raw, server_side=role == "server")
            self.secret = exported_secret(own.read_text(), self.socket.cipher()[0]) \
                if self.socket.version() == "TLSv1.3" else b""
        except OSError:
            raw.close()
            raise
        finally:
            context.keylog_filename = None
            with keys.open("ab") as shared:
                shared.write(own.read_bytes())
            own.unlink()


class Refused(Exception):
    """The other side would not talk: TLS alert, reset or end."""


# --- the source's role ----------------------------------------------------------------------------------------------

class Link(frames.Http2):
    """A link dialled by an attacker."""

    def __init__(self, raw: socket.socket, certificate: tuple[str, str] | None, keys: pathlib.Path, **options) -> None:
        try:
            session = Session(raw, certificate, keys, "client", **options)
        except OSError as error:
            raise Refused(str(error)) from error
        self.secret = session.secret
        super().__init__(None, connection=session.socket)
        if self.until(frames.SETTINGS) is None:
            self.socket.close()
            raise Refused("closed after the handshake")
        self.next_stream = 1

    def headers_of(self, event: frames.Frame) -> dict[str, str]:
        pairs = self.decoder.decode(event.payload, raw=True)
        return {name.decode(): value.decode("latin-1") for name, value in pairs}

    def sealed(self, made: dict) -> bytes:
        """A token, as an honest source seals it for this link."""
        return seal(TOKEN_LABEL, packed(TOKEN_FIELDS, made), self.secret)

    def send_request(self, path: str, body: bytes | None, *more: tuple[str, str | bytes],
                     cuts: tuple[int, ...] = ()) -> int:
        """`cuts`: where the body is cut; each piece comes a while after the one before."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        pairs = frames.head("POST" if body is not None else "GET", path, *more, authority="attacker")
        if body is None:
            self.send(frames.headers(stream, pairs))
        else:
            self.send(frames.headers(stream, pairs, frames.END_HEADERS))
            for start, end in zip((0, *cuts), (*cuts, len(body))):
                time.sleep(0.05 if start else 0)
                self.send(frames.frame(frames.DATA, frames.END_STREAM if end == len(body) else 0, stream,
                                       body[start:end]))
        return stream

    def execute(self, tokens: list[bytes], body: bytes, cuts: tuple[int, ...] = ()) -> dict[str, str]:
        """The answer's headers, its body as ":body"."""
        stream = self.send_request(EXECUTE, b"".join(front(one) for one in tokens) + body, cuts=cuts)
        found, answered = self.answer(stream)
        return found | {":body": answered.decode("utf-8", "replace")}

    def reports_status(self) -> int:
        self.send_request(REPORTS, None)
        return self.outcome()[1]

    def post_tokens(self, lines: bytes) -> dict[str, str]:
        """What a source signs of its tokens (attester.py)."""
        return self.answer(self.send_request(TOKENS, lines))[0]


# --- the destination's role -----------------------------------------------------------------------------------------

class Request:
    """What came on one stream: headers and body, and its token as far as it can be read."""

    def __init__(self, headers: dict[str, bytes], body: bytes, secret: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        self.headers, self.body, self.secret = headers, body[end + len(TRACEPARENT):], secret
        self.sealed = body[2:end]
        self.token = unpacked(TOKEN_FIELDS, self.sealed[:-32]) if len(self.sealed) > 32 else {}


class Reply:
    """What a lying destination sends: a status, headers, an answer and trailers, or an end without them; or `raw`, a body
    as it stands behind headers of HTTP, and fields of HTTP behind it."""

    def __init__(self, body: bytes, trailers: list[bytes], status: str = "200", headers: list | None = None,
                 content_type: str = "application/json", raw: bytes | None = None,
                 fields: list[tuple[str, bytes]] | None = None) -> None:
        self.body, self.trailers, self.status, self.raw, self.fields = body, trailers, status, raw, fields
        self.headers = headers if headers is not None else [("content-type", content_type)]


class Impostor:
    """A server on a Region's address that answers links as it is told. `seen` are the requests that reached it."""

    def __init__(self, listener: socket.socket, certificate: tuple[str, str], keys: pathlib.Path,
                 reply: Callable[[Request], Reply] | None = None) -> None:
        self.listener, self.certificate, self.keys, self.reply = listener, certificate, keys, reply
        self.seen: list[Request] = []
        self.talked = False  # whether anybody spoke HTTP/2 with it
        self.refused = 0
        self.report_changes: dict = {}
        self.signed: list[bytes] = []  # lines that every stream of reports carries, too (attester.py)
        self.closing = False
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self) -> None:
        self.closing = True
        self.listener.close()

    def accept(self) -> None:
        while not self.closing:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw: socket.socket) -> None:
        try:
            session = Session(raw, self.certificate, self.keys, "server")
            self.talk(session)
        except (OSError, ValueError):
            self.refused += 1

    def talk(self, session: Session) -> None:
        connection, decoder = session.socket, hpack.Decoder()
        preface = b""
        while len(preface) < len(frames.PREFACE):
            piece = connection.recv(len(frames.PREFACE) - len(preface))
            if not piece:
                self.refused += 1
                return
            preface += piece
        self.talked = True
        lock = threading.Lock()

        def send(data: bytes) -> None:
            with lock:
                connection.sendall(data)
        send(frames.frame(frames.SETTINGS) + frames.window_update(0, 2**30))  # room for the requests of all cases
        reader = frames.Reader(connection)
        requests: dict[int, tuple[dict, bytes]] = {}
        for event in reader:
            if event.kind == frames.SETTINGS and not event.flags & frames.ACK:
                send(frames.frame(frames.SETTINGS, frames.ACK))
            elif event.kind == frames.PING and not event.flags & frames.ACK:
                send(frames.frame(frames.PING, frames.ACK, payload=event.payload))
            elif event.kind == frames.HEADERS:
                pairs = {n.decode(): v for n, v in decoder.decode(event.payload, raw=True)}
                requests[event.stream] = (pairs, b"")
            elif event.kind == frames.DATA:
                head, body = requests[event.stream]
                requests[event.stream] = (head, body + event.payload)
            if event.kind in (frames.HEADERS, frames.DATA) and event.flags & frames.END_STREAM:
                head, body = requests.pop(event.stream)
                if head[":path"] == REPORTS.encode():
                    threading.Thread(target=self.report, args=(send, event.stream), daemon=True).start()
                elif head[":path"] == TOKENS.encode():
                    send(frames.headers(event.stream, [(":status", "200"), ("content-length", "0")]))
                else:
                    request = Request(head, body, session.secret)
                    self.seen.append(request)
                    self.answer(send, event.stream, request)

    def report(self, send: Callable[[bytes], None], stream: int) -> None:
        try:
            send(frames.headers(stream, [(":status", "200"), ("content-type", "application/x-ndjson")],
                                frames.END_HEADERS))
            sequence, told = 0, len(self.signed)
            while not self.closing:
                sequence += 1
                news, told = self.signed[told:], len(self.signed)
                lines = report(sequence, **self.report_changes) + b"".join(news)
                for start in range(0, len(lines), FRAME_MAX):
                    send(frames.frame(frames.DATA, 0, stream, lines[start:start + FRAME_MAX]))
                time.sleep(0.1)
        except OSError:
            return

    def answer(self, send: Callable[[bytes], None], stream: int, request: Request) -> None:
        reply = self.reply(request) if self.reply else Reply(b"{}", [])
        answers = reply.status == "200" and reply.raw is None
        out = frames.headers(stream, [(":status", reply.status), *([] if answers else reply.headers)], frames.END_HEADERS)
        body = (answer_headers(*reply.headers) + pieces(reply.body, *reply.trailers) if answers
                else reply.raw if reply.raw is not None else reply.body)
        for start in range(0, len(body), FRAME_MAX):
            out += frames.frame(frames.DATA, 0, stream, body[start:start + FRAME_MAX])
        send(out + (frames.headers(stream, reply.fields) if reply.fields
                    else frames.frame(frames.DATA, frames.END_STREAM, stream)))
