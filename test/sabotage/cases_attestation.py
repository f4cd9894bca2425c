"""False signatures over what ran elsewhere. Dublin's host, in attackers' hands, runs requests of Milan and signs something
else, or nothing: the client has its answer by then, so what is wanted is that Milan finds out and says so. And attackers
who hold Milan's certificate sign no token, or what is not Milan's to sign.

An alarm about what does not come takes five seconds, so these run with the two layers off that a signature could lean on:
who is on the link, and who was let in."""

import hashlib
import json

from attester import Attester, attestation_leaf, now_ms, token_leaf
from case import Case, Failed, Trial
from cases_destination import ANSWER, ask, sealed
from link import Reply, Request
from support.deployment import FRANKFURT, LONDON, MILAN, eventually
from world import DUBLIN, PIRATE

OFF = ("link", "admission")
MISSING, REFUSED = "AttestationMissing", "AttestationRefused"
LEAF = hashlib.sha256(b"nobody's").digest()


def dublin_runs(trial: Trial, sign) -> str:
    """One request at Dublin, which answers it honestly and tells the lines that `sign(attester, request, time)` gives. The
    request's id."""
    dublin = trial.deployment.dublin
    attester = Attester(DUBLIN, MILAN, trial.deployment.certificate(DUBLIN))

    def reply(request: Request) -> Reply:
        at = now_ms()
        dublin.signed.extend(sign(attester, request, at))
        return Reply(ANSWER, [sealed(request, at=at)])
    answer = ask(trial, reply)
    if answer.status != 200 or answer.region != DUBLIN:
        raise Failed(f"answered {answer.status} by {answer.region}: {answer.body[:100]!r}")
    return answer.headers["x-amzn-requestid"]


def attests(attester: Attester, request: Request, at: int, **changed) -> list[bytes]:
    return [attester.endorsement(), attester.batch("attestations", [attestation_leaf(request, ANSWER, at, **changed)])]


def state_at_milan(trial: Trial, request_id: str) -> str:
    record = trial.deployment.hosts[MILAN].admin(f"/v1/requests/{request_id}")
    return record["tidegate"]["attempts"][-1].get("attestationState", "none")


def honest(trial: Trial) -> str:
    request_id = dublin_runs(trial, attests)
    eventually(lambda: state_at_milan(trial, request_id) == "attested", 10)
    return "the record at Milan says attested, with the path"


def twice(trial: Trial) -> str:
    """The same lines again: Milan takes a batch once, whoever repeats it."""
    lines: list[bytes] = []

    def sign(attester: Attester, request: Request, at: int) -> list[bytes]:
        lines.extend(attests(attester, request, at))
        return lines
    request_id = dublin_runs(trial, sign)
    eventually(lambda: state_at_milan(trial, request_id) == "attested", 10)
    trial.deployment.dublin.signed.extend(lines * 3)
    later = dublin_runs(trial, attests)
    eventually(lambda: state_at_milan(trial, later) == "attested", 10)
    signature = json.loads(lines[1])["signature"].encode()
    files = (trial.deployment.hosts[MILAN].folder / "state/audit").glob("*.jsonl")
    entries = sum(file.read_bytes().count(signature) for file in files)
    if entries != 1:
        raise Failed(f"Milan's log has the batch {entries} times")
    return "ignored: Milan's log has the batch once"


def missed(trial: Trial, sign) -> str:
    """The answer is good, the signature is about something else: what Milan waits for does not come."""
    request_id = dublin_runs(trial, sign)
    evidence = trial.alarmed(MILAN, MISSING, request_id, DUBLIN)
    if (state := state_at_milan(trial, request_id)) != "missing":
        raise Failed(f"the record at Milan says {state}")
    return f"{evidence}; the record says missing"


def says(**changed):
    return lambda attester, request, at: attests(attester, request, at, **changed)


def refused(trial: Trial, why: str, sign) -> str:
    dublin_runs(trial, sign)
    return trial.alarmed(MILAN, REFUSED, why, DUBLIN)


def batch_of(of: str = "attestations", **changed):
    return lambda attester, request, at: [attester.endorsement(), attester.batch(of, [LEAF], **changed)]


def spoiled(**members):
    return batch_of(spoil=lambda signed: members)


def endorsed(trial_certificate: str, region: str = DUBLIN):
    """The key vouched for by a certificate that has no say."""
    def make(trial: Trial):
        def sign(attester: Attester, request: Request, at: int) -> list[bytes]:
            attester.certificate = trial.deployment.certificate(trial_certificate)
            return [attester.endorsement(region=region), attester.batch("attestations", [LEAF])]
        return sign
    return make


def unsigned_token(trial: Trial) -> str:
    """Milan's name and a good token, and no signature for it afterwards."""
    body = trial.body()
    made = trial.token(FRANKFURT, body)
    with trial.link(FRANKFURT) as link:
        answer = link.execute([link.sealed(made)], body)
        if answer[":status"] != "200":
            raise Failed(f"a good token was refused: {answer}")
        return trial.alarmed(FRANKFURT, MISSING, made["rid"], MILAN)


def false_tokens(trial: Trial, why: str, sign) -> str:
    """A batch of tokens of an attacker with Milan's certificate, for a request that Frankfurt ran."""
    body = trial.body()
    made = trial.token(FRANKFURT, body)
    attester = Attester(MILAN, FRANKFURT, trial.deployment.certificate(MILAN))
    with trial.link(FRANKFURT) as link:
        link.execute([link.sealed(made)], body)
        answer = link.post_tokens(b"".join(sign(attester, token_leaf(made))))
        if answer.get(":status") == "200":
            raise Failed("Frankfurt took it")
        return f"refused: {answer.get(':status')}; {trial.alarmed(FRANKFURT, REFUSED, why, MILAN)}"


def cases() -> list[Case]:
    def dublin(name: str, run) -> Case:
        return Case("false signature", name, run, OFF, able=(DUBLIN,))

    def source(name: str, run) -> Case:
        return Case("false signature", name, run, OFF, liar=PIRATE)
    made = [
        Case("control", "Milan believes what an honest Dublin signs", honest, OFF, able=(DUBLIN,)),
        dublin("none ever comes", lambda trial: missed(trial, lambda attester, request, at: [])),
        dublin("a batch is sent again, word for word", twice),
        source("a source that signs no token", unsigned_token),
    ]
    for name, changed in (("another Region", {"dst": LONDON}), ("another row", {"row": "0" * 64}),
                          ("another request", {"body": "0" * 64}), ("another answer", {"answer": "0" * 64}),
                          ("another source", {"src": FRANKFURT}), ("another time", {"t": 1})):
        made.append(dublin(f"attests {name}", lambda trial, c=changed: missed(trial, says(**c))))
    lies = (
        ("signed by chance", "does not hold", spoiled(signature="A" * 86)),
        ("other leaves than were signed", "root", spoiled(leaves="A" * 43)),
        ("in Frankfurt's name", "it is eu-central-1's", batch_of(region=FRANKFURT)),
        ("for Frankfurt and not for Milan", "for eu-central-1", batch_of(**{"for": FRANKFURT})),
        ("an old one", "of another time", batch_of(t=now_ms() - 3_600_000)),
        ("one of tomorrow", "of another time", batch_of(t=now_ms() + 86_400_000)),
        ("by a key that nobody vouches for", "no endorsement",
         lambda attester, request, at: [attester.batch("attestations", [LEAF])]),
        ("more leaves than a batch may have", "its leaves",
         lambda attester, request, at: [attester.endorsement(), attester.batch("attestations", [LEAF] * 1025)]),
    )
    for name, why, sign in lies:
        made.append(dublin(name, lambda trial, w=why, s=sign: refused(trial, w, s)))
    vouchers = (
        ("its key vouched for by Frankfurt's certificate", "is not eu-west-1's", endorsed(FRANKFURT)),
        ("its key vouched for as Frankfurt's", "endorses a key of eu-central-1", endorsed(DUBLIN, region=FRANKFURT)),
    )
    for name, why, make in vouchers:
        made.append(dublin(name, lambda trial, w=why, m=make: refused(trial, w, m(trial))))
    tokens = (
        ("a source's, signed by chance", "does not hold", lambda attester, leaf: [
            attester.endorsement(), attester.batch("tokens", [leaf], spoil=lambda signed: {"signature": "A" * 86})]),
        ("a source's, in Dublin's name", "it is eu-west-1's", lambda attester, leaf: [
            attester.endorsement(), attester.batch("tokens", [leaf], region=DUBLIN)]),
        ("a source's, by a key that nobody vouches for", "no endorsement",
         lambda attester, leaf: [attester.batch("tokens", [leaf])]),
        ("a source's, no batch at all", "not a signed batch", lambda attester, leaf: [b"{}\n"]),
    )
    for name, why, sign in tokens:
        made.append(source(name, lambda trial, w=why, s=sign: false_tokens(trial, w, s)))
    return made
