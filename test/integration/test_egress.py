"""What a gateway may reach: the rules that `tidegate egress` makes, kept by a real kernel against a real gateway, and what
it never asks for by itself: redirects, remote media, names."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from support.deployment import BINARY, FRANKFURT, MILAN, NOVA, SCRIPTED_MODEL, eventually
from support.single import DOCUMENTS, KEY, Single

API, MODEL, PEER = 7100, 8000, 7200
USER = 47123  # nobody's, so that only the gateway's packets are its
ALLOWED, OTHER = "127.0.0.1", "127.0.0.2"
ALLOWED_PEER, OTHER_PEER = "127.0.0.3", "127.0.0.4"


# --- the nftables table ---------------------------------------------------------------------------------------------

class Namespace:
    """One network namespace with nothing in it but loopback, and a folder that the gateway's user can read."""

    def __init__(self) -> None:
        self.name = f"tidegate-egress-{os.getpid()}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-egress-"))
        self.folder.chmod(0o755)
        self.binary = shutil.copy(BINARY, self.folder)
        self.processes: list[subprocess.Popen] = []
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up")

    def inside(self, *command: str, user: int = 0) -> list[str]:
        other = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return ["ip", "netns", "exec", self.name, *other, *command]

    def run(self, *command: str, user: int = 0, ok: bool = True) -> str:
        done = subprocess.run(self.inside(*command, user=user), cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        assert not ok or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def start(self, *command: str, user: int = 0) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.inside(*command, user=user), cwd=self.folder, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
        self.processes.remove(process)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def end(self) -> None:
        for process in list(self.processes):
            self.stop(process)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the gateway ---

    def configure(self, backend: str, peer: str) -> None:
        (self.folder / "tidegate.yaml").write_text(f"""\
region: {MILAN}
operator_domain: example.internal
state_dir: {self.folder}/state
listen: {{api: "{ALLOWED}:{API}", peer: "{ALLOWED}:{PEER}"}}
tls: {{peer: {{certificate: pki/{MILAN}/1-peer.pem, key: pki/{MILAN}/1-peer.key}}}}
backends: [{{name: scripted, url: "http://{backend}:{MODEL}", slots: 2}}]
models: [{{id: "amazon.nova-2-lite-v1:0", backend: scripted, served_as: smollm2, name: scripted-model}}]
peers: [{{region: {FRANKFURT}, address: "{peer}:{PEER}", trust_bundle: pki/{FRANKFURT}/ca.pem}}]
""")

    def serve(self) -> subprocess.Popen:
        return self.start(self.binary, "serve", "-c", "tidegate.yaml", user=USER)

    def status(self) -> dict:
        done = self.run(self.binary, "status", "--home", "state", "-o", "json", ok=False)
        return json.loads(done)["regions"][0] if done else {}

    def converse(self) -> str:
        return self.run(sys.executable, "-c", f"""
import boto3
from botocore.config import Config
bedrock = boto3.client("bedrock-runtime", region_name="{MILAN}", endpoint_url="http://{ALLOWED}:{API}",
    aws_access_key_id="{KEY[0]}", aws_secret_access_key="{KEY[1]}", config=Config(retries={{"total_max_attempts": 1}}))
print(bedrock.converse(modelId="{NOVA}", messages=[{{"role": "user", "content": [{{"text": "Hi"}}]}}])["stopReason"])
""").strip()

    def refused(self) -> int:
        """Packets that the table has refused."""
        listed = json.loads(self.run("nft", "-j", "list", "counters", "table", "inet", "tidegate_eu_south_1"))
        return next(entry["counter"]["packets"] for entry in listed["nftables"] if "counter" in entry)


# A listener that writes down every connection, and as what it was called.
LISTENER = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listening:
    while True:
        listening.accept()[0].close()
        open(sys.argv[3], "a").write("called\\n")
"""
CONNECT = """
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, getattr(socket, kind)) as probe:
    probe.settimeout(3)
    try:
        probe.connect((host, port))
        probe.send(b"x")
        print("sent")
    except OSError as error:
        print("refused")
"""


@pytest.fixture(scope="module")
def space():
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
        pytest.skip("making network namespaces needs root")
    assert shutil.which("nft"), "nftables is not installed: ./do test installs it"
    asked = subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], capture_output=True, text=True)
    if asked.returncode != 0:
        pytest.skip(f"this kernel has no nf_tables: {asked.stderr.strip()}")
    made = Namespace()
    try:
        made.run(made.binary, "pki", "init", "--region", f"{MILAN},{FRANKFURT}", "--operator-domain", "example.internal")
        made.run(made.binary, "pki", "issue", "--region", MILAN)
        made.configure(ALLOWED, ALLOWED_PEER)
        (made.folder / "documents.yaml").write_text(DOCUMENTS)
        (made.folder / "state").mkdir()
        for path in (made.folder / "state", *made.folder.glob("pki/**/*"), made.folder / "pki"):
            os.chown(path, USER, USER)
        made.run(made.binary, "egress", "-c", "tidegate.yaml", "--nft", "--user", str(USER), "--out", ".")
        made.run("nft", "-f", f"tidegate-{MILAN}.nft")
        for host, port, name in ((OTHER, MODEL, "backend"), (ALLOWED_PEER, PEER, "peer"), (OTHER_PEER, PEER, "other-peer")):
            made.start(sys.executable, "-c", LISTENER, host, str(port), f"{made.folder}/{name}.called")
        made.start(sys.executable, str(SCRIPTED_MODEL), "--host", ALLOWED, "--port", str(MODEL))
        yield made
    finally:
        made.end()


def called(space, name: str) -> bool:
    return (space.folder / f"{name}.called").exists()


def test_its_back_ends_and_peers_can_be_reached(space):
    gateway = space.serve()
    try:
        eventually(lambda: space.status().get("status") == "ready", 20)
        space.run(space.binary, "apply", "-f", "documents.yaml", "--home", "state")
        assert space.converse() == "end_turn", "a client's call, the back-end's answer, and both ways of each"
        eventually(lambda: called(space, "peer"))
        assert space.refused() == 0, "an honest gateway never meets the rules"
    finally:
        space.stop(gateway)


def test_nothing_else_can_be_reached_whatever_the_gateway_believes(space):
    """The rules are of the configuration of before; the gateway has another one now."""
    before = space.refused()
    space.configure(OTHER, OTHER_PEER)
    gateway = space.serve()
    try:
        eventually(lambda: space.status().get("status") == "unavailable", 20)
        eventually(lambda: space.refused() >= before + 4)  # its probes and its dials, again and again
        assert not called(space, "backend") and not called(space, "other-peer")
    finally:
        space.stop(gateway)
        space.configure(ALLOWED, ALLOWED_PEER)


@pytest.mark.parametrize("kind, host, port, expected", [
    ("SOCK_STREAM", ALLOWED, MODEL, "sent"), ("SOCK_STREAM", ALLOWED_PEER, PEER, "sent"),
    ("SOCK_STREAM", OTHER, MODEL, "refused"), ("SOCK_STREAM", OTHER_PEER, PEER, "refused"),
    ("SOCK_STREAM", ALLOWED, API, "refused"), ("SOCK_DGRAM", ALLOWED, MODEL, "refused"),
    ("SOCK_DGRAM", "127.0.0.53", 53, "refused"), ("SOCK_STREAM", "::1", MODEL, "refused"),
])
def test_every_address_and_port_of_the_gateways_user(space, kind, host, port, expected):
    assert space.run(sys.executable, "-c", CONNECT, kind, host, str(port), user=USER).strip() == expected


def test_other_users_are_not_touched(space):
    assert space.run(sys.executable, "-c", CONNECT, "SOCK_STREAM", OTHER_PEER, str(PEER)).strip() == "sent"
    (space.folder / "other-peer.called").unlink(missing_ok=True)


def test_a_table_is_replaced_as_a_whole(space):
    space.configure(OTHER, ALLOWED_PEER)
    try:
        table = space.run(space.binary, "egress", "-c", "tidegate.yaml", "--nft", "--user", str(USER))
        (space.folder / "next.nft").write_text(table)
        space.run("nft", "-f", "next.nft")
        reach = ("SOCK_STREAM", OTHER, str(MODEL)), ("SOCK_STREAM", ALLOWED, str(MODEL))
        assert [space.run(sys.executable, "-c", CONNECT, *one, user=USER).strip() for one in reach] == ["sent", "refused"]
    finally:
        space.configure(ALLOWED, ALLOWED_PEER)
        space.run("nft", "-f", f"tidegate-{MILAN}.nft")


def test_a_table_with_networks_and_name_servers_is_good_nftables(space):
    (space.folder / "named.yaml").write_text(f"""\
region: {MILAN}
operator_domain: example.internal
state_dir: {space.folder}/state
listen: {{api: "{ALLOWED}:{API}"}}
backends:
  - {{name: aws, kind: bedrock, url: "https://bedrock-runtime.{MILAN}.amazonaws.com", api_key: k}}
  - {{name: six, url: "http://[fd00::5]:8000"}}
backend_networks: [52.94.0.0/16, 52.94.1.0/24, "fd00::/8"]
""")
    table = space.run(space.binary, "egress", "-c", "named.yaml", "--nft", "--user", str(USER))
    (space.folder / "named.nft").write_text(table)
    space.run("nft", "-c", "-f", "named.nft")


# --- the systemd unit -----------------------------------------------------------------------------------------------

def test_the_unit_is_good_and_hardened(tmp_path):
    (tmp_path / "tidegate.yaml").write_text(f"""\
region: {MILAN}
operator_domain: example.internal
state_dir: /var/lib/tidegate
listen: {{api: "10.0.0.1:443", peer: "10.0.0.1:7200"}}
tls:
  api: {{certificate: /etc/tidegate/api.pem, key: /etc/tidegate/api.key}}
  peer: {{certificate: /etc/tidegate/peer.pem, key: /etc/tidegate/peer.key}}
backends: [{{name: llama, url: "http://10.0.0.9:8000"}}]
peers: [{{region: {FRANKFURT}, address: "10.0.1.1:7200", trust_bundle: /etc/tidegate/frankfurt.pem}}]
""")
    done = subprocess.run([str(BINARY), "egress", "-c", "tidegate.yaml", "--systemd", "--clients", "10.0.0.0/8", "--binary",
                           str(BINARY), "--out", "."], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    unit = tmp_path / f"tidegate-{MILAN}.service"
    assert shutil.which("systemd-analyze"), "systemd is not installed: ./do test installs it"
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert verified.returncode == 0 and unit.name not in verified.stderr, verified.stderr
    # Exposure from 0 (none) to 100; services without any hardening have 96.
    exposure = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
                              capture_output=True, text=True)
    assert exposure.returncode == 0, exposure.stdout


def test_what_cannot_be_said_is_refused_with_a_mend(tmp_path):
    (tmp_path / "tidegate.yaml").write_text(f"""\
region: {MILAN}
operator_domain: example.internal
state_dir: state
listen: {{api: "10.0.0.1:7100"}}
backends: [{{name: aws, url: "https://models.example"}}]
""")
    for arguments, words in ((["--nft"], "backend_networks"), (["--nft", "--user", "a b"], "not a user"),
                             (["--systemd", "--clients", "everybody"], "not a network")):
        done = subprocess.run([str(BINARY), "egress", "-c", "tidegate.yaml", *arguments], cwd=tmp_path,
                              capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stderr, done.stderr


# --- back-ends inside the Region's networks --------------------------------------------------------------------------

def test_a_back_end_outside_the_networks_is_refused_by_check_and_serve(tmp_path):
    single = Single(tmp_path, more="backend_networks: [10.0.0.0/8]\n")
    code, said = single.serve_refuses()
    assert code != 0 and "127.0.0.1" in said and "backend_networks" in said
    done = subprocess.run([str(BINARY), "check", "-c", str(single.config)], capture_output=True, text=True)
    assert done.returncode != 0 and "the networks of this Region's back-ends are 10.0.0.0/8" in done.stderr


def test_a_name_that_leads_outside_the_networks_is_refused(tmp_path):
    single = Single(tmp_path)
    single.config.write_text(single.config.read_text().replace("http://127.0.0.1:", "https://localhost:"))
    with single.config.open("a") as config:
        config.write("backend_networks: [10.0.0.0/8]\n")
    code, said = single.serve_refuses()
    assert code != 0 and "every address of localhost" in said and "backend_networks" in said


# --- what a gateway never asks for ---------------------------------------------------------------------------------

class Redirecting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*more, ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.answer(self.server.status, ("Location", self.server.location))


@contextlib.contextmanager
def bait():
    """A server that nobody has a reason to call; gives its URL and the list of calls."""
    calls: list = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    calls.append(listening.accept()[1])
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", calls
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_back_end_that_redirects_is_not_followed(tmp_path, status):
    single = Single(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", single.model), Redirecting)
    server.status, server.asked = status, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with bait() as (url, calls):
            server.location = f"{url}/v1/chat/completions"
            single.serve()
            assert single.apply().returncode == 0
            eventually(lambda: single.health() == 200, 20)
            with pytest.raises(ClientError) as caught:
                single.client().converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 400
            assert server.asked == 1 and calls == []
    finally:
        single.end()
        server.shutdown()
        server.server_close()


def test_remote_media_is_neither_fetched_nor_passed_on(regions):
    key = regions.environment["api_key"]
    seen = regions.control(MILAN)["requests"]
    with bait() as (url, calls):
        picture = f"{url}/picture.png"
        bodies = {
            "/v1/chat/completions": {"model": NOVA, "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": picture}}]}]},
            "/anthropic/v1/messages": {"model": NOVA, "max_tokens": 5, "messages": [{"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": picture}}]}]},
            f"/model/{NOVA.replace(':', '%3A')}/converse": {"messages": [{"role": "user", "content": [
                {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/picture.png"}}}}]}]},
        }
        for path, body in bodies.items():
            request = urllib.request.Request(regions.region().url + path, json.dumps(body).encode(), {
                "content-type": "application/json", "authorization": f"Bearer {key}"})
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=20)
            assert caught.value.code == 400, path
        assert calls == []
    assert regions.control(MILAN)["requests"] == seen


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine")
def test_names_are_resolved_by_no_worker(tmp_path):
    """Every name takes /etc/hosts: whose thread opens it?"""
    single = Single(tmp_path)
    single.config.write_text(single.config.read_text().replace("http://127.0.0.1:", "https://localhost:"))
    trace = tmp_path / "trace"
    # -D: the gateway is our child and the tracer a stranger, so that what ends it here is a signal to the gateway.
    single.start("strace", "-D", "-f", "-qq", "-e", "trace=openat", "-o", str(trace), str(BINARY), "serve", "-c",
                 str(single.config))
    try:
        eventually(lambda: single.health() != 0, 20)
        assert single.apply().returncode == 0
        with pytest.raises(ClientError):
            single.client().converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
        gateway = next(pid for pid in pathlib.Path("/proc").glob("[0-9]*")
                       if (pid / "cmdline").read_bytes().startswith(str(BINARY).encode())
                       and str(single.config).encode() in (pid / "cmdline").read_bytes())
        workers = {task.name for task in (gateway / "task").iterdir()
                   if (task / "comm").read_text().startswith("worker")}
    finally:
        single.end()
    eventually(lambda: '"/etc/hosts"' in trace.read_text())
    resolving = {line.split()[0] for line in trace.read_text().splitlines() if '"/etc/hosts"' in line}
    assert workers and resolving and not resolving & workers
