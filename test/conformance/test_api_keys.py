"""API keys: made, listed and revoked by the operator's command, and sent by clients that do not sign."""

import datetime
import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest
from aws_bedrock_token_generator import BedrockTokenGenerator, provide_token
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from support.deployment import BINARY, FRANKFURT, MILAN, NOVA, records_of

DEMO = "arn:aws:iam::111122223333:user/demo"
QUESTION = [{"role": "user", "content": [{"text": "Why is the sea salty?"}]}]
CHAT = {"model": NOVA, "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}]}


def keys(regions, *arguments: str, at=(MILAN, FRANKFURT)) -> subprocess.CompletedProcess:
    sockets = [word for name in at for word in ("--socket", regions.region(name).admin_socket)]
    return subprocess.run([str(BINARY), "keys", *arguments, *sockets], capture_output=True, text=True, timeout=20)


def create(regions, *more: str, **where) -> dict:
    done = keys(regions, "create", "--principal", DEMO, "-o", "json", *more, **where)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def listed(regions, key_id: str) -> dict:
    done = keys(regions, "list", "-o", "json")
    assert done.returncode == 0, done.stderr
    return next(key for key in json.loads(done.stdout)["keys"] if key["id"] == key_id)


@pytest.fixture
def bearer(regions, monkeypatch):
    """boto3 clients that send a key, over TLS: it sends none over plain HTTP."""
    def client(key: str, region: str = MILAN, service: str = "bedrock-runtime"):
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
        place = regions.region(region)
        return regions.client(service, region, endpoint_url=place.tls_url, verify=place.ca, aws_access_key_id=None,
                              aws_secret_access_key=None)
    return client


def ask(client) -> dict:
    return client.converse(modelId=NOVA, messages=QUESTION, inferenceConfig={"maxTokens": 8})


def refusal(call, *arguments) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def send(regions, path: str, body: dict | None, headers: dict) -> tuple[int, dict]:
    request = urllib.request.Request(regions.region().url + path, json.dumps(body).encode() if body else None,
                                     {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_demo_has_one_and_boto3_calls_with_it(regions, bearer):
    client = bearer(regions.environment["api_key"])
    answer = ask(client)
    assert answer["stopReason"] in ("max_tokens", "end_turn")
    kinds = [next(iter(event)) for event in client.converse_stream(modelId=NOVA, messages=QUESTION, inferenceConfig={
        "maxTokens": 4})["stream"]]
    assert kinds[0] == "messageStart" and kinds[-1] == "metadata"
    profiles = bearer(regions.environment["api_key"], service="bedrock").list_inference_profiles()
    assert any(one["inferenceProfileId"] == NOVA for one in profiles["inferenceProfileSummaries"])


def test_env_json_with_the_key_is_private(regions):
    assert os.stat(regions.state / "env.json").st_mode & 0o777 == 0o600


def test_a_key_acts_in_every_region_that_was_told_until_it_is_revoked(regions, bearer):
    made = create(regions, "--name", "ci")
    assert made["key"].startswith("tgk_") and made["id"].startswith("ACCA")
    one = listed(regions, made["id"])
    assert (one["state"], one["name"], one["principal"]) == ("active", "ci", DEMO)
    assert len(one["gateways"]) == 2
    ends = datetime.datetime.fromisoformat(one["expires"]) - datetime.datetime.now(datetime.UTC)
    assert 29 < ends.total_seconds() / 86400 <= 30, "a month, unless asked otherwise"
    for region in (MILAN, FRANKFURT):
        assert ask(bearer(made["key"], region))["stopReason"]
    assert keys(regions, "revoke", made["id"]).returncode == 0
    assert listed(regions, made["id"])["state"] == "revoked"
    for region in (MILAN, FRANKFURT):
        status, code, words = refusal(ask, bearer(made["key"], region))
        assert (status, code) == (403, "AccessDeniedException")
        assert words.startswith("Authentication failed: Please make sure your API Key is valid.")


def test_a_record_names_the_key_by_its_id(regions, bearer):
    made = create(regions)
    request_id = ask(bearer(made["key"]))["ResponseMetadata"]["RequestId"]
    record, = (one for one in records_of(regions.client("cloudtrail"), EventName="Converse")
               if one["requestID"] == request_id)
    assert record["userIdentity"]["credentialId"] == made["id"]
    assert record["userIdentity"]["arn"] == DEMO and "accessKeyId" not in record["userIdentity"]
    assert record["additionalEventData"]["callWithBearerToken"] is True
    assert made["key"] not in json.dumps(record)


def test_a_record_is_found_by_the_keys_id(regions, bearer):
    made = create(regions)
    request_id = ask(bearer(made["key"]))["ResponseMetadata"]["RequestId"]
    cloudtrail = regions.client("cloudtrail")
    assert [one["requestID"] for one in records_of(cloudtrail, AccessKeyId=made["id"])] == [request_id]
    event, = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "AccessKeyId", "AttributeValue": made["id"]}])[
        "Events"]
    assert event["AccessKeyId"] == made["id"]


# --- short-term keys, made by AWS's own generator ---------------------------------------------------------------------

def short_term(regions, region: str = MILAN, who: str = "demo", **more) -> str:
    key_id, secret = regions.key(who)
    provider = type("Provider", (), {"load": lambda self: Credentials(key_id, secret, **more)})()
    return provide_token(region=region, aws_credentials_provider=provider)


def test_boto3_calls_with_a_short_term_key(regions, bearer):
    key = short_term(regions)
    client = bearer(key)
    answer = ask(client)
    assert answer["stopReason"] in ("max_tokens", "end_turn")
    kinds = [next(iter(event)) for event in client.converse_stream(modelId=NOVA, messages=QUESTION, inferenceConfig={
        "maxTokens": 4})["stream"]]
    assert kinds[0] == "messageStart" and kinds[-1] == "metadata"
    assert bearer(key, service="bedrock").list_inference_profiles()["inferenceProfileSummaries"]
    request_id = answer["ResponseMetadata"]["RequestId"]
    record, = (one for one in records_of(regions.client("cloudtrail"), EventName="Converse")
               if one["requestID"] == request_id)
    assert record["userIdentity"]["accessKeyId"] == regions.key()[0] and record["userIdentity"]["arn"] == DEMO
    assert record["additionalEventData"]["callWithBearerToken"] is True
    assert key not in json.dumps(record)
    found = records_of(regions.client("cloudtrail"), AccessKeyId=record["userIdentity"]["credentialId"])
    assert request_id in {one["requestID"] for one in found}


def test_a_short_term_key_opens_the_region_that_it_was_made_for(regions, bearer):
    elsewhere = short_term(regions, FRANKFURT)
    assert ask(bearer(elsewhere, FRANKFURT))["stopReason"]
    status, code, words = refusal(ask, bearer(elsewhere))
    assert (status, code) == (403, "AccessDeniedException")
    assert "It was made for eu-central-1" in words


def test_a_short_term_key_of_somebody_else_or_of_a_session_is_refused(regions, bearer):
    key_id, secret = regions.key()
    made = BedrockTokenGenerator().get_token
    for credentials in (Credentials("AKIANOBODY", secret), Credentials(key_id, "guess"),
                        Credentials(key_id, secret, "a session's token")):
        status, code, words = refusal(ask, bearer(made(credentials, MILAN)))
        assert (status, code) == (403, "AccessDeniedException")
        assert words.startswith("Authentication failed: Please make sure your API Key is valid.")


def test_a_short_term_key_is_no_credential_of_cloudtrail(regions):
    headers = {"authorization": f"Bearer {short_term(regions)}", "content-type": "application/x-amz-json-1.1",
               "x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"}
    status, answer = send(regions, "/", {"MaxResults": 1}, headers)
    assert status in (400, 403) and "Missing Authentication Token" in json.dumps(answer)


def test_the_text_of_a_key_is_nowhere_in_the_state(regions):
    made = create(regions)
    for path in regions.state.rglob("*"):
        if path.is_file():
            assert made["key"].encode() not in path.read_bytes(), path


def test_the_doors_take_a_key_where_their_clients_send_it(regions):
    key = regions.environment["api_key"]
    for path, headers in [("/v1/chat/completions", {"authorization": f"Bearer {key}"}),
                          ("/openai/v1/chat/completions", {"authorization": f"Bearer {key}"}),
                          ("/anthropic/v1/messages", {"x-api-key": key}),
                          ("/anthropic/v1/messages", {"authorization": f"Bearer {key}"})]:
        status, answer = send(regions, path, CHAT, headers)
        assert status == 200, (path, answer)


def test_a_wrong_key_is_told_in_each_doors_words(regions):
    status, answer = send(regions, "/v1/chat/completions", CHAT, {"authorization": "Bearer sk-nobody"})
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    status, answer = send(regions, "/v1/chat/completions", CHAT, {})
    assert status == 401 and answer["error"]["message"].startswith("You didn't provide an API key")
    status, answer = send(regions, "/anthropic/v1/messages", CHAT, {"x-api-key": "sk-ant-nobody"})
    assert (status, answer["error"]["type"]) == (401, "authentication_error")
    assert answer["error"]["message"].startswith("invalid x-api-key")


def test_models_that_the_caller_may_use_are_listed(regions):
    bearer_header = {"authorization": f"Bearer {regions.environment['api_key']}"}
    for prefix in ("/v1", "/openai/v1"):
        status, answer = send(regions, f"{prefix}/models", None, bearer_header)
        assert (status, answer["object"]) == (200, "list")
        ids = {model["id"] for model in answer["data"]}
        assert {NOVA, "amazon.nova-2-lite-v1:0"} <= ids
        assert not any(one.startswith(("us.", "global.")) for one in ids), "no row here, or no grant"
        status, model = send(regions, f"{prefix}/models/{NOVA}", None, bearer_header)
        assert (status, model["id"], model["object"], model["owned_by"]) == (200, NOVA, "model", "amazon")
        status, missing = send(regions, f"{prefix}/models/us.amazon.nova-2-lite-v1:0", None, bearer_header)
        assert (status, missing["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("arguments", [
    ("create", "--principal", "demo"),
    ("create", "--principal", DEMO, "--expires-in", "never"),
    ("create", "--principal", DEMO, "--expires-in", "5000d"),
    ("create", "--principal", "arn:aws:iam::111122223333:user/nobody"),
    ("revoke", "ACCANOSUCHKEY"),
])
def test_what_cannot_be_done_is_said_with_its_mend(regions, arguments):
    done = keys(regions, *arguments)
    assert done.returncode != 0 and "tgk_" not in done.stdout
    assert "error[" in done.stderr and "mend" in done.stderr, done.stderr
