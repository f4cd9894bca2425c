"""What an outsider needs to check attestations, written from docs/reference/attestation.md and from RFC 8032, RFC 6962
and RFC 8785 alone: none of tidegate's code, and of libraries only Python's own. Certificates are openssl's business.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

# --- Ed25519, after RFC 8032, section 6 ------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQUARE_ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f, g * h, f * g, e * h


def point_times(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P)
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQUARE_ROOT_OF_MINUS_1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


G_Y = 4 * pow(5, P - 2, P) % P
G_X = recover_x(G_Y, 0)
G = (G_X, G_Y, 1, G_X * G_Y % P)


def compress(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def sha512_number(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % ORDER


def expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little")
    return (a & ((1 << 254) - 8)) | (1 << 254), h[32:]


def public_key(seed):
    return compress(point_times(expand(seed)[0], G))


def sign(seed, message):
    a, prefix = expand(seed)
    public = compress(point_times(a, G))
    r = sha512_number(prefix + message)
    big_r = compress(point_times(r, G))
    return big_r + ((r + sha512_number(big_r + public + message) * a) % ORDER).to_bytes(32, "little")


def signature_holds(public, message, signature):
    a, r, s = decompress(public), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or len(signature) != 64:
        return False
    left = point_times(s, G)
    right = point_add(r, point_times(sha512_number(signature[:32] + public + message), a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- texts and trees -------------------------------------------------------------------------------------------------


def canonical(value) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def labelled(label: str, value) -> bytes:
    return label.encode() + b"\0" + canonical(value)


def attestation_bytes(statement: dict) -> bytes:
    def text(name: str) -> bytes:
        octets = statement[name].encode()
        return len(octets).to_bytes(2, "big") + octets
    return (bytes([statement["v"]]) + text("rid") + text("src") + text("dst") +
            b"".join(bytes.fromhex(statement[name]) for name in ("row", "body", "answer", "token")) +
            text("outcome") + statement["t"].to_bytes(8, "big"))


def attestation_leaf(statement: dict) -> bytes:
    return hashlib.sha256(b"\0tidegate attestation 1\0" + attestation_bytes(statement)).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there: recursively."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_of(root_of(leaves[:k]), root_of(leaves[k:]))


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return path_of(index, leaves[:k]) + [root_of(leaves[k:])]
    return path_of(index - k, leaves[k:]) + [root_of(leaves[:k])]


def root_by_path(leaf: bytes, index: int, count: int, path: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    fn, sn, r = index, count - 1, leaf
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = node_of(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_of(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def leaves_of(batch: dict) -> list[bytes]:
    data = bytes_of(batch["leaves"])
    assert len(data) == 32 * batch["count"]
    return [data[at:at + 32] for at in range(0, len(data), 32)]


def batch_text(batch: dict) -> bytes:
    signed = {name: value for name, value in batch.items() if name not in ("leaves", "signature")}
    return labelled("tidegate batch 1", signed)


# --- a log -----------------------------------------------------------------------------------------------------------


def endorsement_holds(endorsement: dict, bundle: pathlib.Path) -> bool:
    """By openssl: the certificate is valid under the bundle, is that Region's, and signed the key."""
    signed = {name: endorsement[name] for name in ("key", "notAfter", "region", "t", "v")}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "leaf.der").write_bytes(bytes_of(endorsement["certificates"][0]))
        (folder / "text").write_bytes(labelled("tidegate endorsement 1", signed))
        (folder / "signature").write_bytes(bytes_of(endorsement["signature"]))

        def openssl(*arguments: str) -> str:
            done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=30)
            return done.stdout if done.returncode == 0 else ""

        openssl("x509", "-inform", "der", "-in", "leaf.der", "-out", "leaf.pem")
        (folder / "key.pem").write_text(openssl("x509", "-in", "leaf.pem", "-noout", "-pubkey"))
        names = openssl("x509", "-in", "leaf.pem", "-noout", "-ext", "subjectAltName")
        chain = openssl("verify", "-attime", str(endorsement["t"] // 1000), "-CAfile", str(bundle), "leaf.pem")
        signed_by = openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text")
        return f"URI:spiffe://{endorsement['region']}." in names and bool(chain) and "Verified OK" in signed_by


def entries_of(log: pathlib.Path):
    """Kind, id and body of each; a closed entry with what its opened one says."""
    for file in sorted(log.glob("audit-*.jsonl")):
        data = file.read_bytes()
        for line in data.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # blank lines at the end, and what is being written before them
                continue
            body = entry["e"]
            if entry["t"] == "closed" and next(iter(body), "") == "opened":
                at = body.pop("opened")
                opened = json.loads(data[at:data.index(b"\n", at)])
                assert (opened["t"], opened["id"]) == ("opened", entry["id"])
                body = opened["e"] | body
            yield entry["t"], entry["id"], body


def attestation_of(request_id: str, entry: dict, attempt: dict) -> dict:
    attested = attempt["attestation"]
    return {"answer": attested["answer"], "body": entry["bodySha256"], "dst": attempt.get("region", entry["inferenceRegion"]),
            "outcome": attested["outcome"], "rid": request_id, "row": attested.get("row", entry["rowHash"]),
            "src": entry["region"], "t": attested["t"], "token": attempt["token"], "v": 1}


def verify_log(log: pathlib.Path, bundles: dict[str, pathlib.Path]) -> tuple[set[str], set[str]]:
    """The ids of requests that a destination answered, and of those whose every answer is proven."""
    keys: set[tuple[str, str]] = set()
    proven: set[tuple[str, str, str, bytes]] = set()  # of, who signed, for whom, leaf
    answered: dict[str, list[tuple[str, str, str, bytes]]] = {}
    for kind, name, entry in entries_of(log):
        if kind == "endorsement" and endorsement_holds(entry, bundles[entry["region"]]):
            keys.add((entry["region"], entry["key"]))
        elif kind == "batch":
            leaves = leaves_of(entry)
            assert (entry["region"], entry["key"]) in keys, "the key of a batch was endorsed before it"
            assert entry["count"] == len(leaves) and root_of(leaves).hex() == entry["root"]
            assert signature_holds(bytes_of(entry["key"]), batch_text(entry), bytes_of(entry["signature"]))
            proven.update((entry["of"], entry["region"], entry["for"], leaf) for leaf in leaves)
        elif kind == "closed":
            for attempt in entry.get("attempts", []):
                if "attestation" not in attempt:
                    continue
                statement = attestation_of(name, entry, attempt)
                awaited = ("attestations", statement["dst"], statement["src"], attestation_leaf(statement))
                answered.setdefault(name, []).append(awaited)
    return set(answered), {name for name, awaited in answered.items() if proven.issuperset(awaited)}


# --- golden vectors --------------------------------------------------------------------------------------------------


def vectors() -> dict:
    """What docs/reference/attestation-vectors.json holds."""
    seed = bytes(range(32))

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    statements = [{"answer": digest(f"answer {i}"), "body": digest(f"body {i}"), "dst": "eu-central-1",
                   "outcome": outcome, "rid": f"00000000-0000-4000-8000-{i:012}", "row": digest("row"),
                   "src": "eu-south-1", "t": 1780909502123 + i, "token": digest(f"token {i}"), "v": 1}
                  for i, outcome in enumerate(["success", "model_stream_error", "success", "success", "success"])]
    leaves = [attestation_leaf(statement) for statement in statements]
    batch = {"count": len(leaves), "for": "eu-south-1", "key": text_of(public_key(seed)), "of": "attestations",
             "region": "eu-central-1", "root": root_of(leaves).hex(), "t": 1780909502200, "v": 1}
    batch |= {"leaves": text_of(b"".join(leaves)), "signature": text_of(sign(seed, batch_text(batch)))}
    return {"note": "Made by test/support/offline_verifier.py; docs/reference/attestation.md says what it is.",
            "seed": seed.hex(),
            "attestations": [{"statement": statement, "bytes": attestation_bytes(statement).hex(), "leaf": leaf.hex()}
                             for statement, leaf in zip(statements, leaves)],
            "roots": [root_of(leaves[:n]).hex() for n in range(1, len(leaves) + 1)],
            "paths": [[node.hex() for node in path_of(i, leaves)] for i in range(len(leaves))],
            "batch": batch,
            "batchText": batch_text(batch).split(b"\0")[1].decode()}


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
