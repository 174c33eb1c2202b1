//! A description, and what of it was met.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::answer::Answer;
use crate::harness::door::Door;

/// What the server says of itself.
pub(super) struct Document {
    root: Value,
    /// Calls with the statuses of their answers, as `GET /api/users 200`.
    met: BTreeSet<String>,
}

/// A call as the description has it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) described: Value,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether an answer with this status is described.
    pub(super) fn may(&self, status: &str) -> bool {
        self.described["responses"].get(status).is_some()
    }

    /// The example of its body.
    pub(super) fn body(&self) -> Option<&Value> {
        let body = &self.described["requestBody"]["content"];
        body["application/json"].get("example")
    }
}

impl Document {
    /// The description at `path`.
    pub(super) async fn at(door: &Door, path: &str) -> Self {
        let root = door.get(path).await.json();
        let met = BTreeSet::new();
        Self { root, met }
    }

    /// Every call.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let paths = self.root["paths"].as_object().expect("paths");
        let each = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods.iter().map(move |(method, described)| Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                described: described.clone(),
            })
        });
        each.collect()
    }

    pub(super) fn at_pointer(&self, pointer: &str) -> &Value {
        let found = self.root.pointer(pointer);
        found.unwrap_or_else(|| panic!("{pointer} is not described"))
    }

    /// What judges by this schema, to which nothing may be added.
    pub(super) fn judge(&self, schema: &Value) -> Validator {
        let schema = self.closed(schema);
        let draft = match self.root.get("asyncapi") {
            Some(_) => Draft::Draft7,
            None => Draft::Draft202012,
        };
        let judge = jsonschema::options()
            .should_validate_formats(true)
            .with_draft(draft);
        judge
            .build(&schema)
            .unwrap_or_else(|error| panic!("{schema}: {error}"))
    }

    /// The schema without references and compositions, so that it can be closed: an object has no
    /// field that it does not name.
    fn closed(&self, schema: &Value) -> Value {
        if let Some(place) = schema["$ref"].as_str() {
            return self.closed(self.at_pointer(place.trim_start_matches('#')));
        }
        let mut schema = schema.clone();
        if let Some(parts) = schema["allOf"].as_array() {
            schema = together(parts.iter().map(|part| self.closed(part)));
        }
        for list in ["oneOf", "anyOf", "items"] {
            let parts = schema.get_mut(list).and_then(Value::as_array_mut);
            for part in parts.into_iter().flatten() {
                *part = self.closed(part);
            }
        }
        if let Some(items) = schema.get_mut("items").filter(|items| items.is_object()) {
            *items = self.closed(items);
        }
        if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            for field in fields.values_mut() {
                *field = self.closed(field);
            }
            schema["additionalProperties"] = json!(false);
        }
        schema
    }

    /// Compares an answer with what is said of it, and notes that it was met.
    #[track_caller]
    pub(super) fn check(&mut self, operation: &Operation, answer: &Answer) {
        let name = operation.name();
        let status = answer.status.to_string();
        let response = operation.described["responses"].get(&status);
        let response = response.unwrap_or_else(|| panic!("{name}: not described: {answer:?}"));
        let response = match response["$ref"].as_str() {
            Some(place) => self.at_pointer(place.trim_start_matches('#')),
            None => response,
        };
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let headers = response["headers"].as_object().into_iter().flatten();
        for (of, described) in headers {
            let value = header(of);
            let must = described["required"] == true;
            assert!(value.is_some() || !must, "{name}: no {of}: {answer:?}");
            let Some(text) = value else { continue };
            let value = match described["schema"]["type"].as_str() {
                Some("integer") => text.parse::<u64>().map_or(Value::Null, Value::from),
                _ => Value::from(text),
            };
            let judged = self.judge(&described["schema"]).validate(&value);
            judged.unwrap_or_else(|error| panic!("{name}: {of}: {error}"));
        }
        if let Some(content) = response["content"].as_object() {
            let kind = header("content-type").expect("a content type");
            let kind = kind.split(';').next().unwrap_or_default();
            let media = content
                .get(kind)
                .unwrap_or_else(|| panic!("{name}: {kind}"));
            let body = match kind {
                "application/json" => answer.json(),
                _ => Value::from(&*answer.text),
            };
            let judged = self.judge(&media["schema"]).validate(&body);
            judged.unwrap_or_else(|error| panic!("{name}: {error}: {answer:?}"));
        } else {
            assert_eq!(answer.text, "", "{name}: a body that is not described");
        }
        self.met.insert(format!("{name} {status}"));
    }

    /// What is described and was not met.
    pub(super) fn unmet(&self) -> BTreeSet<String> {
        let mut unmet = BTreeSet::new();
        for operation in self.operations() {
            let responses = operation.described["responses"].as_object();
            for status in responses.expect("responses").keys() {
                let one = format!("{} {status}", operation.name());
                if !self.met.contains(&one) {
                    unmet.insert(one);
                }
            }
        }
        unmet
    }
}

/// One object that has the fields of all of these; of two with the same name, the later.
fn together(parts: impl Iterator<Item = Value>) -> Value {
    let (mut fields, mut required) = (Map::new(), Vec::new());
    for mut part in parts {
        if let Some(more) = part["properties"].as_object_mut() {
            fields.append(more);
        }
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    json!({"type": "object", "properties": fields, "required": required})
}
