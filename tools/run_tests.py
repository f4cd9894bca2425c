"""Runs the test suites and closes with one line, "N passed, N failed", over all of them.

Unit tests are GoogleTest programs that ctest starts; every folder test/SUITE with Python files is a suite that pytest
runs against real processes. `clients` is test/clients/run.py: unmodified clients of other vendors, those that install
quickly, or with --all-clients every one, and then the page that claims what they saw is compared with what they saw.
`fence` is test/sabotage/run.py, with a build of its own: it runs only where it is named.
Each suite has a time limit, so that a hung test fails instead of waiting for ever.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_SECONDS = 300
SUITE_SECONDS = 900
FENCE_SECONDS = 1500
ALL_CLIENTS_SECONDS = 2400  # with the builds of those in Go, Java and Rust


class Totals:
    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def add_junit(self, path: pathlib.Path) -> None:
        for case in ElementTree.parse(path).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed += 1
            elif case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed"):
                self.skipped += 1
            else:
                self.passed += 1


def run(command: list[str], seconds: int, **options) -> int:
    try:
        return subprocess.run(command, cwd=ROOT, timeout=seconds, **options).returncode
    except subprocess.TimeoutExpired:
        print(f"did not end within {seconds} s: {' '.join(command)}", flush=True)
        return 1


def build(preset: str, jobs: int, targets: list[str]) -> None:
    commands = [] if (ROOT / "build" / preset / "build.ninja").exists() else [["cmake", "--preset", preset]]
    chosen = ["--target", *targets] if targets else []
    commands.append(["cmake", "--build", f"build/{preset}", "--parallel", str(jobs), *chosen])
    for command in commands:
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            sys.exit("the build failed: nothing was tested")


def unit(preset: str, jobs: int, totals: Totals) -> None:
    build(preset, jobs, [])
    results = ROOT / "build" / preset / "test-results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    # GoogleTest writes one file a program there; ctest's own count would be programs, not tests.
    environment = {"GTEST_OUTPUT": f"xml:{results}/"}
    code = run(["env", *(f"{k}={v}" for k, v in environment.items()), "ctest", "--test-dir", f"build/{preset}",
                "--output-on-failure", "--no-tests=error", "--parallel", str(jobs)], UNIT_SECONDS)
    failed_before = totals.failed
    for path in sorted(results.glob("*.xml")):
        totals.add_junit(path)
    if code != 0 and totals.failed == failed_before:
        totals.failed += 1  # a program that crashed wrote no results


def python_suite(name: str, jobs: int, totals: Totals) -> None:
    build("release", jobs, ["tidegate"])
    results = ROOT / "build" / "release" / f"{name}.xml"
    results.unlink(missing_ok=True)
    code = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test/{name}",
                f"--junitxml={results}"], SUITE_SECONDS)
    failed_before = totals.failed
    if results.exists():
        totals.add_junit(results)
    if code != 0 and totals.failed == failed_before:
        totals.failed += 1


def counting_program(arguments: list[str], seconds: int, totals: Totals) -> None:
    """A Python program whose last line counts its cases."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(seconds, process.terminate)
    timer.start()
    closing = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        closing = line if line.strip() else closing
    code = process.wait()
    timer.cancel()
    count = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped\n", closing)
    passed, failed, skipped = map(int, count.groups()) if count else (0, 0, 0)
    totals.passed += passed
    totals.failed += failed or int(code != 0)
    totals.skipped += skipped


def fence(jobs: int, totals: Totals) -> None:
    build("sabotage", jobs, ["tidegate"])
    build("release", jobs, ["tidegate"])  # it is looked at: the switch must not be in it
    counting_program(["test/sabotage/run.py"], FENCE_SECONDS, totals)


def clients(everyone: bool, jobs: int, totals: Totals) -> None:
    build("release", jobs, ["tidegate"])
    matrix = ROOT / "build" / "release" / "clients.json"
    matrix.unlink(missing_ok=True)
    counting_program(["test/clients/run.py", "--matrix", str(matrix), *([] if everyone else ["--quick"])],
                     ALL_CLIENTS_SECONDS if everyone else SUITE_SECONDS, totals)
    if everyone and matrix.exists():
        page = run([sys.executable, "tools/compatibility.py", str(matrix), "--check"], 60)
        totals.passed += page == 0
        totals.failed += page != 0


def main() -> int:
    suites = ["clients", *sorted(path.parent.name for path in (ROOT / "test").glob("*/conftest.py"))]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="release", choices=["release", "debug", "asan", "tsan"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--all-clients", action="store_true", help="in clients, also those that take long to build")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"unit, {', '.join(suites)} (default: all of these); fence")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in ("unit", "fence", *suites):
            parser.error(f"no suite '{name}'; there are unit, fence, {', '.join(suites)}")

    totals = Totals()
    for name in arguments.suites or ["unit", *suites]:
        started = time.monotonic()
        print(f"\n=== {name}", flush=True)
        if name == "unit":
            unit(arguments.preset, arguments.jobs, totals)
        elif name == "fence":
            fence(arguments.jobs, totals)
        elif name == "clients":
            clients(arguments.all_clients, arguments.jobs, totals)
        else:
            python_suite(name, arguments.jobs, totals)
        print(f"=== {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped", flush=True)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    sys.exit(main())
