"""Runs the test suites and closes with one line, "N passed, N failed", over all of them.

Unit tests are GoogleTest programs that ctest starts; every folder test/SUITE with Python files is a suite that pytest
runs against real processes. Each suite has a time limit, so that a hung test fails instead of waiting for ever.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_SECONDS = 300
SUITE_SECONDS = 900


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


def main() -> int:
    suites = sorted(path.parent.name for path in (ROOT / "test").glob("*/conftest.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="release", choices=["release", "debug", "asan", "tsan"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"unit, {', '.join(suites)} (default: all)")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in ("unit", *suites):
            parser.error(f"no suite '{name}'; there are unit, {', '.join(suites)}")

    totals = Totals()
    for name in arguments.suites or ["unit", *suites]:
        started = time.monotonic()
        print(f"\n=== {name}", flush=True)
        if name == "unit":
            unit(arguments.preset, arguments.jobs, totals)
        else:
            python_suite(name, arguments.jobs, totals)
        print(f"=== {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped", flush=True)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    sys.exit(main())
