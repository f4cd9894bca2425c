"""One way to break the promise, what it may use, and what it has to leave behind."""

import dataclasses
import json
import secrets
from collections.abc import Callable

from deployment import Deployment
from link import Link, Refused, token
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, eventually
from world import DUBLIN, LAYERS, PIRATE, PEER

INSIDE = frozenset({MILAN, FRANKFURT, DUBLIN})  # of eu.amazon.nova-2-lite-v1:0 from Milan, those that are deployed here
EU_ROW = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]


class Failed(Exception):
    """The promise did not hold, or nobody noticed."""


class Trial:
    """One run of a case in one deployment: its canary, and what its Regions noticed since it began."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.canary = f"canary{secrets.token_hex(12)}"
        self.before = {region.name: region.refusals() for region in deployment.regions()}
        for region in deployment.regions():
            deployment.new_violations(region.name)

    # --- what attackers use -----------------------------------------------------------------------------------------

    def body(self, **script) -> bytes:
        text = "script:" + json.dumps({"answer": self.canary, **script})
        return json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()

    def token(self, destination: str, body: bytes, /, **changed) -> dict:
        """As Milan would sign it for its own row, but for what is changed."""
        return token(NOVA, EU_ROW, MILAN, destination, body, **changed)

    def link(self, destination: str, certificate: str = MILAN, at: str = PIRATE, **options) -> Link:
        """Dialled by an attacker with a Region's own certificate, or one that the deployment has in store."""
        return self.open(destination, self.deployment.certificate(certificate), at, **options)

    def open(self, destination: str, pair: tuple[str, str] | None, at: str = PIRATE, **options) -> Link:
        raw = self.deployment.hosts[at].connect(self.deployment.hosts[destination], PEER)
        return Link(raw, pair, self.deployment.keys, **options)

    # --- what has to be seen ------------------------------------------------------------------------------------------

    def refused(self, answer: dict[str, str], *rules: str) -> str:
        """The other Region has said no, by one of these rules."""
        why = answer.get("x-tidegate-peer-why", "")
        if answer.get(":status") == "200" or why not in rules:
            raise Failed(f"answered {answer.get(':status')} {why or answer.get('x-tidegate-peer-error', '')} "
                         f"{answer.get(':body', '')[:80]!r}, not refused by {' or '.join(rules)}")
        return f"refused: {why}"

    def noticed(self, region: str, *rules: str) -> str:
        """A GeofenceViolation event of that Region by one of these rules, and its metric."""
        new = self.deployment.new_violations(region)
        matching = [found for found in new if found.rsplit(":", 1)[1] in rules]
        if not matching:
            raise Failed(f"{region} wrote no GeofenceViolation by {' or '.join(rules)}, but {new}")
        if self.deployment.hosts[region].refusals() <= self.before[region]:
            raise Failed(f"{region}'s metric did not count the refusal")
        return f"event and metric at {region} ({matching[0]})"

    def alarmed(self, region: str, event: str, *telling: str) -> str:
        """A service event about signatures since this trial began, with these words in it, and the metric. One that is
        missing is missed after five seconds."""
        def found() -> list[dict]:
            return [one for one in self.deployment.hosts[region].admin("/v1/service-events")["events"]
                    if one["eventName"] == event and one["eventID"] not in self.deployment.seen[region]
                    and all(word in json.dumps(one["serviceEventDetails"]) for word in telling)]
        try:
            eventually(found, 12)
        except AssertionError as error:
            raise Failed(f"{region} wrote no {event} about {telling}") from error
        if self.deployment.hosts[region].counted("tidegate_attestation_alarms_total") == 0:
            raise Failed(f"{region}'s metric did not count the alarm")
        details = found()[0]["serviceEventDetails"]
        return f"event and metric at {region} ({event}: {details.get('why') or details['of']})"

    def refused_and_noticed(self, region: str, answer: dict[str, str], *rules: str) -> str:
        said = self.refused(answer, *rules)
        return f"{said}; {self.noticed(region, *rules)}"


@dataclasses.dataclass(frozen=True)
class Case:
    kind: str
    name: str
    run: Callable[[Trial], str]  # the evidence; raises Failed
    layers: tuple[str, ...] = LAYERS
    inside: frozenset[str] = INSIDE  # where its payload may be
    able: tuple[str, ...] = (MILAN, FRANKFURT, LONDON)  # of Milan's candidates those that have room
    liar: str = ""  # whose sending nobody can stop: only what the receiver does with it counts


@dataclasses.dataclass
class Outcome:
    case: Case
    layer: str
    canary: str
    evidence: str = ""
    failure: str = ""
    octets_outside: int = 0


__all__ = ["Case", "EU_ROW", "Failed", "INSIDE", "Outcome", "Refused", "Trial"]
