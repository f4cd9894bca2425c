//! Requests of bedrock-runtime, from JSON to the SDK's types.
use crate::values::{blob, document, integer, list, member, text, texts, union, unsupported, Made};
use aws_sdk_bedrockruntime::types as t;
use serde_json::Value;
use std::collections::HashMap;

fn image(from: &Value) -> Made<t::ImageBlock> {
    let source = match union(&from["source"])? {
        ("bytes", bytes) => t::ImageSource::Bytes(blob(bytes)),
        ("s3Location", place) => t::ImageSource::S3Location(
            t::S3Location::builder()
                .set_uri(text(place, "uri"))
                .build()?,
        ),
        (other, _) => return unsupported(format!("ImageSource::{other}")),
    };
    let format = text(from, "format").map(|f| f.as_str().into());
    Ok(t::ImageBlock::builder()
        .set_format(format)
        .source(source)
        .build()?)
}

fn document_block(from: &Value) -> Made<t::DocumentBlock> {
    let source = match union(&from["source"])? {
        ("bytes", bytes) => t::DocumentSource::Bytes(blob(bytes)),
        ("text", words) => t::DocumentSource::Text(words.as_str().unwrap_or_default().into()),
        (other, _) => return unsupported(format!("DocumentSource::{other}")),
    };
    let format = text(from, "format").map(|f| f.as_str().into());
    Ok(t::DocumentBlock::builder()
        .set_format(format)
        .set_name(text(from, "name"))
        .source(source)
        .build()?)
}

fn video(from: &Value) -> Made<t::VideoBlock> {
    let format = text(from, "format").map(|f| f.as_str().into());
    let source = t::VideoSource::Bytes(blob(&from["source"]["bytes"]));
    Ok(t::VideoBlock::builder()
        .set_format(format)
        .source(source)
        .build()?)
}

fn tool_result(from: &Value) -> Made<t::ToolResultBlock> {
    let content = list(from, "content", |part| match union(part)? {
        ("json", value) => Ok(t::ToolResultContentBlock::Json(document(value))),
        ("text", words) => Ok(t::ToolResultContentBlock::Text(
            words.as_str().unwrap_or_default().into(),
        )),
        (other, _) => unsupported(format!("ToolResultContentBlock::{other}")),
    })?;
    Ok(t::ToolResultBlock::builder()
        .set_tool_use_id(text(from, "toolUseId"))
        .set_content(content)
        .build()?)
}

fn guard(from: &Value) -> Made<t::GuardrailConverseContentBlock> {
    let words = text(&from["text"], "text");
    Ok(t::GuardrailConverseContentBlock::Text(
        t::GuardrailConverseTextBlock::builder()
            .set_text(words)
            .build()?,
    ))
}

fn cache_point(from: &Value) -> Made<t::CachePointBlock> {
    Ok(t::CachePointBlock::builder()
        .set_type(text(from, "type").map(|k| k.as_str().into()))
        .build()?)
}

fn content(from: &Value) -> Made<t::ContentBlock> {
    Ok(match union(from)? {
        ("text", words) => t::ContentBlock::Text(words.as_str().unwrap_or_default().into()),
        ("image", value) => t::ContentBlock::Image(image(value)?),
        ("document", value) => t::ContentBlock::Document(document_block(value)?),
        ("video", value) => t::ContentBlock::Video(video(value)?),
        ("toolResult", value) => t::ContentBlock::ToolResult(tool_result(value)?),
        ("guardContent", value) => t::ContentBlock::GuardContent(guard(value)?),
        ("cachePoint", value) => t::ContentBlock::CachePoint(cache_point(value)?),
        ("toolUse", value) => t::ContentBlock::ToolUse(
            t::ToolUseBlock::builder()
                .set_tool_use_id(text(value, "toolUseId"))
                .set_name(text(value, "name"))
                .input(document(&value["input"]))
                .build()?,
        ),
        ("reasoningContent", value) => {
            let inner = &value["reasoningText"];
            let block = t::ReasoningTextBlock::builder()
                .set_text(text(inner, "text"))
                .build()?;
            t::ContentBlock::ReasoningContent(t::ReasoningContentBlock::ReasoningText(block))
        }
        (other, _) => return unsupported(format!("ContentBlock::{other}")),
    })
}

pub fn message(from: &Value) -> Made<t::Message> {
    let role = text(from, "role").map(|r| r.as_str().into());
    Ok(t::Message::builder()
        .set_role(role)
        .set_content(list(from, "content", content)?)
        .build()?)
}

pub fn system(from: &Value) -> Made<t::SystemContentBlock> {
    Ok(match union(from)? {
        ("text", words) => t::SystemContentBlock::Text(words.as_str().unwrap_or_default().into()),
        ("guardContent", value) => t::SystemContentBlock::GuardContent(guard(value)?),
        ("cachePoint", value) => t::SystemContentBlock::CachePoint(cache_point(value)?),
        (other, _) => return unsupported(format!("SystemContentBlock::{other}")),
    })
}

pub fn inference_config(from: &Value) -> Made<t::InferenceConfiguration> {
    let number = |name| from.get(name).and_then(Value::as_f64).map(|n| n as f32);
    Ok(t::InferenceConfiguration::builder()
        .set_max_tokens(integer(from, "maxTokens"))
        .set_temperature(number("temperature"))
        .set_top_p(number("topP"))
        .set_stop_sequences(texts(from, "stopSequences"))
        .build())
}

pub fn tool_config(from: &Value) -> Made<t::ToolConfiguration> {
    let tools = list(from, "tools", |tool| {
        let spec = &tool["toolSpec"];
        Ok(t::Tool::ToolSpec(
            t::ToolSpecification::builder()
                .set_name(text(spec, "name"))
                .set_description(text(spec, "description"))
                .input_schema(t::ToolInputSchema::Json(document(
                    &spec["inputSchema"]["json"],
                )))
                .build()?,
        ))
    })?;
    let choice = member(from, "toolChoice", |choice| {
        Ok(match union(choice)? {
            ("any", _) => t::ToolChoice::Any(t::AnyToolChoice::builder().build()),
            ("tool", value) => t::ToolChoice::Tool(
                t::SpecificToolChoice::builder()
                    .set_name(text(value, "name"))
                    .build()?,
            ),
            _ => t::ToolChoice::Auto(t::AutoToolChoice::builder().build()),
        })
    })?;
    Ok(t::ToolConfiguration::builder()
        .set_tools(tools)
        .set_tool_choice(choice)
        .build()?)
}

pub fn output_config(from: &Value) -> Made<t::OutputConfig> {
    let format = &from["textFormat"];
    let schema = &format["structure"]["jsonSchema"];
    let definition = t::JsonSchemaDefinition::builder()
        .set_schema(text(schema, "schema"))
        .set_name(text(schema, "name"))
        .build()?;
    let format = t::OutputFormat::builder()
        .set_type(text(format, "type").map(|k| k.as_str().into()))
        .structure(t::OutputFormatStructure::JsonSchema(definition))
        .build()?;
    Ok(t::OutputConfig::builder().text_format(format).build())
}

pub fn prompt_variables(from: &Value) -> Option<HashMap<String, t::PromptVariableValues>> {
    let members = from.get("promptVariables")?.as_object()?;
    let value = |v: &Value| t::PromptVariableValues::Text(text(v, "text").unwrap_or_default());
    Some(
        members
            .iter()
            .map(|(name, v)| (name.clone(), value(v)))
            .collect(),
    )
}

/// Converse and ConverseStream have the same members and two types for them; the guardrail's differ.
macro_rules! converse {
    ($builder:expr, $request:expr, $guardrail:ident) => {{
        use aws_sdk_bedrockruntime::types as t;
        use $crate::requests as r;
        use $crate::values::{document, list, member, string_map, text, texts};
        let request = $request;
        let guardrail = member(request, "guardrailConfig", |g| {
            Ok(t::$guardrail::builder()
                .set_guardrail_identifier(text(g, "guardrailIdentifier"))
                .set_guardrail_version(text(g, "guardrailVersion"))
                .build())
        })?;
        let performance = member(request, "performanceConfig", |p| {
            let latency = text(p, "latency").map(|l| l.as_str().into());
            Ok(t::PerformanceConfiguration::builder()
                .set_latency(latency)
                .build())
        })?;
        let tier = member(request, "serviceTier", |s| {
            Ok(t::ServiceTier::builder()
                .set_type(text(s, "type").map(|k| k.as_str().into()))
                .build()?)
        })?;
        $builder
            .set_model_id(text(request, "modelId"))
            .set_messages(list(request, "messages", r::message)?)
            .set_system(list(request, "system", r::system)?)
            .set_inference_config(member(request, "inferenceConfig", r::inference_config)?)
            .set_tool_config(member(request, "toolConfig", r::tool_config)?)
            .set_output_config(member(request, "outputConfig", r::output_config)?)
            .set_additional_model_request_fields(
                request.get("additionalModelRequestFields").map(document),
            )
            .set_additional_model_response_field_paths(texts(
                request,
                "additionalModelResponseFieldPaths",
            ))
            .set_request_metadata(string_map(request, "requestMetadata"))
            .set_prompt_variables(r::prompt_variables(request))
            .set_guardrail_config(guardrail)
            .set_performance_config(performance)
            .set_service_tier(tier)
    }};
}
pub(crate) use converse;

pub fn count_tokens(from: &Value) -> Made<t::CountTokensInput> {
    Ok(match union(from)? {
        ("invokeModel", value) => t::CountTokensInput::InvokeModel(
            t::InvokeModelTokensRequest::builder()
                .body(blob(&value["body"]))
                .build()?,
        ),
        (_, value) => t::CountTokensInput::Converse(
            t::ConverseTokensRequest::builder()
                .set_messages(list(value, "messages", message)?)
                .set_system(list(value, "system", system)?)
                .build(),
        ),
    })
}

pub fn guardrail_content(from: &Value) -> Made<t::GuardrailContentBlock> {
    let words = text(&from["text"], "text");
    Ok(t::GuardrailContentBlock::Text(
        t::GuardrailTextBlock::builder().set_text(words).build()?,
    ))
}

pub fn s3_output(from: &Value) -> Made<t::AsyncInvokeOutputDataConfig> {
    let uri = text(&from["s3OutputDataConfig"], "s3Uri");
    let config = t::AsyncInvokeS3OutputDataConfig::builder()
        .set_s3_uri(uri)
        .build()?;
    Ok(t::AsyncInvokeOutputDataConfig::S3OutputDataConfig(config))
}
