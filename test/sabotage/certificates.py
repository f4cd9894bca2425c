"""Certificates that nobody should believe, made with openssl and the Regions' real authorities."""

import pathlib
import subprocess
from collections.abc import Iterable

from world import DOMAIN

NODE = "/gw/1"
BOTH_USES = "extendedKeyUsage=serverAuth,clientAuth"


def uri(region: str) -> str:
    return f"spiffe://{region}.{DOMAIN}{NODE}"


def der_uri(raw: bytes) -> str:
    """A subjectAltName whose one URI is exactly these bytes."""
    name = bytes([0x86, len(raw)]) + raw
    whole = bytes([0x30, len(name)]) + name
    return "subjectAltName=DER:" + whole.hex(":")


def look_alikes(region: str, other: str) -> dict[str, str]:
    """Extension lines of leaves that the Region's own authority signs: nearly its name."""
    good = uri(region)
    return {
        "two URI names": f"subjectAltName=URI:{good},URI:{uri(other)}",
        "the same URI name twice": f"subjectAltName=URI:{good},URI:{good}",
        "a NUL in its name": der_uri(good.encode() + b"\0.attacker.example"),
        "a NUL inside the Region": der_uri(uri(region + "\0" + other).encode()),
        "an upper-case look-alike": f"subjectAltName=URI:{good.replace(region, region.upper())}",
        "an IDN look-alike": f"subjectAltName=URI:spiffe://xn--{region}-9za.{DOMAIN}{NODE}",
        "Cyrillic letters": der_uri(good.replace("e", "\u0435", 1).encode()),
        "another operator's domain": f"subjectAltName=URI:spiffe://{region}.other.internal{NODE}",
        "a percent escape": der_uri(good.replace("-", "%2d", 1).encode()),
        "a port in its name": f"subjectAltName=URI:spiffe://{region}.{DOMAIN}:443{NODE}",
        "a path with ..": f"subjectAltName=URI:spiffe://{region}.{DOMAIN}/gw/..",
        "no URI name": f"subjectAltName=DNS:{region}.{DOMAIN}",
    }


class Store:
    """Certificates by name, each a pair of paths. `own` are the Regions' real ones."""

    def __init__(self, pki: pathlib.Path, folder: pathlib.Path) -> None:
        self.pki, self.folder = pki, folder
        folder.mkdir()
        self.key = folder / "attacker.key"
        self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(self.key))
        self.request = folder / "request.pem"
        self.openssl("req", "-new", "-key", str(self.key), "-subj", "/CN=gateway", "-out", str(self.request))
        self.pairs: dict[str, tuple[str, str]] = {}

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)

    def own(self, region: str) -> tuple[str, str]:
        return f"{self.pki}/{region}/1-peer.pem", f"{self.pki}/{region}/1-peer.key"

    def get(self, name: str) -> tuple[str, str]:
        return self.pairs.get(name) or self.own(name)

    def sign(self, name: str, authority: tuple[pathlib.Path, pathlib.Path], san: str, days: int = 7,
             uses: str = BOTH_USES) -> None:
        stem = self.folder / f"{len(self.pairs)}"
        extensions = stem.with_suffix(".ext")
        extensions.write_text("\n".join(["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                                         uses, san, ""]))
        certificate = stem.with_suffix(".pem")
        self.openssl("x509", "-req", "-in", str(self.request), "-CA", str(authority[0]), "-CAkey", str(authority[1]),
                     "-set_serial", str(1000 + len(self.pairs)), "-days", str(days), "-extfile", str(extensions),
                     "-out", str(certificate))
        self.pairs[name] = (str(certificate), str(self.key))

    def authority(self, region: str) -> tuple[pathlib.Path, pathlib.Path]:
        return self.pki / region / "ca.pem", self.pki / region / "ca.key"

    def foreign_authority(self) -> tuple[pathlib.Path, pathlib.Path]:
        certificate, key = self.folder / "foreign-ca.pem", self.folder / "foreign-ca.key"
        if not certificate.exists():
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                         str(key), "-out", str(certificate), "-subj", "/CN=authority", "-days", "7", "-addext",
                         "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign")
        return certificate, key

    def make(self, prefix: str, claims: str, other: str, names: Iterable[str]) -> None:
        """Those of these names: certificates that claim to be `claims` without being it, or nearly."""
        good = f"subjectAltName=URI:{uri(claims)}"
        signed = {name: (self.authority(claims), san, {}) for name, san in look_alikes(claims, other).items()} | {
            "the right name and another CA": (self.foreign_authority(), good, {}),
            "the right name by another Region's CA": (self.authority(other), good, {}),
            "another Region's own name": (self.authority(other), f"subjectAltName=URI:{uri(other)}", {}),
            "an expired certificate": (self.authority(claims), good, {"days": 0}),
            "a certificate for other uses": (self.authority(claims), good,
                                             {"uses": "extendedKeyUsage=emailProtection"})}
        for name in names:
            if name == "the CA's own certificate":
                certificate, key = self.authority(claims)
                self.pairs[prefix + name] = (str(certificate), str(key))
            else:
                authority, san, more = signed[name]
                self.sign(prefix + name, authority, san, **more)


LOOK_ALIKES = (*look_alikes("a", "b"), "another Region's own name", "the CA's own certificate",
               "the right name and another CA", "the right name by another Region's CA", "an expired certificate",
               "a certificate for other uses")
ONLY_THE_CHAIN = LOOK_ALIKES[-4:]  # what a reading of the name alone cannot see
