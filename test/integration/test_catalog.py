"""Signed catalogues: Regions, a geography, a model and profiles of an operator's own, served by real gateways, changed
while they run, and refused where they must be. Nothing here is in the built-in library."""

import base64
import json
import pathlib
import shutil
import sqlite3
import subprocess
import threading

import pytest
from botocore.exceptions import ClientError

from support.admin import admin_get
from support.deployment import BINARY, eventually, inference_region, script
from support.switzerland import (ACCEPTED, GENEVA, LUGANO, OWN, PROFILE, USER, Gateway, Signers, documents, profile, spread,
                                 tidegate)


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


def test_a_bundle_that_the_documents_here_do_not_fit_is_refused(switzerland, signers, tmp_path):
    """A principal keeps to Lugano, and the new row has no Lugano: this gateway would not start on both."""
    geneva, lugano = switzerland
    (tmp_path / "kept.yaml").write_text(documents(narrowed_rows={PROFILE: [LUGANO]}))
    tidegate("apply", "-f", tmp_path / "kept.yaml", "--socket", geneva.socket)
    second = signers.bundle({"profiles": [profile(2, {GENEVA: [GENEVA], LUGANO: [LUGANO]})]}, "epoch-2",
                            after=signers.folder / "epoch-1.json")
    lugano.apply(second)  # that principal is Geneva's
    refused = geneva.apply(second, fails=True)
    assert f"{LUGANO} is outside the row" in refused.stderr and "change those documents first" in refused.stderr
    assert 'tidegate_catalog_refusals_total{rule="documents"} 1' in geneva.metrics()
    event = newest(geneva, "CatalogRefused")
    assert (event["rule"], event["epochInForce"]) == ("documents", 1) and USER in event["what"]
    geneva.stop_gateway()
    geneva.serve()
    assert geneva.in_force()["epoch"] == 1
    eventually(lambda: spread(geneva, 1) == [LUGANO], 30, every=0.5)

    (tmp_path / "kept.yaml").write_text(documents())
    tidegate("apply", "-f", tmp_path / "kept.yaml", "--socket", geneva.socket)
    geneva.apply(second)
    assert spread(geneva, 1) == [GENEVA]


def test_a_bundle_without_what_a_tag_names_refuses_that_profile_and_says_so(switzerland, signers):
    """The customer keeps to Lugano and the new row has no Lugano. No customer holds up a catalogue, and none is widened."""
    geneva, lugano = switzerland
    eventually(lambda: geneva.link_is_up(lugano), 30, every=0.5)
    bedrock, account = geneva.client("bedrock"), USER.split(":")[4]
    arn = bedrock.create_inference_profile(
        inferenceProfileName="kept in Lugano", tags=[{"key": "tidegate:regions", "value": LUGANO}],
        modelSource={"copyFrom": f"arn:aws:bedrock:{GENEVA}:{account}:inference-profile/{PROFILE}"})["inferenceProfileArn"]
    assert inference_region(geneva.client().converse(modelId=arn, messages=script())) == LUGANO
    second = signers.bundle({"profiles": [profile(2, {GENEVA: [GENEVA], LUGANO: [LUGANO]})]}, "epoch-2",
                            after=signers.folder / "epoch-1.json")
    shown = geneva.apply(second).stdout
    assert f"refused from now on: {arn}" in shown and f"{LUGANO} is outside the row" in shown
    assert geneva.in_force()["epoch"] == 2
    event = newest(geneva, "ApplicationProfilesLost")
    assert (event["epoch"], event["count"], event["profiles"][0]["arn"]) == (2, 1, arn)
    assert "ApplicationProfilesLost" in geneva.log()

    def refused() -> bool:
        with pytest.raises(ClientError) as caught:
            geneva.client().converse(modelId=arn, messages=script())
        return f"{LUGANO} is outside the row" in caught.value.response["Error"]["Message"]
    assert refused() and spread(geneva, 1) == [GENEVA]
    proven = json.loads(tidegate("prove", "--state", "--socket", geneva.socket, "-o", "json").stdout)
    narrowed, = proven["regions"][0]["narrowedRows"]
    assert (narrowed["holder"], narrowed["refusedAt"], narrowed["allowed"]) == (arn, [GENEVA], 0)
    geneva.stop_gateway()
    geneva.serve()
    assert refused()
    assert "refused from now on" not in lugano.apply(second).stdout, "that profile is Geneva's"
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "tidegate:regions", "value": GENEVA}])
    assert inference_region(geneva.client().converse(modelId=arn, messages=script())) == GENEVA


def newest(gateway: Gateway, name: str) -> dict:
    events = admin_get(str(gateway.socket), "/v1/service-events")["events"]
    return next(event["serviceEventDetails"] for event in events if event["eventName"] == name)


def test_a_file_put_in_the_place_of_the_configured_one_is_refused_at_the_start(switzerland, signers):
    geneva, _ = switzerland
    config = json.loads((geneva.folder / "tidegate.yaml").read_text())
    file = geneva.folder / "first.json"
    config["catalog"]["bundle"] = str(file)
    (geneva.folder / "tidegate.yaml").write_text(json.dumps(config))
    other = signers.bundle(OWN | {"provenance": {"what": "another"}}, "other")
    unsigned = signers.bundle(OWN, "unsigned", by=("eve",))
    before = geneva.in_force()["sha256"]
    for rule, content in (("fork", other.read_text()), ("signatures", unsigned.read_text()), ("malformed", "{}")):
        file.write_text(content)
        geneva.stop_gateway()
        geneva.serve()
        assert geneva.in_force()["sha256"] == before, rule
        assert f'tidegate_catalog_refusals_total{{rule="{rule}"}} 1' in geneva.metrics()
        assert newest(geneva, "CatalogRefused")["rule"] == rule
        assert set(spread(geneva, 1)) == {GENEVA}
    shutil.copy(geneva.bundle, file)
    geneva.stop_gateway()
    geneva.serve()
    assert "tidegate_catalog_refusals_total{" not in geneva.metrics()


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
    ahead = f'tidegate_peer_catalog_epoch{{peer="{LUGANO}",region="{GENEVA}"}} 2'
    eventually(lambda: ahead in geneva.metrics())
    assert "tidegate_catalog_epoch{" in geneva.metrics()
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
