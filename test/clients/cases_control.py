"""Cases of bedrock, sts and cloudtrail: what can be called, application profiles, who calls, what was recorded."""

from case import BAD_SIGNATURE, DENIED, ECHO, NOVA, NOVA_MODEL, SONNET_MODEL, UNKNOWN, Case, invalid
from judge import containing, like, of_length, present

NOT_FOUND = {"status": 404, "code": "^ResourceNotFoundException$", "message": "."}
EU_REGIONS = 6
PROFILE = "application-profile-of-${client}"
PROFILE_ARN = "${profile.create.inferenceProfileArn}"


def control(name: str, call: str, field: str, request: dict, **case) -> Case:
    return Case(name=name, operation=call, field=field, api="bedrock", call=call, request=request, **case)


def profiles() -> list[Case]:
    return [
        control("profiles.list", "ListInferenceProfiles", "all", {"maxResults": 1000}, gateway="milan", answer={
            "inferenceProfileSummaries": containing(inferenceProfileId=NOVA, type="SYSTEM_DEFINED", status="ACTIVE")}),
        control("profiles.page", "ListInferenceProfiles", "maxResults, nextToken", {"maxResults": 2}, answer={
            "inferenceProfileSummaries": of_length(2, 2), "nextToken": present}),
        control("profiles.next", "ListInferenceProfiles", "maxResults, nextToken", {
            "maxResults": 2, "nextToken": "${profiles.page.nextToken}"}, answer={
            "inferenceProfileSummaries": of_length(2, 2)}),
        control("profiles.by_type", "ListInferenceProfiles", "typeEquals", {"typeEquals": "SYSTEM_DEFINED"}, answer={
            "inferenceProfileSummaries": containing(type="SYSTEM_DEFINED")}),
        control("profile.get", "GetInferenceProfile", "by id", {"inferenceProfileIdentifier": NOVA}, answer={
            "inferenceProfileId": NOVA, "type": "SYSTEM_DEFINED", "status": "ACTIVE",
            "models": of_length(EU_REGIONS, EU_REGIONS),
            "inferenceProfileArn": like(rf"^arn:aws:bedrock:eu-south-1:\d{{12}}:inference-profile/{NOVA}$")}),
        control("profile.get_arn", "GetInferenceProfile", "by ARN", {
            "inferenceProfileIdentifier": f"arn:aws:bedrock:eu-south-1:${{account}}:inference-profile/{NOVA}"},
            answer={"inferenceProfileId": NOVA}),
        control("profile.get_unknown", "GetInferenceProfile", "unknown id", {
            "inferenceProfileIdentifier": "eu.no-such"}, error=NOT_FOUND),
        control("profiles.signature", "ListInferenceProfiles", "wrong secret access key", {}, caller="wrong-secret",
                error=BAD_SIGNATURE),
        control("profiles.denied", "ListInferenceProfiles", "caller without a policy", {}, caller="nobody",
                error={**DENIED, "message": "bedrock:ListInferenceProfiles"}),
    ]


def application_profiles() -> list[Case]:
    """In this order: each uses what the one before has left."""
    source = f"arn:aws:bedrock:eu-south-1:${{account}}:inference-profile/{NOVA}"
    create = {"inferenceProfileName": PROFILE, "description": "made by a test", "modelSource": {"copyFrom": source},
              "tags": [{"key": "team", "value": "tide"}], "clientRequestToken": "token-${client}"}
    use = {"modelId": PROFILE_ARN, "messages": [{"role": "user", "content": [{"text": ECHO}]}]}
    return [
        control("profile.create", "CreateInferenceProfile", "name, description, modelSource, tags", create, answer={
            "status": "ACTIVE",
            "inferenceProfileArn": like(
                r"^arn:aws:bedrock:eu-south-1:\d{12}:application-inference-profile/[a-zA-Z0-9-:.]+$")}),
        control("profile.create_again", "CreateInferenceProfile", "clientRequestToken", create, answer={
            "inferenceProfileArn": like(r":application-inference-profile/")}),
        control("profile.create_unknown", "CreateInferenceProfile", "unknown source", {
            **create, "inferenceProfileName": PROFILE + "-2", "clientRequestToken": "other-${client}", "modelSource": {
                "copyFrom": "arn:aws:bedrock:eu-south-1::foundation-model/" + UNKNOWN}},
            error={"code": "^(ResourceNotFound|Validation)Exception$", "message": "."}),
        control("profile.get_application", "GetInferenceProfile", "application profile, by ARN", {
            "inferenceProfileIdentifier": PROFILE_ARN}, answer={
            "inferenceProfileName": like("^application-profile-of-"), "type": "APPLICATION", "status": "ACTIVE",
            "inferenceProfileArn": like(":application-inference-profile/"), "description": "made by a test",
            "models": of_length(EU_REGIONS, EU_REGIONS), "createdAt": present, "updatedAt": present}),
        control("profiles.applications", "ListInferenceProfiles", "typeEquals APPLICATION",
                {"typeEquals": "APPLICATION"},
                answer={"inferenceProfileSummaries": containing(type="APPLICATION", description="made by a test")}),
        control("profile.tags", "ListTagsForResource", "application profile", {"resourceARN": PROFILE_ARN}, answer={
            "tags": [{"key": "team", "value": "tide"}]}),
        control("profile.tag", "TagResource", "application profile", {
            "resourceARN": PROFILE_ARN, "tags": [{"key": "stage", "value": "test"}]}),
        control("profile.untag", "UntagResource", "application profile", {
            "resourceARN": PROFILE_ARN, "tagKeys": ["team"]}),
        control("profile.tags_after", "ListTagsForResource", "after TagResource and UntagResource", {
            "resourceARN": PROFILE_ARN}, answer={"tags": [{"key": "stage", "value": "test"}]}),
        Case(name="profile.converse", operation="Converse, ConverseStream",
             field="modelId: ARN of an application profile",
             api="bedrock-runtime", call="Converse", request=use, family="converse", backend={"model": present}),
        Case(name="profile.converse_stream", operation="Converse, ConverseStream",
             field="modelId: ARN of an application profile",
             api="bedrock-runtime", call="ConverseStream", request=use, family="converse", stream=True,
             backend={"model": present}),
        control("profile.delete_system", "DeleteInferenceProfile", "system-defined profile", {
            "inferenceProfileIdentifier": NOVA}, error={"code": "^(Validation|AccessDenied|ResourceNotFound)Exception$",
                                                        "message": "."}),
        control("profile.delete", "DeleteInferenceProfile", "application profile", {
            "inferenceProfileIdentifier": PROFILE_ARN}),
        control("profile.get_deleted", "GetInferenceProfile", "deleted profile", {
            "inferenceProfileIdentifier": PROFILE_ARN}, error=NOT_FOUND),
        Case(name="profile.converse_deleted", operation="Converse, ConverseStream",
             field="modelId: deleted application profile",
             api="bedrock-runtime", call="Converse", request=use, family="converse",
             error={"code": "^(ResourceNotFound|Validation)Exception$", "message": "."}),
    ]


def models() -> list[Case]:
    arn = f"arn:aws:bedrock:eu-south-1::foundation-model/{SONNET_MODEL}"
    return [
        control("models.list", "ListFoundationModels", "all", {}, answer={
            "modelSummaries": containing(modelId=SONNET_MODEL, modelArn=arn, providerName="Anthropic")}),
        control("models.by_provider", "ListFoundationModels", "byProvider", {"byProvider": "amazon"}, answer={
            "modelSummaries": containing(modelId=NOVA_MODEL), "modelSummaries.0.modelId": like(r"^amazon\.")}),
        control("models.by_output", "ListFoundationModels", "byOutputModality", {"byOutputModality": "EMBEDDING"},
                answer={"modelSummaries.0.outputModalities": ["EMBEDDING"]}),
        control("model.get", "GetFoundationModel", "by id", {"modelIdentifier": SONNET_MODEL}, answer={
            "modelDetails.modelId": SONNET_MODEL, "modelDetails.modelArn": arn,
            "modelDetails.responseStreamingSupported": True, "modelDetails.modelLifecycle.status": present}),
        control("model.get_unknown", "GetFoundationModel", "unknown id", {"modelIdentifier": UNKNOWN},
                error={"code": "^(ResourceNotFound|Validation)Exception$", "message": "."}),
        control("model.availability", "GetFoundationModelAvailability", "by id", {"modelId": NOVA_MODEL}, answer={
            "modelId": NOVA_MODEL, "agreementAvailability.status": "AVAILABLE", "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE", "regionAvailability": "AVAILABLE"}),
        control("model.availability_unknown", "GetFoundationModelAvailability", "unknown id", {"modelId": UNKNOWN},
                error={"code": "^(ResourceNotFound|Validation)Exception$", "message": "."}),
        control("not_offered", "ListGuardrails", "any", {}, error=invalid("ListGuardrails is not offered by tidegate")),
    ]


def identity_and_record() -> list[Case]:
    def sts(name: str, field: str, **case) -> Case:
        return Case(name=f"identity{name}", operation="GetCallerIdentity", field=field, api="sts",
                    call="GetCallerIdentity",
                    request={}, **case)

    def lookup(name: str, field: str, request: dict, **case) -> Case:
        return Case(name=f"lookup.{name}", operation="LookupEvents", field=field, api="cloudtrail", call="LookupEvents",
                    request=request, **case)

    by_name = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "Converse"}]}
    return [
        sts("", "all", answer={"Arn": like(r"^arn:aws:iam::\d{12}:"), "Account": like(r"^\d{12}$"), "UserId": present}),
        sts(".signature", "wrong secret access key", caller="wrong-secret", error={
            "status": 403, "code": "^SignatureDoesNotMatch$", "message": "signature we calculated does not match"}),
        sts(".unknown_key", "unknown access key", caller="unknown-key", error={
            "status": 403, "code": "^InvalidClientTokenId$",
            "message": "security token included in the request is invalid"}),
        lookup("all", "MaxResults, NextToken", {"MaxResults": 2}, gateway="milan", answer={
            "Events": of_length(2, 2), "NextToken": present, "Events.0.EventSource": "bedrock.amazonaws.com",
            "Events.0.CloudTrailEvent": like('"inferenceRegion"')}),
        lookup("next", "MaxResults, NextToken", {"MaxResults": 2, "NextToken": "${lookup.all.NextToken}"},
               gateway="milan",
               answer={"Events": of_length(1, 2)}),
        lookup("by_name", "LookupAttributes", by_name, gateway="milan", answer={
            "Events.0.EventName": "Converse", "Events.0.EventId": present, "Events.0.EventTime": present}),
        lookup("two_attributes", "two LookupAttributes", {"LookupAttributes": by_name["LookupAttributes"] * 2},
               error={"status": 400, "code": "^InvalidLookupAttributesException$", "message": "."}),
        lookup("max_results", "MaxResults above 50", {"MaxResults": 51},
               error={"status": 400, "code": "^InvalidMaxResultsException$", "message": "."}),
        lookup("next_token", "NextToken made up", {"NextToken": "made-up"},
               error={"status": 400, "code": "^InvalidNextTokenException$", "message": "."}),
        lookup("signature", "wrong secret access key", {}, caller="wrong-secret", error={
            "code": "^(InvalidSignature|SignatureDoesNotMatch)", "message": "."}),
    ]


def cases() -> list[Case]:
    return [*profiles(), *application_profiles(), *models(), *identity_and_record()]
