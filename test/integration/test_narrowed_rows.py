"""Customers keep to a part of a row: a principal by its document, an application profile by a tag; never wider."""

import contextlib
import json
import pathlib
import sqlite3

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.deployment import DUBLIN, FRANKFURT, LONDON, MILAN, NOVA, headers_of, inference_region, records_of, script

ACCOUNT = "111122223333"
KEPT = f"arn:aws:iam::{ACCOUNT}:user/kept"
KEY, SECRET = "AKIAKEPT0000000000AB", "a secret of the narrowed user"


def documents(regions: str, profile: str = NOVA) -> str:
    return f"""
policies:
  - name: kept
    document: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]}}
principals:
  - arn: {KEPT}
    policies: [kept]
    narrowed_rows:
      {profile}: {regions}
keys:
  - {{id: {KEY}, secret: "{SECRET}", principal: "{KEPT}"}}
"""


@pytest.fixture
def apply(regions, tmp_path):
    def command(text: str, *options: str):
        file = tmp_path / "documents.yaml"
        file.write_text(text)
        return regions.tidegate("apply", "-f", str(file), "--region", MILAN, *options)
    return command


def kept_client(regions, service: str = "bedrock-runtime"):
    return boto3.session.Session().client(
        service, region_name=MILAN, endpoint_url=regions.region(MILAN).url, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}))


def ask(client, model: str = NOVA, **members) -> dict:
    return client.converse(modelId=model, messages=script(**members))


def test_a_principal_keeps_to_its_part_of_the_row(regions, bedrock, cloudtrail, apply):
    done = apply(documents(f"[{FRANKFURT}, {DUBLIN}]"))
    assert done.returncode == 0, done.stderr
    client = kept_client(regions)
    before = regions.control(MILAN)["requests"]
    answers = [ask(client) for _ in range(4)]
    assert {inference_region(answer) for answer in answers} <= {FRANKFURT, DUBLIN}
    assert headers_of(answers[0])["x-tidegate-route-reason"] == "source_narrowed_out"
    assert regions.control(MILAN)["requests"] == before
    assert inference_region(ask(bedrock)) == MILAN, "others have the whole row"

    regions.control(FRANKFURT, "refuse")
    assert inference_region(ask(client)) == DUBLIN, "fail-over stays inside, too"
    regions.control(DUBLIN, "refuse")
    with pytest.raises(ClientError):
        ask(client)
    assert regions.control(MILAN)["requests"] == before + 1, "only the other caller's"

    request_id = answers[0]["ResponseMetadata"]["RequestId"]
    record, = [r for r in records_of(cloudtrail, EventName="Converse") if r["requestID"] == request_id]
    assert record["tidegate"]["profile"]["narrowedTo"] == [FRANKFURT, DUBLIN]
    assert len(record["tidegate"]["profile"]["row"]) == 6
    explained = regions.tidegate("explain", request_id).stdout
    assert f"narrowed   to {FRANKFURT}, {DUBLIN}" in explained and "narrowed_out" in explained
    route = regions.tidegate("route", NOVA, "--from", MILAN, "--as", KEPT).stdout
    assert "source_narrowed_out" in route or "no_c" in route
    assert f"narrowed   to {FRANKFURT}, {DUBLIN}" in route
    assert "narrowed   to" not in regions.tidegate("route", NOVA, "--from", MILAN).stdout


@pytest.mark.parametrize("text, words", [
    (documents(f"[{FRANKFURT}, {LONDON}]"), f"{LONDON} is outside the row"),
    (documents("[]"), "is left without a Region"),
    (documents(f"[{FRANKFURT}]", "eu.nothing"), "which is not a profile"),
    (documents("everything"), '"eu.amazon.nova-2-lite-v1:0"'),
])
def test_what_widens_or_empties_is_refused(regions, apply, text, words):
    done = apply(text)
    assert done.returncode != 0 and words in done.stderr, done.stderr
    assert "mend" in done.stderr


def test_an_application_profile_narrows_with_stock_boto3(regions):
    bedrock = regions.client("bedrock")
    source = {"copyFrom": f"arn:aws:bedrock:{MILAN}:{ACCOUNT}:inference-profile/{NOVA}"}
    made = bedrock.create_inference_profile(inferenceProfileName="kept in Dublin", modelSource=source,
                                            tags=[{"key": "tidegate:regions", "value": DUBLIN}])
    arn = made["inferenceProfileArn"]
    try:
        models = bedrock.get_inference_profile(inferenceProfileIdentifier=arn)["models"]
        assert [model["modelArn"].split(":")[3] for model in models] == [DUBLIN]
        client = regions.client("bedrock-runtime")
        assert inference_region(ask(client, arn)) == DUBLIN
        with pytest.raises(ClientError) as caught:
            bedrock.tag_resource(resourceARN=arn, tags=[{"key": "tidegate:regions", "value": f"{DUBLIN} {LONDON}"}])
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert f"{LONDON} is outside the row" in caught.value.response["Error"]["Message"]
        bedrock.tag_resource(resourceARN=arn, tags=[{"key": "tidegate:regions", "value": FRANKFURT}])
        assert inference_region(ask(client, arn)) == FRANKFURT
        bedrock.untag_resource(resourceARN=arn, tagKeys=["tidegate:regions"])
        assert inference_region(ask(client, arn)) == MILAN, "the whole row again"
    finally:
        bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)


def proven(regions, code: int) -> dict:
    """Milan's part of `prove --state`, which ends with `code`."""
    done = regions.tidegate("prove", "--state", "-o", "json")
    assert done.returncode == code, done.stdout + done.stderr
    return next(region for region in json.loads(done.stdout)["regions"] if region["region"] == MILAN)


def in_store(regions, statement: str, values: tuple) -> None:
    """Changes one row on Milan's disk, behind the back of its gateway."""
    store = pathlib.Path(regions.region(MILAN).admin_socket).with_name("documents.sqlite")
    with contextlib.closing(sqlite3.connect(store, timeout=10)) as database:
        assert database.execute(statement, values).rowcount == 1
        database.commit()


def test_the_proof_of_the_running_gateways_covers_tags(regions):
    """And finds a gateway that serves by another tag than the one on its disk, with the request that leaves the part."""
    bedrock = regions.client("bedrock")
    source = {"copyFrom": f"arn:aws:bedrock:{MILAN}:{ACCOUNT}:inference-profile/{NOVA}"}
    arn = bedrock.create_inference_profile(
        inferenceProfileName="proven in part", modelSource=source,
        tags=[{"key": "tidegate:regions", "value": f"{DUBLIN} {FRANKFURT}"}])["inferenceProfileArn"]
    try:
        narrowed, = (one for one in proven(regions, 0)["narrowedRows"] if one["holder"] == arn)
        assert (narrowed["profile"], narrowed["regions"]) == (NOVA, [FRANKFURT, DUBLIN])
        assert (narrowed["sources"], narrowed["requests"], narrowed["allowed"]) == ([MILAN], 35, 2)
        in_store(regions, "UPDATE application_profile_tags SET value = ? WHERE id = ? AND key = ?",
                 (DUBLIN, arn.rsplit("/", 1)[1], "tidegate:regions"))
        found = {one["rule"]: one for one in proven(regions, 1)["counterexamples"]}
        assert set(found) == {"subset_widens", "outside_subset"}
        leaves = found["outside_subset"]
        assert (leaves["profile"], leaves["source"], leaves["destination"]) == (arn, MILAN, FRANKFURT)
        assert {layer["layer"]: layer["allows"] for layer in leaves["layers"]} == {
            "router": True, "signer": True, "admission": True, "oracle": False}
        shown = regions.tidegate("prove", "--state").stdout
        assert "outside_subset" in shown and "application-inference-profile%2F" in shown and "REFUSED AT" in shown
    finally:
        bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert arn not in [one["holder"] for one in proven(regions, 0).get("narrowedRows", [])]


def test_the_proof_of_the_running_gateways_covers_principals(regions, apply):
    """And finds a gateway that narrows by another document than the one on its disk."""
    assert apply(documents(f"[{FRANKFURT}, {DUBLIN}]")).returncode == 0
    try:
        held = proven(regions, 0)
        narrowed, = (one for one in held["narrowedRows"] if one["holder"] == KEPT)
        assert (narrowed["profile"], narrowed["regions"], narrowed["sources"]) == (NOVA, [FRANKFURT, DUBLIN], [MILAN])
        assert (narrowed["requests"], narrowed["allowed"], held["narrowedPrincipalRows"]) == (35, 2, 1)
        shown = regions.tidegate("prove", "--state").stdout
        assert KEPT in shown and "REFUSED AT" in shown
        in_store(regions, "DELETE FROM narrowed_rows WHERE arn = ? AND profile = ? AND region = ?", (KEPT, NOVA, DUBLIN))
        found = {one["rule"]: one for one in proven(regions, 1)["counterexamples"]}
        assert set(found) == {"subset_widens", "outside_subset"}
        leaves = found["outside_subset"]
        assert (leaves["profile"], leaves["source"], leaves["destination"]) == (NOVA, MILAN, DUBLIN)
        assert KEPT in leaves["says"]
        in_store(regions, "INSERT INTO narrowed_rows VALUES (?, ?, ?)", (KEPT, NOVA, DUBLIN))
        proven(regions, 0)
    finally:
        assert apply(documents(f"[{FRANKFURT}]").split("    narrowed_rows")[0]).returncode == 0
    assert "narrowedRows" not in proven(regions, 0)


def test_the_proof_covers_them(regions, tmp_path):
    file = tmp_path / "documents.yaml"
    sonnet = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    file.write_text(documents(f"[{FRANKFURT}, {LONDON}]", sonnet))
    done = regions.tidegate("prove", "-f", str(file), "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    narrowed, = json.loads(done.stdout)["narrowedRows"]
    assert narrowed["sources"] == [LONDON] and len(narrowed["refusedAt"]) == 7
    assert (narrowed["requests"], narrowed["allowed"]) == (35, 2)
    shown = regions.tidegate("prove", "-f", str(file)).stdout
    assert "NARROWS" in shown and KEPT in shown
