"""How much a request at home fetches anew, by callgrind's model of the caches: instructions, lines of code (64 bytes) that
miss a cache of 32 KB, and lines of data that miss one of 2 MB. Counts, not times; simulated code is some fifty times
slower, so that the requests of all connections are ready at once and each step is taken by as many of them as there are
connections of a worker.

`./do bench code`; another build's with TIDEGATE_BINARY."""

import argparse
import pathlib
import shutil
import subprocess
import tempfile

from client import Request, wrk
from run import MILAN, Region
from stack import BINARY, Stack

NOVA = "amazon.nova-2-lite-v1:0"
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=49152,12,64", "--LL=2097152,16,64")


def counted(stack: Stack, connections: int, seconds: int) -> dict[str, float]:
    """By callgrind's names of events, a request."""
    out, wrapper = stack.folder / "callgrind.out", stack.folder / "simulated"
    wrapper.write_text(f"#!/bin/sh\nexec valgrind --tool=callgrind --instr-atstart=no {' '.join(CACHES)} "
                       f"--callgrind-out-file={out} {BINARY} \"$@\"\n")
    wrapper.chmod(0o755)
    home = Region(stack, MILAN)
    home.write({NOVA: f"http://127.0.0.1:{stack.standin()}"}, [])
    stack.server = wrapper
    gateway = home.start()
    request = Request("converse")

    def switch(state: str) -> None:
        subprocess.run(["callgrind_control", "-i", state, str(gateway.popen.pid)], check=True, capture_output=True)

    wrk(home.api, request, connections, 2, stack.folder)
    switch("on")
    answered = wrk(home.api, request, connections, seconds, stack.folder)
    switch("off")
    stack.end(gateway)
    lines = dict(line.split(": ", 1) for line in out.read_text().splitlines() if line.startswith(("events: ", "totals: ")))
    return {name: int(total) / answered for name, total in zip(lines["events"].split(), lines["totals"].split())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=48)
    parser.add_argument("--seconds", type=int, default=8)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-fetched-"))
    stack = Stack(folder)
    try:
        found = counted(stack, arguments.connections, arguments.seconds)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"a request at home, {arguments.connections} connections, simulated: {found['Ir']:,.0f} instructions, "
          f"{found['I1mr']:,.0f} lines of code fetched anew, "
          f"{found['DLmr'] + found['DLmw']:,.0f} lines of data from beyond 2 MB")


if __name__ == "__main__":
    main()
