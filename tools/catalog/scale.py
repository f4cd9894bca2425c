#!/usr/bin/env python3
"""How long a catalogue of 10,000 profiles and 40 Regions takes to load and to prove.

    tools/catalog/scale.py [PROFILES [REGIONS]]

The catalogue is the built-in library, its profiles repeated under other names of models, and Regions of an operator's own
beside AWS's. `tidegate prove FILE` reads and proves it: its whole time is measured, from start to exit, three times,
and the best is the figure (the machine does other things, too).
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TIDEGATE_BINARY", ROOT / "build/release/src/cli/tidegate"))
SECONDS_MAX, BUILT_IN_SECONDS_MAX = 5.0, 1.0
RUNS = 3


def scaled(profiles: int, regions: int) -> dict:
    library = json.loads((ROOT / "src/catalog/profiles.json").read_text())
    own = [{"id": f"own-{i}", "city": f"Own {i}", "country": "CH", "partition": "own"}
           for i in range(regions - len(library["regions"]))]
    models = {model["id"]: model for model in library["models"]}
    made, made_models = [], {}
    for i in range(profiles):
        pattern = library["profiles"][i % len(library["profiles"])]
        round_ = i // len(library["profiles"])
        model = pattern["model"] if round_ == 0 else f"{pattern['model']}.{round_}"
        made_models.setdefault(model, models[pattern["model"]] | {"id": model})
        made.append(pattern | {"id": f"{pattern['geography']}.{model}", "model": model})
    return library | {"regions": library["regions"] + own, "models": list(made_models.values()), "profiles": made}


def measure(*arguments: str) -> tuple[float, float, dict]:
    """Wall and CPU seconds of the best run, and its report."""
    best = None
    for _ in range(RUNS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([BINARY, "prove", *arguments, "-o", "json"], capture_output=True, text=True)
        took = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"the proof fails: {done.stdout}{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if best is None or took < best[0]:
            best = (took, cpu, json.loads(done.stdout))
    return best


def show(what: str, seconds_max: float, result: tuple[float, float, dict]) -> bool:
    took, cpu, report = result
    print(f"{what:<10} {report['profiles']:>6,} profiles x {report['regions']} Regions: {report['triples']:>10,} requests, "
          f"{report['allowed']:>9,} allowed; {took:5.2f} s ({cpu:5.2f} s CPU), at most {seconds_max:.0f} s")
    return took <= seconds_max


def main() -> None:
    if len(sys.argv) > 3 or not all(argument.isdigit() for argument in sys.argv[1:]):
        sys.exit(__doc__)
    profiles, regions = (int(argument) for argument in (sys.argv[1:] + ["10000", "40"][len(sys.argv) - 1:]))
    good = show("built-in", BUILT_IN_SECONDS_MAX, measure())
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "catalog.json")
        file.write_text(json.dumps(scaled(profiles, regions)))
        # The library's own rows are as they were; what is new beside them is no change of theirs.
        good &= show(f"{file.stat().st_size / 1e6:.1f} MB", SECONDS_MAX, measure(str(file)))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
