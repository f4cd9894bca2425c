"""Two Regions as two hosts: network namespaces with one cable between them, a configuration file and certificates each,
as docs/how-to/run-on-your-own-hosts.md says. Nothing is shared but what an operator carries by hand.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from support.deployment import BINARY, FRANKFURT, MILAN, NOVA, SCRIPTED_MODEL, eventually

CAN_MAKE_NAMESPACES = os.geteuid() == 0 and shutil.which("ip") is not None and subprocess.run(
    ["unshare", "--net", "--mount", "true"], capture_output=True).returncode == 0
pytestmark = pytest.mark.skipif(not CAN_MAKE_NAMESPACES, reason="making network namespaces needs root and iproute2")

KEY = ("AKIATWOHOSTSTWOHOST1", "two-hosts-secret-that-guards-nothing")
API, PEER, MODEL = 7100, 7200, 8000
ASK = f"""
import boto3, json, sys
from botocore.config import Config
from concurrent.futures import ThreadPoolExecutor
bedrock = boto3.client("bedrock-runtime", region_name="{MILAN}", endpoint_url=sys.argv[1], aws_access_key_id="{KEY[0]}",
                       aws_secret_access_key="{KEY[1]}", config=Config(retries={{"total_max_attempts": 1}}))
def ask(_):
    answer = bedrock.converse(modelId="{NOVA}", messages=[{{"role": "user", "content": [
        {{"text": 'script:{{"delay_ms":500}}'}}]}}])
    return answer["ResponseMetadata"]["HTTPHeaders"]["x-tidegate-inference-region"]
with ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(ask, range(4)))))
"""


class Host:
    """One network namespace, its files and its processes."""

    def __init__(self, region: str, address: str, folder: pathlib.Path) -> None:
        self.region, self.address = region, address
        self.folder = folder / region
        self.folder.mkdir()
        self.name = f"tidegate-{os.getpid()}-{region}"
        self.processes: list[subprocess.Popen] = []
        subprocess.run(["ip", "netns", "add", self.name], check=True)

    def run(self, *command: str) -> str:
        done = subprocess.run(["ip", "netns", "exec", self.name, *command], cwd=self.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.logs()}"
        return done.stdout

    def start(self, *command: str) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(["ip", "netns", "exec", self.name, *command], cwd=self.folder, stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def logs(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def tidegate(self, *arguments: str) -> str:
        return self.run(str(BINARY), *arguments)

    def make_certificates(self) -> None:
        self.tidegate("pki", "init", "--region", self.region, "--operator-domain", "example.internal")
        self.tidegate("pki", "issue", "--region", self.region, "--name", self.address)

    def configure(self, other: "Host") -> None:
        shutil.copy(other.folder / "pki" / other.region / "ca.pem", self.folder / "pki" / f"{other.region}.pem")
        (self.folder / "tidegate.yaml").write_text(f"""
region: {self.region}
operator_domain: example.internal
state_dir: state
listen: {{api: "{self.address}:{API}", peer: "{self.address}:{PEER}"}}
tls:
  api: {{certificate: pki/{self.region}/1-api.pem, key: pki/{self.region}/1-api.key}}
  peer: {{certificate: pki/{self.region}/1-peer.pem, key: pki/{self.region}/1-peer.key}}
backends: [{{name: scripted, url: "http://127.0.0.1:{MODEL}", slots: 2}}]
models: [{{id: "amazon.nova-2-lite-v1:0", backend: scripted, served_as: smollm2, name: scripted-model}}]
peers: [{{region: {other.region}, address: "{other.address}:{PEER}", trust_bundle: pki/{other.region}.pem}}]
""")
        (self.folder / "documents.yaml").write_text(f"""
policies:
  - name: invoke
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "bedrock:*", Resource: "*"}}]}}
principals: [{{arn: "arn:aws:iam::111122223333:user/service", policies: [invoke]}}]
keys: [{{id: {KEY[0]}, secret: {KEY[1]}, principal: "arn:aws:iam::111122223333:user/service"}}]
""")
        self.tidegate("check", "-c", "tidegate.yaml", "-f", "documents.yaml")

    def serve(self) -> None:
        self.start(sys.executable, str(SCRIPTED_MODEL), "--port", str(MODEL))
        self.start(str(BINARY), "serve", "-c", "tidegate.yaml")
        eventually(lambda: (self.folder / "state/admin.sock").exists())

    def health(self) -> bool:
        fetch = f"import urllib.request as u; print(u.urlopen('http://{self.address}:{API}/health', timeout=2).status)"
        done = subprocess.run(["ip", "netns", "exec", self.name, sys.executable, "-c", fetch], capture_output=True,
                              text=True, timeout=10)
        return done.stdout.strip() == "200"

    def signal(self, number: int) -> None:
        for process in self.processes:
            process.send_signal(number)

    def end(self) -> None:
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


@pytest.fixture
def hosts(tmp_path):
    made: list[Host] = []
    try:
        for region, address in ((MILAN, "10.77.0.1"), (FRANKFURT, "10.77.0.2")):
            made.append(Host(region, address, tmp_path))
            made[-1].run("ip", "link", "set", "lo", "up")
        milan, frankfurt = made
        ends = [f"tg{os.getpid() % 100000}m", f"tg{os.getpid() % 100000}f"]
        subprocess.run(["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]], check=True)
        for host, end in zip((milan, frankfurt), ends):
            subprocess.run(["ip", "link", "set", end, "netns", host.name], check=True)
            host.run("ip", "address", "add", f"{host.address}/24", "dev", end)
            host.run("ip", "link", "set", end, "up")
            host.make_certificates()
        yield milan, frankfurt
    finally:
        for host in made:
            host.signal(signal.SIGTERM)
        for host in made:
            host.end()


def test_two_hosts(hosts):
    milan, frankfurt = hosts
    milan.configure(frankfurt)
    frankfurt.configure(milan)
    frankfurt.serve()
    milan.serve()
    milan.tidegate("apply", "-f", "documents.yaml", "--home", "state")
    for host in hosts:
        eventually(host.health, 20)

    def spills() -> bool:  # the link may need a moment
        where = json.loads(milan.run(sys.executable, "-c", ASK, f"http://{milan.address}:{API}"))
        return sorted(where) == [FRANKFURT, FRANKFURT, MILAN, MILAN]
    eventually(spills, 20, every=0.5)
    assert FRANKFURT in milan.tidegate("status", "--home", "state")


def test_a_region_with_a_foreign_authority_is_not_believed(hosts):
    """Frankfurt's certificate is from another authority than the one that Milan was given: no link, no spill."""
    milan, frankfurt = hosts
    milan.configure(frankfurt)
    shutil.rmtree(frankfurt.folder / "pki")
    frankfurt.make_certificates()
    frankfurt.configure(milan)
    frankfurt.serve()
    milan.serve()
    milan.tidegate("apply", "-f", "documents.yaml", "--home", "state")
    for host in hosts:
        eventually(host.health, 20)
    where = json.loads(milan.run(sys.executable, "-c", ASK, f"http://{milan.address}:{API}"))
    assert where == [MILAN] * 4, "what has no room at home waits"
