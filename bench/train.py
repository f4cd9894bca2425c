"""The work that the release build is optimised for: what `./do profile` runs an instrumented tidegate through.

The requests of the benchmark, whole and streamed, at home and through a peer, by many connections and by one."""

import pathlib
import shutil
import tempfile

from client import Request, wrk
from run import FRANKFURT, MILAN, Region, Sub
from stack import Stack

NOVA, SONNET = "amazon.nova-2-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"


def train(stack: Stack) -> None:
    standin = stack.standin()
    models = {NOVA: f"http://127.0.0.1:{standin}", SONNET: f"http://127.0.0.1:{standin}/stream"}
    home = Region(stack, MILAN)
    home.write(models, [])
    source, destination = Region(Sub(stack, "two"), MILAN), Region(Sub(stack, "two"), FRANKFURT)
    source.write({}, [destination])
    destination.write(models, [source])
    for region in (home, destination, source):
        region.start()
    for region in (home, source):
        for operation in ("converse", "converse-stream"):
            for connections in (64, 1):
                answered = wrk(region.api, Request(operation), connections, 3, stack.folder)
                print(f"{operation} by {connections} connections: {answered:.0f} answers", flush=True)


def main() -> None:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-train-"))
    stack = Stack(folder)
    try:
        train(stack)
    finally:
        stack.stop()  # by SIGTERM: a process writes its counts when it ends
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
