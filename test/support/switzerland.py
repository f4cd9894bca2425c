"""Two Regions of an operator's own, Geneva and Lugano, by a signed catalogue: nothing of it is in the built-in library."""

import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from support.deployment import BINARY, SCRIPTED_MODEL, eventually, free_base_port, inference_region, script

GENEVA, LUGANO = "ch-acme-1", "ch-acme-2"
MODEL, PROFILE = "acme.chat-v1:0", "ch.acme.chat-v1:0"
KEY = ("AKIAOWNCATALOGUE0001", "own-catalogue-secret-that-guards-nothing")
USER = "arn:aws:iam::111122223333:user/service"

OWN = {
    "regions": [
        {"id": GENEVA, "city": "Geneva", "country": "CH", "partition": "acme", "membership": "none",
         "adequacy": {"review": "2027-01-01"}, "operated_by": "ACME SA", "jurisdiction": "CH", "since": "2026-01-01"},
        {"id": LUGANO, "city": "Lugano", "country": "CH", "partition": "acme"}],
    "geographies": [{"id": "ch", "version": 1, "countries": ["CH"], "regions": [GENEVA, LUGANO]}],
    "models": [{"id": MODEL, "name": "Chat", "provider": "ACME", "input": ["text"], "output": ["text"],
                "streams": True}],
    "profiles": [{"id": PROFILE, "name": "CH ACME Chat", "scope": "geographic", "geography": "ch", "model": MODEL,
                  "version": 1, "rows": {GENEVA: [GENEVA, LUGANO], LUGANO: [LUGANO]}}],
}
ACCEPTED = [f"--accept-widening={name}" for name in ("ch@1", f"{PROFILE}@1")]


def profile(version: int, rows: dict) -> dict:
    return OWN["profiles"][0] | {"version": version, "rows": rows}


def tidegate(*arguments, fails: bool = False) -> subprocess.CompletedProcess:
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode != 0) == fails, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Signers:
    """Ada, Bob and a stranger, with the bundles that they make."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for name in ("ada", "bob", "eve"):
            tidegate("catalog", "keygen", folder / name)

    def bundle(self, own: dict, name: str, after: pathlib.Path | None = None, by=("ada", "bob")) -> pathlib.Path:
        source, made = self.folder / f"{name}.own.json", self.folder / f"{name}.json"
        source.write_text(json.dumps(own))
        tidegate("catalog", "draft", source, "--out", made, *(["--after", after] if after else []))
        for signer in by:
            tidegate("catalog", "sign", made, "--key", self.folder / f"{signer}.key")
        return made


class Gateway:
    def __init__(self, region: str, port: int, folder: pathlib.Path, bundle: pathlib.Path) -> None:
        self.region, self.port, self.folder, self.bundle = region, port, folder / region, bundle
        self.folder.mkdir()
        self.processes: list[subprocess.Popen] = []
        self.gateway: subprocess.Popen | None = None
        for step in ("init", "issue"):
            self.run("pki", step, "--region", region,
                     *(["--operator-domain", "acme.internal", "--catalog", bundle] if step == "init" else []))

    def run(self, *arguments) -> None:
        done = subprocess.run([BINARY, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def configure(self, others: list["Gateway"], signers: pathlib.Path) -> None:
        peers = [{"region": other.region, "address": f"127.0.0.1:{other.port + 1}",
                  "trust_bundle": str(other.folder / "pki" / other.region / "ca.pem")} for other in others]
        (self.folder / "tidegate.yaml").write_text(json.dumps({  # YAML, too
            "region": self.region, "operator_domain": "acme.internal", "state_dir": "state", "workers": 1,
            "listen": {"api": f"127.0.0.1:{self.port}", "peer": f"127.0.0.1:{self.port + 1}"},
            "tls": {"peer": {kind: f"pki/{self.region}/1-peer.{ending}"
                             for kind, ending in (("certificate", "pem"), ("key", "key"))}},
            "catalog": {"bundle": str(self.bundle),
                        "signers": [{"name": name, "key": str(signers / f"{name}.pub")} for name in ("ada", "bob")]},
            "backends": [{"name": "scripted", "url": f"http://127.0.0.1:{self.port + 2}", "slots": 2}],
            "models": [{"id": MODEL, "backend": "scripted", "served_as": "smollm2", "name": "scripted-model"}],
            "peers": peers}))
        tidegate("check", "-c", self.folder / "tidegate.yaml")

    def start_model(self) -> None:
        self.start(sys.executable, SCRIPTED_MODEL, "--port", str(self.port + 2))

    def start(self, *command) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen([*map(str, command)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log))
        return self.processes[-1]

    def serve(self) -> None:
        self.gateway = self.start(BINARY, "serve", "-c", "tidegate.yaml")
        eventually(self.healthy, 30)

    def healthy(self) -> bool:
        assert self.gateway.poll() is None, (self.folder / "log").read_text()[-3000:]
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
            health = json.load(answer)
        return health["backendsReady"] == health["backends"]

    def stop_gateway(self) -> None:
        self.gateway.send_signal(signal.SIGTERM)
        assert self.gateway.wait(45) == 0

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / "state/admin.sock"

    def client(self, service: str = "bedrock-runtime"):
        return boto3.client(service, region_name=self.region, endpoint_url=f"http://127.0.0.1:{self.port}",
                            aws_access_key_id=KEY[0], aws_secret_access_key=KEY[1],
                            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16))

    def apply(self, bundle: pathlib.Path, *flags: str, fails: bool = False) -> subprocess.CompletedProcess:
        return tidegate("catalog", "apply", bundle, "--socket", self.socket, *flags, fails=fails)

    def in_force(self) -> dict:
        shown = tidegate("catalog", "show", "--socket", self.socket, "-o", "json")
        return json.loads(shown.stdout)["regions"][0]

    def link_is_up(self, other: "Gateway") -> bool:
        answer = tidegate("status", "--socket", self.socket, "-o", "json").stdout
        peers = json.loads(answer)["regions"][0]["peers"]
        return any(peer["region"] == other.region and peer["link"] == "up" and
                   all(model["ready"] for model in peer["models"]) for peer in peers)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(45)
            except subprocess.TimeoutExpired:
                process.kill()


def spread(gateway: Gateway, count: int = 4) -> list[str]:
    """Where that many requests at once ran: two slots each."""
    where: list[str] = []
    client = gateway.client()

    def ask() -> None:
        try:
            where.append(inference_region(client.converse(modelId=PROFILE, messages=script(delay_ms=500))))
        except ClientError as error:
            where.append(error.response["Error"]["Code"])
    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(where)


def documents(**principal) -> str:
    """A caller who may do everything; `principal` has more of it."""
    return json.dumps({  # YAML, too
        "policies": [{"name": "all", "document": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["bedrock:*", "cloudtrail:*"], "Resource": "*"}]}}],
        "principals": [{"arn": USER, "policies": ["all"], **principal}],
        "keys": [{"id": KEY[0], "secret": KEY[1], "principal": USER}]})


@contextlib.contextmanager
def running(folder: pathlib.Path, signers: Signers) -> Iterator[list[Gateway]]:
    """Geneva and Lugano at epoch 1, which their configuration names."""
    first = signers.bundle(OWN, "epoch-1")
    base = free_base_port()
    gateways = [Gateway(region, base + 10 * i, folder, first) for i, region in enumerate((GENEVA, LUGANO))]
    (folder / "documents.yaml").write_text(documents())
    try:
        for gateway in gateways:
            gateway.configure([other for other in gateways if other is not gateway], signers.folder)
            gateway.start_model()
            gateway.serve()
            tidegate("apply", "-f", folder / "documents.yaml", "--socket", gateway.socket)
        yield gateways
    finally:
        for gateway in gateways:
            gateway.end()
