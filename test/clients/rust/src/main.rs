//! The AWS SDK for Rust: cases in, one line of observation a case out (see ../protocol.py).
mod control;
mod requests;
mod runtime;
mod values;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use serde_json::{json, Map, Value};
use std::collections::HashMap;
use std::fmt::Debug;
use std::io::Read;
use values::Unsupported;

/// What is printed of a case, without its name.
pub struct Seen(Value);

impl Seen {
    pub fn answer(answer: Value, request_id: Option<&str>) -> Seen {
        Seen(json!({"answer": answer, "request_id": request_id}))
    }
    pub fn events(events: Vec<Value>, request_id: Option<&str>, broke: Option<Seen>) -> Seen {
        let mut seen = json!({"events": events, "request_id": request_id});
        if let Some(Seen(error)) = broke {
            seen["error"] = error["error"].clone();
        }
        Seen(seen)
    }
}

/// The response that came with an error; inside a stream there is none.
pub trait Response {
    fn status(&self) -> Option<u16>;
    fn id(&self) -> Option<String>;
}

impl Response for HttpResponse {
    fn status(&self) -> Option<u16> {
        Some(self.status().as_u16())
    }
    fn id(&self) -> Option<String> {
        self.headers().get("x-amzn-requestid").map(str::to_owned)
    }
}

impl Response for aws_smithy_types::event_stream::RawMessage {
    fn status(&self) -> Option<u16> {
        None
    }
    fn id(&self) -> Option<String> {
        None
    }
}

pub fn error_of<E: ProvideErrorMetadata + Debug, R: Response + Debug>(
    error: &SdkError<E, R>,
) -> Seen {
    let response = error.raw_response();
    // An error inside a stream has no code but its variant's name.
    let variant = |e: &E| {
        format!("{e:?}")
            .split(['(', ' '])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let code = error
        .code()
        .map(str::to_owned)
        .or_else(|| error.as_service_error().map(variant));
    let message = error
        .message()
        .map(str::to_owned)
        .unwrap_or_else(|| format!("{error:?}"));
    let mut seen = json!({"error": {
        "code": code, "message": message, "status": response.and_then(Response::status)}});
    if let Some(id) = response.and_then(Response::id) {
        seen["request_id"] = json!(id);
    }
    Seen(seen)
}

struct Clients {
    runtime: HashMap<String, aws_sdk_bedrockruntime::Client>,
    bedrock: HashMap<String, aws_sdk_bedrock::Client>,
    sts: HashMap<String, aws_sdk_sts::Client>,
    cloudtrail: HashMap<String, aws_sdk_cloudtrail::Client>,
}

/// Every service has its own types for the same settings.
macro_rules! client {
    ($sdk:ident, $one:expr) => {{
        use $sdk::config::{retry::RetryConfig, BehaviorVersion, Credentials, Region};
        let end = &$one["endpoint"];
        let word = |name: &str| values::text(end, name).unwrap_or_default();
        let attempts = $one["attempts"].as_u64().unwrap_or(1) as u32;
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(word("region")))
            .endpoint_url(word("url"))
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .credentials_provider(Credentials::new(
                word("access_key_id"),
                word("secret_access_key"),
                None,
                None,
                "case",
            ))
    }};
}

fn runtime_client(one: &Value) -> aws_sdk_bedrockruntime::Client {
    let end = &one["endpoint"];
    let mut config = client!(aws_sdk_bedrockruntime, one);
    if let Some(bearer) = values::text(end, "bearer").filter(|b| !b.is_empty()) {
        let token = aws_sdk_bedrockruntime::config::Token::new(bearer, None);
        config = config
            .bearer_token(token)
            .auth_scheme_preference([HTTP_BEARER_AUTH_SCHEME_ID]);
    }
    if let Some(ca) = values::text(end, "ca").filter(|c| !c.is_empty()) {
        use aws_smithy_http_client::tls::{
            rustls_provider::CryptoMode, Provider, TlsContext, TrustStore,
        };
        let pem = std::fs::read(&ca).expect("the CA's file");
        let store = TrustStore::empty().with_pem_certificate(pem);
        let context = TlsContext::builder()
            .with_trust_store(store)
            .build()
            .expect("a TLS context");
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(provider)
            .tls_context(context)
            .build_https();
        config = config.http_client(http);
    }
    aws_sdk_bedrockruntime::Client::from_conf(config.build())
}

async fn observe(clients: &mut Clients, one: &Value, request: &Value) -> Result<Seen, Unsupported> {
    let call = one["call"].as_str().unwrap_or_default();
    let key = format!("{} {}", one["attempts"], one["endpoint"]);
    match one["api"].as_str().unwrap_or_default() {
        "bedrock-runtime" => {
            let client = clients
                .runtime
                .entry(key)
                .or_insert_with(|| runtime_client(one));
            runtime::observe(client, call, request).await
        }
        "bedrock" => {
            let make = || aws_sdk_bedrock::Client::from_conf(client!(aws_sdk_bedrock, one).build());
            control::bedrock(
                clients.bedrock.entry(key).or_insert_with(make),
                call,
                request,
            )
            .await
        }
        "sts" => {
            let make = || aws_sdk_sts::Client::from_conf(client!(aws_sdk_sts, one).build());
            Ok(control::sts(clients.sts.entry(key).or_insert_with(make)).await)
        }
        _ => {
            let make =
                || aws_sdk_cloudtrail::Client::from_conf(client!(aws_sdk_cloudtrail, one).build());
            control::cloudtrail(clients.cloudtrail.entry(key).or_insert_with(make), request).await
        }
    }
}

/// "${case.member}" becomes that member of the earlier case's answer.
fn resolved(request: &Value, answers: &Map<String, Value>) -> Value {
    let mut text = request.to_string();
    for (case, answer) in answers {
        for (name, value) in answer.as_object().into_iter().flatten() {
            if let Some(value) = value.as_str() {
                let quoted = Value::from(value).to_string();
                text = text.replace(&format!("${{{case}.{name}}}"), &quoted[1..quoted.len() - 1]);
            }
        }
    }
    serde_json::from_str(&text).expect("still JSON")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut input = String::new();
    std::io::stdin()
        .read_to_string(&mut input)
        .expect("cases on standard input");
    let input: Value = serde_json::from_str(&input).expect("cases in JSON");
    let mut clients = Clients {
        runtime: HashMap::new(),
        bedrock: HashMap::new(),
        sts: HashMap::new(),
        cloudtrail: HashMap::new(),
    };
    let mut answers = Map::new();
    for one in input["cases"].as_array().into_iter().flatten() {
        let request = resolved(&one["request"], &answers);
        let mut seen = match observe(&mut clients, one, &request).await {
            Ok(Seen(seen)) => seen,
            Err(Unsupported(why)) => json!({ "unsupported": why }),
        };
        let name = one["case"].as_str().unwrap_or_default();
        answers.insert(name.to_owned(), seen["answer"].clone());
        seen["case"] = json!(name);
        println!("{seen}");
    }
}
