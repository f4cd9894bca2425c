"""An honest source under stress: dead and full Regions, retries, queues, reloads, profiles that change in mid-flight. Of all
Regions outside the row London is up, linked, idle and granted global profiles: whenever Milan looks for room, it is there.
With the router off Milan tries to send there, and the signer refuses."""

import json
import signal
import threading

from case import INSIDE, Case, Failed, Trial
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, eventually
from support.wire import sign
from world import (
    ACCOUNT, API, CLAUDE, DUBLIN, KEY, LAYERS, MODEL_ID, NARROWED, ZURICH, Answer, Gateway)

GLOBAL = "global.amazon.nova-2-lite-v1:0"
PROFILE_ARN = f"arn:aws:bedrock:{MILAN}:{ACCOUNT}:inference-profile/{NOVA}"
EVERYONE = (MILAN, FRANKFURT, LONDON)


def milan(trial: Trial) -> Gateway:
    return trial.deployment.hosts[MILAN]


def stays(trial: Trial, answer: Answer, tempted: bool = True) -> str:
    """Answered inside, or refused. `tempted`: without its router Milan tries London, and the signer refuses."""
    if answer.region in (LONDON, ZURICH):
        raise Failed(f"{answer.region} answered")
    said = f"answered {answer.status}" + (f" by {answer.region}" if answer.status == 200 else "")
    if "row" in trial.deployment.off and tempted:
        return f"{said}; {trial.noticed(MILAN, 'not_in_row', 'not_in_subset', 'unknown_profile')}"
    return said


def asks(profile: str, **script):
    return lambda trial: stays(trial, milan(trial).invoke(profile, trial.canary, **script))


def by_application_profile(trial: Trial) -> str:
    arn = create(trial, NOVA)
    return stays(trial, milan(trial).invoke(arn, trial.canary))


def control(trial: Trial, method: str, path: str, body: dict | None = None) -> dict:
    data = json.dumps(body).encode() if body else b""
    host = milan(trial)
    headers = sign(method, path, data, f"{host.address}:{API}", KEY, MILAN, headers={"content-type": "application/json"})
    status, answered = host.http(API, method, path, data or None, headers)
    if status not in (200, 201):
        raise Failed(f"{method} {path}: {status} {answered[:200]!r}")
    return json.loads(answered or b"{}")


def create(trial: Trial, profile: str) -> str:
    source = f"arn:aws:bedrock:{MILAN}:{ACCOUNT}:inference-profile/{profile}"
    return control(trial, "POST", "/inference-profiles", {
        "inferenceProfileName": trial.canary[6:], "modelSource": {"copyFrom": source}})["inferenceProfileArn"]


def while_waiting(trial: Trial, meanwhile, seconds: float = 0.4) -> str:
    """Milan is full for so long, so is its row, and the request waits; `meanwhile` happens then."""
    host = milan(trial)
    holders = [threading.Thread(target=host.invoke, args=(MODEL_ID, "hold"), kwargs={"delay_ms": int(seconds * 1000)})
               for _ in range(4)]
    for holder in holders:
        holder.start()
    eventually(lambda: host.model()["running"] == 4)
    answers: list[Answer] = []
    profile = meanwhile(trial, None)
    asking = threading.Thread(target=lambda: answers.append(host.invoke(profile, trial.canary)))
    asking.start()
    # With the router off it is refused before it waits; on a slow host its wait may be over before it is seen.
    eventually(lambda: not asking.is_alive() or host.admin("/v1/status")["waiting"] == 1, 20)
    meanwhile(trial, profile)
    for thread in (*holders, asking):
        thread.join()
    return stays(trial, answers[0])


def queue(trial: Trial, profile: str | None) -> str:
    return NOVA


def reload(trial: Trial, profile: str | None) -> str:
    if profile:
        milan(trial).gateway_signal(signal.SIGHUP)
        trial.deployment.apply(MILAN)
    return NOVA


def swap(trial: Trial, profile: str | None) -> str:
    """The application profile that was resolved goes, and its name comes back as a copy of a global one."""
    if profile is None:
        return create(trial, NOVA)
    control(trial, "DELETE", f"/inference-profiles/{profile.rsplit('/', 1)[1]}")
    create(trial, GLOBAL)
    return profile


def frankfurt_fails(mode: str, tempted: bool = True):
    def run(trial: Trial) -> str:
        frankfurt = trial.deployment.hosts[FRANKFURT]
        frankfurt.model(mode)
        try:
            return stays(trial, milan(trial).invoke(NOVA, trial.canary), tempted)
        finally:
            frankfurt.model("ok")
    return run


def frankfurt_is_killed(operation: str, tempted: bool = True, **script):
    def run(trial: Trial) -> str:
        frankfurt = trial.deployment.hosts[FRANKFURT]
        answers: list[Answer] = []
        asking = threading.Thread(
            target=lambda: answers.append(milan(trial).invoke(NOVA, trial.canary, operation, **script)))
        asking.start()
        eventually(lambda: frankfurt.model()["running"] == 1 or not asking.is_alive())
        frankfurt.restart()
        asking.join()
        eventually(lambda: milan(trial).links()[FRANKFURT] == "up", 20)
        return stays(trial, answers[0], tempted)
    return run


def asks_with(headers: dict[str, str]):
    """Headers and members by which callers of other gateways choose where it runs."""
    def run(trial: Trial) -> str:
        host = milan(trial)
        body = trial.body()
        path = f"/model/{NOVA.replace(':', '%3A')}/converse"
        signed = sign("POST", path, body, f"{host.address}:{API}", KEY, MILAN)
        status, _ = host.http(API, "POST", path, body, signed | headers)
        return stays(trial, Answer(status, {}, b""))
    return run


def widened(trial: Trial) -> str:
    """A caller's part of the row with London in it, which the row has not."""
    try:
        trial.deployment.apply(MILAN, part=(MILAN, LONDON))
    except RuntimeError as refused:
        if LONDON not in str(refused):
            raise
        answer = milan(trial).invoke(NOVA, trial.canary, key=NARROWED)
        return f"refused by apply; {stays(trial, answer)}"
    raise Failed("Milan took it")


def from_zurich(trial: Trial) -> str:
    """Global profiles are not granted in Zurich: from there they reach nobody."""
    answer = trial.deployment.hosts[ZURICH].invoke(GLOBAL, trial.canary)
    if answer.status == 200 and answer.region != ZURICH:
        raise Failed(f"{answer.region} answered")
    return f"answered {answer.status}" + (f" by {answer.region}" if answer.status == 200 else "")


def calling(source: str, never: str):
    """By its own eu. row: the Union and itself."""
    def run(trial: Trial) -> str:
        answer = trial.deployment.hosts[source].invoke(f"eu.{CLAUDE}", trial.canary)
        if answer.status != 200 or answer.region == never:
            raise Failed(f"answered {answer.status} by {answer.region}: {answer.body[:100]!r}")
        return f"answered 200 by {answer.region}"
    return run


def cases() -> list[Case]:
    def one(name: str, run, able=(LONDON,), layers=LAYERS, inside=INSIDE) -> Case:
        return Case("honest source", name, run, layers, inside, able=able)
    return [
        one("its model servers are dead, only London has room", asks(NOVA)),
        one("the same by the profile's ARN", asks(PROFILE_ARN)),
        one("the same by an application profile", by_application_profile),
        one("the same by a bare model id", asks(MODEL_ID), inside=frozenset({MILAN})),
        one("the same as a stream", asks(NOVA, operation="converse-stream")),
        one("headers that name London", asks_with({
            "x-tidegate-region": LONDON, "x-tidegate-inference-region": LONDON, "x-forwarded-host": "10.77.0.4:7200",
            "forwarded": "host=10.77.0.4"})),
        one("full, and waits", lambda trial: while_waiting(trial, queue), able=(MILAN, LONDON)),
        one("full, waits, and reloads meanwhile", lambda trial: while_waiting(trial, reload), able=(MILAN, LONDON)),
        one("profile swapped between resolve and execute", lambda trial: while_waiting(trial, swap), able=(MILAN, LONDON)),
        one("Frankfurt refuses, try again", frankfurt_fails("refuse"), able=(FRANKFURT, LONDON)),
        one("Frankfurt cuts, try again", frankfurt_fails("cut"), able=(FRANKFURT, LONDON)),
        one("Frankfurt answers rubbish", frankfurt_fails("garbage", tempted=False), able=(FRANKFURT, LONDON)),
        one("Frankfurt is killed before a byte", frankfurt_is_killed("converse", delay_ms=20_000),
            able=(FRANKFURT, LONDON)),
        one("Frankfurt is killed in mid-stream", frankfurt_is_killed("converse-stream", tempted=False, tokens=400,
                                                                token_ms=50), able=(FRANKFURT, LONDON)),
        one("a caller who keeps to Milan and Dublin, only Frankfurt and London have room",
            asks(NOVA, key=NARROWED), able=(FRANKFURT, LONDON), inside=frozenset({MILAN, DUBLIN})),
        one("a caller whose part of the row is to be widened", widened, inside=frozenset({MILAN, DUBLIN})),
        one("Zurich calls a global profile without the grant", from_zurich, able=EVERYONE, inside=frozenset({ZURICH})),
        one("London calls by its own eu. row", calling(LONDON, ZURICH), able=EVERYONE, inside=INSIDE | {LONDON}),
        one("Zurich calls by its own eu. row", calling(ZURICH, LONDON), able=EVERYONE, inside=INSIDE | {ZURICH}),
        one("a global profile, Zurich without the grant", lambda trial: asks_globally(trial),
            inside=INSIDE | {LONDON}),
    ]


def asks_globally(trial: Trial) -> str:
    answer = milan(trial).invoke(GLOBAL, trial.canary)
    if answer.region == ZURICH:
        raise Failed("Zurich answered")
    return f"answered {answer.status} by {answer.region}"

