//! bedrock-runtime: calls, answers and streams.
use crate::requests as r;
use crate::values::{blob, document, from_blob, from_document, text, unsupported, Unsupported};
use crate::{error_of, Seen};
use aws_sdk_bedrockruntime::operation::RequestId;
use aws_sdk_bedrockruntime::types as t;
use aws_sdk_bedrockruntime::Client;
use serde_json::{json, Value};

pub async fn observe(client: &Client, call: &str, request: &Value) -> Result<Seen, Unsupported> {
    let model = text(request, "modelId");
    Ok(match call {
        "Converse" => match r::converse!(client.converse(), request, GuardrailConfiguration)
            .send()
            .await
        {
            Ok(answer) => Seen::answer(converse_answer(&answer), answer.request_id()),
            Err(error) => error_of(&error),
        },
        "ConverseStream" => {
            match r::converse!(
                client.converse_stream(),
                request,
                GuardrailStreamConfiguration
            )
            .send()
            .await
            {
                Err(error) => error_of(&error),
                Ok(mut answer) => {
                    let mut events = Vec::new();
                    let broke = loop {
                        match answer.stream.recv().await {
                            Ok(Some(event)) => events.push(stream_event(&event)),
                            Ok(None) => break None,
                            Err(error) => break Some(error_of(&error)),
                        }
                    };
                    Seen::events(events, answer.request_id(), broke)
                }
            }
        }
        "InvokeModel" => {
            let built = client
                .invoke_model()
                .set_model_id(model)
                .body(blob(&request["body"]));
            let built = built
                .set_content_type(text(request, "contentType"))
                .set_accept(text(request, "accept"));
            match built.send().await {
                Ok(answer) => Seen::answer(
                    json!({"body": from_blob(answer.body())}),
                    answer.request_id(),
                ),
                Err(error) => error_of(&error),
            }
        }
        "InvokeModelWithResponseStream" => {
            let built = client
                .invoke_model_with_response_stream()
                .set_model_id(model)
                .body(blob(&request["body"]));
            let built = built
                .set_content_type(text(request, "contentType"))
                .set_accept(text(request, "accept"));
            match built.send().await {
                Err(error) => error_of(&error),
                Ok(mut answer) => {
                    let mut events = Vec::new();
                    let broke = loop {
                        match answer.body.recv().await {
                            Ok(Some(t::ResponseStream::Chunk(part))) => {
                                events
                                    .push(json!({"chunk": {"bytes": part.bytes().map(from_blob)}}));
                            }
                            Ok(Some(other)) => {
                                events.push(json!({"unknown": format!("{other:?}")}))
                            }
                            Ok(None) => break None,
                            Err(error) => break Some(error_of(&error)),
                        }
                    };
                    Seen::events(events, answer.request_id(), broke)
                }
            }
        }
        "CountTokens" => {
            let input = r::count_tokens(&request["input"])?;
            match client
                .count_tokens()
                .set_model_id(model)
                .input(input)
                .send()
                .await
            {
                Ok(answer) => Seen::answer(
                    json!({"inputTokens": answer.input_tokens()}),
                    answer.request_id(),
                ),
                Err(error) => error_of(&error),
            }
        }
        _ => return not_offered(client, call, request).await,
    })
}

async fn not_offered(client: &Client, call: &str, request: &Value) -> Result<Seen, Unsupported> {
    Ok(match call {
        "ApplyGuardrail" => error_or_empty(
            client
                .apply_guardrail()
                .set_guardrail_identifier(text(request, "guardrailIdentifier"))
                .set_guardrail_version(text(request, "guardrailVersion"))
                .set_source(text(request, "source").map(|s| s.as_str().into()))
                .content(r::guardrail_content(&request["content"][0])?)
                .send()
                .await,
        ),
        "StartAsyncInvoke" => error_or_empty(
            client
                .start_async_invoke()
                .set_model_id(text(request, "modelId"))
                .model_input(document(&request["modelInput"]))
                .output_data_config(r::s3_output(&request["outputDataConfig"])?)
                .send()
                .await,
        ),
        "GetAsyncInvoke" => error_or_empty(
            client
                .get_async_invoke()
                .set_invocation_arn(text(request, "invocationArn"))
                .send()
                .await,
        ),
        "ListAsyncInvokes" => error_or_empty(client.list_async_invokes().send().await),
        _ => return unsupported(format!("this program does not call {call}")),
    })
}

fn error_or_empty<T: RequestId, E>(
    result: Result<T, aws_sdk_bedrockruntime::error::SdkError<E>>,
) -> Seen
where
    E: aws_sdk_bedrockruntime::error::ProvideErrorMetadata + std::fmt::Debug,
{
    match result {
        Ok(answer) => Seen::answer(json!({}), answer.request_id()),
        Err(error) => error_of(&error),
    }
}

fn block(from: &t::ContentBlock) -> Value {
    match from {
        t::ContentBlock::Text(words) => json!({ "text": words }),
        t::ContentBlock::ToolUse(used) => json!({"toolUse": {
            "toolUseId": used.tool_use_id(), "name": used.name(), "input": from_document(used.input())}}),
        t::ContentBlock::ReasoningContent(t::ReasoningContentBlock::ReasoningText(thought)) => {
            json!({"reasoningContent": {"reasoningText": {"text": thought.text(), "signature": thought.signature()}}})
        }
        other => json!({ "unknown": format!("{other:?}") }),
    }
}

fn usage(from: Option<&t::TokenUsage>) -> Value {
    from.map_or(Value::Null, |used| {
        json!({"inputTokens": used.input_tokens(), "outputTokens": used.output_tokens(),
               "totalTokens": used.total_tokens(), "cacheReadInputTokens": used.cache_read_input_tokens(),
               "cacheWriteInputTokens": used.cache_write_input_tokens()})
    })
}

fn latency(from: Option<&t::PerformanceConfiguration>) -> Value {
    from.map_or(
        Value::Null,
        |performance| json!({"latency": performance.latency().as_str()}),
    )
}

fn tier(from: Option<&t::ServiceTier>) -> Value {
    from.map_or(Value::Null, |tier| json!({"type": tier.r#type().as_str()}))
}

fn converse_answer(from: &aws_sdk_bedrockruntime::operation::converse::ConverseOutput) -> Value {
    let message = from.output().and_then(|output| output.as_message().ok());
    let content: Vec<Value> = message
        .map(|m| m.content().iter().map(block).collect())
        .unwrap_or_default();
    json!({
        "output": {"message": {"role": message.map(|m| m.role().as_str()), "content": content}},
        "stopReason": from.stop_reason().as_str(),
        "usage": usage(from.usage()),
        "metrics": {"latencyMs": from.metrics().map(|m| m.latency_ms())},
        "additionalModelResponseFields": from.additional_model_response_fields().map(from_document),
        "performanceConfig": latency(from.performance_config()),
        "serviceTier": tier(from.service_tier()),
    })
}

fn delta(from: Option<&t::ContentBlockDelta>) -> Value {
    match from {
        Some(t::ContentBlockDelta::Text(words)) => json!({ "text": words }),
        Some(t::ContentBlockDelta::ToolUse(used)) => json!({"toolUse": {"input": used.input()}}),
        Some(t::ContentBlockDelta::ReasoningContent(t::ReasoningContentBlockDelta::Text(
            words,
        ))) => {
            json!({"reasoningContent": {"text": words}})
        }
        Some(t::ContentBlockDelta::ReasoningContent(t::ReasoningContentBlockDelta::Signature(
            signature,
        ))) => {
            json!({"reasoningContent": {"signature": signature}})
        }
        other => json!({ "unknown": format!("{other:?}") }),
    }
}

fn stream_event(from: &t::ConverseStreamOutput) -> Value {
    use t::ConverseStreamOutput as E;
    match from {
        E::MessageStart(e) => json!({"messageStart": {"role": e.role().as_str()}}),
        E::ContentBlockStart(e) => {
            let start = match e.start() {
                Some(t::ContentBlockStart::ToolUse(used)) => {
                    json!({"toolUse": {"toolUseId": used.tool_use_id(), "name": used.name()}})
                }
                other => json!({ "unknown": format!("{other:?}") }),
            };
            json!({"contentBlockStart": {"contentBlockIndex": e.content_block_index(), "start": start}})
        }
        E::ContentBlockDelta(e) => {
            json!({"contentBlockDelta": {"contentBlockIndex": e.content_block_index(), "delta": delta(e.delta())}})
        }
        E::ContentBlockStop(e) => {
            json!({"contentBlockStop": {"contentBlockIndex": e.content_block_index()}})
        }
        E::MessageStop(e) => json!({"messageStop": {"stopReason": e.stop_reason().as_str(),
            "additionalModelResponseFields": e.additional_model_response_fields().map(from_document)}}),
        E::Metadata(e) => json!({"metadata": {"usage": usage(e.usage()),
            "metrics": {"latencyMs": e.metrics().map(|m| m.latency_ms())},
            "performanceConfig": latency(e.performance_config()), "serviceTier": tier(e.service_tier())}}),
        other => json!({ "unknown": format!("{other:?}") }),
    }
}
