"""The AWS CLI and the repository's own examples, run as a user runs them after `eval "$(./do env)"`."""

import json
import sys

from support.deployment import MILAN, NOVA, ROOT, eventually


def aws(regions, *arguments: str) -> dict:
    done = regions.run("aws", *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_converse(regions):
    answer = aws(regions, "bedrock-runtime", "converse", "--model-id", NOVA, "--messages",
                 '[{"role":"user","content":[{"text":"Say hello."}]}]', "--inference-config", "maxTokens=12")
    assert answer["output"]["message"]["content"][0]["text"]
    assert answer["usage"]["outputTokens"] > 0


def test_catalogue_and_identity(regions):
    profiles = aws(regions, "bedrock", "list-inference-profiles")["inferenceProfileSummaries"]
    assert NOVA in [profile["inferenceProfileId"] for profile in profiles]
    assert aws(regions, "bedrock", "get-inference-profile", "--inference-profile-identifier", NOVA)["status"] == "ACTIVE"
    assert aws(regions, "sts", "get-caller-identity")["Arn"].startswith("arn:aws:iam::")


def test_lookup_events_shows_where_it_ran(regions):
    aws(regions, "bedrock-runtime", "converse", "--model-id", NOVA, "--messages",
        '[{"role":"user","content":[{"text":"Say hello."}]}]', "--inference-config", "maxTokens=4")
    events = aws(regions, "cloudtrail", "lookup-events", "--lookup-attributes",
                 "AttributeKey=EventName,AttributeValue=Converse", "--max-items", "5")["Events"]
    record = json.loads(events[0]["CloudTrailEvent"])
    assert record["additionalEventData"]["inferenceRegion"] == MILAN


def test_a_refusal_fails_the_command_and_says_why(regions):
    done = regions.run("aws", "bedrock-runtime", "converse", "--model-id", "global.amazon.nova-2-lite-v1:0",
                       "--messages", '[{"role":"user","content":[{"text":"Hello"}]}]')
    assert done.returncode != 0
    assert "AccessDeniedException" in done.stderr and "is not authorized" in done.stderr


def test_examples_converse(regions):
    done = regions.run(sys.executable, str(ROOT / "examples/converse.py"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"processed in {MILAN} by") == 2 and done.stdout.count("stop reason") == 2


def test_examples_global(regions):
    # The link to a Region of a global row is dialled after the grant; the answer itself may come from home.
    done = eventually(lambda: regions.run(sys.executable, str(ROOT / "examples/global.py")), 30)
    assert done.returncode == 0, done.stderr
    assert "refused, AccessDeniedException: " in done.stdout and "served in " in done.stdout


def test_explain_from_the_shell(regions):
    answer = regions.client("bedrock-runtime").converse(
        modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Hi"}]}], inferenceConfig={"maxTokens": 4})
    request_id = answer["ResponseMetadata"]["RequestId"]
    done = regions.run("tidegate", "explain", request_id)
    assert done.returncode == 0, done.stderr
    assert request_id in done.stdout and MILAN in done.stdout and NOVA in done.stdout
