"""Application inference profiles with boto3 and the AWS CLI: made, used at once, tagged, listed, deleted, kept."""

import json
import shutil
import uuid

import pytest
from botocore.exceptions import ClientError

from support.deployment import DUBLIN, FRANKFURT, LONDON, MILAN, NOVA, SCRIPTED_MODEL, headers_of, records_of
from support.single import Single

MODEL = "amazon.nova-2-lite-v1:0"
HELLO = {"messages": [{"role": "user", "content": [{"text": "Say hello."}]}], "inferenceConfig": {"maxTokens": 8}}
TEAM = [{"key": "team", "value": "a"}, {"key": "cost-centre", "value": "7"}]


def refusal(call, **named) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**named)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


@pytest.fixture(scope="module")
def control(regions):
    return regions.client("bedrock")


@pytest.fixture(scope="module")
def account(regions):
    return regions.client("sts").get_caller_identity()["Account"]


@pytest.fixture(scope="module")
def source(account):
    return f"arn:aws:bedrock:{MILAN}:{account}:inference-profile/{NOVA}"


@pytest.fixture
def make(control, source):
    """Makes profiles, and deletes them after the test."""
    made = []

    def create(copy_from: str = source, name: str = "Team A", **more) -> str:
        answer = control.create_inference_profile(
            inferenceProfileName=name, modelSource={"copyFrom": copy_from}, **more)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201 and answer["status"] == "ACTIVE"
        made.append(answer["inferenceProfileArn"])
        return made[-1]

    yield create
    for arn in set(made):
        try:
            control.delete_inference_profile(inferenceProfileIdentifier=arn)
        except control.exceptions.ResourceNotFoundException:
            pass


# --- life -------------------------------------------------------------------------------------------------------------

def test_it_is_a_model_id_at_once_in_every_form(make, bedrock, account):
    arn = make(tags=TEAM)
    prefix = f"arn:aws:bedrock:{MILAN}:{account}:application-inference-profile/"
    assert arn.startswith(prefix) and len(arn) == len(prefix) + 12
    for reference in (arn, arn.removeprefix(prefix)):
        answer = bedrock.converse(modelId=reference, **HELLO)
        assert answer["output"]["message"]["content"][0]["text"]
    events = list(bedrock.converse_stream(modelId=arn, **HELLO)["stream"])
    assert "metadata" in events[-1]


def test_every_worker_knows_it_when_it_is_answered(make, regions):
    for _ in range(12):  # a connection each: any worker
        arn = make()
        assert regions.client("bedrock").get_inference_profile(inferenceProfileIdentifier=arn)["type"] == "APPLICATION"


def test_what_get_and_list_show(make, control, source):
    arn = make(description="For billing: project.x", tags=TEAM)
    got = control.get_inference_profile(inferenceProfileIdentifier=arn)
    base = control.get_inference_profile(inferenceProfileIdentifier=source)
    assert got["models"] == base["models"] and got["description"] == "For billing: project.x"
    assert (got["inferenceProfileName"], got["status"], got["type"]) == ("Team A", "ACTIVE", "APPLICATION")
    assert got["createdAt"] == got["updatedAt"]
    assert "smollm2" in headers_of(got)["x-tidegate-model"].lower()
    pages = control.get_paginator("list_inference_profiles").paginate(
        typeEquals="APPLICATION", PaginationConfig={"PageSize": 1})
    found = {item["inferenceProfileArn"]: item for page in pages for item in page["inferenceProfileSummaries"]}
    assert {key: got[key] for key in found[arn]} == found[arn]
    both = [item["type"] for page in control.get_paginator("list_inference_profiles").paginate(
        PaginationConfig={"PageSize": 9}) for item in page["inferenceProfileSummaries"]]
    assert both == sorted(both, reverse=True) and set(both) == {"SYSTEM_DEFINED", "APPLICATION"}
    system = control.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]
    assert system and not any(item["type"] == "APPLICATION" for item in system)


def test_of_a_foundation_model_it_has_that_model_here(make, control, bedrock):
    model = f"arn:aws:bedrock:{MILAN}::foundation-model/{MODEL}"
    arn = make(model)
    assert control.get_inference_profile(inferenceProfileIdentifier=arn)["models"] == [{"modelArn": model}]
    assert headers_of(bedrock.converse(modelId=arn, **HELLO))["x-tidegate-inference-region"] == MILAN


def test_readable_ids(make, control, bedrock, account):
    arn = make(tags=[{"key": "tidegate:id", "value": "team-a.amazon.nova-2-lite"}])
    assert arn == f"arn:aws:bedrock:{MILAN}:{account}:application-inference-profile/team-a.amazon.nova-2-lite"
    assert bedrock.converse(modelId=arn, **HELLO)["stopReason"]
    status, code, _ = refusal(make, tags=[{"key": "tidegate:id", "value": "team-a.amazon.nova-2-lite"}])
    assert (status, code) == (400, "ConflictException")
    status, code, message = refusal(control.untag_resource, resourceARN=arn, tagKeys=["tidegate:id"])
    assert (status, code) == (400, "ValidationException") and "tidegate:id" in message


def test_tags(make, control):
    arn = make(tags=TEAM)
    before = control.get_inference_profile(inferenceProfileIdentifier=arn)
    control.tag_resource(resourceARN=arn, tags=[{"key": "team", "value": "b"}, {"key": "new", "value": ""}])
    control.untag_resource(resourceARN=arn, tagKeys=["cost-centre", "no-such"])
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [
        {"key": "new", "value": ""}, {"key": "team", "value": "b"}]
    after = control.get_inference_profile(inferenceProfileIdentifier=arn)
    assert after["createdAt"] == before["createdAt"] and after["updatedAt"] > before["updatedAt"]


def test_delete(make, control, bedrock):
    arn = make()
    control.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert refusal(control.get_inference_profile, inferenceProfileIdentifier=arn)[1] == "ResourceNotFoundException"
    assert refusal(control.delete_inference_profile, inferenceProfileIdentifier=arn)[:2] == (
        404, "ResourceNotFoundException")
    assert refusal(control.list_tags_for_resource, resourceARN=arn)[1] == "ResourceNotFoundException"
    status, code, message = refusal(bedrock.converse, modelId=arn, **HELLO)
    assert (status, code) == (400, "ValidationException") and "model identifier is invalid" in message


def test_the_same_token_makes_one(make, control, source):
    token = str(uuid.uuid4())
    arn = make(clientRequestToken=token)
    assert make(clientRequestToken=token) == arn
    status, code, _ = refusal(make, clientRequestToken=token, name="Other")
    assert (status, code) == (400, "ConflictException")
    assert make() != make(), "boto3 makes a token for each call"


# --- refusals ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("changed", "code", "words"), [
    ({"inferenceProfileName": "two  spaces"}, "ValidationException", "inferenceProfileName"),
    ({"inferenceProfileName": "n" * 65}, "ValidationException", "less than or equal to 64"),
    ({"description": "a/b"}, "ValidationException", "description"),
    ({"modelSource": {"copyFrom": NOVA}}, "ValidationException", "modelSource.copyFrom"),
    ({"modelSource": {"copyFrom": f"arn:aws:bedrock:{DUBLIN}::foundation-model/{MODEL}"}}, "ValidationException", MILAN),
    ({"modelSource": {"copyFrom": f"arn:aws:bedrock:{MILAN}:999999999999:inference-profile/{NOVA}"}},
     "ValidationException", "account"),
    ({"modelSource": {"copyFrom": f"arn:aws:bedrock:{MILAN}::foundation-model/no.such"}},
     "ResourceNotFoundException", "foundation model"),
    ({"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}, "ValidationException", "unique"),
    ({"tags": [{"key": "aws:a", "value": "1"}]}, "ValidationException", "reserved"),
    ({"tags": [{"key": f"k{i}", "value": ""} for i in range(51)]}, "TooManyTagsException", "50"),
    ({"tags": [{"key": "tidegate:id", "value": NOVA}]}, "ValidationException", NOVA),
])
def test_what_cannot_be_made(control, source, changed, code, words):
    request = {"inferenceProfileName": "x", "modelSource": {"copyFrom": source}, **changed}
    status, actual, message = refusal(control.create_inference_profile, **request)
    assert actual == code and words in message, message
    assert status == (404 if code == "ResourceNotFoundException" else 400)


def test_an_application_profile_is_not_copied(make):
    arn = make()
    assert refusal(make, copy_from=arn)[1] == "ValidationException"


def test_system_profiles_stay(control, source):
    for call in (lambda: control.delete_inference_profile(inferenceProfileIdentifier=NOVA),
                 lambda: control.tag_resource(resourceARN=source, tags=TEAM)):
        assert refusal(call)[:2] == (400, "ValidationException")


@pytest.mark.parametrize("changed", [("eu-south-1", "eu-west-1"), ("111122223333", "999999999999")])
def test_of_another_region_or_account_it_is_no_model(make, bedrock, account, changed):
    arn = make().replace(account, "111122223333").replace(*changed)
    status, code, message = refusal(bedrock.converse, modelId=arn, **HELLO)
    assert (status, code) == (400, "ValidationException") and "The provided model identifier is invalid." in message


def test_other_regions_do_not_have_it(make, regions):
    arn = make()
    for region in (FRANKFURT, LONDON):
        own = regions.client("bedrock", region).list_inference_profiles(typeEquals="APPLICATION")
        assert own["inferenceProfileSummaries"] == []
    assert refusal(regions.client("bedrock", FRANKFURT).get_inference_profile,
                   inferenceProfileIdentifier=arn)[1] == "ResourceNotFoundException"


# --- record -----------------------------------------------------------------------------------------------------------

def test_the_records_name_it(make, bedrock, regions):
    arn = make(description="secret.project", tags=TEAM)
    request_id = bedrock.converse(modelId=arn, **HELLO)["ResponseMetadata"]["RequestId"]
    cloudtrail = regions.client("cloudtrail")
    used, = [r for r in records_of(cloudtrail, EventName="Converse") if r["requestID"] == request_id]
    assert used["requestParameters"]["modelId"] == arn
    assert arn in [resource["ARN"] for resource in used["resources"]]
    made = records_of(cloudtrail, EventName="CreateInferenceProfile")[0]
    assert made["readOnly"] is False and made["requestParameters"]["inferenceProfileName"] == "Team A"
    assert arn in [resource["ARN"] for resource in made["resources"]]
    assert "secret.project" not in json.dumps(made)
    by_resource = records_of(cloudtrail, ResourceName=arn)
    assert {"CreateInferenceProfile", "Converse"} <= {record["eventName"] for record in by_resource}


# --- the rest of the control plane ------------------------------------------------------------------------------------

def test_foundation_model_availability(control):
    answer = control.get_foundation_model_availability(modelId=MODEL)
    assert answer["modelId"] == MODEL and answer["agreementAvailability"] == {"status": "AVAILABLE"}
    assert (answer["authorizationStatus"], answer["entitlementAvailability"], answer["regionAvailability"]) == (
        "AUTHORIZED", "AVAILABLE", "AVAILABLE")
    assert refusal(control.get_foundation_model_availability, modelId="no.such-model-v1:0")[1] == (
        "ResourceNotFoundException")


# --- AWS CLI ----------------------------------------------------------------------------------------------------------

def test_aws_cli(regions, source):
    def aws(*arguments: str) -> dict:
        done = regions.run("aws", *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    arn = aws("bedrock", "create-inference-profile", "--inference-profile-name", "from-the-shell",
              "--model-source", f"copyFrom={source}", "--tags", "key=team,value=a",
              "key=tidegate:id,value=team-a.from-the-shell")["inferenceProfileArn"]
    try:
        assert arn.endswith("/team-a.from-the-shell")
        answer = aws("bedrock-runtime", "converse", "--model-id", arn, "--messages",
                     json.dumps(HELLO["messages"]), "--inference-config", "maxTokens=8")
        assert answer["usage"]["outputTokens"] > 0
        aws("bedrock", "tag-resource", "--resource-arn", arn, "--tags", "key=team,value=b")
        tags = aws("bedrock", "list-tags-for-resource", "--resource-arn", arn)["tags"]
        assert {"key": "team", "value": "b"} in tags
        aws("bedrock", "untag-resource", "--resource-arn", arn, "--tag-keys", "team")
        own = aws("bedrock", "list-inference-profiles", "--type-equals", "APPLICATION")["inferenceProfileSummaries"]
        assert arn in [item["inferenceProfileArn"] for item in own]
        status = aws("bedrock", "get-inference-profile", "--inference-profile-identifier", arn)["status"]
        assert status == "ACTIVE"
    finally:
        aws("bedrock", "delete-inference-profile", "--inference-profile-identifier", arn)


# --- restart ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def single(tmp_path):
    gateway = Single(tmp_path)
    yield gateway
    gateway.end()
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_killed_gateway_has_them_all_again(single):
    assert SCRIPTED_MODEL.exists()
    single.start_model()
    process = single.serve()
    assert single.apply().returncode == 0
    control = single.client("bedrock")
    token = str(uuid.uuid4())
    request = {"inferenceProfileName": "kept", "clientRequestToken": token, "tags": TEAM,
               "modelSource": {"copyFrom": f"arn:aws:bedrock:{MILAN}::foundation-model/{MODEL}"}}
    arn = control.create_inference_profile(**request)["inferenceProfileArn"]
    gone = control.create_inference_profile(**(request | {"clientRequestToken": "gone"}))["inferenceProfileArn"]
    control.delete_inference_profile(inferenceProfileIdentifier=gone)
    before = control.get_inference_profile(inferenceProfileIdentifier=arn)
    process.kill()
    process.wait(10)
    single.serve()
    control = single.client("bedrock")
    after = control.get_inference_profile(inferenceProfileIdentifier=arn)
    for answer in (before, after):
        answer.pop("ResponseMetadata")
    assert after == before
    assert sorted(tag["key"] for tag in control.list_tags_for_resource(resourceARN=arn)["tags"]) == [
        "cost-centre", "team"]
    assert control.create_inference_profile(**request)["inferenceProfileArn"] == arn, "the token is remembered, too"
    assert refusal(control.get_inference_profile, inferenceProfileIdentifier=gone)[1] == "ResourceNotFoundException"
