"""Modes of profiles: sources outside the EU by their own rows, and the grant of global ones, taken back at run time."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, SCRIPTED_MODEL, Deployment, inference_region, script

ZURICH = "eu-central-2"
SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
GLOBAL = "global.amazon.nova-2-lite-v1:0"
WORLD = "arn:aws:iam::111122223333:user/world"
KEY, SECRET = "AKIAWORLD00000000001", "a secret of the global user"


def where(client, model: str) -> set[str]:
    """Where eight requests at once run; each Region has room for two."""
    def run(_):
        return inference_region(client.converse(modelId=model, messages=script(delay_ms=300)))
    with ThreadPoolExecutor(max_workers=8) as pool:
        return set(pool.map(run, range(8)))


def test_zurich_and_london_are_sources_and_nobodys_destination():
    deployment = Deployment(SCRIPTED_MODEL, (FRANKFURT, ZURICH, LONDON)).start()
    try:
        for source in (ZURICH, LONDON):
            assert where(deployment.client("bedrock-runtime", source), SONNET) == {source, FRANKFURT}
        assert where(deployment.client("bedrock-runtime", FRANKFURT), SONNET) == {FRANKFURT}
        shown = deployment.tidegate("route", SONNET, "--from", ZURICH, region=ZURICH).stdout
        assert "row        geographic, version 1, 7 Regions" in shown
    finally:
        assert deployment.stop() == 0
        shutil.rmtree(deployment.folder, ignore_errors=True)


def apply(regions, tmp_path, grant: str, deny: str = "") -> None:
    file = tmp_path / "documents.yaml"
    file.write_text(f"""
policies:
  - name: world
    document:
      Version: "2012-10-17"
      Statement: [{{Effect: Allow, Action: "bedrock:*", Resource: "*"}}{deny}]
principals:
  - {{arn: "{WORLD}", policies: [world], global_grant: {grant}}}
keys:
  - {{id: {KEY}, secret: "{SECRET}", principal: "{WORLD}"}}
""")
    done = regions.tidegate("apply", "-f", str(file), "--region", MILAN)
    assert done.returncode == 0, done.stderr


def test_the_grant_of_global_is_taken_back_at_run_time_and_deniable_by_policy(regions, tmp_path):
    client = boto3.session.Session().client(
        "bedrock-runtime", region_name=MILAN, endpoint_url=regions.region(MILAN).url, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}))

    def refusal() -> str:
        with pytest.raises(ClientError) as caught:
            client.converse(modelId=GLOBAL, messages=script())
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
        return caught.value.response["Error"]["Message"]

    apply(regions, tmp_path, "on")
    assert inference_region(client.converse(modelId=GLOBAL, messages=script())) == MILAN
    apply(regions, tmp_path, "off")
    assert "off until the operator grants them" in refusal()
    assert inference_region(client.converse(modelId=NOVA, messages=script())) == MILAN
    apply(regions, tmp_path, "on", deny=''', {Sid: NoGlobal, Effect: Deny, Action: "bedrock:*", Resource: "*",
        Condition: {StringEquals: {"aws:RequestedRegion": unspecified}}}''')
    assert "explicit deny" in refusal()


def test_a_bare_model_id_is_in_region(regions):
    shown = regions.tidegate("route", "amazon.nova-2-lite-v1:0", "--from", MILAN).stdout
    assert "row        in_region, version 1, 1 Region," in shown
