"""One gateway, `tidegate serve -c FILE`, with or without a model server: for what happens at its start and at its edges."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from support.deployment import BINARY, MILAN, SCRIPTED_MODEL, Region, eventually

KEY = ("AKIASINGLESINGLESIN1", "single-secret-that-guards-nothing")
CONFIG = """\
region: {region}
operator_domain: example.internal
state_dir: {state}
listen: {{api: "127.0.0.1:{api}"}}
backends: [{{name: scripted, url: "http://127.0.0.1:{model}", slots: 4}}]
models: [{{id: "amazon.nova-2-lite-v1:0", backend: scripted, served_as: smollm2, name: scripted-model}}]
"""
DOCUMENTS = f"""\
policies:
  - name: everything
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals: [{{arn: "arn:aws:iam::111122223333:user/service", policies: [everything]}}]
keys: [{{id: {KEY[0]}, secret: {KEY[1]}, principal: "arn:aws:iam::111122223333:user/service"}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Single:
    def __init__(self, folder: pathlib.Path, state: str = "state", more: str = "") -> None:
        self.folder = folder
        self.api, self.model = free_port(), free_port()
        self.config = folder / "tidegate.yaml"
        self.config.write_text(CONFIG.format(region=MILAN, state=state, api=self.api, model=self.model) + more)
        self.state = folder / state
        self.region = Region(MILAN, f"http://127.0.0.1:{self.api}", "", "", str(self.state / "admin.sock"))
        self.processes: list[subprocess.Popen] = []

    def start(self, *command: str) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def start_model(self) -> None:
        self.start(sys.executable, str(SCRIPTED_MODEL), "--port", str(self.model))

    def serve(self) -> subprocess.Popen:
        """Started, and reachable; whether it can serve is another question."""
        process = self.start(str(BINARY), "serve", "-c", str(self.config))
        eventually(lambda: process.poll() is not None or self.health() != 0)
        assert process.poll() is None, self.log()
        return process

    def serve_refuses(self) -> tuple[int, str]:
        """Exit code and what it says, of a gateway that must not start."""
        done = subprocess.run([str(BINARY), "serve", "-c", str(self.config)], cwd=self.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def apply(self, documents: str = DOCUMENTS) -> subprocess.CompletedProcess:
        (self.folder / "documents.yaml").write_text(documents)
        return subprocess.run([str(BINARY), "apply", "-f", "documents.yaml", "--socket", self.region.admin_socket],
                              cwd=self.folder, capture_output=True, text=True, timeout=20)

    def health(self) -> int:
        try:
            with urllib.request.urlopen(f"{self.region.url}/health", timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def client(self, service: str = "bedrock-runtime"):
        return boto3.session.Session().client(
            service, region_name=MILAN, endpoint_url=self.region.url, aws_access_key_id=KEY[0],
            aws_secret_access_key=KEY[1], config=Config(retries={"total_max_attempts": 1}, read_timeout=30))

    def model_has_seen(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.model}/control", timeout=5) as answer:
            return json.load(answer)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait(5)
