"""Who is at the other end: attackers at London's door who say that they are Milan, and impostors at the addresses that Milan
dials. TLS refuses them; where that layer is off, what they say is read once more, and what they bring needs a row."""

import ssl

from case import INSIDE, Case, Failed, Refused, Trial
from certificates import LOOK_ALIKES, ONLY_THE_CHAIN
from support.deployment import LONDON, MILAN, eventually
from world import LAYERS, PEER, PIRATE, ZURICH

KNOWN_BY_NAME = frozenset(f"source: {name}" for name in LOOK_ALIKES)  # they showed a certificate, and it did not hold
WITHOUT_LINK = ("proof", "row", "signer", "admission")


def at_the_door(trial: Trial, certificate: str | None, **options) -> str:
    """Nearly Milan, with Milan's payload for London."""
    london = trial.deployment.hosts[LONDON]
    before = london.log().count("tls_refused")
    body = trial.body()
    pair = trial.deployment.certificate(certificate) if certificate else None
    try:
        link = trial.open(LONDON, pair, **options)
    except Refused as refused:
        eventually(lambda: london.log().count("tls_refused") > before)
        why = london.log().rsplit("tls_refused", 1)[1].splitlines()[0].split("why=")[-1].strip()[:90]
        counted = "in the metric and the log" if london.refusals() > trial.before[LONDON] else "in the log"
        if certificate in KNOWN_BY_NAME and counted == "in the log":
            raise Failed(f"London's metric did not count it: {why}")
        return f"refused in TLS ({refused}); {counted}: {why}"
    with link:
        answer = link.execute([link.sealed(trial.token(LONDON, body))], body)
    return trial.refused_and_noticed(LONDON, answer, "not_in_row", "no_row_to_here", "unknown_peer", "source_mismatch")


def another_region(trial: Trial) -> str:
    """The true certificate of Zurich, a token in Milan's name."""
    body = trial.body()
    with trial.link(LONDON, ZURICH, ZURICH) as link:
        answer = link.execute([link.sealed(trial.token(LONDON, body))], body)
    return trial.refused_and_noticed(LONDON, answer, "source_mismatch", "no_row_to_here", "not_in_row")


def cleartext(trial: Trial) -> str:
    """HTTP/2 without TLS on the port of links."""
    london = trial.deployment.hosts[LONDON]
    with trial.deployment.hosts[PIRATE].connect(london, PEER) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + trial.body())
        try:
            said = raw.recv(100)
        except ConnectionResetError:
            said = b""
    if said:
        raise Failed(f"London answered {said!r}")
    return "refused: closed without a word"


def impostor(trial: Trial, name: str) -> str:
    """Milan has dialled it since its start, and would have sent requests: the impostor offers 50 slots."""
    role, pirate = trial.deployment.pirates[name]
    milan = trial.deployment.hosts[MILAN]
    eventually(lambda: pirate.refused > 0, 20)
    if pirate.seen:
        raise Failed(f"{len(pirate.seen)} requests reached the impostor of {role}")
    if milan.links()[role] != "down":
        raise Failed(f"Milan's link to {role} is {milan.links()[role]}")
    found = [event["serviceEventDetails"] for event in milan.admin("/v1/service-events")["events"]
             if event["eventName"] == "GeofenceViolation"]
    said = [details["why"] for details in found if details["rule"] == "peer_identity" and details["peer"] == role]
    if not said:
        raise Failed(f"Milan wrote no GeofenceViolation about {role}")
    answer = milan.invoke("global.amazon.nova-2-lite-v1:0", trial.canary)
    return (f"no link; event at {MILAN} (source:peer_identity): {said[-1].split(': ', 1)[-1][:90]}; "
            f"a request meanwhile: {answer.status} by {answer.region}")


def cases() -> list[Case]:
    made = [
        *(Case("identity", f"at the door: {name}", lambda trial, n=name: at_the_door(trial, f"source: {n}"), liar=PIRATE)
          for name in LOOK_ALIKES),
        Case("identity", "at the door: no certificate", lambda trial: at_the_door(trial, None), liar=PIRATE),
        Case("identity", "at the door: Milan's own, over TLS 1.2",
             lambda trial: at_the_door(trial, MILAN, maximum=ssl.TLSVersion.TLSv1_2), liar=PIRATE),
        Case("identity", "at the door: Zurich's own, in Milan's name", another_region, liar=ZURICH),
        Case("identity", "at the door: without TLS", cleartext, liar=PIRATE),
    ]
    for name in LOOK_ALIKES:
        layers = WITHOUT_LINK if name in ONLY_THE_CHAIN else LAYERS
        made.append(Case("identity", f"impostor: {name}", lambda trial, n=name: impostor(trial, n), layers,
                         inside=INSIDE | {LONDON}, able=(LONDON, PIRATE)))
    return made
