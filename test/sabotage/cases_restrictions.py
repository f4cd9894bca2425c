"""Regions that operators take out of use while a request waits, runs, is tried again or fails over; restrictions that end;
restrictions of everything; restrictions that name what is not theirs to name. From the moment at which the command is
answered nothing new goes to the Region, nothing goes outside instead, and the audit log and the metric say so.

The controls show that without the restriction the same request does go there: without them the silence would mean nothing.
"""

import contextlib
import datetime
import json
import threading
from collections.abc import Iterator

from case import EU_ROW, INSIDE, Case, Failed, Trial
from cases_routing import milan, stays
from link import Reply
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, eventually
from world import DUBLIN, LAYERS, MODEL_ID, ZURICH, Answer, Gateway

WHY = ("--reason", "INC-412 cooling", "--approver", "anna")
FULL = b"{}", [], "503", [("x-tidegate-peer-error", "capacity")]  # what Dublin answers: no room
DRAINS = {"draining": True}
EVENTS = {"cordon": "RegionCordoned", "drain": "RegionDrained", "exclude": "RegionExcluded"}
HOLDERS = 4  # as many as a Region has slots


@contextlib.contextmanager
def out_of_use(host: Gateway, kind: str, *regions: str) -> Iterator[None]:
    for region in regions:
        host.command(kind, region, *WHY)
    try:
        yield
    finally:
        for region in regions:
            host.command(f"un{kind}", region, *WHY)


def recorded(trial: Trial, host: Gateway, kind: str, region: str) -> str:
    """The service event of the restriction, with its approver, and the metric."""
    events = [event["serviceEventDetails"] for event in host.admin("/v1/service-events")["events"]
              if event["eventName"] == EVENTS[kind]]
    if not any(event["region"] == region and event["approver"] == "anna" for event in events):
        raise Failed(f"{host.name} wrote no {EVENTS[kind]} about {region}")
    if f'tidegate_region_restricted{{kind="{kind}",region="{region}"}} 1' not in host.http(7100, "GET", "/metrics")[1].decode():
        raise Failed(f"{host.name}'s metric does not have the {kind} of {region}")
    return f"{EVENTS[kind]} and metric at {host.name} ({region})"


def router_is_on(trial: Trial) -> bool:
    """Else Milan tries London first, and its signer ends the request before any of this happens."""
    return "row" not in trial.deployment.off


class Held:
    """The model server of a Region answers nothing, and its slots are all taken by others' requests, until it is let go."""

    def __init__(self, host: Gateway) -> None:
        self.host = host
        self.host.model("hold")
        self.threads = [threading.Thread(target=host.invoke, args=(MODEL_ID, "held")) for _ in range(HOLDERS)]
        for thread in self.threads:
            thread.start()
        eventually(lambda: host.model()["running"] == HOLDERS)

    def let_go(self) -> None:
        self.host.model("ok")
        for thread in self.threads:
            thread.join()


class Asking:
    """A request of Milan's caller, under way in a thread."""

    def __init__(self, trial: Trial, prompt: str | None = None) -> None:
        self.answers: list[Answer] = []
        self.thread = threading.Thread(
            target=lambda: self.answers.append(milan(trial).invoke(NOVA, prompt or trial.canary)))
        self.thread.start()

    def until(self, happened) -> None:
        """Until then, or until it has ended."""
        eventually(lambda: not self.thread.is_alive() or happened(), 20, every=0.02)

    def answer(self) -> Answer:
        self.thread.join()
        return self.answers[0]


def seen_by_milan(trial: Trial, region: str) -> dict:
    peer = next(peer for peer in milan(trial).admin("/v1/status")["peers"] if peer["region"] == region)
    return next(model for model in peer["models"] if model["modelId"] == MODEL_ID)


def untouched(trial: Trial, host: Gateway, before: int) -> None:
    if host.model()["requests"] != before:
        raise Failed(f"{host.name}'s model server was asked after the command was answered")


def excluded_before(trial: Trial) -> str:
    frankfurt = trial.deployment.hosts[FRANKFURT]
    before = frankfurt.model()["requests"]
    with out_of_use(milan(trial), "exclude", FRANKFURT):
        said = recorded(trial, milan(trial), "exclude", FRANKFURT)
        answer = milan(trial).invoke(NOVA, trial.canary)
        untouched(trial, frankfurt, before)
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    return f"{stays(trial, answer)}; {said}"


def excluded_and_restarted(trial: Trial) -> str:
    frankfurt = trial.deployment.hosts[FRANKFURT]
    before = frankfurt.model()["requests"]
    with out_of_use(milan(trial), "exclude", FRANKFURT):
        milan(trial).restart()
        trial.before[MILAN] = 0  # its metric begins anew
        trial.deployment.links_are_up()
        eventually(lambda: seen_by_milan(trial, FRANKFURT)["ready"], 20)
        said = recorded(trial, milan(trial), "exclude", FRANKFURT)
        answer = milan(trial).invoke(NOVA, trial.canary)
        untouched(trial, frankfurt, before)
    return f"{stays(trial, answer)}; {said}"


def while_queued(kind: str | None):
    """Milan and Frankfurt are full, the request waits, Frankfurt is taken out of use, and then has room."""
    def run(trial: Trial) -> str:
        frankfurt = trial.deployment.hosts[FRANKFURT]
        held = [Held(milan(trial)), Held(frankfurt)]
        where = frankfurt if kind == "drain" else milan(trial)
        with contextlib.ExitStack() as stack:
            try:
                eventually(lambda: seen_by_milan(trial, FRANKFURT)["busy"] == HOLDERS)
                asking = Asking(trial)
                asking.until(lambda: milan(trial).admin("/v1/status")["waiting"] == 1)
                if kind:
                    stack.enter_context(out_of_use(where, kind, FRANKFURT))
                before = frankfurt.model()["requests"]
                held[1].let_go()
                answer = asking.answer()
            finally:
                for one in held:
                    one.let_go()
            if not kind:
                return goes_to(trial, answer, FRANKFURT)
            untouched(trial, frankfurt, before)
            return f"{stays(trial, answer)}; {recorded(trial, where, kind, FRANKFURT)}"
    return run


def goes_to(trial: Trial, answer: Answer, region: str) -> str:
    if answer.status != 200 or answer.region != region:
        raise Failed(f"answered {answer.status} by {answer.region}: {answer.body[:100]!r}")
    return f"answered 200 by {region}, which nobody took out of use"


def while_in_flight(trial: Trial) -> str:
    """What runs there goes on to its end; what comes after it does not go there."""
    frankfurt = trial.deployment.hosts[FRANKFURT]
    frankfurt.model("hold")
    try:
        running = Asking(trial, "under way")
        running.until(lambda: frankfurt.model()["running"] == 1)
        with out_of_use(milan(trial), "exclude", FRANKFURT):
            before = frankfurt.model()["requests"]
            answer = milan(trial).invoke(NOVA, trial.canary)
            frankfurt.model("ok")
            finished = running.answer()
            untouched(trial, frankfurt, before)
            said = recorded(trial, milan(trial), "exclude", FRANKFURT)
    finally:
        frankfurt.model("ok")
    if router_is_on(trial) and (finished.status, finished.region) != (200, FRANKFURT):
        raise Failed(f"what was under way ended in {finished.status} {finished.region}")
    return f"{stays(trial, answer)}; {said}"


def tried_again(kind: str | None):
    """Dublin has the only room, and hands the request back; meanwhile Frankfurt is taken out of use, and then has room."""
    def run(trial: Trial) -> str:
        frankfurt = trial.deployment.hosts[FRANKFURT]
        held = Held(frankfurt)
        asked: list[int] = []
        with contextlib.ExitStack() as stack:
            def hand_back(_) -> Reply:
                if not asked:
                    if kind:
                        stack.enter_context(out_of_use(milan(trial), kind, FRANKFURT))
                    asked.append(frankfurt.model()["requests"])
                    held.let_go()
                    eventually(lambda: seen_by_milan(trial, FRANKFURT)["busy"] == 0)
                body, trailers, status, headers = FULL
                return Reply(body, trailers, status, headers)
            trial.deployment.reply = hand_back
            try:
                eventually(lambda: seen_by_milan(trial, FRANKFURT)["busy"] == HOLDERS)
                answer = milan(trial).invoke(NOVA, trial.canary)
            finally:
                held.let_go()
            if router_is_on(trial) and not asked:
                raise Failed(f"Dublin was not asked: answered {answer.status} by {answer.region}")
            if not kind:
                return goes_to(trial, answer, FRANKFURT)
            if not asked:  # refused by the signer before
                return stays(trial, answer)
            untouched(trial, frankfurt, asked[0])
            return f"{stays(trial, answer, tempted=False)}; {recorded(trial, milan(trial), kind, FRANKFURT)}"
    return run


def failed_over(kind: str | None):
    """It runs in Frankfurt; Dublin is taken out of use, then has room; then Frankfurt is killed."""
    def run(trial: Trial) -> str:
        frankfurt, dublin = trial.deployment.hosts[FRANKFURT], trial.deployment.dublin
        trial.deployment.reply = lambda request: Reply(*FULL[:2], status=FULL[2], headers=FULL[3])
        frankfurt.model("hold")
        try:
            asking = Asking(trial)
            asking.until(lambda: frankfurt.model()["running"] == 1)
            with out_of_use(milan(trial), kind, DUBLIN) if kind else contextlib.nullcontext():
                before = len(dublin.seen)  # it may have had room when the case began, and was asked first
                dublin.report_changes = {}
                asking.until(lambda: seen_by_milan(trial, DUBLIN)["ready"])
                said = recorded(trial, milan(trial), kind, DUBLIN) if kind else ""
                frankfurt.restart()
                answer = asking.answer()
        finally:
            dublin.report_changes = DRAINS
            frankfurt.model("ok")
            eventually(lambda: trial.deployment.verdict_on(DUBLIN) == "draining", 20)
            eventually(lambda: milan(trial).links()[FRANKFURT] == "up", 20)
            eventually(lambda: seen_by_milan(trial, FRANKFURT)["ready"], 20)
        if not kind:
            if len(dublin.seen) == before:
                raise Failed(f"Dublin was not asked either: answered {answer.status} by {answer.region}")
            return "Dublin was asked, which nobody took out of use"
        if len(dublin.seen) > before:
            raise Failed("Dublin was asked after the command was answered")
        return f"{stays(trial, answer, tempted=False)}; {said}"
    return run


def drained_at_home(trial: Trial) -> str:
    """Frankfurt's own operators drain it: it runs nothing new, whether or not Milan has its report yet."""
    frankfurt = trial.deployment.hosts[FRANKFURT]
    before = frankfurt.model()["requests"]
    with out_of_use(frankfurt, "drain", FRANKFURT):
        answer = milan(trial).invoke(NOVA, trial.canary)
        untouched(trial, frankfurt, before)
        said = recorded(trial, frankfurt, "drain", FRANKFURT)
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    return f"{stays(trial, answer)}; {said}"


def all_out(trial: Trial) -> str:
    """The whole row, Milan itself included: only London is left, idle."""
    before = {region: trial.deployment.hosts[region].model()["requests"] for region in (MILAN, FRANKFURT)}
    asked = len(trial.deployment.dublin.seen)
    with out_of_use(milan(trial), "exclude", *EU_ROW):
        answer = milan(trial).invoke(NOVA, trial.canary)
        said = [recorded(trial, milan(trial), "exclude", region) for region in EU_ROW]
        for region, count in before.items():
            untouched(trial, trial.deployment.hosts[region], count)
    if answer.status == 200 or len(trial.deployment.dublin.seen) != asked:
        raise Failed(f"answered {answer.status} by {answer.region}")
    if router_is_on(trial) and b"Operators have taken out of use" not in answer.body:
        raise Failed(f"the caller was not told: {answer.body[:200]!r}")
    return f"{stays(trial, answer)}; {said[-1]}"


def it_ends(trial: Trial) -> str:
    """Until then nothing goes there; afterwards it is a destination like before, and still the row is all there is."""
    frankfurt = trial.deployment.hosts[FRANKFURT]
    seconds = 3
    while True:  # on a host so slow that it ended before the request had, with more time
        ends = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=seconds)
        before = frankfurt.model()["requests"]
        ended = len(events_of(milan(trial), "RegionRestrictionExpired"))
        milan(trial).command("exclude", FRANKFURT, *WHY, "--expires", f"{ends:%Y-%m-%dT%H:%M:%SZ}")
        answer = milan(trial).invoke(NOVA, trial.canary)
        if datetime.datetime.now(datetime.timezone.utc) < ends:
            break
        seconds *= 4
    untouched(trial, frankfurt, before)
    if answer.status == 200:
        raise Failed(f"{answer.region} answered")
    eventually(lambda: len(events_of(milan(trial), "RegionRestrictionExpired")) > ended, seconds + 20)
    if router_is_on(trial):
        goes_to(trial, milan(trial).invoke(NOVA, "afterwards"), FRANKFURT)
    return f"{stays(trial, answer)}; RegionRestrictionExpired, and then Frankfurt answers"


def events_of(host: Gateway, name: str) -> list[dict]:
    return [event for event in host.admin("/v1/service-events")["events"] if event["eventName"] == name]


def post(host: Gateway, path: str, body: dict) -> int:
    return host.admin_post(path, json.dumps(body).encode())[0]


def names_outside(trial: Trial) -> str:
    """Restrictions of what is not in the row, or not Milan's, or not a restriction: none of them makes a destination."""
    host, words = milan(trial), {"reason": "x", "approver": "mallory"}
    refused = [
        {"region": "eu-atlantis-1", "kind": "exclude"}, {"region": LONDON, "kind": "drain"},
        {"region": LONDON, "kind": "include"}, {"region": [FRANKFURT], "kind": "exclude"},
        {"region": LONDON, "kind": "exclude", "row": [LONDON]}, {"region": f"{LONDON}\u0000", "kind": "exclude"},
        {"region": LONDON.upper(), "kind": "exclude"}, {"region": "*", "kind": "exclude"}]
    for body in refused:
        if (status := post(host, "/v1/restrictions", body | words)) != 400:
            raise Failed(f"{body} was answered {status}")
    for kind in ("cordon", "exclude"):  # Milan's own to restrict, and nothing comes of their end either
        with out_of_use(host, kind, LONDON, ZURICH):
            pass
    if post(host, "/v1/restrictions/lift", {"region": LONDON, "kind": "exclude"} | words) != 404:
        raise Failed("an exclusion that is not there was lifted")
    said = f"{len(refused)} refused; {len(events_of(host, 'RegionUnexcluded'))} lifted"
    return f"{said}; {stays(trial, host.invoke(NOVA, trial.canary))}"


def cases() -> list[Case]:
    without = frozenset({MILAN, DUBLIN})

    def one(name: str, run, able=(FRANKFURT, LONDON), inside=without) -> Case:
        return Case("restriction", name, run, LAYERS, inside, able=able)

    def control(name: str, run, able) -> Case:
        return Case("control", name, run, ("proof",), INSIDE, able=able)
    waits, again = (MILAN, FRANKFURT, LONDON), (FRANKFURT, DUBLIN, LONDON)
    return [
        control("waits, and Frankfurt is in use", while_queued(None), waits),
        control("tried again, and Frankfurt is in use", tried_again(None), again),
        control("fails over, and Dublin is in use", failed_over(None), (FRANKFURT, LONDON)),
        one("Frankfurt is excluded", excluded_before),
        one("Frankfurt is excluded, and Milan is killed", excluded_and_restarted),
        one("Frankfurt is excluded while a request waits", while_queued("exclude"), waits),
        one("Frankfurt is cordoned while a request waits", while_queued("cordon"), waits),
        one("Frankfurt is drained while a request waits", while_queued("drain"), waits, INSIDE),
        one("Frankfurt is excluded while a request runs there", while_in_flight),
        one("Frankfurt is excluded, then a request is tried again", tried_again("exclude"), again),
        one("Frankfurt is cordoned, then a request is tried again", tried_again("cordon"), again),
        one("Dublin is excluded, then a request fails over", failed_over("exclude"), inside=frozenset({MILAN, FRANKFURT})),
        one("Dublin is cordoned, then a request fails over", failed_over("cordon"), inside=frozenset({MILAN, FRANKFURT})),
        one("Frankfurt drains itself", drained_at_home, inside=INSIDE),
        one("every destination is excluded", all_out, waits, frozenset({MILAN})),
        one("an exclusion ends by itself", it_ends),
        one("restrictions that name what is outside", names_outside, (LONDON,)),
    ]
