"""boto3, as it comes from its registry, against a Region: the operations of the quick start and AWS's errors."""

import json

import pytest
from botocore.exceptions import ClientError

from support.deployment import DUBLIN, FRANKFURT, LONDON, MILAN, NOVA, headers_of, inference_region, records_of

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
QUESTION = [{"role": "user", "content": [{"text": "Why is the sea salty? One sentence."}]}]
EU = {"eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"}


def ask(bedrock, model: str = NOVA, **more) -> dict:
    return bedrock.converse(modelId=model, messages=QUESTION, inferenceConfig={"maxTokens": 24}, **more)


def refusal(call, *arguments, **named) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error = caught.value.response
    assert error["ResponseMetadata"]["RequestId"], "every answer carries its request id"
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


# --- Converse ---------------------------------------------------------------------------------------------------------

def test_converse_answers_with_a_real_models_words(bedrock):
    answer = ask(bedrock, system=[{"text": "You are a sailor."}],
                 additionalModelRequestFields={"inferenceConfig": {"topK": 20}})
    message = answer["output"]["message"]
    assert message["role"] == "assistant"
    assert len(message["content"][0]["text"].split()) > 2
    usage = answer["usage"]
    assert usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) > 5
    assert 0 < usage["outputTokens"] <= 24
    assert usage["totalTokens"] == sum(usage.get(part, 0) for part in (
        "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))
    assert answer["stopReason"] in ("end_turn", "max_tokens")
    assert answer["metrics"]["latencyMs"] > 0
    assert inference_region(answer) == MILAN
    assert headers_of(answer)["x-tidegate-route-reason"] == "source_first"


def test_nobody_may_believe_that_nova_answered(bedrock, regions):
    assert "smollm2" in headers_of(ask(bedrock))["x-tidegate-model"].lower()
    details = regions.client("bedrock").get_foundation_model(modelIdentifier="amazon.nova-2-lite-v1:0")
    assert "smollm2" in headers_of(details)["x-tidegate-model"].lower()


def test_converse_stream_sends_events_in_aws_order(bedrock):
    answer = bedrock.converse_stream(modelId=NOVA, messages=QUESTION, inferenceConfig={"maxTokens": 24})
    events = list(answer["stream"])
    kinds = [next(iter(event)) for event in events]
    deltas = kinds.count("contentBlockDelta")
    assert kinds == ["messageStart"] + ["contentBlockDelta"] * deltas + ["contentBlockStop", "messageStop", "metadata"]
    assert events[0]["messageStart"]["role"] == "assistant"
    assert deltas > 2, "it arrives in pieces"
    metadata = events[-1]["metadata"]
    assert metadata["usage"]["outputTokens"] > 0 and metadata["metrics"]["latencyMs"] > 0
    assert inference_region(answer) == MILAN


def test_stop_reason_max_tokens(bedrock):
    answer = bedrock.converse(modelId=NOVA, messages=QUESTION, inferenceConfig={"maxTokens": 1})
    assert answer["stopReason"] == "max_tokens" and answer["usage"]["outputTokens"] == 1


@pytest.mark.parametrize("model", ["amazon.nova-2-lite-v1:0", f"eu.{SONNET}",
                                   "eu.anthropic.claude-haiku-4-5-20251001-v1:0"])
def test_mapped_models_answer(bedrock, model):
    assert ask(bedrock, model)["output"]["message"]["content"][0]["text"]


def test_a_profile_may_be_named_by_its_arn(bedrock, regions):
    account = regions.client("sts").get_caller_identity()["Account"]
    assert ask(bedrock, f"arn:aws:bedrock:{MILAN}:{account}:inference-profile/{NOVA}")["stopReason"]


def test_tls_with_the_regions_certificate(regions):
    region = regions.region()
    bedrock = regions.client("bedrock-runtime", endpoint_url=region.tls_url, verify=region.ca)
    assert ask(bedrock)["stopReason"]


# --- refusals ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("model", "words"), [
    ("no.such-model-v1:0", "The provided model identifier is invalid."),
    ("us.amazon.nova-2-lite-v1:0", "The provided model identifier is invalid."),
    ("amazon.nova-lite-v1:0", "with on-demand throughput isn’t supported"),
])
def test_what_cannot_be_named_from_milan(bedrock, model, words):
    status, code, message = refusal(ask, bedrock, model)
    assert (status, code) == (400, "ValidationException")
    assert words in message


def test_london_has_no_row_in_nova_2_lite(regions):
    status, code, message = refusal(ask, regions.client("bedrock-runtime", LONDON))
    assert (status, code) == (400, "ValidationException")
    assert "The provided model identifier is invalid." in message


def test_london_serves_sonnet_at_home(regions):
    answer = ask(regions.client("bedrock-runtime", LONDON), f"eu.{SONNET}")
    assert inference_region(answer) == LONDON


@pytest.mark.parametrize(("changed", "expected"), [
    ({"messages": []}, "ValidationException"),
    ({"messages": [{"role": "assistant", "content": [{"text": "first"}]}]}, "ValidationException"),
    ({"additionalModelRequestFields": {"no_such_field": 1}}, "ValidationException"),
    ({"inferenceConfig": {"temperature": 7.0}}, "ValidationException"),
])
def test_invalid_requests(bedrock, changed, expected):
    request = {"modelId": NOVA, "messages": QUESTION, **changed}
    status, code, _ = refusal(bedrock.converse, **request)
    assert (status, code) == (400, expected)


def test_unknown_additional_field_is_refused_in_awss_words(bedrock):
    _, _, message = refusal(ask, bedrock, additionalModelRequestFields={"no_such_field": 1})
    assert "extraneous key [no_such_field] is not permitted" in message


@pytest.mark.parametrize(("changed", "expected"), [
    ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
    ({"aws_access_key_id": "AKIAUNKNOWNUNKNOWN00"}, "UnrecognizedClientException"),
    ({"aws_session_token": "of-a-long-term-key"}, "UnrecognizedClientException"),
])
def test_callers_that_are_not_who_they_say(regions, changed, expected):
    status, code, _ = refusal(ask, regions.client("bedrock-runtime", **changed))
    assert (status, code) == (403, expected)


def test_a_signature_for_another_region_is_refused(regions):
    bedrock = regions.client("bedrock-runtime", FRANKFURT, endpoint_url=regions.region(MILAN).url)
    status, _, message = refusal(ask, bedrock)
    assert status == 403 and "region" in message.lower()


def test_global_is_refused_with_its_reason_and_served_when_granted(bedrock, regions):
    status, code, message = refusal(ask, bedrock, "global.amazon.nova-2-lite-v1:0")
    assert (status, code) == (403, "AccessDeniedException")
    assert "is not authorized to perform: bedrock:InvokeModel on resource" in message
    granted = ask(regions.client("bedrock-runtime", key="global"), "global.amazon.nova-2-lite-v1:0")
    assert inference_region(granted) in {MILAN, FRANKFURT, DUBLIN, LONDON}


def test_an_operation_that_is_not_offered_says_so(bedrock):
    status, code, message = refusal(bedrock.apply_guardrail, guardrailIdentifier="g", guardrailVersion="1",
                                    source="INPUT", content=[{"text": {"text": "x"}}])
    assert (status, code) == (400, "ValidationException") and "ApplyGuardrail" in message


# --- catalogue --------------------------------------------------------------------------------------------------------

def test_inference_profiles_of_milan(regions):
    bedrock = regions.client("bedrock")
    pages = bedrock.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 7})
    profiles = {item["inferenceProfileId"]: item for page in pages for item in page["inferenceProfileSummaries"]}
    assert NOVA in profiles and not any(name.startswith("us.") for name in profiles)
    nova = profiles[NOVA]
    assert (nova["status"], nova["type"]) == ("ACTIVE", "SYSTEM_DEFINED")
    assert {model["modelArn"].split(":")[3] for model in nova["models"]} == EU
    alone = bedrock.get_inference_profile(inferenceProfileIdentifier=NOVA)
    assert {key: alone[key] for key in nova} == nova
    by_arn = bedrock.get_inference_profile(inferenceProfileIdentifier=nova["inferenceProfileArn"])
    assert by_arn["inferenceProfileId"] == NOVA


def test_londons_rows_contain_london_and_nobody_elses_do(regions):
    profile = {"inferenceProfileIdentifier": f"eu.{SONNET}"}
    def destinations(region: str) -> set[str]:
        models = regions.client("bedrock", region).get_inference_profile(**profile)["models"]
        return {model["modelArn"].split(":")[3] for model in models}
    assert destinations(LONDON) == EU | {LONDON}
    assert destinations(MILAN) == EU


def test_an_unknown_profile_is_not_found(regions):
    status, code, _ = refusal(regions.client("bedrock").get_inference_profile, inferenceProfileIdentifier="eu.no-such")
    assert (status, code) == (404, "ResourceNotFoundException")


def test_foundation_models(regions):
    bedrock = regions.client("bedrock")
    summaries = bedrock.list_foundation_models()["modelSummaries"]
    models = {model["modelId"]: model for model in summaries}
    assert "amazon.nova-2-lite-v1:0" in models and SONNET in models
    assert models[SONNET]["modelArn"] == f"arn:aws:bedrock:{MILAN}::foundation-model/{SONNET}"
    only_amazon = bedrock.list_foundation_models(byProvider="amazon")["modelSummaries"]
    assert only_amazon and all(model["modelId"].startswith("amazon.") for model in only_amazon)
    details = bedrock.get_foundation_model(modelIdentifier=SONNET)["modelDetails"]
    assert details["modelId"] == SONNET
    assert refusal(bedrock.get_foundation_model, modelIdentifier="no.such")[1] in (
        "ResourceNotFoundException", "ValidationException")


# --- identity and record ----------------------------------------------------------------------------------------------

def test_caller_identity(regions):
    identity = regions.client("sts").get_caller_identity()
    assert identity["Arn"].startswith(f"arn:aws:iam::{identity['Account']}:")
    other = regions.client("sts", key="global").get_caller_identity()
    assert other["Arn"] != identity["Arn"]


def test_the_record_of_a_request(bedrock, regions):
    secret_words = "heliotrope parapluie"
    answer = bedrock.converse(modelId=NOVA, inferenceConfig={"maxTokens": 8},
                              messages=[{"role": "user", "content": [{"text": secret_words}]}])
    request_id = answer["ResponseMetadata"]["RequestId"]
    found = [record for record in records_of(regions.client("cloudtrail"), EventName="Converse")
             if record["requestID"] == request_id]
    assert len(found) == 1
    record = found[0]
    assert record["eventSource"] == "bedrock.amazonaws.com" and record["awsRegion"] == MILAN
    assert record["additionalEventData"]["inferenceRegion"] == MILAN
    assert record["userIdentity"]["accessKeyId"] == regions.key()[0]
    assert NOVA in json.dumps(record["requestParameters"])
    text = json.dumps(record)
    for word in secret_words.split():
        assert word not in text, "no prompt text in a record"


def test_a_refusal_has_its_record_too(bedrock, regions):
    with pytest.raises(ClientError) as caught:
        ask(bedrock, "global.amazon.nova-2-lite-v1:0")
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    record, = [record for record in records_of(regions.client("cloudtrail"), EventName="Converse")
               if record["requestID"] == request_id]
    assert record["errorCode"] == "AccessDeniedException" or record["errorCode"] == "AccessDenied"
    assert record["additionalEventData"]["inferenceRegion"] == "none"


def test_records_are_in_the_source_region_only(regions):
    request_id = ask(regions.client("bedrock-runtime", FRANKFURT))["ResponseMetadata"]["RequestId"]
    where = [name for name in (MILAN, FRANKFURT, DUBLIN, LONDON)
             if any(record["requestID"] == request_id
                    for record in records_of(regions.client("cloudtrail", name), EventName="Converse"))]
    assert where == [FRANKFURT]


@pytest.mark.parametrize(("arguments", "expected"), [
    ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2}, "InvalidLookupAttributes"),
    ({"StartTime": 2_000_000_000, "EndTime": 1_000_000_000}, "InvalidTimeRange"),
    ({"MaxResults": 51}, "InvalidMaxResults"),
    ({"NextToken": "made-up"}, "InvalidNextToken"),
])
def test_lookup_events_refuses_as_aws_does(regions, arguments, expected):
    status, code, _ = refusal(regions.client("cloudtrail").lookup_events, **arguments)
    assert status == 400 and code.startswith(expected)


def test_lookup_events_pages(regions, bedrock):
    for _ in range(3):
        ask(bedrock)
    cloudtrail = regions.client("cloudtrail")
    first = cloudtrail.lookup_events(MaxResults=2)
    assert len(first["Events"]) == 2 and first["NextToken"]
    second = cloudtrail.lookup_events(MaxResults=2, NextToken=first["NextToken"])
    ids = [event["EventId"] for event in first["Events"] + second["Events"]]
    assert len(set(ids)) == len(ids)
    times = [event["EventTime"] for event in first["Events"] + second["Events"]]
    assert times == sorted(times, reverse=True), "most recent first"
