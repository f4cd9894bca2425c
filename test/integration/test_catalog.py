"""Signed catalogues: Regions, a geography, a model and profiles of an operator's own, served by real gateways, changed
while they run, and refused where they must be. Nothing here is in the built-in library."""

import base64
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.deployment import BINARY, SCRIPTED_MODEL, eventually, free_base_port, inference_region, script

GENEVA, LUGANO = "ch-acme-1", "ch-acme-2"
MODEL, PROFILE = "acme.chat-v1:0", "ch.acme.chat-v1:0"
KEY = ("AKIAOWNCATALOGUE0001", "own-catalogue-secret-that-guards-nothing")
USER = "arn:aws:iam::111122223333:user/service"

OWN = {
    "regions": [
        {"id": GENEVA, "city": "Geneva", "country": "CH", "partition": "acme", "membership": "none",
         "adequacy": {"review": "2027-01-01"}, "operated_by": "ACME SA", "jurisdiction": "CH", "since": "2026-01-01"},
        {"id": LUGANO, "city": "Lugano", "country": "CH", "partition": "acme"}],
    "geographies": [{"id": "ch", "version": 1, "countries": ["CH"], "regions": [GENEVA, LUGANO]}],
    "models": [{"id": MODEL, "name": "Chat", "provider": "ACME", "input": ["text"], "output": ["text"],
                "streams": True}],
    "profiles": [{"id": PROFILE, "name": "CH ACME Chat", "scope": "geographic", "geography": "ch", "model": MODEL,
                  "version": 1, "rows": {GENEVA: [GENEVA, LUGANO], LUGANO: [LUGANO]}}],
}
ACCEPTED = [f"--accept-widening={name}" for name in ("ch@1", f"{PROFILE}@1")]


def profile(version: int, rows: dict) -> dict:
    return OWN["profiles"][0] | {"version": version, "rows": rows}


def tidegate(*arguments, fails: bool = False) -> subprocess.CompletedProcess:
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode != 0) == fails, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Signers:
    """Ada, Bob and a stranger, with the bundles that they make."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for name in ("ada", "bob", "eve"):
            tidegate("catalog", "keygen", folder / name)

    def bundle(self, own: dict, name: str, after: pathlib.Path | None = None, by=("ada", "bob")) -> pathlib.Path:
        source, made = self.folder / f"{name}.own.json", self.folder / f"{name}.json"
        source.write_text(json.dumps(own))
        tidegate("catalog", "draft", source, "--out", made, *(["--after", after] if after else []))
        for signer in by:
            tidegate("catalog", "sign", made, "--key", self.folder / f"{signer}.key")
        return made


class Gateway:
    def __init__(self, region: str, port: int, folder: pathlib.Path, bundle: pathlib.Path) -> None:
        self.region, self.port, self.folder, self.bundle = region, port, folder / region, bundle
        self.folder.mkdir()
        self.processes: list[subprocess.Popen] = []
        self.gateway: subprocess.Popen | None = None
        for step in ("init", "issue"):
            self.run("pki", step, "--region", region,
                     *(["--operator-domain", "acme.internal", "--catalog", bundle] if step == "init" else []))

    def run(self, *arguments) -> None:
        done = subprocess.run([BINARY, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def configure(self, others: list["Gateway"], signers: pathlib.Path) -> None:
        peers = [{"region": other.region, "address": f"127.0.0.1:{other.port + 1}",
                  "trust_bundle": str(other.folder / "pki" / other.region / "ca.pem")} for other in others]
        (self.folder / "tidegate.yaml").write_text(json.dumps({  # YAML, too
            "region": self.region, "operator_domain": "acme.internal", "state_dir": "state", "workers": 1,
            "listen": {"api": f"127.0.0.1:{self.port}", "peer": f"127.0.0.1:{self.port + 1}"},
            "tls": {"peer": {kind: f"pki/{self.region}/1-peer.{ending}"
                             for kind, ending in (("certificate", "pem"), ("key", "key"))}},
            "catalog": {"bundle": str(self.bundle),
                        "signers": [{"name": name, "key": str(signers / f"{name}.pub")} for name in ("ada", "bob")]},
            "backends": [{"name": "scripted", "url": f"http://127.0.0.1:{self.port + 2}", "slots": 2}],
            "models": [{"id": MODEL, "backend": "scripted", "served_as": "smollm2", "name": "scripted-model"}],
            "peers": peers}))
        tidegate("check", "-c", self.folder / "tidegate.yaml")

    def start_model(self) -> None:
        self.start(sys.executable, SCRIPTED_MODEL, "--port", str(self.port + 2))

    def start(self, *command) -> subprocess.Popen:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen([*map(str, command)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log))
        return self.processes[-1]

    def serve(self) -> None:
        self.gateway = self.start(BINARY, "serve", "-c", "tidegate.yaml")
        eventually(self.healthy, 30)

    def healthy(self) -> bool:
        assert self.gateway.poll() is None, (self.folder / "log").read_text()[-3000:]
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
            health = json.load(answer)
        return health["backendsReady"] == health["backends"]

    def stop_gateway(self) -> None:
        self.gateway.send_signal(signal.SIGTERM)
        assert self.gateway.wait(45) == 0

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / "state/admin.sock"

    def client(self, service: str = "bedrock-runtime"):
        return boto3.client(service, region_name=self.region, endpoint_url=f"http://127.0.0.1:{self.port}",
                            aws_access_key_id=KEY[0], aws_secret_access_key=KEY[1],
                            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16))

    def apply(self, bundle: pathlib.Path, *flags: str, fails: bool = False) -> subprocess.CompletedProcess:
        return tidegate("catalog", "apply", bundle, "--socket", self.socket, *flags, fails=fails)

    def in_force(self) -> dict:
        shown = tidegate("catalog", "show", "--socket", self.socket, "-o", "json")
        return json.loads(shown.stdout)["regions"][0]

    def link_is_up(self, other: "Gateway") -> bool:
        answer = tidegate("status", "--socket", self.socket, "-o", "json").stdout
        peers = json.loads(answer)["regions"][0]["peers"]
        return any(peer["region"] == other.region and peer["link"] == "up" and
                   all(model["ready"] for model in peer["models"]) for peer in peers)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(45)
            except subprocess.TimeoutExpired:
                process.kill()


def spread(gateway: Gateway, count: int = 4) -> list[str]:
    """Where that many requests at once ran: two slots each."""
    where: list[str] = []
    client = gateway.client()

    def ask() -> None:
        try:
            where.append(inference_region(client.converse(modelId=PROFILE, messages=script(delay_ms=500))))
        except ClientError as error:
            where.append(error.response["Error"]["Code"])
    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(where)


@pytest.fixture
def signers(tmp_path):
    (tmp_path / "signers").mkdir()
    return Signers(tmp_path / "signers")


@pytest.fixture
def switzerland(tmp_path, signers):
    """Geneva and Lugano at epoch 1, which their configuration names."""
    first = signers.bundle(OWN, "epoch-1")
    base = free_base_port()
    gateways = [Gateway(region, base + 10 * i, tmp_path, first) for i, region in enumerate((GENEVA, LUGANO))]
    documents = tmp_path / "documents.yaml"
    documents.write_text(json.dumps({
        "policies": [{"name": "all", "document": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["bedrock:*", "cloudtrail:*"], "Resource": "*"}]}}],
        "principals": [{"arn": USER, "policies": ["all"]}],
        "keys": [{"id": KEY[0], "secret": KEY[1], "principal": USER}]}))
    try:
        for gateway in gateways:
            gateway.configure([other for other in gateways if other is not gateway], signers.folder)
            gateway.start_model()
            gateway.serve()
            tidegate("apply", "-f", documents, "--socket", gateway.socket)
        yield gateways
    finally:
        for gateway in gateways:
            gateway.end()


def test_an_operators_own_geography_is_served(switzerland, signers):
    geneva, lugano = switzerland
    eventually(lambda: geneva.link_is_up(lugano), 30, every=0.5)
    assert spread(geneva) == [GENEVA, GENEVA, LUGANO, LUGANO]
    listed = geneva.client("bedrock").get_inference_profile(inferenceProfileIdentifier=PROFILE)
    assert [model["modelArn"].split(":")[3] for model in listed["models"]] == [GENEVA, LUGANO]
    assert set(spread(lugano, 2)) == {LUGANO}, "its own row has no other Region"
    with pytest.raises(ClientError):  # a profile of the built-in library has no row for a Region that is not AWS's
        geneva.client().converse(modelId="eu.amazon.nova-2-lite-v1:0", messages=script())
    proven = tidegate("prove", signers.folder / "epoch-1.json", "-o", "json")
    assert json.loads(proven.stdout)["triples"] == 133 * 37 * 37
    assert geneva.in_force()["epoch"] == 1


def test_a_bundle_takes_effect_without_a_restart_and_loses_no_request(switzerland, signers):
    geneva, lugano = switzerland
    eventually(lambda: geneva.link_is_up(lugano), 30, every=0.5)
    done, outcomes = threading.Event(), []

    def keep_asking() -> None:
        client = geneva.client()
        while not done.is_set():
            try:
                outcomes.append(inference_region(client.converse(modelId=PROFILE, messages=script(delay_ms=50))))
            except ClientError as error:
                outcomes.append(str(error))
    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    after = signers.folder / "epoch-1.json"
    for epoch in range(2, 8):  # to Geneva alone and back, version by version
        rows = {GENEVA: [GENEVA] if epoch % 2 == 0 else [GENEVA, LUGANO], LUGANO: [LUGANO]}
        bundle = signers.bundle({"profiles": [profile(epoch, rows)]}, f"epoch-{epoch}", after=after)
        for gateway in (lugano, geneva):
            gateway.apply(bundle, *([f"--accept-widening={PROFILE}@{epoch}"] if epoch % 2 else []))
        after = bundle
    done.set()
    for thread in threads:
        thread.join()
    assert geneva.in_force()["epoch"] == 7
    assert len(outcomes) > 20 and set(outcomes) <= {GENEVA, LUGANO}
    events = geneva.client("cloudtrail").lookup_events(MaxResults=1)["Events"]
    assert f'"{PROFILE}"' in events[0]["CloudTrailEvent"]


def changed(bundle: pathlib.Path, name: str, edit) -> pathlib.Path:
    """The file with its content edited: canonical again, and under its old signatures."""
    text = json.loads(bundle.read_text())
    edit(text)
    out = bundle.with_name(f"{name}.json")
    out.write_text(json.dumps(text, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")
    return out


def refusals(signers: Signers) -> dict[str, tuple[pathlib.Path, list[str]]]:
    """A bundle for each rule that keeps one out, after epoch 1, with its flags."""
    first = signers.folder / "epoch-1.json"
    wide = {"profiles": [profile(2, {GENEVA: [GENEVA, LUGANO], LUGANO: [LUGANO, GENEVA]})]}
    accept = [f"--accept-widening={PROFILE}@2"]
    good = signers.bundle(wide, "good", after=first)
    second = signers.bundle(wide, "second", after=good)
    other_first = signers.bundle(OWN | {"provenance": {"what": "another"}}, "other")
    fork = signers.bundle(wide, "fork", after=other_first)
    zeros = base64.b64encode(bytes(64)).decode()
    bad = changed(good, "bad", lambda file: file["signatures"][0].update(signature=zeros))
    frozen = signers.bundle({"profiles": [profile(1, {GENEVA: [GENEVA], LUGANO: [LUGANO]})]}, "frozen", after=first)
    outside = {"regions": [{"id": "fr-acme-1", "city": "Lyon", "country": "FR", "partition": "acme"}],
               "profiles": [profile(2, {GENEVA: [GENEVA, "fr-acme-1"], LUGANO: [LUGANO]})]}
    late = changed(good, "late", lambda file: file["bundle"]["catalog"]["profiles"][-1].update(since=1))
    for name in ("ada", "bob"):
        tidegate("catalog", "sign", late, "--key", signers.folder / f"{name}.key")
    return {
        "malformed": (changed(good, "unknown", lambda file: file["bundle"].update(zone=1)), []),
        "downgrade": (other_first, []),
        "gap": (second, accept),
        "fork": (fork, accept),
        "signatures": (signers.bundle(wide, "one", after=first, by=("ada", "eve")), accept),
        "signatures ": (bad, accept),
        "since": (late, accept),
        "changed": (frozen, []),
        "widens": (good, []),
        "proof": (signers.bundle(outside, "outside", after=first), accept),
    }


def test_what_must_not_come_into_force_does_not(switzerland, signers):
    geneva, _ = switzerland
    before = geneva.in_force()
    for rule, (bundle, flags) in refusals(signers).items():
        refused = geneva.apply(bundle, *flags, fails=True)
        assert "keeps the catalogue that it has" in refused.stderr, rule
        assert "mend" in refused.stderr, rule
        assert geneva.in_force()["sha256"] == before["sha256"], rule
        if rule == "widens":
            assert f"--accept-widening={PROFILE}@2" in refused.stderr
        assert f'tidegate_catalog_refusals_total{{rule="{rule.strip()}"}}' in geneva.metrics(), rule
        assert f'catalogue_refused rule="{rule.strip()}"' in geneva.log(), rule
        assert set(spread(geneva, 1)) == {GENEVA}, rule

    # Across a restart: the last good one is remembered, and the file that is named for the first start is not asked.
    geneva.apply(signers.folder / "good.json", f"--accept-widening={PROFILE}@2")
    geneva.stop_gateway()
    geneva.serve()
    assert geneva.in_force()["epoch"] == 2
    geneva.apply(signers.folder / "epoch-1.json", fails=True)
    assert geneva.in_force()["epoch"] == 2


def test_a_store_that_was_changed_is_not_believed(switzerland):
    geneva, _ = switzerland
    geneva.stop_gateway()
    store = sqlite3.connect(geneva.folder / "state/documents.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        store.execute("DELETE FROM catalog_bundle")
    store.execute("DROP TRIGGER catalog_bundle_goes_forward")
    store.execute("UPDATE catalog_bundle SET text = replace(text, 'Lugano', 'Locarno')")
    store.commit()
    store.close()
    refused = subprocess.run([BINARY, "serve", "-c", "tidegate.yaml"], cwd=geneva.folder, text=True, capture_output=True,
                             timeout=60)
    assert refused.returncode != 0 and "is not what was stored" in refused.stderr


def test_two_epochs_serve_each_other_until_a_version_is_revoked(switzerland, signers):
    geneva, lugano = switzerland
    eventually(lambda: geneva.link_is_up(lugano), 30, every=0.5)
    first = signers.folder / "epoch-1.json"
    rows = {GENEVA: [GENEVA, LUGANO], LUGANO: [LUGANO, GENEVA]}
    second = signers.bundle({"profiles": [profile(2, rows)]}, "epoch-2", after=first)
    accept = f"--accept-widening={PROFILE}@2"

    lugano.apply(second, accept)  # the destination is ahead: Geneva's version 1 is still admitted
    assert spread(geneva) == [GENEVA, GENEVA, LUGANO, LUGANO]
    # Lugano's new row has Geneva in it, which Geneva does not know yet: it is not asked, and nobody is alarmed.
    assert set(spread(lugano, 3)) == {LUGANO}
    assert "GeofenceViolation" not in geneva.log() + lugano.log()
    geneva.apply(second, accept)
    eventually(lambda: lugano.link_is_up(geneva), 30, every=0.5)
    eventually(lambda: spread(lugano) == [GENEVA, GENEVA, LUGANO, LUGANO], 30, every=0.5)

    third = signers.bundle({"profiles": [profile(3, rows)]}, "epoch-3", after=second)
    geneva.apply(third)  # the source is ahead: its token names version 2, which both have
    assert spread(geneva) == [GENEVA, GENEVA, LUGANO, LUGANO]
    lugano.apply(third)

    fourth = signers.bundle({"revoked": [{"profile": PROFILE, "version": 3}], "profiles": [profile(4, rows)]},
                            "epoch-4", after=third)
    lugano.apply(fourth)  # revoked there, and Geneva still has it
    assert LUGANO not in spread(geneva, 3)
    assert "row_version" in lugano.metrics(), "the destination refused it, and says so"
    geneva.apply(fourth)
    eventually(lambda: spread(geneva) == [GENEVA, GENEVA, LUGANO, LUGANO], 30, every=0.5)


def test_diff_names_what_widens(signers, tmp_path):
    first = signers.bundle(OWN, "epoch-1")
    documents = tmp_path / "documents.yaml"
    documents.write_text(json.dumps({
        "policies": [{"name": "all", "document": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}}],
        "principals": [{"arn": USER, "policies": ["all"]}]}))
    done = tidegate("catalog", "diff", first, "-f", documents, "-o", "json", fails=True)
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    widened = {f"{change['name']}@{change['version']}" for change in answer["changes"] if change["widens"]}
    assert widened == {"ch@1", f"{PROFILE}@1"}
    assert answer["principals"][0]["regionsMore"] == [GENEVA, LUGANO]
    shown = tidegate("catalog", "diff", first, fails=True).stdout
    assert all(flag in shown for flag in ACCEPTED) and "two: it changes the fence" in shown
    renamed = signers.bundle({"profiles": [OWN["profiles"][0] | {"name": "Chat"}]}, "renamed", after=first, by=("ada",))
    shown = tidegate("catalog", "diff", renamed, "--against", first, fails=True).stdout
    assert "signers    one" in shown and "WIDENS" not in shown
    assert tidegate("catalog", "diff", first, "--against", first).stdout == "nothing changes\n"


def test_a_signature_is_what_openssl_says_it_is(signers):
    bundle = signers.bundle(OWN, "epoch-1", by=("ada",))
    shown = json.loads(tidegate("catalog", "show", bundle, "--signer", f"ada={signers.folder / 'ada.pub'}", "-o",
                                "json").stdout)
    assert shown["signers"] == ["ada"]
    message, signature = signers.folder / "message", signers.folder / "signature"
    message.write_bytes(f"tidegate catalogue bundle 1\n{shown['sha256']}\n".encode())
    signature.write_bytes(base64.b64decode(json.loads(bundle.read_text())["signatures"][0]["signature"]))
    assert shutil.which("openssl")
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", signers.folder / "ada.pub", "-rawin",
                           "-in", message, "-sigfile", signature], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (signers.folder / "ada.key").stat().st_mode & 0o777 == 0o600
