"""Two Regions on one host, each with a configuration, certificates and documents of its own, as an operator makes them:
Milan, which has little room, and Frankfurt, where the rest of its requests go. What crosses between their folders is what
an operator carries."""

import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import boto3
from botocore.config import Config

from support.deployment import BINARY, FRANKFURT, MILAN, SCRIPTED_MODEL, eventually
from support.single import KEY, free_port

DOMAIN = "example.internal"
DOCUMENTS = f"""\
policies:
  - name: {{policy}}
    document: {{{{Version: "2012-10-17", Statement: [{{{{Effect: Allow, Action: "*", Resource: "*"}}}}]}}}}
principals: [{{{{arn: "arn:aws:iam::111122223333:user/service", policies: [{{policy}}]}}}}]
keys: [{{{{id: {KEY[0]}, secret: {KEY[1]}, principal: "arn:aws:iam::111122223333:user/service"}}}}]
"""


class Gateway:
    def __init__(self, folder: pathlib.Path, region: str, slots: int) -> None:
        self.folder, self.region, self.slots = folder / region, region, slots
        self.folder.mkdir(parents=True)
        self.api, self.peer, self.model = free_port(), free_port(), free_port()
        self.processes: list[subprocess.Popen] = []
        self.environment = dict(os.environ)

    @property
    def ca(self) -> pathlib.Path:
        return self.folder / "pki" / self.region / "ca.pem"

    def pki_file(self, name: str) -> pathlib.Path:
        return self.folder / "pki" / self.region / name

    def tidegate(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run([str(BINARY), *arguments], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        assert (done.returncode != 0) == fails, f"{arguments}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout + done.stderr

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def make_certificates(self) -> None:
        self.tidegate("pki", "init", "--region", self.region, "--operator-domain", DOMAIN)
        self.tidegate("pki", "issue", "--region", self.region, "--name", "localhost,127.0.0.1")

    def take_bundle_of(self, other: "Gateway") -> None:
        shutil.copy(other.ca, self.folder / "pki" / f"{other.region}.pem")

    def configure(self, other: "Gateway", more: str = "") -> None:
        self.take_bundle_of(other)
        (self.folder / "tidegate.yaml").write_text(f"""\
region: {self.region}
operator_domain: {DOMAIN}
state_dir: state
listen: {{api: "127.0.0.1:{self.api}", peer: "127.0.0.1:{self.peer}"}}
tls:
  api: {{certificate: pki/{self.region}/1-api.pem, key: pki/{self.region}/1-api.key}}
  peer: {{certificate: pki/{self.region}/1-peer.pem, key: pki/{self.region}/1-peer.key}}
backends: [{{name: scripted, url: "http://127.0.0.1:{self.model}", slots: {self.slots}}}]
models: [{{id: "amazon.nova-2-lite-v1:0", backend: scripted, served_as: smollm2, name: scripted-model}}]
peers: [{{region: {other.region}, address: "127.0.0.1:{other.peer}", trust_bundle: pki/{other.region}.pem}}]
{more}""")

    def start(self, *command: str) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       env=self.environment)
        self.processes.append(process)
        return process

    def serve(self) -> None:
        self.start(sys.executable, str(SCRIPTED_MODEL), "--port", str(self.model), "--slots", str(self.slots))
        self.gateway = self.start(str(BINARY), "serve", "-c", "tidegate.yaml")
        eventually(lambda: self.gateway.poll() is not None or (self.folder / "state/admin.sock").exists(), 20)
        assert self.gateway.poll() is None, self.log()
        eventually(lambda: "ready" in self.status()["status"], 20)
        self.apply("first")

    def apply(self, policy: str) -> None:
        (self.folder / "documents.yaml").write_text(DOCUMENTS.format(policy=policy))
        self.tidegate("apply", "-f", "documents.yaml", "--home", "state")

    def status(self) -> dict:
        done = subprocess.run([str(BINARY), "status", "--home", "state", "-o", "json"], cwd=self.folder,
                              capture_output=True, text=True, timeout=20)
        return json.loads(done.stdout)["regions"][0]

    def link_is_up(self) -> bool:
        return self.status()["peers"][0]["link"] == "up"

    def reload(self) -> str:
        return self.tidegate("pki", "reload", "--home", "state")

    def rotate(self, *more: str) -> str:
        return self.tidegate("pki", "rotate", "--region", self.region, *more, "--home", "state")

    def shown_on(self, port: int) -> bytes:
        """The certificate that a port shows to whoever dials it, in DER."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain) as tls:
            return tls.getpeercert(binary_form=True)

    @property
    def public_ca(self) -> pathlib.Path:
        return self.folder / "pki/api-ca.pem"

    def client(self, service: str = "bedrock-runtime", tls: bool = False, ca: pathlib.Path | None = None):
        where = {"endpoint_url": f"https://localhost:{self.api}", "verify": str(ca or self.public_ca)} if tls or ca \
            else {"endpoint_url": f"http://127.0.0.1:{self.api}"}
        return boto3.session.Session().client(
            service, region_name=self.region, aws_access_key_id=KEY[0], aws_secret_access_key=KEY[1],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60), **where)

    def end(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


class Pair:
    def __init__(self, folder: pathlib.Path) -> None:
        self.milan, self.frankfurt = Gateway(folder, MILAN, slots=2), Gateway(folder, FRANKFURT, slots=16)

    def prepare(self) -> "Pair":
        for gateway in (self.milan, self.frankfurt):
            gateway.make_certificates()
        self.milan.configure(self.frankfurt)
        self.frankfurt.configure(self.milan)
        return self

    def start(self) -> "Pair":
        self.frankfurt.serve()
        self.milan.serve()
        eventually(self.milan.link_is_up, 20)
        eventually(self.frankfurt.link_is_up, 20)
        return self

    def end(self) -> None:
        self.milan.end()
        self.frankfurt.end()
