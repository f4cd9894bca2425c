"""The referee: what packet captures and files show, and nothing that a gateway says of itself. tshark reads the captures
with the keys of every TLS session; a payload is found by its canary, as it stands or in hexadecimal or base64.
"""

import base64
import collections
import pathlib
import re
import subprocess
from dataclasses import dataclass

from world import ADDRESSES, API, MODEL, PEER, PIRATE, Host

FIELDS = ("frame.interface_name", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.payload",
          "http2.streamid", "http2.data.data", "http2.header.value")
TLS_PORTS = f"{PEER}-{PEER + 199}"
READ_SECONDS = 120


@dataclass(frozen=True)
class Sighting:
    """Payload where a packet or a file shows it."""
    canary: str
    host: str   # whose namespace or folder
    where: str  # "wire", "back-end" or the file's path
    sender: str
    octets: int


def spellings(canary: str) -> list[bytes]:
    plain = canary.encode()
    found = [plain, plain.hex().encode()]
    for shift in range(3):  # the middle of its base64, whichever way it falls on groups of three
        whole = base64.b64encode(b"\0" * shift + plain)
        found.append(whole[4 if shift else 0:len(whole) // 4 * 4 - 4])
    return found


def name_of(address: str) -> str:
    return next((name for name, own in ADDRESSES.items() if own == address), address)


def packets(host: Host, keys: pathlib.Path) -> list[list[str]]:
    command = ["tshark", "-r", str(host.capture_file), "-n", "-o", f"tls.keylog_file:{keys}", "-o",
               "tcp.desegment_tcp_streams:TRUE", "-d", f"tcp.port=={TLS_PORTS},tls", "-d", f"tcp.port=={API},http",
               "-d", f"tcp.port=={MODEL},http", "-Y", "tcp.len > 0", "-T", "fields", "-E", "separator=/t", "-E",
               "occurrence=a", "-E", "aggregator=;"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READ_SECONDS)
    if done.returncode != 0 and "cut short" not in done.stderr:
        raise RuntimeError(f"tshark: {done.stderr[-500:]}")
    return [(line.split("\t") + [""] * len(FIELDS))[:len(FIELDS)] for line in done.stdout.splitlines()]


def streams_of(host: Host, keys: pathlib.Path) -> dict[tuple[str, str, str, str], bytes]:
    """(interface, sender, TCP stream, layer) -> the bytes of that direction, in order: as they were on the wire, and as
    they are once decrypted, body and header fields of each HTTP/2 stream."""
    joined: dict[tuple[str, str, str, str], list[bytes]] = collections.defaultdict(list)
    for interface, source, _, port, _, stream, payload, h2_streams, data, headers in packets(host, keys):
        sender = f"{name_of(source)}:{port}" if interface == "lo" else name_of(source)
        joined[interface, sender, stream, "wire"].append(bytes.fromhex(payload))
        for piece in data.split(";") if data else ():
            if piece.startswith("<"):  # an empty frame: "<MISSING>"
                continue
            joined[interface, sender, stream, f"h2 {h2_streams}"].append(bytes.fromhex(piece))
        if headers:
            joined[interface, sender, stream, "headers"].append(headers.encode("utf-8", "replace"))
    return {key: b"".join(pieces) for key, pieces in joined.items()}


def count(content: bytes, canaries: dict[bytes, str]) -> collections.Counter:
    """Canary -> its octets in there, in any spelling."""
    found: collections.Counter = collections.Counter()
    for spelling in re.findall(b"|".join(canaries), content) if canaries else ():
        found[canaries[spelling]] += len(canaries[spelling])
    return found


def seen(host: Host, keys: pathlib.Path, canaries: list[str]) -> list[Sighting]:
    """In the host's packets and files. An error where nothing of the encrypted links could be read: then the search there
    would be worthless."""
    spelled = {spelling: canary for canary in canaries for spelling in spellings(canary)}
    streams = streams_of(host, keys)
    if host.name != PIRATE and not any(key[0] == "eth0" and key[3].startswith("h2") for key in streams):
        raise RuntimeError(f"nothing could be decrypted of {host.name}'s packets")
    found = [Sighting(canary, host.name, "back-end" if interface == "lo" else "wire", sender, octets)
             for (interface, sender, _, _), content in streams.items()
             for canary, octets in count(content, spelled).items()]
    for path in host.folder.rglob("*"):
        if path.is_file():
            found += [Sighting(canary, host.name, str(path.relative_to(host.folder)), host.name, octets)
                      for canary, octets in count(path.read_bytes(), spelled).items()]
    return found


def conversations(host: Host) -> dict[tuple[str, str, int], int]:
    """Who dialled whom on the wire: (caller, called, port) -> octets of TCP payload in both directions."""
    fields = ("ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.flags.syn", "tcp.flags.ack", "tcp.stream",
              "frame.interface_name")
    command = ["tshark", "-r", str(host.capture_file), "-n", "-Y", "tcp", "-T", "fields", "-E", "separator=/t"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READ_SECONDS)
    dialled: dict[str, tuple[str, str, int]] = {}
    octets: dict[tuple[str, str, int], int] = collections.Counter()
    for line in done.stdout.splitlines():
        source, destination, _, port, size, syn, ack, stream, interface = line.split("\t")
        if interface != "eth0":
            continue
        if is_set(syn) and not is_set(ack):
            dialled[stream] = (name_of(source), name_of(destination), int(port))
            octets[dialled[stream]] += 0
        if stream in dialled:
            octets[dialled[stream]] += int(size)
    return dict(octets)


def is_set(flag: str) -> bool:
    return flag in ("1", "True")
