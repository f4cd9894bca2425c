"""Parts of rows in the tags of application profiles: tags that try to widen, by the API, on disk and while a request waits.
A part is checked where it is set, again at each request, and by the signer and the destination, who see it in the token."""

import json
import sqlite3

from case import Case, Failed, Trial
from cases_routing import control, milan, stays, while_waiting
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA
from world import ACCOUNT, DUBLIN, LAYERS

TAG = "tidegate:regions"
KEPT = f"{MILAN} {DUBLIN}"
WIDER = (LONDON, f"{KEPT} {LONDON}", "*", "eu", f"{KEPT} *", f"{MILAN},{LONDON}", f"{MILAN}\t{LONDON}", LONDON.upper(),
         f"{MILAN} {MILAN}", "", " ", f"{MILAN} eu-atlantis-1")


def request(trial: Trial, method: str, path: str, body: dict) -> tuple[int, str]:
    """Status and message of a control-plane request."""
    try:
        return 200, control(trial, method, path, body).get("inferenceProfileArn", "")
    except Failed as refused:
        return 400 if ": 400 " in str(refused) else 500, str(refused)


def made(trial: Trial, name: str, regions: str | None) -> tuple[int, str]:
    tags = [] if regions is None else [{"key": TAG, "value": regions}]
    return request(trial, "POST", "/inference-profiles", {
        "inferenceProfileName": name, "tags": tags,
        "modelSource": {"copyFrom": f"arn:aws:bedrock:{MILAN}:{ACCOUNT}:inference-profile/{NOVA}"}})


def kept(trial: Trial) -> str:
    status, arn = made(trial, trial.canary[6:], KEPT)
    if status != 200:
        raise Failed(f"an honest part was refused: {arn}")
    return arn


def refuses(found: tuple[int, str], value: str) -> None:
    if found[0] != 400:
        raise Failed(f"{TAG} {value!r} was answered {found[0]}: {found[1]}")


def set_at_birth(trial: Trial) -> str:
    for number, value in enumerate(WIDER):
        refuses(made(trial, f"{trial.canary[6:20]}{number}", value), value)
    return f"{len(WIDER)} tags refused; {stays(trial, milan(trial).invoke(kept(trial), trial.canary))}"


def set_later(trial: Trial) -> str:
    arn = kept(trial)
    for value in WIDER:
        refuses(request(trial, "POST", "/tagResource", {"resourceARN": arn, "tags": [{"key": TAG, "value": value}]}), value)
    return f"{len(WIDER)} tags refused; {stays(trial, milan(trial).invoke(arn, trial.canary))}"


def taken_off_while_waiting(trial: Trial) -> str:
    """The next request may use the whole row; the one that waits keeps to its part."""
    def meanwhile(trial: Trial, arn: str | None) -> str:
        if arn is None:
            return kept(trial)
        request(trial, "POST", "/untagResource", {"resourceARN": arn, "tagKeys": [TAG]})
        return arn
    return while_waiting(trial, meanwhile)


def planted(trial: Trial) -> str:
    """Written into Milan's store while its gateway is down."""
    arn = kept(trial)

    def write() -> None:
        with sqlite3.connect(milan(trial).folder / "state/documents.sqlite") as store:
            changed = store.execute("UPDATE application_profile_tags SET value = ? WHERE id = ? AND key = ?",
                                    (f"{KEPT} {LONDON}", arn.rsplit("/", 1)[1], TAG))
            if changed.rowcount != 1:
                raise Failed("there was no tag to change")
        store.close()
    milan(trial).restart(write)
    trial.before[MILAN] = 0  # its metric begins anew
    trial.deployment.links_are_up()
    answer = milan(trial).invoke(arn, trial.canary)
    if answer.status != 400 or f"{LONDON} is outside the row".encode() not in answer.body:
        raise Failed(f"answered {answer.status}: {answer.body[:200]!r}")
    proven = json.loads(milan(trial).command("prove", "--state", "-o", "json", check=False))["regions"][0]
    row = next(row for row in proven["narrowedRows"] if row["holder"] == arn)
    control(trial, "DELETE", f"/inference-profiles/{arn.rsplit('/', 1)[1]}")
    if row["refusedAt"] != [MILAN] or row["allowed"] != 0:
        raise Failed(f"the proof of the running gateway says {row}")
    return "answered 400, with the Region that is outside; prove --state shows the tag as refused"


def cases() -> list[Case]:
    def one(name: str, run, able=(FRANKFURT, LONDON)) -> Case:
        return Case("narrowed by a tag", name, run, LAYERS, frozenset({MILAN, DUBLIN}), able=able)
    return [
        one("tags that widen, when it is made", set_at_birth),
        one("tags that widen, later", set_later),
        one("the tag is taken off while a request waits", taken_off_while_waiting, (MILAN, FRANKFURT, LONDON)),
        one("a tag that widens, planted in the store", planted),
    ]
