"""Signed catalogues: an operator's own profile whose first version let Milan's requests run in London. Version 2 took London
out of it and revoked version 1. Everything here is an attempt to get the first version back, or what would be like it: by
`tidegate catalog apply`, past it at the admin socket, and as files in the place of a gateway's own before it starts.

What comes in by the front door stays out: the last good bundle is in force, and an event, a metric and a line of the log say
so. A whole store that was put back makes its gateway a lying source: the others, which have the revocation, refuse.
"""

import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator

from case import INSIDE, Case, Failed, Trial
from cases_catalog import World
from cases_routing import milan, stays
from link import row_hash, token
from support.deployment import FRANKFURT, LONDON, MILAN
from world import ACCOUNT, BINARY, DUBLIN, LAYERS, MODEL_ID, PIRATE, Gateway

PROFILE, GEOGRAPHY = f"west.{MODEL_ID}", "west"
NARROW = [MILAN, FRANKFURT, DUBLIN]
WIDE = [*NARROW, LONDON]
PARTED = ("AKIASABOTAGESABOTAG3", "sabotage-secret-of-a-caller-in-parts")  # keeps to Milan and Dublin of PROFILE
PARTED_DOCUMENTS = f"""\
policies:
  - name: everything
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals:
  - arn: "arn:aws:iam::{ACCOUNT}:user/parted"
    policies: [everything]
    narrowed_rows: {{"{PROFILE}": [{MILAN}, {DUBLIN}]}}
keys: [{{id: {PARTED[0]}, secret: {PARTED[1]}, principal: "arn:aws:iam::{ACCOUNT}:user/parted"}}]
"""


def content(version: int, regions: list[str], revoked: int = 0) -> dict:
    """What the bundle lays over the one before: version `version` of geography and profile."""
    made = {
        "geographies": [{"id": GEOGRAPHY, "version": version, "regions": sorted(regions)}],
        "profiles": [{"id": PROFILE, "name": "West Nova", "scope": "geographic", "geography": GEOGRAPHY, "model": MODEL_ID,
                      "version": version, "rows": {MILAN: sorted(regions)}}]}
    return made | ({"revoked": [{"profile": PROFILE, "version": revoked}]} if revoked else {})


class Bundles:
    """Ada and Bob sign for these gateways, Eve does not."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        for name in ("ada", "bob", "eve"):
            self.tidegate("keygen", name)
        self.first = self.make("first", content(1, WIDE))
        self.second = self.make("second", content(2, NARROW, revoked=1), self.first)
        self.third = self.make("third", content(3, NARROW, revoked=1), self.second)
        self.lifted = self.edited("lifted", self.make("revoking", content(3, NARROW), self.second, by=()),
                                  lambda file: file["bundle"]["catalog"].pop("revoked"))
        self.sign(self.lifted, "ada", "bob")
        self.gap = self.make("gap", content(4, WIDE), self.third)
        self.other_second = self.make("other-second", content(2, WIDE), self.first)
        self.fork = self.make("fork", content(3, WIDE), self.other_second)
        self.by_one = self.make("by-one", content(3, WIDE), self.second, by=("ada",))
        self.by_a_stranger = self.make("by-a-stranger", content(3, WIDE), self.second, by=("ada", "eve"))
        self.by_eve = self.make("by-eve", content(3, NARROW), self.second, by=("eve",))
        self.by_one_twice = self.edited("by-one-twice", self.by_one,
                                        lambda file: file["signatures"].append(file["signatures"][0]))
        self.retouched = self.edited("retouched", self.third, lambda file: next(
            profile for profile in file["bundle"]["catalog"]["profiles"] if profile["id"] == PROFILE and
            profile["version"] == 3)["rows"].update({MILAN: sorted(WIDE)}))
        self.without_dublin = self.make("without-dublin", content(3, [MILAN, FRANKFURT]), self.second)
        self.configured = folder / "configured.json"  # the file that the configurations name
        shutil.copy(self.second, self.configured)

    def tidegate(self, *arguments: str) -> None:
        done = subprocess.run([str(BINARY), "catalog", *arguments], cwd=self.folder, capture_output=True, text=True,
                              timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}")

    def make(self, name: str, own: dict, after: pathlib.Path | None = None, by=("ada", "bob")) -> pathlib.Path:
        (self.folder / f"{name}.own.json").write_text(json.dumps(own))
        self.tidegate("draft", f"{name}.own.json", "--out", f"{name}.json", *(["--after", str(after)] if after else []))
        self.sign(self.folder / f"{name}.json", *by)
        return self.folder / f"{name}.json"

    def sign(self, bundle: pathlib.Path, *signers: str) -> None:
        for signer in signers:
            self.tidegate("sign", str(bundle), "--key", f"{signer}.key")

    def edited(self, name: str, bundle: pathlib.Path, edit) -> pathlib.Path:
        file = json.loads(bundle.read_text())
        edit(file)
        out = self.folder / f"{name}.json"
        out.write_text(json.dumps(file, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")
        return out

    @property
    def configuration(self) -> str:
        signers = ", ".join(f"{{name: {name}, key: {self.folder}/{name}.pub}}" for name in ("ada", "bob"))
        return f"catalog: {{signers: [{signers}], bundle: {self.configured}}}"


# --- the front door ---------------------------------------------------------------------------------------------------

def in_force(host: Gateway) -> tuple[int, str]:
    status = host.admin("/v1/status")
    return status["catalogEpoch"], status["bundleSha256"]


def refused_events(host: Gateway, rule: str) -> int:
    return sum(event["eventName"] == "CatalogRefused" and event["serviceEventDetails"].get("rule") == rule
               for event in host.admin("/v1/service-events")["events"])


def counted(host: Gateway, rule: str) -> float:
    text = host.http(7100, "GET", "/metrics")[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(f'tidegate_catalog_refusals_total{{rule="{rule}"}}'))


def asks(trial: Trial, key: tuple[str, str] | None = None) -> str:
    """The row is what it was: only London has room, and gets nothing."""
    answer = milan(trial).invoke(PROFILE, trial.canary, **({"key": key} if key else {}))
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    return stays(trial, answer)


def stays_out(bundle: pathlib.Path, rule: str, key: tuple[str, str] | None = None):
    """Neither by the command nor past it, with all that it can be told to accept."""
    def run(trial: Trial) -> str:
        host = milan(trial)
        before, events, count = in_force(host), refused_events(host, rule), counted(host, rule)
        accepted = [f"{name}@{version}" for name in (GEOGRAPHY, PROFILE) for version in range(1, 5)]
        try:
            host.command("catalog", "apply", str(bundle), "--first", *(f"--accept-widening={name}" for name in accepted))
            raise Failed("catalog apply took it")
        except RuntimeError as refused:
            if "keeps the catalogue that it has" not in str(refused):
                raise
        path = f"/v1/catalog?first=true&accept={','.join(accepted).replace(':', '%3A')}"
        status, said = host.admin_post(path, bundle.read_bytes())
        if status == 200 or in_force(host) != before:
            raise Failed(f"the admin API took it: {status} {said}")
        if refused_events(host, rule) != events + 2 or counted(host, rule) != count + 2:
            raise Failed(f"no event or metric of the rule {rule}")
        return f"refused twice: {rule}; CatalogRefused and metric at {MILAN}; epoch {before[0]} stays; {asks(trial, key)}"
    return run


def parted(bundle: pathlib.Path):
    """A principal of Milan's keeps to Milan and Dublin; the bundle, rightly signed, has no Dublin."""
    def run(trial: Trial) -> str:
        host = milan(trial)
        file = host.folder / "parted.yaml"
        file.write_text(PARTED_DOCUMENTS)
        host.command("apply", "-f", str(file))
        return stays_out(bundle, "documents", PARTED)(trial)
    return run


# --- files in the place of Milan's own ---------------------------------------------------------------------------------

@contextlib.contextmanager
def started_on(trial: Trial, change) -> Iterator[None]:
    """Milan's gateway is killed, its files are changed, and it starts on them; afterwards it has its own again."""
    host = milan(trial)
    store, kept = host.folder / "state/documents.sqlite", host.folder / "kept.sqlite"
    configured = pathlib.Path(trial.deployment.signed.rsplit("bundle: ", 1)[1].rstrip("}"))

    def change_files() -> None:
        fold(store)
        shutil.copy(store, kept)
        change(store, configured)

    def put_back() -> None:
        fold(store)
        shutil.copy(kept, store)
        shutil.copy(configured.with_name("second.json"), configured)
    host.restart(change_files)
    trial.before[MILAN] = 0  # its metric begins anew
    try:
        trial.deployment.links_are_up()
        yield
    finally:
        host.restart(put_back)
        trial.deployment.links_are_up()
        kept.unlink()


def fold(store: pathlib.Path) -> None:
    """All of it into one file, as a backup would be."""
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def file_swapped(bundle: pathlib.Path, rule: str):
    """In the place of the file that the configuration names for a first start."""
    def run(trial: Trial) -> str:
        before, events = in_force(milan(trial)), refused_events(milan(trial), rule)
        with started_on(trial, lambda store, configured: shutil.copy(bundle, configured)):
            host = milan(trial)
            if in_force(host) != before:
                raise Failed(f"{in_force(host)} is in force")
            if not rule:
                if "catalogue_file_not_taken" not in host.log():
                    raise Failed("nobody said that the file was not taken")
                return f"not taken, and the log says so; epoch {before[0]} stays; {asks(trial)}"
            if refused_events(host, rule) != events + 1 or counted(host, rule) != 1:
                raise Failed(f"no event or metric of the rule {rule}")
            said = f"refused at the start: {rule}; CatalogRefused and metric at {MILAN}"
            return f"{said}; epoch {before[0]} stays; {asks(trial)}"
    return run


def put_into(store: pathlib.Path, bundle: pathlib.Path) -> None:
    text = bundle.read_text()
    shown = subprocess.run([str(BINARY), "catalog", "show", str(bundle), "-o", "json"], capture_output=True, text=True,
                           timeout=60, check=True)
    facts = json.loads(shown.stdout)
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("DROP TRIGGER catalog_bundle_goes_forward")
        database.execute("UPDATE catalog_bundle SET epoch = ?, sha256 = ?, text = ?",
                         (facts["epoch"], facts["sha256"], text))
        database.commit()


def store_put_back(bundle: pathlib.Path, ahead: bool = False):
    """Milan believes its store: by its own row London is a destination. London has another reading. `ahead`: of an epoch
    that London has not, as its reports say, so that Milan does not even ask by that version."""
    def run(trial: Trial) -> str:
        before = in_force(trial.deployment.hosts[LONDON])
        with started_on(trial, lambda store, configured: put_into(store, bundle)):
            if in_force(milan(trial))[1] == before[1]:
                raise Failed("Milan did not take what was planted: nothing was tried")
            answer = milan(trial).invoke(PROFILE, trial.canary)
            if answer.status == 200:
                raise Failed(f"{answer.region} answered")
            if ahead and "row" not in trial.deployment.off:
                return f"answered {answer.status}: London was not asked by a version that it has not"
            said = trial.noticed(LONDON, "row_version", "row_hash", "no_row_to_here", "not_in_row")
            return f"answered {answer.status}; {said}"
    return run


def store_retouched(trial: Trial) -> str:
    """The text in the store is changed under its signatures: Milan does not start on it."""
    host = milan(trial)
    store, kept = host.folder / "state/documents.sqlite", host.folder / "kept.sqlite"
    host.gateway.kill()
    host.gateway.wait(10)
    fold(store)
    shutil.copy(store, kept)
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("DROP TRIGGER catalog_bundle_goes_forward")
        database.execute("UPDATE catalog_bundle SET text = replace(text, ?, ?)", (row_of(NARROW), row_of(WIDE)))
        database.commit()
    try:
        done = subprocess.run([str(BINARY), "serve", "-c", "tidegate.yaml"], cwd=host.folder, capture_output=True,
                              text=True, timeout=60, env={"TIDEGATE_SABOTAGE": ",".join(trial.deployment.off)})
    finally:
        host.restart(lambda: (fold(store), shutil.copy(kept, store)))
        trial.before[MILAN] = 0
        trial.deployment.links_are_up()
        kept.unlink()
    if done.returncode == 0 or "is not what was stored" not in done.stderr:
        raise Failed(f"it started: {done.stderr[-300:]}")
    return f"it does not start: the stored catalogue is not what was stored; {asks(trial)}"


def row_of(regions: list[str]) -> str:
    """As a bundle writes it."""
    return json.dumps({MILAN: sorted(regions)}, separators=(",", ":"))


def lying_source(trial: Trial) -> str:
    """With Milan's certificate and a token of the version that London has revoked."""
    body = trial.body()
    made = token(PROFILE, WIDE, MILAN, LONDON, body, row=row_hash(PROFILE, 1, MILAN, WIDE))
    with trial.link(LONDON) as link:
        answer = link.execute([link.sealed(made)], body)
    return trial.refused_and_noticed(LONDON, answer, "row_version", "no_row_to_here", "not_in_row", "unknown_profile")


def worlds(folder: pathlib.Path) -> dict[str, World]:
    bundles = Bundles(folder / "bundles")

    def one(name: str, run, layers=LAYERS, liar: str = "") -> Case:
        return Case("signed catalogue", name, run, layers, INSIDE, (LONDON,), liar)
    return {"bundles": World({}, [
        one("the older epoch, rightly signed", stays_out(bundles.first, "downgrade")),
        one("the same epoch, of other content", stays_out(bundles.other_second, "downgrade")),
        one("a gap", stays_out(bundles.gap, "gap")),
        one("the next epoch of another chain", stays_out(bundles.fork, "fork")),
        one("one signer only", stays_out(bundles.by_one, "signatures")),
        one("one signer and a stranger", stays_out(bundles.by_a_stranger, "signatures")),
        one("one signer, twice", stays_out(bundles.by_one_twice, "signatures")),
        one("content changed under its signatures", stays_out(bundles.retouched, "signatures")),
        one("the revocation lifted, rightly signed", stays_out(bundles.lifted, "changed")),
        one("a row without what a principal keeps to", parted(bundles.without_dublin),
            ("proof", "row", "link")),  # else the proof refuses it first: it misses the layer
        one("the older epoch as the configured file", file_swapped(bundles.first, "")),
        one("the same epoch, of other content, as the configured file", file_swapped(bundles.other_second, "fork")),
        one("a gap as the configured file", file_swapped(bundles.gap, "")),
        one("a stranger's as the configured file", file_swapped(bundles.by_eve, "signatures")),
        one("the older epoch in the store", store_put_back(bundles.first), liar=MILAN),
        one("the same epoch, of other content, in the store", store_put_back(bundles.other_second), liar=MILAN),
        one("one signer's in the store", store_put_back(bundles.by_one, ahead=True), liar=MILAN),
        one("the stored bundle retouched", store_retouched),
        one("a lying source, by the version that was revoked", lying_source, liar=PIRATE),
    ], bundles.configuration)}
