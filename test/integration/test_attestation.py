"""Every hop is proven by what the Regions signed: an outsider's check of the real log, and what kill -9 leaves."""

import json
import os
import pathlib
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.deployment import DUBLIN, FRANKFURT, MILAN, NOVA, eventually, inference_region, records_of, script
from support.offline_verifier import entries_of, vectors, verify_log

VECTORS = pathlib.Path(__file__).parents[2] / "docs/reference/attestation-vectors.json"


def test_the_golden_vectors_are_the_independent_implementations():
    assert json.loads(VECTORS.read_text()) == vectors()


def spill(regions, count: int = 8, **members) -> list[str]:
    """Milan is full: the ids of the requests that ran elsewhere."""
    bedrock = regions.client("bedrock-runtime")

    def ask(_: int) -> dict:
        return bedrock.converse(modelId=NOVA, messages=script(delay_ms=300, **members))

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(ask, range(count)))
    return [answer["ResponseMetadata"]["RequestId"] for answer in answers if inference_region(answer) != MILAN]


def attempts_of(regions, request_id: str) -> list[dict]:
    for record in records_of(regions.client("cloudtrail"), EventName="Converse"):
        if record["requestID"] == request_id:
            return record["tidegate"]["attempts"]
    return []


def attested(regions, request_id: str) -> bool:
    return any(attempt.get("attestationState") == "attested" for attempt in attempts_of(regions, request_id))


def bundles(regions) -> dict[str, pathlib.Path]:
    """Each Region's trust bundle, as operators exchange it."""
    return {path.parent.name: path for path in pathlib.Path(regions.folder).rglob("ca.pem")}


def log_of_milan(regions) -> pathlib.Path:
    return next(path for path in pathlib.Path(regions.folder).rglob("audit") if MILAN in str(path))


def copy_of_log(regions, to: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(log_of_milan(regions), to / "audit")


def alarmed(regions) -> set[str]:
    """Requests that Milan has raised an alarm about."""
    return {request_id for kind, _, entry in entries_of(log_of_milan(regions))
            if kind == "service" and entry["eventName"] == "AttestationMissing"
            for request_id in entry["serviceEventDetails"]["requestIds"]}


def verify(regions, log: pathlib.Path):
    trust = [argument for region, path in bundles(regions).items() for argument in ("--trust", f"{region}={path}")]
    done = regions.tidegate("audit", "verify", str(log), *trust, "-o", "json")
    return done.returncode, json.loads(done.stdout or "{}")


def test_an_outsider_proves_every_hop_from_the_log_and_the_trust_bundles(regions, tmp_path):
    abroad = spill(regions)
    assert abroad
    for request_id in abroad:
        eventually(lambda: attested(regions, request_id))
    explained = regions.tidegate("explain", abroad[0]).stdout
    assert "attested by" in explained and "under root" in explained

    log = copy_of_log(regions, tmp_path)
    answered, proven = verify_log(log, bundles(regions))
    assert proven.issuperset(abroad) and proven == answered
    code, report = verify(regions, log)
    assert code == 0, report
    assert report["attestations"]["proven"] >= len(abroad) and report["attestations"]["missing"] == 0


@pytest.mark.parametrize("change", ["answer", "leaf", "signature"])
def test_a_changed_log_is_found_out(regions, tmp_path, change):
    abroad = spill(regions)
    eventually(lambda: all(attested(regions, request_id) for request_id in abroad))
    log = copy_of_log(regions, tmp_path)
    batch = [entry for kind, _, entry in entries_of(log) if kind == "batch" and entry["of"] == "attestations"][-1]
    record = [entry for kind, name, entry in entries_of(log) if kind == "closed" and name == abroad[-1]][-1]
    old = {"answer": next(a["attestation"]["answer"] for a in record["attempts"] if "attestation" in a),
           "leaf": batch["leaves"][:40], "signature": batch["signature"]}[change]
    new = ("0" if old[0] != "0" else "1") + old[1:]
    for file in log.glob("*.jsonl"):
        file.write_bytes(file.read_bytes().replace(old.encode(), new.encode()))
    code, report = verify(regions, log)
    assert code == 1 and report["findings"]


def test_a_log_cannot_be_proven_under_another_authority(regions, tmp_path):
    abroad = spill(regions)
    eventually(lambda: all(attested(regions, request_id) for request_id in abroad))
    log = copy_of_log(regions, tmp_path)
    wrong = bundles(regions)[DUBLIN]
    done = regions.tidegate("audit", "verify", str(log), "--trust", f"{MILAN}={wrong}", "--trust", f"{FRANKFURT}={wrong}",
                            "--trust", f"{DUBLIN}={wrong}")
    assert done.returncode == 1 and "not believed" in done.stdout


def test_kill_9_of_the_source_before_the_signature_comes_loses_no_proof(regions):
    abroad = spill(regions)
    killed = regions.gateway_pid(MILAN)
    os.kill(killed, signal.SIGKILL)  # within the 100 ms, or not: both must end well
    eventually(lambda: regions.replaced(MILAN, killed), 20)
    assert abroad
    for request_id in abroad:
        eventually(lambda: attested(regions, request_id), 20)


def test_kill_9_of_the_destination_before_it_signed_raises_an_alarm(regions):
    """Whatever it had signed and told is proven; the rest is missing, and the source says so."""
    abroad = spill(regions)
    for region in (FRANKFURT, DUBLIN):
        os.kill(regions.gateway_pid(region), signal.SIGKILL)

    def settled() -> bool:
        states = [attempt.get("attestationState") for request_id in abroad
                  for attempt in attempts_of(regions, request_id) if "attestation" in attempt]
        return bool(states) and all(state in ("attested", "missing") for state in states)

    eventually(settled, 20)
    missing = {request_id for request_id in abroad if not attested(regions, request_id)}
    eventually(lambda: alarmed(regions).issuperset(missing), 20)
    if missing:
        assert 'tidegate_attestation_alarms_total{' in regions.metrics(MILAN)
