//! Checks a JSON body field by field.
//!
//! A derived deserialiser names no field in a type error and skips checks in fields that it
//! ignores, so bodies are parsed to a value first and then taken apart here: every field that is
//! wrong is reported, with its name, in one answer.

use entities::ids::MAX_SAFE_INTEGER;
use serde_json::{Map, Value};

use crate::error::{ChatError, FieldError};

/// Parses `bytes` as JSON. Invalid UTF-8, lone surrogates, numbers out of range and nesting
/// deeper than 128 are refused as malformed.
///
/// # Errors
/// [`ChatError::MalformedJson`].
pub fn parse(bytes: &[u8]) -> Result<Value, ChatError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ChatError::MalformedJson(match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            _ => "it cannot be read",
        })
    })
}

/// The fields of one object, taken out one by one; remembers what was wrong with each.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of `value`, which must be an object; `what` names it in the error.
    ///
    /// # Errors
    /// [`ChatError::Invalid`] for anything but an object.
    pub fn of(value: Value, what: &'static str) -> Result<Self, ChatError> {
        match value {
            Value::Object(map) => Ok(Self {
                map,
                errors: Vec::new(),
            }),
            _ => Err(ChatError::field(what, "must be an object")),
        }
    }

    /// Notes that `field` is wrong.
    pub fn refuse<T>(&mut self, field: &'static str, message: impl Into<String>) -> Option<T> {
        self.errors.push(FieldError {
            field,
            message: message.into(),
        });
        None
    }

    /// Takes `field` out; `null` counts as absent.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    /// A required string, any string.
    pub fn string(&mut self, field: &'static str) -> Option<String> {
        match self.take(field) {
            Some(Value::String(text)) => Some(text),
            _ => self.refuse(field, "must be a string"),
        }
    }

    /// A required string of 1 to `most` characters (Unicode scalar values), counted without the
    /// white space at both ends, without NUL; returned as it came.
    pub fn text(&mut self, field: &'static str, most: usize) -> Option<String> {
        let text = self.string(field)?;
        let trimmed = text.trim();
        // A text is never shorter in bytes than in characters: most need no counting.
        if trimmed.is_empty() || (trimmed.len() > most && trimmed.chars().count() > most) {
            return self.refuse(field, format!("must have 1 to {most} characters"));
        }
        if text.contains('\0') {
            return self.refuse(field, "must not contain NUL");
        }
        Some(text)
    }

    /// A required positive integer below 2^53.
    pub fn id(&mut self, field: &'static str) -> Option<i64> {
        match self.take(field).as_ref().and_then(positive) {
            Some(id) => Some(id),
            None => self.refuse(field, "must be a positive integer"),
        }
    }

    /// An optional integer from 0 to 2^53 − 1. The outer option says whether the field is sound,
    /// the inner one whether it is there.
    pub fn position(&mut self, field: &'static str) -> Option<Option<i64>> {
        match self.take(field) {
            None => Some(None),
            Some(value) => match value.as_i64() {
                Some(seq @ 0..=MAX_SAFE_INTEGER) => Some(Some(seq)),
                _ => self.refuse(field, "must be an integer from 0"),
            },
        }
    }

    /// A required `true` or `false`.
    pub fn boolean(&mut self, field: &'static str) -> Option<bool> {
        match self.take(field) {
            Some(Value::Bool(value)) => Some(value),
            _ => self.refuse(field, "must be true or false"),
        }
    }

    /// Whether nothing was wrong so far.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    /// The refusal that lists what was wrong.
    #[must_use]
    pub fn refusal(self) -> ChatError {
        ChatError::Invalid(self.errors)
    }
}

/// A positive integer below 2^53.
#[must_use]
pub fn positive(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .filter(|id| (1..=MAX_SAFE_INTEGER).contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::of(value, "body").expect("an object")
    }

    #[test]
    fn only_positive_safe_integers_are_ids() {
        for bad in [
            json!(0),
            json!(-1),
            json!(1.0),
            json!(1.5),
            json!("1"),
            json!(null),
            json!([1]),
            json!(MAX_SAFE_INTEGER + 1),
            json!(u64::MAX),
        ] {
            let mut fields = fields(json!({ "id": bad }));
            assert_eq!(fields.id("id"), None);
            assert_eq!(fields.refusal().fields()[0].field, "id");
        }
        assert_eq!(fields(json!({ "id": 1 })).id("id"), Some(1));
        let largest = fields(json!({ "id": MAX_SAFE_INTEGER })).id("id");
        assert_eq!(largest, Some(MAX_SAFE_INTEGER));
    }

    #[test]
    fn text_is_counted_in_characters_without_outer_white_space_and_returned_as_sent() {
        let emoji = "🙂".repeat(4);
        let padded = format!("  {emoji}\n");
        let mut sound = fields(json!({ "t": padded }));
        assert_eq!(sound.text("t", 4), Some(padded));
        for bad in ["", " \t\n", "abcde", "a\0b"] {
            assert_eq!(fields(json!({ "t": bad })).text("t", 4), None, "{bad:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_reported_at_once() {
        let mut fields = fields(json!({ "a": 1 }));
        assert_eq!(fields.string("a"), None);
        assert_eq!(fields.boolean("b"), None);
        let names: Vec<_> = fields.refusal().fields().iter().map(|e| e.field).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn hostile_json_is_malformed() {
        let deep = "[".repeat(100_000);
        for bad in ["", "{", "nul", "1e400", r#""\ud800""#, "\"\u{1}\"", &deep] {
            let refusal = parse(bad.as_bytes()).expect_err("refused");
            assert_eq!(refusal.code(), "malformed_json");
        }
        let refusal = parse(b"\"\xff\"").expect_err("refused");
        assert_eq!(refusal.code(), "malformed_json");
    }
}
