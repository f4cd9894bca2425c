"""Wrong catalogues: a mis-row planted in one Region or in all, and two versions at once. With its proof off a gateway
takes the mis-row into force; the row then leads out of its geography, and whoever reads both refuses."""

import dataclasses
import json
import os
import pathlib
import subprocess

from case import EU_ROW, INSIDE, Case, Failed, Trial
from link import row_hash
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, ROOT
from world import BINARY, PIRATE


@dataclasses.dataclass
class World:
    planted: dict[str, pathlib.Path]
    cases: list[Case]
    signed: str = ""


def library() -> dict:
    return json.loads((ROOT / "src/catalog/profiles.json").read_text())


def profile_of(document: dict) -> dict:
    return next(profile for profile in document["profiles"] if profile["id"] == NOVA)


def plant(folder: pathlib.Path, name: str, document: dict) -> pathlib.Path:
    file = folder / name
    file.write_text(json.dumps(document))
    return file


def mis_row(folder: pathlib.Path) -> pathlib.Path:
    """London as a destination for Milan."""
    document = library()
    profile_of(document)["rows"][MILAN].append(LONDON)
    return plant(folder, "mis-row.json", document)


def next_version(folder: pathlib.Path) -> pathlib.Path:
    """Version 2 of the profile, honest: Paris has left it."""
    document = library()
    profile = profile_of(document)
    profile["version"] = 2
    for row in profile["rows"].values():
        if "eu-west-3" in row:
            row.remove("eu-west-3")
    return plant(folder, "version-2.json", document)


def honest_source(trial: Trial) -> str:
    """Milan's own router is told that London is in the row, and only London has room."""
    answer = trial.deployment.hosts[MILAN].invoke(NOVA, trial.canary)
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    return f"answered {answer.status}; {trial.noticed(MILAN, 'outside_geography')}"


def lying_source(trial: Trial) -> str:
    """Past the signer: a token by the very row that London's own catalogue has."""
    body = trial.body()
    made = trial.token(LONDON, body, row=row_hash(NOVA, 1, MILAN, [*EU_ROW, LONDON]))
    with trial.link(LONDON) as link:
        answer = link.execute([link.sealed(made)], body)
    return trial.refused_and_noticed(LONDON, answer, "outside_geography")


def not_into_force(trial: Trial) -> str:
    """With its proof on a gateway does not start on it, and `tidegate prove` says why."""
    planted, folder = trial.deployment.planted[MILAN], trial.deployment.hosts[MILAN].folder
    file = folder / "proven.yaml"
    file.write_text((folder / "tidegate.yaml").read_text().replace("state_dir: state", "state_dir: proven"))
    for command in (["prove", str(planted)], ["serve", "-c", str(file)]):
        done = subprocess.run([str(BINARY), *command], capture_output=True, text=True, timeout=60, env={
            **os.environ, "TIDEGATE_SABOTAGE_CATALOG": str(planted)})
        if done.returncode == 0 or "outside_fence" not in done.stdout + done.stderr:
            raise Failed(f"{command[0]} took it: {done.stdout[-300:]}{done.stderr[-300:]}")
    return "refused by prove and at the start: outside_fence, with the request that breaks it"


def two_versions(trial: Trial) -> str:
    """Milan has version 2 of the profile, Frankfurt version 1: Frankfurt does not know it, and refuses."""
    answer = trial.deployment.hosts[MILAN].invoke(NOVA, trial.canary)
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    said = trial.noticed(FRANKFURT, "row_version", "row_hash")
    return f"answered {answer.status}; {said}; {trial.noticed(MILAN, 'row_version', 'row_hash')}"


def worlds(folder: pathlib.Path) -> dict[str, World]:
    def one(name: str, run, able: tuple[str, ...], layers: tuple[str, ...], liar: str = "") -> Case:
        return Case("catalogue", name, run, layers, INSIDE, able, liar)
    wrong, newer = mis_row(folder), next_version(folder)
    return {
        "mis-row": World({MILAN: wrong, LONDON: wrong}, [
            one("a mis-row in both Regions, an honest source", honest_source, (LONDON,), ("proof",)),
            one("a mis-row in both Regions, a lying source", lying_source, (LONDON,), ("proof",), PIRATE),
            one("a mis-row, proven", not_into_force, (LONDON,), ("proof",))]),
        "versions": World({MILAN: newer}, [
            one("two versions of a row at once", two_versions, (FRANKFURT,), ("proof", "row", "signer", "link"))]),
    }
