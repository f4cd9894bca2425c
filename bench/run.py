"""What tidegate costs, relative to nginx as a plain proxy in the same run. Exits 1 where a budget is broken.

  ./do bench             everything, about four minutes
  ./do bench --quick     shorter rounds: for a look, not for a record
"""

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import chain

from client import KEY, Request, hold_streams, latencies_us, percentile, wrk
from stack import BINARY, ROOT, WORKERS, Process, Stack, free_port, wait_for
from tokens import read_slowly, tokens

CONNECTIONS = 64
ROUNDS, CPU_ROUNDS = 3, 12
TURNS = 10  # of one connection on each way, one after another
STREAMS = 1000
TOKENS_A_SECOND = 20
BUSY_STREAMS = 400  # while CPU a token is measured
BODY_MB = 20
SLOW_SECONDS = 8
OPERATOR = "bench.internal"
MILAN, FRANKFURT = "eu-south-1", "eu-central-1"
NOVA, SONNET = "amazon.nova-2-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
CHAT_BENCH = ROOT / "build/release/src/chat/chat_bench"
GATEWAY_BENCH = ROOT / "build/release/src/gateway/gateway_bench"

# Budget and goal of each figure: docs of the product call the second one "good".
BUDGETS = {
    "CPU a request, relative to nginx": (2.0, 1.5, "x"),
    "CPU through a peer, both gateways, relative to one hop": (2.2, 1.6, "x"),
    "added latency at one connection, p50": (120, 60, "us"),
    "added latency at one connection, p99": (300, 100, "us"),
    "added time to the first chunk, p50": (200, 100, "us"),
    f"memory with {STREAMS} open streams": (100, 60, "MB"),
    "CPU a streamed token, translated, relative to nginx": (1.3, 1.0, "x"),
    "CPU a streamed token through a peer, relative to nginx": (2.6, 2.0, "x"),
    f"added delay of a token, {STREAMS} streams on one core, p99": (50, 10, "ms"),
    "translating a request of 4 KB and its answer": (15, 10, "us"),
    "proof of a hop: token, admission, its part of the signatures": (10, 7, "us"),
    f"memory for a body of {BODY_MB} MB, over its size": (75, 50, "MB"),
    "memory for a client that reads 1 KB a second": (2, 1, "MB"),
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

    def write(self, backends: dict[str, str], peers: list["Region"], workers: int = WORKERS) -> None:
        """backends: model id -> URL."""
        lines = [f"region: {self.name}", f"operator_domain: {OPERATOR}", "state_dir: state", f"workers: {workers}",
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


def say(text: str) -> None:
    print(text, flush=True)


def cpu_us_a_request(processes: list[Process], port: int, request: Request, seconds: int,
                     folder: pathlib.Path) -> tuple[float, float]:
    """Microseconds of CPU a request, and requests a second."""
    before = sum(process.cpu_seconds() for process in processes)
    answered = wrk(port, request, CONNECTIONS, seconds, folder)
    spent = sum(process.cpu_seconds() for process in processes) - before
    return spent / answered * 1e6, answered / seconds


def added_us(direct: list[float], through: list[float], share: float) -> float:
    return percentile(through, share) - percentile(direct, share)


def measure_cpu(stack: Stack, standin: int, seconds: int) -> dict[str, float]:
    """nginx, a gateway, and two of them, one after the other in each round: a machine that changes its speed between
    rounds changes it for all three, so the ratios are of neighbours, and many short rounds say more than a few long ones."""
    unary = Request("converse")
    floor, floor_port = stack.floor(standin, "cpu-floor")
    home, source, destination = (Region(Sub(stack, name), region) for name, region in (
        ("one", MILAN), ("two", MILAN), ("two", FRANKFURT)))
    home.write({NOVA: f"http://127.0.0.1:{standin}"}, [])
    source.write({}, [destination])
    destination.write({NOVA: f"http://127.0.0.1:{standin}"}, [source])
    gateway, pair = home.start(), [destination.start(), source.start()]
    ways = (("nginx", floor_port, [floor]), ("one hop", home.api, [gateway]), ("two hops", source.api, pair))

    say(f"{CPU_ROUNDS} rounds of {seconds} s each, {CONNECTIONS} connections, signed Converse requests; two hops: Milan has "
        "no model server, Frankfurt has; both gateways' CPU")
    costs: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for _, port, _ in ways:
        wrk(port, unary, CONNECTIONS, 1, stack.folder)
    for _ in range(CPU_ROUNDS):
        rates = {}
        for name, port, processes in ways:
            cpu, rates[name] = cpu_us_a_request(processes, port, unary, seconds, stack.folder)
            costs[name].append(cpu)
        say("  " + "    ".join(f"{name} {costs[name][-1]:5.1f} us CPU {rates[name]:6.0f}/s" for name in costs))

    def ratio(name: str, floor_name: str) -> float:
        return statistics.median(ours / floors for ours, floors in zip(costs[name], costs[floor_name]))
    for process in (floor, gateway, *pair):
        stack.end(process)
    return {"CPU a request, relative to nginx": ratio("one hop", "nginx"),
            "CPU through a peer, both gateways, relative to one hop": ratio("two hops", "one hop")}


def in_turns(ports: tuple[int, ...], request: Request, requests: int) -> list[list[float]]:
    """Of each port, in order of size: a machine that is slow for a second is slow for all of them."""
    turns = [[latencies_us(port, request, requests // TURNS) for port in ports] for _ in range(TURNS)]
    return [sorted(chain.from_iterable(of_a_port)) for of_a_port in zip(*turns, strict=True)]


def measure_latency(stack: Stack, standin: int, requests: int) -> dict[str, float]:
    unary, stream = Request("converse"), Request("converse-stream")
    floor, floor_port = stack.floor(standin)
    home = Region(stack, MILAN)
    home.write({NOVA: f"http://127.0.0.1:{standin}", SONNET: f"http://127.0.0.1:{standin}/stream"}, [])
    gateway = home.start()

    results: dict[str, float] = {}
    say(f"one connection: {requests} requests each, over the way without a proxy")
    latencies_us(home.api, unary, requests // 4)
    direct, proxied, through = in_turns((standin, floor_port, home.api), unary, requests)
    for share in (0.50, 0.99):
        name = f"added latency at one connection, p{share * 100:.0f}"
        results[name] = added_us(direct, through, share)
        say(f"  p{share * 100:.0f}: nginx adds {added_us(direct, proxied, share):.0f} us, "
            f"tidegate {results[name]:.0f} us")
    direct, proxied, through = in_turns((standin, floor_port, home.api), stream, requests // 2)
    results["added time to the first chunk, p50"] = added_us(direct, through, 0.5)
    say(f"  first chunk of a stream: nginx adds {added_us(direct, proxied, 0.5):.0f} us, "
        f"tidegate {added_us(direct, through, 0.5):.0f} us")
    for process in (floor, gateway):
        stack.end(process)
    return results


def measure_open_streams(stack: Stack) -> dict[str, float]:
    say(f"{STREAMS} open streams")
    held = Region(Sub(stack, "held"), MILAN)
    held.write({SONNET: f"http://127.0.0.1:{stack.token_standin(1)}"}, [])
    gateway = held.start()
    memory = asyncio.run(hold_streams(held.api, Request("converse-stream"), STREAMS, gateway.resident_mb))
    stack.end(gateway)
    return {f"memory with {STREAMS} open streams": memory}


def measure_tokens(stack: Stack, seconds: int) -> dict[str, float]:
    """One worker each; the same streams through nginx, a gateway that translates them, and two gateways."""
    stream = Request("converse-stream")
    standin = stack.token_standin(TOKENS_A_SECOND)
    floor, floor_port = stack.floor(standin, "token-floor", 1)
    home, source, destination = (Region(Sub(stack, name), region) for name, region in (
        ("token-home", MILAN), ("token-two", MILAN), ("token-two", FRANKFURT)))
    home.write({SONNET: f"http://127.0.0.1:{standin}"}, [], 1)
    source.write({}, [destination], 1)
    destination.write({SONNET: f"http://127.0.0.1:{standin}"}, [source], 1)
    gateway, pair = home.start(), [destination.start(), source.start()]

    say(f"{BUSY_STREAMS} streams of {TOKENS_A_SECOND} tokens a second, out of phase: {ROUNDS} rounds of {seconds} s")
    costs: dict[str, list[float]] = {"nginx": [], "one hop": [], "two hops": []}
    for _ in range(ROUNDS):
        for name, port, processes in (("nginx", floor_port, [floor]), ("one hop", home.api, [gateway]),
                                      ("two hops", source.api, pair)):
            costs[name].append(tokens(port, stream, BUSY_STREAMS, seconds, processes).cpu_us)
        say("  " + "    ".join(f"{name} {costs[name][-1]:5.2f} us CPU a token" for name in costs))
    one, two = (statistics.median(ours / floors for ours, floors in zip(costs[name], costs["nginx"]))
                for name in ("one hop", "two hops"))

    say(f"{STREAMS} streams of {TOKENS_A_SECOND} tokens a second, one worker")
    direct, proxied, through = (tokens(port, stream, STREAMS, seconds, []).delay_p99_ms
                                for port in (standin, floor_port, home.api))
    say(f"  p99 of a token's delay: {direct:.1f} ms without a proxy, {proxied:.1f} ms through nginx, "
        f"{through:.1f} ms through tidegate")
    for process in (floor, gateway, *pair):
        stack.end(process)
    return {"CPU a streamed token, translated, relative to nginx": one,
            "CPU a streamed token through a peer, relative to nginx": two,
            f"added delay of a token, {STREAMS} streams on one core, p99": through - direct}


def medians(program, names: str) -> list[dict]:
    done = subprocess.run([str(program), f"--benchmark_filter={names}", "--benchmark_format=json",
                           "--benchmark_repetitions=5"], check=True, capture_output=True)
    return [row for row in json.loads(done.stdout)["benchmarks"] if row.get("aggregate_name") == "median"]


def measure_translation() -> dict[str, float]:
    say("translating a request of 4 KB and its answer, without a socket")
    found = medians(CHAT_BENCH, "^translate_(request|answer)$")
    assert len(found) == 2 and {row["time_unit"] for row in found} == {"ns"}
    return {"translating a request of 4 KB and its answer": sum(row["cpu_time"] for row in found) / 1000}


def measure_proof() -> dict[str, float]:
    say("what proves a hop, both ends, by the number of hops in the 100 ms that share two signatures")
    found = {int(row["run_name"].split("/")[1]): row["us_a_hop"] for row in medians(GATEWAY_BENCH, "^proof/")}
    say(", ".join(f"{hops:,} hops: {found[hops]:.1f} us" for hops in sorted(found)))
    return {"proof of a hop: token, admission, its part of the signatures": found[100]}


def measure_memory(stack: Stack) -> dict[str, float]:
    standin = stack.token_standin(TOKENS_A_SECOND)
    region = Region(Sub(stack, "memory"), MILAN)
    region.write({NOVA: f"http://127.0.0.1:{standin}/unary", SONNET: f"http://127.0.0.1:{standin}/flood"}, [])
    gateway = region.start()
    small = Request("converse")
    latencies_us(region.api, small, 50)

    say(f"a request body of {BODY_MB} MB, and a client that reads 1 KB a second")
    text = "Why do the tides rise and fall? " * (BODY_MB * 1_000_000 // 32)
    large = Request("converse", body=json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode())
    gateway.reset_peak()
    before = gateway.resident_mb()
    latencies_us(region.api, large, 1)
    body = gateway.peak_mb() - before - len(large.bytes) / 1e6
    latencies_us(region.api, small, 50)
    say(f"  {before:.0f} MB before, {gateway.peak_mb():.0f} MB at most, {gateway.resident_mb():.0f} MB after")

    endless = Request("converse-stream")
    read_slowly(region.api, endless, 1)
    gateway.reset_peak()
    before = gateway.resident_mb()
    read_slowly(region.api, endless, SLOW_SECONDS)
    slow = gateway.peak_mb() - before
    say(f"  {before:.1f} MB before the slow reader, {before + slow:.1f} MB at most")
    stack.end(gateway)
    return {f"memory for a body of {BODY_MB} MB, over its size": body, "memory for a client that reads 1 KB a second": slow}


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
        results = measure_translation() | measure_proof()
        results |= measure_tokens(stack, 2 if quick else 6)
        standin = stack.standin()
        results |= measure_cpu(stack, standin, 1 if quick else 2)
        results |= measure_latency(stack, standin, 1000 if quick else 5000)
        results |= measure_open_streams(stack)
        results |= measure_memory(stack)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
