//! The contract's envelope, over HTTP and as a reply on a socket, and its assertions.

use std::time::Instant;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// `PUT /api/…`, for the failure's message.
    pub(crate) asked: String,
}

impl Answer {
    /// The body, which must be JSON and say so.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let kind = self
            .headers
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or("none");
        assert!(
            kind.starts_with("application/json"),
            "{self:?}: content type {kind}"
        );
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// The whole envelope of a success.
    #[track_caller]
    pub(crate) fn success(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], "success", "{self:?}");
        assert!(body.get("data").is_some(), "{self:?}");
        body
    }

    /// The `data` of a 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        self.success(200)["data"].take()
    }

    /// The `data` of a 201.
    #[track_caller]
    pub(crate) fn created(&self) -> Value {
        self.success(201)["data"].take()
    }

    /// Asserts a failure in the contract's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "expected {status} {code}: {self:?}");
        let body = self.json();
        check_failure(&body, code, &self.asked);
        body
    }

    /// Asserts a 429 of a limit, after which one more is to be had in `retry_after` seconds and all
    /// of it in `reset`, both counted from `since`: what has passed meanwhile may be missing.
    #[track_caller]
    pub(crate) fn limited(&self, limit: u64, retry_after: u64, reset: u64, since: Instant) {
        let passed = since.elapsed().as_secs() + 1;
        self.refused(429, "rate_limited");
        let header = |name: &str| -> u64 {
            let value = self.headers.get(name).and_then(|value| value.to_str().ok());
            let value = value.and_then(|value| value.parse().ok());
            value.unwrap_or_else(|| panic!("{name}: {self:?}"))
        };
        assert_eq!(header("x-ratelimit-limit"), limit, "{self:?}");
        assert_eq!(header("x-ratelimit-remaining"), 0, "{self:?}");
        for (name, most) in [("retry-after", retry_after), ("x-ratelimit-reset", reset)] {
            let found = header(name);
            let right = most.saturating_sub(passed).max(1)..=most;
            assert!(right.contains(&found), "{name} not in {right:?}: {self:?}");
        }
    }

    /// Asserts a `validation_failed` that names `field`.
    #[track_caller]
    pub(crate) fn invalid(&self, field: &str) {
        check_field(&self.refused(400, "validation_failed"), field, &self.asked);
    }
}

/// What came back on a socket for a frame with an id: an envelope without an HTTP status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) body: Value,
    pub(crate) asked: String,
}

impl Reply {
    /// The `data` of a success.
    #[track_caller]
    pub(crate) fn ok(mut self) -> Value {
        assert_eq!(self.body["status"], "success", "{self:?}");
        assert!(self.body.get("data").is_some(), "{self:?}");
        self.body["data"].take()
    }

    /// Asserts a failure in the contract's shape.
    #[track_caller]
    pub(crate) fn refused(&self, code: &str) {
        check_failure(&self.body, code, &self.asked);
    }

    /// Asserts a `validation_failed` that names `field`.
    #[track_caller]
    pub(crate) fn invalid(&self, field: &str) {
        self.refused("validation_failed");
        check_field(&self.body, field, &self.asked);
    }
}

#[track_caller]
fn check_failure(body: &Value, code: &str, asked: &str) {
    assert_eq!(body["status"], "error", "{asked}: {body}");
    assert_eq!(body["code"], code, "{asked}: {body}");
    check_message(body, asked);
    for key in body.as_object().expect("an object").keys() {
        let known = ["status", "code", "message", "errors"].contains(&key.as_str());
        assert!(
            known,
            "{asked}: `{key}` is not in the contract's failure: {body}"
        );
    }
}

/// A sentence for a person, and nothing from inside.
#[track_caller]
pub(crate) fn check_message(body: &Value, asked: &str) {
    let message = body["message"].as_str().unwrap_or_default();
    assert!(
        !message.is_empty(),
        "{asked}: no message for a person: {body}"
    );
    let text = body.to_string();
    for inner in [
        "sqlx", "sea_orm", "SELECT ", "INSERT ", "panicked", ".rs:", "/src/",
    ] {
        assert!(
            !text.contains(inner),
            "{asked}: `{inner}` left the server: {body}"
        );
    }
}

#[track_caller]
fn check_field(body: &Value, field: &str, asked: &str) {
    let errors = body["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{asked}: no errors: {body}"));
    assert!(!errors.is_empty(), "{asked}: {body}");
    for error in errors {
        assert!(
            error["field"].is_string() && error["message"].is_string(),
            "{asked}: {body}"
        );
    }
    let named = errors.iter().any(|error| error["field"] == field);
    assert!(named, "{asked}: no error names `{field}`: {body}");
}

/// The `seq` of each of these messages.
#[track_caller]
pub(crate) fn seqs(messages: &Value) -> Vec<i64> {
    let messages = messages
        .as_array()
        .unwrap_or_else(|| panic!("a list of messages: {messages}"));
    messages
        .iter()
        .map(|message| number(&message["seq"]))
        .collect()
}

/// The entries of a JSON list.
#[track_caller]
pub(crate) fn each(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array()
        .unwrap_or_else(|| panic!("a list: {list}"))
        .iter()
}

/// An integer out of an answer.
#[track_caller]
pub(crate) fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("an integer: {value}"))
}

/// Asserts that an object has these keys and no other.
#[track_caller]
pub(crate) fn has_keys(object: &Value, keys: &[&str]) {
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("an object: {object}"));
    let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut wanted = keys.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

/// Asserts RFC 3339 in UTC with milliseconds: `2026-01-31T08:15:00.123Z`.
#[track_caller]
pub(crate) fn is_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("a time: {value}"));
    let digits = text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(
        digits, "0000-00-00T00:00:00.000Z",
        "not RFC 3339, UTC, milliseconds: {text}"
    );
}
