"""The processes of a measurement: a stand-in model server, nginx as the floor, and gateways with two workers each.

The stand-in is nginx too: it answers at once with a recorded answer, so that what is measured is the way to it.
"""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TIDEGATE_BINARY", ROOT / "build/release/src/cli/tidegate"))
WORKERS = 2
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

ANSWER = json.dumps({
    "id": "chatcmpl-standin", "object": "chat.completion", "created": 1700000000, "model": "standin",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "The tide comes in, the tide goes out. " * 8}}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 80, "total_tokens": 120}}, separators=(",", ":"))


def stream_answer() -> str:
    def chunk(delta: dict, finish: str | None) -> str:
        return "data: " + json.dumps({"id": "chatcmpl-standin", "object": "chat.completion.chunk", "created": 1700000000,
                                      "model": "standin", "choices": [{"index": 0, "delta": delta,
                                                                       "finish_reason": finish}]}) + "\n\n"
    text = chunk({"role": "assistant", "content": ""}, None)
    text += "".join(chunk({"content": f"word{i} "}, None) for i in range(16)) + chunk({}, "stop")
    usage = {"prompt_tokens": 40, "completion_tokens": 16, "total_tokens": 56}
    return text + f"data: {json.dumps({'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid: int) -> list[int]:
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


class Process:
    """A started program with its children: its CPU time and memory, and its end."""

    def __init__(self, name: str, command: list[str], folder: pathlib.Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)

    def family(self) -> list[int]:
        return [self.popen.pid, *children_of(self.popen.pid)]

    def cpu_seconds(self) -> float:
        total = 0
        for pid in self.family():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / CLOCK_TICKS

    def cpu_ns(self) -> int:
        """The same as cpu_seconds(), as finely as the kernel knows it (clock_getcpuclockid)."""
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.family())

    def peak_mb(self) -> float:
        """The most memory that it has had since reset_peak()."""
        return self.status_mb("VmHWM")

    def reset_peak(self) -> None:
        for pid in self.family():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def status_mb(self, name: str) -> float:
        text = "".join(pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.family())
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(name)) / 1024

    def resident_mb(self) -> float:
        return self.status_mb("VmRSS")

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(40)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)


def wait_for(url: str, process: Process, seconds: float = 15) -> None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if process.popen.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"bench: {process.name} is not ready:\n{process.log.read_text()[-3000:]}")


class Stack:
    """Everything that one run needs, in a temporary folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.server = BINARY  # what gateways are started with
        self.processes: list[Process] = []
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))

    def start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, self.folder)
        self.processes.append(process)
        return process

    def end(self, process: Process) -> None:
        process.stop()
        self.processes.remove(process)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def nginx(self, name: str, workers: int, server: str, outside: str = "") -> tuple[Process, int]:
        port = free_port()
        prefix = self.folder / name
        prefix.mkdir()
        (prefix / "nginx.conf").write_text(f"""
daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  {outside}
  server {{ listen 127.0.0.1:{port} reuseport backlog=2048; location = /health {{ return 200 ok; }} {server} }}
}}
""")
        process = self.start(name, ["nginx", "-p", str(prefix), "-e", "stderr", "-c", str(prefix / "nginx.conf")])
        wait_for(f"http://127.0.0.1:{port}/health", process)
        return process, port

    def standin(self) -> int:
        """Answers every chat request; below /stream with an event stream. Below /model the same, for the floor."""
        unary, stream = (text.replace("'", "\\'") for text in (ANSWER, stream_answer()))
        as_json = f"default_type application/json; return 200 '{unary}';"
        as_events = f"default_type text/event-stream; return 200 '{stream}';"
        _, port = self.nginx("standin", 1, f"""
            location / {{ {as_json} }}
            location /stream {{ {as_events} }}
            location = /stream/health {{ return 200 ok; }}
            location ~ converse-stream$ {{ {as_events} }}""")
        return port

    def token_standin(self, tokens_a_second: float) -> int:
        port = free_port()
        process = self.start(f"tokens-{tokens_a_second}", [
            sys.executable, str(pathlib.Path(__file__).with_name("token_standin.py")), str(port), str(tokens_a_second)])
        wait_for(f"http://127.0.0.1:{port}/health", process)
        return port

    def floor(self, standin: int, name: str = "floor", workers: int = WORKERS) -> tuple[Process, int]:
        return self.nginx(name, workers, """
            location / { proxy_pass http://standin; proxy_http_version 1.1; proxy_set_header Connection "";
                         proxy_buffering off; }""",
                          f"upstream standin {{ server 127.0.0.1:{standin}; keepalive 256; }}")

    def gateway(self, config: pathlib.Path, api_port: int, name: str) -> Process:
        process = self.start(name, [str(self.server), "serve", "-c", str(config)])
        give_up = time.monotonic() + 15
        while not (config.parent / "state/admin.sock").exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        return process
