"""Regions as hosts: a network namespace each, joined by one bridge, with a real gateway and a scripted model server in it,
and a capture of every packet that enters or leaves the host or its loopback. Nothing is shared but what an operator
carries by hand. One namespace, PIRATE, has no gateway: attackers live there, and in those of Regions that they have taken.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

from support.admin import admin_get, admin_request
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, ROOT, SCRIPTED_MODEL, eventually
from support.wire import sign

BINARY = pathlib.Path(os.environ.get("TIDEGATE_SABOTAGE_BINARY", ROOT / "build/sabotage/src/cli/tidegate"))
DOMAIN = "example.internal"
DUBLIN, ZURICH, PIRATE = "eu-west-1", "eu-central-2", "pirate"
ADDRESSES = {MILAN: "10.77.0.1", FRANKFURT: "10.77.0.2", DUBLIN: "10.77.0.3", LONDON: "10.77.0.4",
             ZURICH: "10.77.0.5", PIRATE: "10.77.0.66"}
API, PEER, MODEL = 7100, 7200, 8000
MODEL_ID = "amazon.nova-2-lite-v1:0"
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"  # London and Zurich have eu. rows of this one
LAYERS = ("proof", "row", "signer", "link", "admission")
KEY = ("AKIASABOTAGESABOTAG1", "sabotage-secret-that-guards-nothing")
NARROWED = ("AKIASABOTAGESABOTAG2", "sabotage-secret-of-a-narrowed-caller")  # keeps to Milan and Dublin
ACCOUNT = "111122223333"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """Why this cannot run here; empty if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode != 0:
        return "this kernel or container makes no network namespaces"
    return "" if BINARY.exists() else f"{BINARY} is not built: ./do build sabotage"


class Host:
    """One namespace with its files and processes."""

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name, self.address = name, ADDRESSES[name]
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.namespace = f"tg{os.getpid()}-{name}"
        self.capture_file = self.folder.parent / f"{name}.pcapng"
        self.processes: list[subprocess.Popen] = []
        self.gateway: subprocess.Popen | None = None
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)

    # --- the network ------------------------------------------------------------------------------------------------

    def plug_in(self, bridge: str) -> None:
        end = f"tg{os.getpid()}p{self.address.rsplit('.', 1)[1]}"
        self.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", end)
        self.run("ip", "link", "set", end, "netns", bridge)
        for command in (["address", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "lo", "up"],
                        ["link", "set", "eth0", "up"]):
            self.run("ip", *command)
        in_bridge = ["ip", "-n", bridge, "link", "set", end]
        subprocess.run([*in_bridge, "master", "backbone"], check=True)
        subprocess.run([*in_bridge, "up"], check=True)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread is in this namespace meanwhile; a socket stays where it was made."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.namespace}") as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(home.fileno())

    def connect(self, other: "Host", port: int, seconds: float = 10) -> socket.socket:
        with self.inside():
            return socket.create_connection((other.address, port), seconds)

    def listen(self, port: int) -> socket.socket:
        with self.inside():
            return socket.create_server((self.address, port), backlog=32)

    # --- its processes ------------------------------------------------------------------------------------------------

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(["ip", "netns", "exec", self.namespace, *command], cwd=self.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *command: str, environment: dict[str, str] | None = None) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *command], cwd=self.folder, stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL, env=os.environ | (environment or {}))
        self.processes.append(process)
        return process

    def capture(self) -> None:
        self.start("dumpcap", "-q", "-i", "eth0", "-i", "lo", "-w", str(self.capture_file), "-B", "8")
        eventually(lambda: self.capture_file.exists() and self.capture_file.stat().st_size > 0)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT if "dumpcap" in process.args else signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)


def enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Gateway(Host):
    """A Region's host: the gateway, its model server, and what an operator asks them."""

    planted: pathlib.Path | None = None  # the catalogue in place of the built-in one

    def configure(self, pki: pathlib.Path, peers: dict[str, tuple[str, int]], slots: int, more: str = "",
                  backend: str = f"http://127.0.0.1:{MODEL}") -> None:
        """`peers`: Region -> address and port."""
        self.pki = pki
        listed = ", ".join(f'{{region: {region}, address: "{address}:{port}", trust_bundle: {pki}/{region}/ca.pem}}'
                           for region, (address, port) in peers.items())
        (self.folder / "tidegate.yaml").write_text(f"""
region: {self.name}
operator_domain: {DOMAIN}
state_dir: state
workers: 1
capacity_wait_ms: 600
listen: {{api: "{self.address}:{API}", peer: "{self.address}:{PEER}"}}
tls: {{peer: {{certificate: {pki}/{self.name}/1-peer.pem, key: {pki}/{self.name}/1-peer.key}}}}
backends: [{{name: scripted, url: "{backend}", slots: {slots}}}]
models:
  - {{id: "{MODEL_ID}", backend: scripted, served_as: smollm2, name: scripted-model}}
  - {{id: "{CLAUDE}", backend: scripted, served_as: smollm2, name: scripted-model}}
peers: [{listed}]
{more}
""")

    def serve(self, off: tuple[str, ...], keys: pathlib.Path, *model_options: str) -> None:
        self.start(sys.executable, str(SCRIPTED_MODEL), "--port", str(MODEL), *model_options)
        self.environment = {"SSLKEYLOGFILE": str(keys), "TIDEGATE_SABOTAGE": ",".join(off)}
        if self.planted:
            self.environment["TIDEGATE_SABOTAGE_CATALOG"] = str(self.planted)
        self.gateway = self.start(str(BINARY), "serve", "-c", "tidegate.yaml", environment=self.environment)

    def restart(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """After a kill; its model server need not be well."""
        self.gateway.kill()
        self.gateway.wait(10)
        meanwhile()
        self.gateway = self.start(str(BINARY), "serve", "-c", "tidegate.yaml", environment=self.environment)
        eventually(self.ready if self.model()["mode"] != "sick" else self.answers, 20)

    def gateway_signal(self, number: int) -> None:
        """`ip netns exec` becomes the gateway: the process is the gateway's own."""
        self.gateway.send_signal(number)

    def answers(self) -> bool:
        if self.gateway.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log()[-3000:]}")
        return self.http(API, "GET", "/health")[0] != 0

    def ready(self) -> bool:
        if not self.answers():
            return False
        status, body = self.http(API, "GET", "/health")
        health = json.loads(body)
        return status == 200 and health["backendsReady"] == health["backends"]

    # --- what an operator and a client ask ----------------------------------------------------------------------------

    def http(self, port: int, method: str, path: str, body: bytes | None = None, headers: dict | None = None,
             host: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host or self.address, port, timeout=30)
        with self.inside():
            connection.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def invoke(self, profile: str, prompt: str, operation: str = "converse", key: tuple[str, str] = KEY,
               **script) -> "Answer":
        """A signed Converse from an application beside the gateway. `script` directs the model server."""
        text = "script:" + json.dumps({"answer": prompt, **script})
        body = json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()
        path = f"/model/{profile.replace(':', '%3A').replace('/', '%2F')}/{operation}"
        headers = sign("POST", path, body, f"{self.address}:{API}", key, self.name)
        connection = http.client.HTTPConnection(self.address, API, timeout=40)
        with self.inside():
            connection.connect()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read())
        except (http.client.HTTPException, ConnectionError) as error:
            return Answer(0, {}, str(error).encode())
        finally:
            connection.close()

    @property
    def admin_socket(self) -> str:
        return str(self.folder / "state/admin.sock")

    def admin(self, path: str) -> dict:
        return admin_get(self.admin_socket, path)

    def admin_post(self, path: str, body: bytes) -> tuple[int, dict]:
        """Past the command line, as whoever can open the socket may."""
        return admin_request(self.admin_socket, "POST", path, body)

    def command(self, *arguments: str, check: bool = True) -> str:
        """A subcommand of `tidegate` that talks to this gateway, and what it said."""
        return self.run(str(BINARY), *arguments, "--socket", self.admin_socket, check=check)

    def counted(self, metric: str) -> float:
        """All series of it together."""
        text = self.http(API, "GET", "/metrics")[1].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(metric))

    def refusals(self) -> float:
        return self.counted("tidegate_fence_refusals_total")

    def links(self) -> dict[str, str]:
        return {peer["region"]: peer["link"] for peer in self.admin("/v1/status")["peers"]}

    def model(self, mode: str | None = None) -> dict:
        body = json.dumps({"mode": mode}).encode() if mode else None
        return json.loads(self.http(MODEL, "POST" if mode else "GET", "/control", body, host="127.0.0.1")[1])


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def region(self) -> str:
        return self.headers.get("x-tidegate-inference-region", "")


DOCUMENTS = f"""\
policies:
  - name: everything
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals:
  - {{arn: "arn:aws:iam::{ACCOUNT}:user/service", policies: [everything], global_grant: on}}
  - arn: "arn:aws:iam::{ACCOUNT}:user/narrowed"
    policies: [everything]
    PART_OF_THE_ROW
keys:
  - {{id: {KEY[0]}, secret: {KEY[1]}, principal: "arn:aws:iam::{ACCOUNT}:user/service"}}
  - {{id: {NARROWED[0]}, secret: {NARROWED[1]}, principal: "arn:aws:iam::{ACCOUNT}:user/narrowed"}}
"""


class Network:
    """The bridge, the hosts on it, and the folder where everything of theirs is."""

    def __init__(self, folder: pathlib.Path, pki: pathlib.Path) -> None:
        self.folder, self.pki = folder, pki
        self.keys = folder / "tls.keys"
        self.bridge = f"tg{os.getpid()}-net"
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> "Network":
        subprocess.run(["ip", "netns", "add", self.bridge], check=True)
        for command in (["add", "backbone", "type", "bridge"], ["set", "backbone", "up"]):
            subprocess.run(["ip", "-n", self.bridge, "link", *command], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            host.end()
        subprocess.run(["ip", "netns", "delete", self.bridge], check=False)

    def add(self, kind: type[Host], name: str) -> Host:
        host = self.hosts[name] = kind(name, self.folder)
        host.plug_in(self.bridge)
        host.capture()
        return host

    def apply(self, *regions: str, part: tuple[str, ...] = (MILAN, DUBLIN)) -> None:
        """Milan's narrowed caller keeps to `part` of Milan's row; in the other Regions it keeps to nothing."""
        for region in regions:
            host = self.hosts[region]
            kept = f'narrowed_rows: {{"{NOVA}": [{", ".join(part)}]}}' if region == MILAN else ""
            file = host.folder / "documents.yaml"
            file.write_text(DOCUMENTS.replace("PART_OF_THE_ROW", kept))
            host.command("apply", "-f", str(file))


def make_pki(folder: pathlib.Path, regions: tuple[str, ...]) -> pathlib.Path:
    pki = folder / "pki"
    for command in (["init", "--operator-domain", DOMAIN], ["issue"]):
        for region in regions if command == ["issue"] else [None]:
            names = [region] if region else list(regions)
            arguments = [word for name in names for word in ("--region", name)]
            subprocess.run([str(BINARY), "pki", *command, "--dir", str(pki), *arguments], check=True,
                           capture_output=True, text=True)
    return pki
