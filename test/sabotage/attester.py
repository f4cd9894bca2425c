"""What a gateway signs for a peer (docs/reference/attestation.md), for attackers who hold real certificates: everything here
can be told to lie."""

import hashlib
import os
import pathlib
import ssl
import subprocess
import tempfile
import time

from link import TOKEN_FIELDS, TOKEN_LABEL, Request, packed
from support import offline_verifier
from support.offline_verifier import batch_text, canonical, labelled, public_key, root_of, sign, text_of


def now_ms() -> int:
    return int(time.time() * 1000)


def token_leaf(token: dict) -> bytes:
    return hashlib.sha256(b"\0" + TOKEN_LABEL + b"\0" + packed(TOKEN_FIELDS, token)).digest()


def attestation_leaf(request: Request, answer: bytes, at: int, /, **changed) -> bytes:
    """Of an honest destination's statement, but for what is changed."""
    token = request.token
    return offline_verifier.attestation_leaf({
        "answer": hashlib.sha256(answer).hexdigest(), "body": token["body"], "dst": token["dst"], "outcome": "success",
        "rid": token["rid"], "row": token["row"], "src": token["src"], "t": at, "token": token_leaf(token).hex(),
        "v": 1} | changed)


class Attester:
    """A key of its own, for batches of `region` to `peer`, and a certificate (a pair of paths) that endorses it."""

    def __init__(self, region: str, peer: str, certificate: tuple[str, str]) -> None:
        self.region, self.peer, self.certificate = region, peer, certificate
        self.seed = os.urandom(32)
        self.key = text_of(public_key(self.seed))

    def endorsement(self, **changed) -> bytes:
        made = {"key": self.key, "notAfter": now_ms() + 3_600_000, "region": self.region, "t": now_ms(), "v": 1} | changed
        first = pathlib.Path(self.certificate[0]).read_text().split("-----END CERTIFICATE-----")[0]
        with tempfile.NamedTemporaryFile() as text:
            text.write(labelled("tidegate endorsement 1", made))
            text.flush()
            signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.certificate[1], text.name],
                                       check=True, capture_output=True).stdout
        der = ssl.PEM_cert_to_DER_cert(first + "-----END CERTIFICATE-----")
        return canonical(made | {"certificates": [text_of(der)], "signature": text_of(signature)}) + b"\n"

    def batch(self, of: str, leaves: list[bytes], spoil=lambda signed: {}, **changed) -> bytes:
        """`changed` members are signed as they are; `spoil` gives members to put in afterwards."""
        made = {"count": len(leaves), "for": self.peer, "key": self.key, "of": of, "region": self.region,
                "root": root_of(leaves).hex(), "t": now_ms(), "v": 1} | changed
        made |= {"leaves": text_of(b"".join(leaves)), "signature": text_of(sign(self.seed, batch_text(made)))}
        return canonical(made | spoil(made)) + b"\n"
