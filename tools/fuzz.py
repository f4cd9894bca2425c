"""Runs every libFuzzer target over its corpus and then for its share of the time; ends with 1 where one found something.

The kept corpus, test/fuzz/corpus/TARGET, is only read. What a run adds stays in build/fuzz/corpus/TARGET, and an input
that breaks a target in build/fuzz/found/. `--keep` merges what a run has learnt into the kept corpus, as few and as short
inputs as cover it.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
KEPT = ROOT / "test" / "fuzz" / "corpus"
INPUT_BYTES_MAX = 8_192      # deeper bugs hide in structure, not in length
KEPT_BYTES_MAX = 1_024       # of an input that is kept
KEPT_NEW_MAX = 30            # inputs a target that one run adds
INPUT_SECONDS_MAX = 60       # for one input: wall time, on a machine that others may fill
MEMORY_MB_MAX = 2_048
GRACE_SECONDS = 60           # for reading the corpus first


def folders(target: str) -> tuple[pathlib.Path, pathlib.Path]:
    learnt, kept = BUILD / "corpus" / target, KEPT / target
    learnt.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    return learnt, kept


def run(program: pathlib.Path, seconds: int) -> tuple[str, int, str]:
    target = program.name.removeprefix("fuzz_")
    learnt, kept = folders(target)
    command = [str(program), f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_SECONDS_MAX}",
               f"-rss_limit_mb={MEMORY_MB_MAX}", f"-artifact_prefix={BUILD}/found/{target}-", "-print_final_stats=1",
               "-verbosity=0", str(learnt), str(kept)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              timeout=seconds + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return target, 1, f"did not end within {seconds + GRACE_SECONDS} s"
    return target, done.returncode, done.stderr


def executions(said: str) -> str:
    found = [line.split()[-1] for line in said.splitlines() if line.startswith("stat::number_of_executed_units")]
    return found[0] if found else "0"


def keep(program: pathlib.Path) -> None:
    target = program.name.removeprefix("fuzz_")
    learnt, kept = folders(target)
    merged = BUILD / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    subprocess.run([str(program), "-merge=1", f"-max_len={KEPT_BYTES_MAX}", str(merged), str(kept), str(learnt)],
                   check=True, capture_output=True, stdin=subprocess.DEVNULL)
    # As few as cover the same: an input of old that no longer adds anything goes.
    found = {path.read_bytes(): path for path in merged.iterdir()}
    for old in kept.iterdir():
        if found.pop(old.read_bytes(), None) is None and old.stat().st_size <= KEPT_BYTES_MAX:
            old.unlink()
    for path in sorted(found.values(), key=lambda path: path.stat().st_size)[:KEPT_NEW_MAX]:
        shutil.copy(path, kept / path.name[:16])
    print(f"{target}: {len(list(kept.iterdir()))} inputs kept")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", nargs="?", type=int, default=300, help="of processor time, over all targets (300)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--keep", action="store_true", help="merge what was learnt into the kept corpus")
    arguments = parser.parse_args()

    (BUILD / "found").mkdir(parents=True, exist_ok=True)
    programs = sorted(path for path in (BUILD / "test" / "fuzz").glob("fuzz_*") if path.is_file())
    if arguments.target:
        programs = [path for path in programs if path.name.removeprefix("fuzz_") in arguments.target]
    if not programs:
        parser.error("no such target is built")
    share = max(1, arguments.seconds // len(programs))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for target, code, said in pool.map(lambda program: run(program, share), programs):
            print(f"{target:22} {share} s  {executions(said):>9} inputs  {'ok' if code == 0 else 'FAILED'}", flush=True)
            if code != 0:
                failed += 1
                print("\n".join(said.splitlines()[-60:]), flush=True)
    if arguments.keep and not failed:
        for program in programs:
            keep(program)
    print(f"{len(programs) - failed} targets held, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
