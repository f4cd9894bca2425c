//! JSON and the SDK's own types: what is asked is read from the case, what is answered is written in the API's names.
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_smithy_types::{Document, Number};
use base64::Engine;
use serde_json::{json, Map, Value};
use std::collections::HashMap;

/// A case that this client does not offer, or a request that its types cannot hold.
#[derive(Debug)]
pub struct Unsupported(pub String);

pub type Made<T> = Result<T, Unsupported>;

pub fn unsupported<T>(what: impl Into<String>) -> Made<T> {
    Err(Unsupported(what.into()))
}

impl From<aws_sdk_bedrockruntime::error::BuildError> for Unsupported {
    fn from(error: aws_sdk_bedrockruntime::error::BuildError) -> Self {
        Unsupported(format!("the SDK refuses it before it is sent: {error}"))
    }
}

pub fn text(from: &Value, name: &str) -> Option<String> {
    from.get(name).and_then(Value::as_str).map(str::to_owned)
}

pub fn texts(from: &Value, name: &str) -> Option<Vec<String>> {
    let list = from.get(name)?.as_array()?;
    Some(
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}

pub fn integer(from: &Value, name: &str) -> Option<i32> {
    from.get(name).and_then(Value::as_i64).map(|n| n as i32)
}

pub fn list<T>(from: &Value, name: &str, read: impl Fn(&Value) -> Made<T>) -> Made<Option<Vec<T>>> {
    match from.get(name).and_then(Value::as_array) {
        None => Ok(None),
        Some(elements) => elements
            .iter()
            .map(read)
            .collect::<Made<Vec<T>>>()
            .map(Some),
    }
}

pub fn member<T>(from: &Value, name: &str, read: impl Fn(&Value) -> Made<T>) -> Made<Option<T>> {
    from.get(name).map(read).transpose()
}

/// The one member of a union.
pub fn union(from: &Value) -> Made<(&str, &Value)> {
    match from.as_object().and_then(|members| members.iter().next()) {
        Some((name, value)) => Ok((name, value)),
        None => unsupported("an empty union"),
    }
}

pub fn string_map(from: &Value, name: &str) -> Option<HashMap<String, String>> {
    let members = from.get(name)?.as_object()?;
    Some(
        members
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect(),
    )
}

pub fn blob(from: &Value) -> Blob {
    let encoded = text(from, "$bytes").unwrap_or_default();
    Blob::new(
        base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap_or_default(),
    )
}

pub fn document(from: &Value) -> Document {
    match from {
        Value::Null => Document::Null,
        Value::Bool(b) => Document::Bool(*b),
        Value::String(s) => Document::String(s.clone()),
        Value::Array(a) => Document::Array(a.iter().map(document).collect()),
        Value::Object(o) => {
            Document::Object(o.iter().map(|(k, v)| (k.clone(), document(v))).collect())
        }
        Value::Number(n) => Document::Number(match (n.as_u64(), n.as_i64()) {
            (Some(u), _) => Number::PosInt(u),
            (_, Some(i)) => Number::NegInt(i),
            _ => Number::Float(n.as_f64().unwrap_or_default()),
        }),
    }
}

pub fn from_document(from: &Document) -> Value {
    match from {
        Document::Null => Value::Null,
        Document::Bool(b) => json!(b),
        Document::String(s) => json!(s),
        Document::Array(a) => a.iter().map(from_document).collect(),
        Document::Object(o) => Value::Object(
            o.iter()
                .map(|(k, v)| (k.clone(), from_document(v)))
                .collect::<Map<_, _>>(),
        ),
        Document::Number(Number::PosInt(n)) => json!(n),
        Document::Number(Number::NegInt(n)) => json!(n),
        Document::Number(Number::Float(n)) => json!(n),
    }
}

pub fn from_blob(from: &Blob) -> Value {
    json!(String::from_utf8_lossy(from.as_ref()))
}
