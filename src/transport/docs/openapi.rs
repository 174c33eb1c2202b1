//! What the handlers' own descriptions leave to rules: refusals, their headers, and examples.
//!
//! A handler names the codes that are special about it (`x-codes`). What every call can answer, or
//! every call with a token or with a body, is added here, from `error.rs` and with its own words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json, to_value};

use super::example;
use crate::error::ChatError;
use crate::transport::rest::answer::{LIMIT_HEADERS, status};
use crate::transport::rest::description::described;
use crate::wire::reply::Failure;

/// The whole description.
///
/// # Panics
/// Never: it has string keys and no fallible parts.
pub(super) fn complete() -> Value {
    let mut document = to_value(described()).expect("descriptions can be encoded");
    let mut paths = document["paths"].take();
    let mut refusals = Map::new();
    for path in paths.as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            complete_call(operation, &document, &mut refusals);
        }
    }
    document["paths"] = paths;
    document["components"]["responses"] = Value::Object(refusals);
    document
}

fn complete_call(operation: &mut Value, document: &Value, refusals: &mut Map<String, Value>) {
    let mut by_status: BTreeMap<u16, Vec<ChatError>> = BTreeMap::new();
    let codes = codes(operation);
    for error in ChatError::samples() {
        if codes.contains(error.code()) {
            let status = status(&error).as_u16();
            by_status.entry(status).or_default().push(error);
        }
    }
    for response in operation["responses"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        add_example(response, document);
    }
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["in"] == "query" {
            parameter["allowEmptyValue"] = true.into();
        }
    }
    may_be_left_out(&mut operation["requestBody"]);
    add_example(&mut operation["requestBody"], document);
    if operation["requestBody"].is_null() {
        operation
            .as_object_mut()
            .map(|fields| fields.remove("requestBody"));
    }
    for (status, errors) in by_status {
        let codes: Vec<_> = errors.iter().map(ChatError::code).collect();
        let name = codes.join("_or_");
        operation["responses"][status.to_string()] =
            json!({"$ref": format!("#/components/responses/{name}")});
        refusals.entry(name).or_insert_with(|| refusal(&errors));
    }
}

/// Every code that a call can answer; takes away its own list.
fn codes(operation: &mut Value) -> BTreeSet<String> {
    let special = operation
        .as_object_mut()
        .and_then(|fields| fields.remove("x-codes"));
    let special: Vec<String> =
        serde_json::from_value(special.unwrap_or_default()).unwrap_or_default();
    let mut codes: BTreeSet<String> = special.into_iter().collect();
    let mut add = |names: &[&str]| codes.extend(names.iter().map(|&name| name.to_owned()));
    add(&["internal", "payload_too_large"]);
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    if ["accounts", "people", "conversations", "messages"].contains(&tag) {
        add(&["overloaded"]);
    }
    if operation["security"].is_array() {
        add(&["unauthenticated"]);
    }
    if operation["parameters"].is_array() {
        add(&["validation_failed"]);
    }
    if operation["requestBody"].is_object() {
        add(&[
            "validation_failed",
            "malformed_json",
            "unsupported_media_type",
        ]);
    }
    codes
}

/// A body that may be left out is no `null`.
fn may_be_left_out(body: &mut Value) {
    let schema = body.pointer_mut("/content/application~1json/schema");
    if let Some(schema) = schema
        && schema["oneOf"][1]["type"] == "null"
    {
        *schema = schema["oneOf"][0].take();
        body["required"] = false.into();
    }
}

fn add_example(part: &mut Value, document: &Value) {
    let Some(content) = part
        .get_mut("content")
        .and_then(|content| content.get_mut("application/json"))
    else {
        return;
    };
    if content.get("schema").is_some() {
        content["example"] = example::of(&content["schema"], document);
    }
}

/// The answer that is one of these, which have the same status.
fn refusal(errors: &[ChatError]) -> Value {
    let codes: Vec<_> = errors.iter().map(ChatError::code).collect();
    let examples: Map<String, Value> = errors
        .iter()
        .map(|error| {
            let value = to_value(Failure::from(error)).unwrap_or_default();
            (error.code().to_owned(), json!({"value": value}))
        })
        .collect();
    let words: Vec<_> = errors.iter().map(meaning).collect();
    json!({
        "description": words.join(" "),
        "headers": headers(errors),
        "content": {"application/json": {
            "schema": {"allOf": [
                {"$ref": "#/components/schemas/Failure"},
                {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
            ]},
            "examples": examples,
        }},
    })
}

/// What a code means, and whether a client may try again.
pub(super) fn meaning(error: &ChatError) -> String {
    let meaning = match error {
        ChatError::Invalid(_) => "the input breaks a rule; `errors` says which field and how",
        ChatError::MalformedJson(_) => "the text is no JSON, or no UTF-8",
        ChatError::Unauthenticated => "no token, or none that counts any more: sign in again",
        ChatError::InvalidCredentials(_) => {
            "the e-mail address is unknown or the password is wrong"
        }
        ChatError::NotAParticipant => "the conversation is of other people",
        ChatError::Forbidden(_) => "not allowed, for the reason that `message` tells",
        ChatError::NotFound(_) => "what was asked for is not there",
        ChatError::MethodNotAllowed => "the address does not take that method",
        ChatError::Conflict(_) => "what was asked for contradicts what is there",
        ChatError::PayloadTooLarge(_) => "more than 64 KiB at once",
        ChatError::UnsupportedMediaType => "the body does not call itself `application/json`",
        ChatError::UnknownEvent => "there is no such event",
        ChatError::RateLimited(_) => "too much at once: try again after `Retry-After` seconds",
        ChatError::Overloaded => {
            "the server is busy, or cannot write: try again after `Retry-After` seconds"
        }
        ChatError::Internal => "a fault of the server, which is in its log",
    };
    format!("`{}`: {meaning}.", error.code())
}

/// The headers that go with an answer; certain are those that every one of these has.
fn headers(errors: &[ChatError]) -> Value {
    let mut headers = Map::new();
    let mut add = |name: &str, kind: Value, words: &str, has: fn(&ChatError) -> bool| {
        if errors.iter().any(has) {
            let required = errors.iter().all(has);
            let header = json!({"description": words, "required": required, "schema": kind});
            headers.insert(name.to_owned(), header);
        }
    };
    let seconds = json!({"type": "integer", "minimum": 1, "examples": [1]});
    let limited = |error: &ChatError| matches!(error, ChatError::RateLimited(_));
    add(
        "Retry-After",
        seconds.clone(),
        "In how many seconds to try again.",
        |error| matches!(error, ChatError::RateLimited(_) | ChatError::Overloaded),
    );
    let [limit, remaining, reset] = LIMIT_HEADERS;
    let count = json!({"type": "integer", "minimum": 0, "examples": [0]});
    add(
        limit,
        count.clone(),
        "How much may be done at once.",
        limited,
    );
    add(remaining, count, "How much of it is left.", limited);
    add(
        reset,
        seconds,
        "In how many seconds all of it is there again.",
        limited,
    );
    let scheme = json!({"type": "string", "enum": ["Bearer"]});
    add(
        "WWW-Authenticate",
        scheme,
        "How to say who one is.",
        |error| *error == ChatError::Unauthenticated,
    );
    Value::Object(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(document: &Value) -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().expect("paths");
        let each = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods.iter().map(move |(method, operation)| {
                (
                    format!("{} {path}", method.to_uppercase()),
                    operation.clone(),
                )
            })
        });
        each.collect()
    }

    #[test]
    fn every_call_of_the_table_is_described_and_no_other() {
        let described: BTreeSet<_> = operations(&complete())
            .into_iter()
            .map(|one| one.0)
            .collect();
        let calls = crate::transport::calls();
        let calls: BTreeSet<_> = calls
            .iter()
            .map(|(method, path)| format!("{method} {path}"))
            .collect();
        assert_eq!(described, calls);
    }

    /// Every schema with an example of it, wherever they stand.
    fn examples(part: &Value, place: &str, found: &mut Vec<(String, Value, Value)>) {
        let mut note = |schema: &Value, example: &Value| {
            found.push((place.to_owned(), schema.clone(), example.clone()));
        };
        let schema = part.get("schema").unwrap_or(part);
        let own = part.get("example").into_iter();
        let several = part["examples"].as_array().into_iter().flatten();
        own.chain(several).for_each(|example| note(schema, example));
        let named = part["examples"].as_object().into_iter().flatten();
        named.for_each(|(_, example)| note(schema, &example["value"]));
        let fields = part.as_object().into_iter().flatten();
        let items = part.as_array().into_iter().flatten().enumerate();
        let items = items.map(|(place, item)| (place.to_string(), item));
        let fields = fields.filter(|(name, _)| !name.starts_with("example"));
        for (name, inner) in fields
            .map(|(name, inner)| (name.clone(), inner))
            .chain(items)
        {
            examples(inner, &format!("{place}/{name}"), found);
        }
    }

    #[test]
    fn every_example_is_valid() {
        let document = complete();
        let mut found = Vec::new();
        examples(&document, "", &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for (place, schema, example) in found {
            let whole = json!({"allOf": [schema], "components": document["components"]});
            let judge = jsonschema::options()
                .should_validate_formats(true)
                .build(&whole);
            let wrong = judge.expect("a schema").validate(&example).err();
            assert!(wrong.is_none(), "{place}: {example}: {wrong:?}");
        }
    }

    #[test]
    fn every_call_has_all_that_a_reader_wants() {
        let document = complete();
        let mut names = BTreeSet::new();
        for (call, operation) in operations(&document) {
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{call}: its name is taken"
            );
            for field in ["summary", "tags", "responses"] {
                assert!(!operation[field].is_null(), "{call}: no {field}");
            }
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let response = example::resolve(response, &document);
                assert!(
                    response["description"].is_string(),
                    "{call}: {status}: {response}"
                );
                let has_body = response["content"].is_object();
                assert!(status == "101" || has_body, "{call}: {status}");
            }
            let body = &operation["requestBody"];
            let example = body.pointer("/content/application~1json/example");
            assert!(body.is_null() || example.is_some(), "{call}: no example");
        }
        let declared = document["components"]["responses"]
            .as_object()
            .expect("responses");
        for response in declared.values() {
            assert!(
                response["content"]["application/json"]["examples"].is_object(),
                "{response}"
            );
        }
    }
}
