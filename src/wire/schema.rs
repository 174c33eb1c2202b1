//! What the leaves of bodies, answers and events are, as schemas: with the limits that
//! [`super::account`], [`super::command`] and [`super::check`] hold them to.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Object;
use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use super::account::{EMAIL_BYTES_MAX, NAME_CHARACTERS_MAX, PASSWORD_BYTES};
use super::command::{CLIENT_MESSAGE_ID_MAX, CONTENT_CHARACTERS_MAX};
use crate::error::ChatError;

/// The schema of a type, with every other that it names.
#[derive(Debug)]
pub struct Form {
    /// What it is called.
    pub name: String,
    /// Itself and the others, by their names.
    pub schemas: Vec<(String, Value)>,
}

impl Form {
    /// That of `T`.
    ///
    /// # Panics
    /// Never: schemas have string keys and no fallible parts.
    #[must_use]
    pub fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        let encode = |schema| serde_json::to_value(schema).expect("schemas can be encoded");
        let schemas = schemas.into_iter();
        Self {
            name,
            schemas: schemas.map(|(name, one)| (name, encode(one))).collect(),
        }
    }
}

/// White space, as `str::trim` takes it away: Unicode's `White_Space`. Spelled out, because `\s`
/// is something else in every language.
const WHITE: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// What no name may have in it (`account::register`).
const HOSTILE: &str = r"<>\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069";

/// The address and the password of every example.
const EMAIL: &str = "ana@example.org";
const PASSWORD: &str = "correct horse battery staple";

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn word(word: &str) -> Object {
    string().enum_values(Some([word])).examples([word]).build()
}

/// `success`
pub fn success() -> Object {
    word("success")
}

/// `error`
pub fn error() -> Object {
    word("error")
}

/// `direct`
pub fn direct() -> Object {
    word("direct")
}

/// `text`
pub fn text_kind() -> Object {
    word("text")
}

/// `text`, which may be left out.
pub fn optional_text_kind() -> Object {
    let values = [Value::from("text"), Value::Null];
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .enum_values(Some(values))
        .examples(["text"])
        .build()
}

/// Every code of the contract.
pub fn code() -> Object {
    string()
        .enum_values(Some(ChatError::CODES))
        .examples(["not_found"])
        .build()
}

/// 1 to `most` characters but those of `never`, counted without the white space at both ends.
fn text(never: &str, most: usize) -> ObjectBuilder {
    let visible = format!("[^{WHITE}{never}]");
    let between = most - 2;
    string().min_length(Some(1)).pattern(Some(format!(
        "^[{WHITE}]*{visible}(?:[^{never}]{{0,{between}}}{visible})?[{WHITE}]*$"
    )))
}

/// The content of a message.
pub fn content() -> Object {
    let most = CONTENT_CHARACTERS_MAX;
    text(r"\u0000", most)
        .description(Some(format!(
            "1 to {most} characters (Unicode scalar values), counted without the white space at both \
             ends, and no NUL. It is stored, compared and returned exactly as sent."
        )))
        .examples(["See you at eight?"])
        .build()
}

/// The name of a person.
pub fn name() -> Object {
    let most = NAME_CHARACTERS_MAX;
    text(HOSTILE, most)
        .description(Some(format!(
            "1 to {most} characters, counted without the white space at both ends, which is taken \
             away. No `<`, no `>`, no control characters."
        )))
        .examples(["Ana"])
        .build()
}

/// The e-mail address of an account.
pub fn email() -> Object {
    string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
        .max_length(Some(EMAIL_BYTES_MAX))
        .description(Some(format!(
            "An e-mail address of at most {EMAIL_BYTES_MAX} bytes, the same in any letter case; kept \
             in lower case."
        )))
        .examples([EMAIL])
        .build()
}

/// The e-mail address of somebody who signs in: any text, because one that is none has no account.
pub fn any_email() -> Object {
    string()
        .description(Some("In any letter case."))
        .examples([EMAIL])
        .build()
}

/// A password that is chosen. Its limits count bytes, which a schema cannot, so there are two: what
/// they refuse is refused.
pub fn new_password() -> Schema {
    let (least, most) = (*PASSWORD_BYTES.start(), *PASSWORD_BYTES.end());
    let ascii = string()
        .pattern(Some(r"^[\u0000-\u007f]*$"))
        .min_length(Some(least))
        .max_length(Some(most))
        .description(Some("Of ASCII alone: as many characters as bytes."));
    let other = string()
        .pattern(Some(r"[^\u0000-\u007f]"))
        .min_length(Some(least / 4))
        .max_length(Some(most - 1))
        .description(Some("Of any characters: 1 to 4 bytes each."));
    AnyOfBuilder::new()
        .item(ascii)
        .item(other)
        .description(Some(format!("{least} to {most} bytes of UTF-8.")))
        .examples([PASSWORD])
        .into()
}

/// A password that was chosen before.
pub fn password() -> Object {
    let most = *PASSWORD_BYTES.end();
    string()
        .max_length(Some(most))
        .description(Some(format!("At most {most} bytes of UTF-8.")))
        .examples([PASSWORD])
        .build()
}

/// The sender's own key for a message.
pub fn client_message_id() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .pattern(Some(format!("^[ -~]{{1,{CLIENT_MESSAGE_ID_MAX}}}$")))
        .description(Some(format!(
            "The sender's own key for the message: 1 to {CLIENT_MESSAGE_ID_MAX} printable ASCII \
             characters. Sent again with the same content it gives the first message, however much \
             later; with another content it is a conflict."
        )))
        .examples(["5f0c7e2a"])
        .build()
}
