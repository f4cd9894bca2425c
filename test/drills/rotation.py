"""Certificates, authorities and documents change while requests run: how many requests fail?

Callers in Milan, half of them over TLS, ask for short answers and for streams; Milan has room for two, so most of them
run in Frankfurt, over links that are replaced all the time. Every rotation is the operator's commands: pki rotate, in turn
of Milan's and Frankfurt's certificates, of Milan's authority, whose bundle is carried to Frankfurt, and of the authority of
Milan's public port, whose bundle is given to the callers. Prints the figure; exits with 1 if a request failed.
"""

import argparse
import pathlib
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.deployment import FRANKFURT, NOVA, eventually, inference_region, script  # noqa: E402
from support.pair import Pair  # noqa: E402

CALLERS = 6
STREAM = {"tokens": 20, "token_ms": 100}  # two seconds: longer than the time between two rotations of the test
UNARY = {"delay_ms": 50}


@dataclass
class Outcome:
    unary: int = 0
    streams: int = 0
    rotations: int = 0
    reloads: int = 0
    seconds: float = 0
    ran_in: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    authorities: list[str] = field(default_factory=list)  # Milan's, as somebody kept them who audits later

    def __str__(self) -> str:
        where = ", ".join(f"{count} in {region}" for region, count in sorted(self.ran_in.items()))
        return (f"{self.rotations} rotations and {self.reloads} reloads of documents in {self.seconds:.0f} s: "
                f"{self.unary} unary requests and {self.streams} streams ({where}), {len(self.failures)} failed")


class Callers:
    """Requests without a pause, from threads, until they are told to end."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.outcome = pair, Outcome()
        self.ending, self.lock = threading.Event(), threading.Lock()
        self.given = 0  # how often they were given a trust bundle
        self.taken = [0] * CALLERS
        self.pool = ThreadPoolExecutor(CALLERS)
        self.tasks = [self.pool.submit(self.call, number) for number in range(CALLERS)]

    def call(self, number: int) -> None:
        done = 0
        while not self.ending.is_set():
            given = self.given
            if done % 20 == 0 or given != self.taken[number]:  # a new connection now and then
                client = self.pair.milan.client(tls=number % 2 == 0)
                self.taken[number] = given
            done += 1
            ask = self.stream if number < CALLERS // 2 else self.unary
            try:
                ask(client)
            except Exception as error:  # whatever it is, a caller has seen it
                with self.lock:
                    self.outcome.failures.append(f"{ask.__name__}: {error!r}")

    def unary(self, client) -> None:
        answer = client.converse(modelId=NOVA, messages=script(**UNARY))
        with self.lock:
            self.outcome.unary += 1
            self.outcome.ran_in[inference_region(answer)] += 1

    def stream(self, client) -> None:
        answer = client.converse_stream(modelId=NOVA, messages=script(**STREAM))
        kinds = [next(iter(event)) for event in answer["stream"]]
        assert kinds[-1] == "metadata" and kinds.count("contentBlockDelta") >= STREAM["tokens"], kinds
        with self.lock:
            self.outcome.streams += 1
            self.outcome.ran_in[inference_region(answer)] += 1

    def are_given_the_bundle(self) -> None:
        """Each reads api-ca.pem anew before its next request: an operator waits for that."""
        self.given += 1
        eventually(lambda: min(self.taken) == self.given, 60)

    def end(self) -> Outcome:
        self.ending.set()
        for task in self.tasks:
            task.result(120)
        self.pool.shutdown()
        return self.outcome


def replace_authority(pair: Pair, kept: list[str]) -> list:
    """The steps of a new authority for Milan, one a rotation; each ends with what an operator carries."""
    def carried() -> None:
        pair.frankfurt.take_bundle_of(pair.milan)
        kept.append(pair.milan.ca.read_text())
        pair.frankfurt.reload()

    def step(*flags: str):
        def run() -> None:
            pair.milan.rotate(*flags)
            carried()
        return run
    return [step("--authority"), step("--authority"), step()]


def replace_public_authority(pair: Pair, callers: Callers) -> list:
    """The steps of a new authority for Milan's public port; clients are told before the switch and after the end."""
    def step(*then):
        def run() -> None:
            pair.milan.rotate("--public-authority")
            for one in then:
                one()
        return run
    return [step(callers.are_given_the_bundle), step(), step(callers.are_given_the_bundle)]


def drill(pair: Pair, rotations: int, interval: float) -> Outcome:
    callers = Callers(pair)
    began = time.monotonic()
    kept = callers.outcome.authorities
    kept.append(pair.milan.ca.read_text())
    certificates = [pair.milan.rotate, pair.frankfurt.rotate]
    plan = [*certificates, *replace_authority(pair, kept), *certificates, *replace_public_authority(pair, callers)]
    try:
        for number in range(rotations):
            plan[number % len(plan)]()
            callers.outcome.rotations += 1
            for gateway in (pair.milan, pair.frankfurt):
                gateway.apply(f"policy-{number}")
            callers.outcome.reloads += 1
            time.sleep(max(0.0, began + (number + 1) * interval - time.monotonic()))
    finally:
        outcome = callers.end()
        outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--a-minute", type=int, default=10, help="rotations and reloads a minute")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-rotation-") as folder:
        pair = Pair(pathlib.Path(folder)).prepare()
        try:
            outcome = drill(pair.start(), round(arguments.minutes * arguments.a_minute), 60 / arguments.a_minute)
        finally:
            pair.end()
    print(outcome)
    for failure in outcome.failures[:10]:
        print(f"  {failure}")
    return 1 if outcome.failures or outcome.ran_in[FRANKFURT] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
