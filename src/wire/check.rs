//! Checks a JSON body field by field.
//!
//! A derived deserialiser names no field in a type error and skips checks in fields that it
//! ignores, so bodies are parsed to a value first and then taken apart here: every field that is
//! wrong is reported, with its name, in one answer.

use std::borrow::Cow;

use entities::ids::MAX_SAFE_INTEGER;

use super::json::{self, Names, Value, positive};
use crate::error::{ChatError, FieldError};

/// The fields of one object, taken out one by one; remembers what was wrong with each.
#[derive(Debug)]
pub struct Fields<'a> {
    fields: Vec<(&'static str, Value<'a>)>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The fields `names` of the object that the JSON in `body` is.
    ///
    /// # Errors
    /// [`ChatError::MalformedJson`], and [`ChatError::Invalid`] for anything but an object.
    pub fn parse(body: &'a str, names: Names) -> Result<Self, ChatError> {
        Self::of(json::parse(body, names)?, "body")
    }

    /// The fields of `value`, which must be an object; `what` names it in the error.
    ///
    /// # Errors
    /// [`ChatError::Invalid`] for anything but an object.
    pub fn of(value: Value<'a>, what: &'static str) -> Result<Self, ChatError> {
        match value {
            Value::Object(fields) => Ok(Self {
                fields,
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
    pub fn take(&mut self, field: &str) -> Option<Value<'a>> {
        let place = self.fields.iter().position(|(name, _)| *name == field)?;
        let (_, value) = self.fields.swap_remove(place);
        Some(value).filter(|value| *value != Value::Null)
    }

    /// A required string, any string.
    pub fn string(&mut self, field: &'static str) -> Option<Cow<'a, str>> {
        match self.take(field) {
            Some(Value::Text(text)) => Some(text),
            _ => self.refuse(field, "must be a string"),
        }
    }

    /// A required string of 1 to `most` characters (Unicode scalar values), counted without the
    /// white space at both ends, without NUL; returned as it came.
    pub fn text(&mut self, field: &'static str, most: usize) -> Option<Cow<'a, str>> {
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
        match self.take(field) {
            Some(Value::Integer(id)) if positive(id).is_some() => Some(id),
            _ => self.refuse(field, "must be a positive integer"),
        }
    }

    /// An optional integer from 0 to 2^53 − 1. The outer option says whether the field is sound,
    /// the inner one whether it is there.
    pub fn position(&mut self, field: &'static str) -> Option<Option<i64>> {
        match self.take(field) {
            None => Some(None),
            Some(Value::Integer(seq @ 0..=MAX_SAFE_INTEGER)) => Some(Some(seq)),
            Some(_) => self.refuse(field, "must be an integer from 0"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Keep;
    use serde_json::json;

    const NAMES: Names = &[("id", Keep::Plain), ("t", Keep::Plain)];

    fn fields(body: &str) -> Fields<'_> {
        Fields::parse(body, NAMES).expect("an object")
    }

    #[test]
    fn only_positive_safe_integers_are_ids() {
        let beyond = (MAX_SAFE_INTEGER + 1).to_string();
        let huge = u64::MAX.to_string();
        for bad in [
            "0", "-1", "-0", "1.0", "1.5", "1e0", "\"1\"", "null", "[1]", &beyond, &huge,
        ] {
            let body = format!(r#"{{"id":{bad}}}"#);
            let mut fields = fields(&body);
            assert_eq!(fields.id("id"), None, "{bad}");
            assert_eq!(fields.refusal().fields()[0].field, "id");
        }
        for good in [1, MAX_SAFE_INTEGER] {
            let body = format!(r#"{{"id":{good}}}"#);
            assert_eq!(fields(&body).id("id"), Some(good));
        }
    }

    #[test]
    fn text_is_counted_in_characters_without_outer_white_space_and_returned_as_sent() {
        let emoji = "🙂".repeat(4);
        let padded = format!("  {emoji}\n");
        let body = |text: &str| json!({ "t": text }).to_string();
        let sound = body(&padded);
        assert_eq!(fields(&sound).text("t", 4).as_deref(), Some(&*padded));
        for bad in ["", " \t\n", "abcde", "a\0b"] {
            assert_eq!(fields(&body(bad)).text("t", 4), None, "{bad:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_reported_at_once() {
        let mut fields = fields(r#"{"t":1}"#);
        assert_eq!(fields.string("t"), None);
        assert_eq!(fields.boolean("id"), None);
        let names: Vec<_> = fields.refusal().fields().iter().map(|e| e.field).collect();
        assert_eq!(names, ["t", "id"]);
    }
}
