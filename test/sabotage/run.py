"""Breaks the promise in every way of cases_*.py, each with one layer of the fence switched off, and lets packet captures
judge: no byte of a payload outside its row, and somebody noticed.

  python test/sabotage/run.py [--only TEXT] [--layer LAYER,...] [--keep]

Exit code 1 if a case failed. The virtual environment of `./do` and the sabotage build have what it needs.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cases_attestation  # noqa: E402
import cases_backend  # noqa: E402
import cases_bundles  # noqa: E402
import cases_catalog  # noqa: E402
import cases_destination  # noqa: E402
import cases_identity  # noqa: E402
import cases_narrowed  # noqa: E402
import cases_restrictions  # noqa: E402
import cases_routing  # noqa: E402
import cases_tokens  # noqa: E402
import referee  # noqa: E402
import replay  # noqa: E402
import self_check  # noqa: E402
from case import Case, Failed, Outcome, Trial  # noqa: E402
from deployment import REGIONS_WITH_AUTHORITIES, Deployment, make_store  # noqa: E402
from world import LAYERS, make_pki, missing  # noqa: E402

SLOW_SECONDS = 5  # said while it runs
FAMILIES = (cases_tokens, cases_identity, cases_destination, cases_attestation, cases_routing, cases_restrictions,
            cases_narrowed, cases_backend)


def all_cases() -> list[Case]:
    found = [case for family in FAMILIES for case in family.cases()]
    names = [(case.kind, case.name) for case in found]
    assert len(set(names)) == len(names), f"two cases of one name: {sorted(n for n in names if names.count(n) > 1)}"
    return sorted(found, key=lambda case: case.able)  # stable: those of one state of the deployment together


def chosen(cases: list[Case], text: str) -> list[Case]:
    return [case for case in cases if text in f"{case.kind}: {case.name}"]


def play(cases: list[Case], deployment: Deployment, layer: str) -> list[Outcome]:
    outcomes = []
    for case in cases:
        deployment.only(*case.able)
        began = time.monotonic()
        trial = Trial(deployment)
        outcome = Outcome(case, layer, trial.canary)
        try:
            outcome.evidence = case.run(trial)
        except Failed as failed:
            outcome.failure = str(failed)
        except Exception as error:  # an attack that broke down proves nothing
            outcome.failure = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        outcomes.append(outcome)
        if (took := time.monotonic() - began) > SLOW_SECONDS:
            print(f"... {took:.0f} s: {case.kind}: {case.name}", flush=True)
    return outcomes


def judge(outcomes: list[Outcome], deployment: Deployment) -> None:
    """Once the captures are closed: what they and the files show of every payload."""
    canaries = [outcome.canary for outcome in outcomes]
    by_canary = {outcome.canary: outcome for outcome in outcomes}
    for sighting in (found for host in deployment.hosts.values()
                     for found in referee.seen(host, deployment.keys, canaries)):
        outcome = by_canary[sighting.canary]
        case = outcome.case
        lies = case.liar and sighting.where == "wire" and sighting.sender == case.liar or sighting.host == case.liar
        written = sighting.where not in ("wire", "back-end")
        if written or not lies and sighting.host not in case.inside:
            outcome.octets_outside += sighting.octets
            outcome.failure = outcome.failure or f"{sighting.octets} bytes at {sighting.host}: {sighting.where}"


def run_layer(deployment: Deployment, layer: str, cases: list[Case]) -> list[Outcome]:
    started = time.monotonic()
    with deployment:
        outcomes = play(cases, deployment, layer)
    print(f"... {layer} off: {len(outcomes)} cases in {time.monotonic() - started:.0f} s", flush=True)
    return outcomes


def print_table(outcomes: list[Outcome]) -> None:
    """A line for each case and each kind of evidence, with the layers that were off for it."""
    lines: dict[tuple[str, str, str, int], list[str]] = {}
    for outcome in outcomes:
        shown = f"FAILED: {outcome.failure}" if outcome.failure else outcome.evidence
        key = (outcome.case.kind, outcome.case.name, shown, outcome.octets_outside)
        lines.setdefault(key, []).append(outcome.layer)
    for (kind, name, shown, octets), layers in sorted(lines.items(), key=lambda line: line[0][:2]):
        off = "each of 5" if len(layers) == len(LAYERS) else ", ".join(layers)
        print(f"{kind}: {name} | {off} | {octets} | {shown}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their kind or name")
    parser.add_argument("--layer", default=",".join(LAYERS), help="layers to switch off, one after the other")
    parser.add_argument("--keep", action="store_true", help="keep captures, keys and logs")
    arguments = parser.parse_args()
    if why := missing():
        sys.exit(f"the sabotage suite cannot run: {why}")
    cases = chosen(all_cases(), arguments.only)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-sabotage-"))
    outcomes: list[Outcome] = []
    try:
        pki = make_pki(folder, REGIONS_WITH_AUTHORITIES)
        store = make_store(pki, folder / "attackers")
        checked = self_check.run(folder / "self-check", store)
        print("\n".join(checked.lines), flush=True)
        if not arguments.only:
            replayed = replay.run(folder / "replay", pki)
            checked.failed += len(replayed.failures)
            print("\nreplay without any global grant\n" + "\n".join(replayed.lines) + "\n", flush=True)
        catalogues = cases_catalog.worlds(folder) | cases_bundles.worlds(folder)
        with ThreadPoolExecutor(1) as referees:  # one deployment is judged while the next is attacked
            judgements = []
            for layer in arguments.layer.split(","):
                worlds = [(Deployment(folder / layer, store, (layer,)), cases)]  # and with other catalogues
                for name, world in catalogues.items():
                    worlds.append((Deployment(folder / f"{layer}-{name}", store, (layer,), world.planted, world.signed),
                                   chosen(world.cases, arguments.only)))
                for deployment, attacks in worlds:
                    if not (attacks := [case for case in attacks if layer in case.layers]):
                        continue
                    played = run_layer(deployment, layer, attacks)
                    outcomes += played
                    judgements.append(referees.submit(judge, played, deployment))
            for judgement in judgements:
                judgement.result()
    finally:
        if arguments.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("\nmode | layer off | bytes outside | evidence")
    print_table(outcomes)
    print("\nself-check, everything off: what has to get out, and be seen")
    for line in checked.lines:
        print(line)
    failed = sum(bool(outcome.failure) for outcome in outcomes) + checked.failed
    ways = len({(outcome.case.kind, outcome.case.name) for outcome in outcomes})
    print(f"\n{ways} ways to break the promise, {len(outcomes)} runs with one layer off, "
          f"{sum(outcome.octets_outside for outcome in outcomes)} bytes outside")
    print(f"\n{len(outcomes) + checked.passed + checked.failed - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
