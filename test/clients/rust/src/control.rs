//! bedrock, sts and cloudtrail: calls and answers.
use crate::values::{integer, list, member, text, texts, unsupported, Unsupported};
use crate::{error_of, Seen};
use aws_sdk_bedrock::operation::RequestId;
use aws_sdk_bedrock::types as t;
use serde_json::{json, Value};

/// The answer of a call, by `$show`, or its error.
macro_rules! seen {
    ($sent:expr, |$answer:ident| $show:expr) => {
        match $sent.send().await {
            Ok($answer) => Seen::answer($show, $answer.request_id()),
            Err(error) => error_of(&error),
        }
    };
}

pub async fn bedrock(
    client: &aws_sdk_bedrock::Client,
    call: &str,
    q: &Value,
) -> Result<Seen, Unsupported> {
    let profile = text(q, "inferenceProfileIdentifier");
    let resource = text(q, "resourceARN");
    Ok(match call {
        "ListInferenceProfiles" => seen!(
            client
                .list_inference_profiles()
                .set_max_results(integer(q, "maxResults"))
                .set_next_token(text(q, "nextToken"))
                .set_type_equals(text(q, "typeEquals").map(|k| k.as_str().into())),
            |a| json!({"nextToken": a.next_token(), "inferenceProfileSummaries":
                a.inference_profile_summaries().iter().map(|p| json!({
                    "inferenceProfileId": p.inference_profile_id(), "description": p.description(),
                    "inferenceProfileArn": p.inference_profile_arn(), "type": p.r#type().as_str(),
                    "status": p.status().as_str()})).collect::<Vec<_>>()})
        ),
        "GetInferenceProfile" => seen!(
            client
                .get_inference_profile()
                .set_inference_profile_identifier(profile),
            |a| json!({
                "inferenceProfileId": a.inference_profile_id(), "inferenceProfileName": a.inference_profile_name(),
                "inferenceProfileArn": a.inference_profile_arn(), "description": a.description(),
                "type": a.r#type().as_str(), "status": a.status().as_str(),
                "createdAt": a.created_at().map(|d| d.to_string()), "updatedAt": a.updated_at().map(|d| d.to_string()),
                "models": a.models().iter().map(|m| json!({"modelArn": m.model_arn()})).collect::<Vec<_>>()})
        ),
        "CreateInferenceProfile" => {
            let source =
                text(&q["modelSource"], "copyFrom").map(t::InferenceProfileModelSource::CopyFrom);
            seen!(
                client
                    .create_inference_profile()
                    .set_inference_profile_name(text(q, "inferenceProfileName"))
                    .set_description(text(q, "description"))
                    .set_client_request_token(text(q, "clientRequestToken"))
                    .set_model_source(source)
                    .set_tags(list(q, "tags", tag)?),
                |a| json!({"inferenceProfileArn": a.inference_profile_arn(), "status": a.status().map(|s| s.as_str())})
            )
        }
        "DeleteInferenceProfile" => seen!(
            client
                .delete_inference_profile()
                .set_inference_profile_identifier(profile),
            |a| json!({})
        ),
        "ListTagsForResource" => seen!(
            client.list_tags_for_resource().set_resource_arn(resource),
            |a| json!({"tags": a.tags().iter().map(|t| json!({"key": t.key(), "value": t.value()})).collect::<Vec<_>>()})
        ),
        "TagResource" => {
            seen!(
                client
                    .tag_resource()
                    .set_resource_arn(resource)
                    .set_tags(list(q, "tags", tag)?),
                |a| json!({})
            )
        }
        "UntagResource" => seen!(
            client
                .untag_resource()
                .set_resource_arn(resource)
                .set_tag_keys(texts(q, "tagKeys")),
            |a| json!({})
        ),
        "ListGuardrails" => seen!(client.list_guardrails(), |a| json!({})),
        _ => return models(client, call, q).await,
    })
}

async fn models(
    client: &aws_sdk_bedrock::Client,
    call: &str,
    q: &Value,
) -> Result<Seen, Unsupported> {
    Ok(match call {
        "ListFoundationModels" => seen!(
            client
                .list_foundation_models()
                .set_by_provider(text(q, "byProvider"))
                .set_by_output_modality(text(q, "byOutputModality").map(|m| m.as_str().into())),
            |a| json!({"modelSummaries": a.model_summaries().iter().map(|m| json!({
                "modelId": m.model_id(), "modelArn": m.model_arn(), "providerName": m.provider_name(),
                "outputModalities": m.output_modalities().iter().map(|o| o.as_str()).collect::<Vec<_>>(),
                })).collect::<Vec<_>>()})
        ),
        "GetFoundationModel" => seen!(
            client
                .get_foundation_model()
                .set_model_identifier(text(q, "modelIdentifier")),
            |a| json!({"modelDetails": a.model_details().map(|m| json!({
                "modelId": m.model_id(), "modelArn": m.model_arn(),
                "responseStreamingSupported": m.response_streaming_supported(),
                "modelLifecycle": {"status": m.model_lifecycle().map(|l| l.status().as_str())}}))})
        ),
        "GetFoundationModelAvailability" => seen!(
            client
                .get_foundation_model_availability()
                .set_model_id(text(q, "modelId")),
            |a| json!({
                "modelId": a.model_id(), "authorizationStatus": a.authorization_status().as_str(),
                "agreementAvailability": {"status": a.agreement_availability().map(|x| x.status().as_str())},
                "entitlementAvailability": a.entitlement_availability().as_str(),
                "regionAvailability": a.region_availability().as_str()})
        ),
        _ => return unsupported(format!("this program does not call {call}")),
    })
}

fn tag(from: &Value) -> Result<t::Tag, Unsupported> {
    Ok(t::Tag::builder()
        .set_key(text(from, "key"))
        .set_value(text(from, "value"))
        .build()?)
}

pub async fn sts(client: &aws_sdk_sts::Client) -> Seen {
    seen!(
        client.get_caller_identity(),
        |a| json!({"Arn": a.arn(), "Account": a.account(), "UserId": a.user_id()})
    )
}

pub async fn cloudtrail(
    client: &aws_sdk_cloudtrail::Client,
    q: &Value,
) -> Result<Seen, Unsupported> {
    use aws_sdk_cloudtrail::types::LookupAttribute;
    let attributes = member(q, "LookupAttributes", |all| {
        let all = all.as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|one| {
                LookupAttribute::builder()
                    .set_attribute_key(text(one, "AttributeKey").map(|k| k.as_str().into()))
                    .set_attribute_value(text(one, "AttributeValue"))
                    .build()
                    .map_err(|error| Unsupported(error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    let sent = client
        .lookup_events()
        .set_lookup_attributes(attributes)
        .set_max_results(integer(q, "MaxResults"))
        .set_next_token(text(q, "NextToken"));
    Ok(seen!(
        sent,
        |a| json!({"NextToken": a.next_token(), "Events": a.events().iter().map(|e| json!({
        "EventId": e.event_id(), "EventName": e.event_name(), "EventSource": e.event_source(),
        "EventTime": e.event_time().map(|d| d.to_string()), "CloudTrailEvent": e.cloud_trail_event(),
    })).collect::<Vec<_>>()})
    ))
}
