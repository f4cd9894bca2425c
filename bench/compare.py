"""CPU a request of two builds of tidegate, relative to each other.

  ./do bench compare OLD [NEW]      two programs; NEW: the release build

Both serve the benchmark's requests at the same time, so that a machine that changes its speed changes it for both. Which
of the two was started first makes a difference of a few percent, so each is first once."""

import argparse
import math
import pathlib
import shutil
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor

from client import Request, wrk
from run import CONNECTIONS, FRANKFURT, MILAN, NOVA, Region, Sub
from stack import BINARY, Process, Stack

ROUND_SECONDS = 2


def start(stack: Stack, name: str, program: pathlib.Path, hops: int, standin: int) -> tuple[Region, list[Process]]:
    """The gateways of one build; the first is called."""
    models = {NOVA: f"http://127.0.0.1:{standin}"}
    stack.server = program
    source = Region(Sub(stack, name), MILAN)
    if hops == 1:
        source.write(models, [])
        return source, [source.start()]
    destination = Region(Sub(stack, name), FRANKFURT)
    source.write({}, [destination])
    destination.write(models, [source])
    second = destination.start()
    return source, [source.start(), second]


def ratios(stack: Stack, folder: str, programs: list[pathlib.Path], hops: int, standin: int, rounds: int) -> list[float]:
    """The logarithm of what a request costs the second program, relative to the first, round by round."""
    running = [start(stack, f"{folder}-{i}", program, hops, standin) for i, program in enumerate(programs)]
    request = Request("converse")

    def load(region: Region) -> float:
        return wrk(region.api, request, CONNECTIONS, ROUND_SECONDS, region.folder)

    found = []
    with ThreadPoolExecutor(2) as pool:
        for turn in range(rounds + 1):
            before = [sum(process.cpu_ns() for process in processes) for _, processes in running]
            answered = list(pool.map(load, (region for region, _ in running)))
            costs = [(sum(process.cpu_ns() for process in processes) - start_ns) / requests
                     for (_, processes), start_ns, requests in zip(running, before, answered)]
            if turn:  # the first one warms up
                found.append(math.log(costs[1] / costs[0]))
    for _, processes in running:
        for process in processes:
            stack.end(process)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path, nargs="?", default=BINARY)
    parser.add_argument("--rounds", type=int, default=10, help="of each order")
    parser.add_argument("--hops", type=int, choices=(1, 2))
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: at least 2")
    programs = [options.old.resolve(strict=True), options.new.resolve(strict=True)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-compare-"))
    stack = Stack(folder)
    try:
        standin = stack.standin()
        for hops in [options.hops] if options.hops else [1, 2]:
            first = ratios(stack, f"{hops}-old-first", programs, hops, standin, options.rounds)
            second = ratios(stack, f"{hops}-new-first", programs[::-1], hops, standin, options.rounds)
            ratio = math.exp((statistics.mean(first) - statistics.mean(second)) / 2)
            error = math.sqrt((statistics.variance(first) + statistics.variance(second)) / options.rounds) / 2
            print(f"{'one hop' if hops == 1 else 'two hops'}: new costs {ratio:.3f} of old (standard error of these "
                  f"starts {error:.3f}; twice {options.rounds} rounds of {ROUND_SECONDS} s)", flush=True)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
