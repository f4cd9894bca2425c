"""What tidegate costs, relative to nginx as a plain proxy in the same run. Exits 1 where a budget is broken.

  ./do bench             everything, about two minutes
  ./do bench --quick     shorter rounds: for a look, not for a record
"""

import argparse
import asyncio
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from client import KEY, Request, hold_streams, latencies_us, percentile, wrk
from stack import BINARY, WORKERS, Process, Stack, free_port, wait_for

CONNECTIONS = 64
ROUNDS = 3
STREAMS = 1000
OPERATOR = "bench.internal"
MILAN, FRANKFURT = "eu-south-1", "eu-central-1"

# Budget and goal of each figure: docs of the product call the second one "good".
BUDGETS = {
    "CPU a request, relative to nginx": (2.0, 1.5, "x"),
    "CPU through a peer, both gateways, relative to one hop": (2.2, 1.6, "x"),
    "added latency at one connection, p50": (120, 60, "us"),
    "added latency at one connection, p99": (300, 100, "us"),
    "added time to the first chunk, p50": (200, 100, "us"),
    f"memory with {STREAMS} open streams": (100, 60, "MB"),
}


class Region:
    """One gateway's folder: configuration, certificates, state."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack, self.name = stack, name
        self.folder = stack.folder / name
        self.folder.mkdir()
        self.api, self.peer = free_port(), free_port()
        for command in (["init", "--operator-domain", OPERATOR], ["issue"]):
            subprocess.run([BINARY, "pki", *command, "--region", name, "--dir", self.folder / "pki"], check=True,
                           stdout=subprocess.DEVNULL)

    def write(self, backends: dict[str, str], peers: list["Region"]) -> None:
        """backends: model id -> URL."""
        lines = [f"region: {self.name}", f"operator_domain: {OPERATOR}", "state_dir: state", f"workers: {WORKERS}",
                 f"listen: {{api: 127.0.0.1:{self.api}, peer: 127.0.0.1:{self.peer}}}",
                 f"tls: {{peer: {{certificate: pki/{self.name}/1-peer.pem, key: pki/{self.name}/1-peer.key}}}}",
                 "log: {level: warn}"]
        if backends:
            lines.append("backends:")
            lines += [f"  - {{name: b{i}, url: '{url}', slots: 60000}}" for i, url in enumerate(backends.values())]
            lines.append("models:")
            lines += [f"  - {{id: '{model}', backend: b{i}, served_as: standin, name: standin}}"
                      for i, model in enumerate(backends)]
        if peers:
            lines.append("peers:")
            lines += [f"  - {{region: {peer.name}, address: '127.0.0.1:{peer.peer}', "
                      f"trust_bundle: '{peer.folder}/pki/{peer.name}/ca.pem'}}" for peer in peers]
        (self.folder / "tidegate.yaml").write_text("\n".join(lines) + "\n")

    def start(self, ready: bool = True) -> Process:
        process = self.stack.gateway(self.folder / "tidegate.yaml", self.api, self.name)
        (self.folder / "documents.yaml").write_text(f"""
policies:
  - name: all
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals: [{{arn: "arn:aws:iam::111122223333:user/bench", policies: [all]}}]
keys: [{{id: {KEY[0]}, secret: {KEY[1]}, principal: "arn:aws:iam::111122223333:user/bench"}}]
""")
        subprocess.run([BINARY, "apply", "-f", self.folder / "documents.yaml"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "TIDEGATE_HOME": str(self.folder / "state")})
        if ready:
            wait_for(f"http://127.0.0.1:{self.api}/health", process)
        return process


def cpu_us_a_request(processes: list[Process], port: int, request: Request, seconds: int,
                     folder: pathlib.Path) -> tuple[float, float]:
    """Microseconds of CPU a request, and requests a second."""
    before = sum(process.cpu_seconds() for process in processes)
    answered = wrk(port, request, CONNECTIONS, seconds, folder)
    spent = sum(process.cpu_seconds() for process in processes) - before
    return spent / answered * 1e6, answered / seconds


def added_us(direct: list[float], through: list[float], share: float) -> float:
    return percentile(through, share) - percentile(direct, share)


def measure(stack: Stack, seconds: int, requests: int) -> dict[str, float]:
    unary, stream = Request("converse"), Request("converse-stream")
    nova, sonnet = "amazon.nova-2-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
    standin = stack.standin()
    floor, floor_port = stack.floor(standin)
    slow_port = free_port()
    slow = stack.start("slow_standin", [sys.executable, str(pathlib.Path(__file__).with_name("slow_standin.py")),
                                        str(slow_port)])
    wait_for(f"http://127.0.0.1:{slow_port}/health", slow)

    home = Region(stack, MILAN)
    home.write({nova: f"http://127.0.0.1:{standin}", sonnet: f"http://127.0.0.1:{standin}/stream"}, [])
    gateway = home.start()

    def say(text: str) -> None:
        print(text, flush=True)

    results: dict[str, float] = {}
    say(f"one hop: {ROUNDS} rounds of {seconds} s, {CONNECTIONS} connections, signed Converse requests")
    floors, ours = [], []
    wrk(home.api, unary, CONNECTIONS, 1, stack.folder)
    wrk(floor_port, unary, CONNECTIONS, 1, stack.folder)
    for _ in range(ROUNDS):
        floors.append(cpu_us_a_request([floor], floor_port, unary, seconds, stack.folder))
        ours.append(cpu_us_a_request([gateway], home.api, unary, seconds, stack.folder))
        say(f"  nginx {floors[-1][0]:6.1f} us CPU, {floors[-1][1]:7.0f}/s    "
            f"tidegate {ours[-1][0]:6.1f} us CPU, {ours[-1][1]:7.0f}/s")
    one_hop = statistics.median(cpu for cpu, _ in ours)
    results["CPU a request, relative to nginx"] = one_hop / statistics.median(cpu for cpu, _ in floors)

    say(f"one connection: {requests} requests each, over the way without a proxy")
    latencies_us(home.api, unary, requests // 4)
    direct, proxied, through = (latencies_us(port, unary, requests) for port in (standin, floor_port, home.api))
    for share in (0.50, 0.99):
        name = f"added latency at one connection, p{share * 100:.0f}"
        results[name] = added_us(direct, through, share)
        say(f"  p{share * 100:.0f}: nginx adds {added_us(direct, proxied, share):.0f} us, "
            f"tidegate {results[name]:.0f} us")
    direct, proxied, through = (latencies_us(port, stream, requests // 2) for port in (standin, floor_port, home.api))
    results["added time to the first chunk, p50"] = added_us(direct, through, 0.5)
    say(f"  first chunk of a stream: nginx adds {added_us(direct, proxied, 0.5):.0f} us, "
        f"tidegate {added_us(direct, through, 0.5):.0f} us")
    gateway.stop()
    stack.processes.remove(gateway)

    say("two hops: Milan has no model server, Frankfurt has; both gateways' CPU")
    source, destination = Region(Sub(stack, "two"), MILAN), Region(Sub(stack, "two"), FRANKFURT)
    source.write({}, [destination])
    destination.write({nova: f"http://127.0.0.1:{standin}"}, [source])
    pair = [destination.start(), source.start()]
    wrk(source.api, unary, CONNECTIONS, 1, stack.folder)
    both = statistics.median(cpu_us_a_request(pair, source.api, unary, seconds, stack.folder)[0] for _ in range(ROUNDS))
    say(f"  {both:.1f} us CPU in both, {one_hop:.1f} us in one hop")
    results["CPU through a peer, both gateways, relative to one hop"] = both / one_hop
    for process in pair:
        process.stop()
        stack.processes.remove(process)

    say(f"{STREAMS} open streams")
    held = Region(Sub(stack, "held"), MILAN)
    held.write({sonnet: f"http://127.0.0.1:{slow_port}"}, [])
    gateway = held.start()
    results[f"memory with {STREAMS} open streams"] = asyncio.run(
        hold_streams(held.api, stream, STREAMS, gateway.resident_mb))
    return results


class Sub:
    """The same stack in a folder below, for Regions of the same name."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.gateway = stack.gateway
        self.folder = stack.folder / name
        self.folder.mkdir(exist_ok=True)


def report(results: dict[str, float]) -> bool:
    print(f"\n{'':56}{'measured':>10}{'budget':>10}{'goal':>8}")
    kept = True
    for name, (budget, goal, unit) in BUDGETS.items():
        value = results[name]
        kept &= value <= budget
        digits = 2 if unit == "x" else 0
        print(f"{name:56}{value:>8.{digits}f} {unit:2}{budget:>7} {unit:2}{goal:>5} {unit:2}"
              f"{'' if value <= budget else '  over budget'}")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    stack = Stack(folder)
    try:
        results = measure(stack, 2 if quick else 6, 1000 if quick else 5000)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
