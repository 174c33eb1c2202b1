//! What is said about accounts, checked: the bodies of signing in and what belongs to it.
//!
//! None of these can be shown for debugging: they hold passwords.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};

use super::check::Fields;
use super::json::{Keep, Names, Value};
use crate::error::ChatError;

/// The longest name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 100;
/// The longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;
/// How many bytes a password may have. The upper end bounds the work of hashing it.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=1_024;

/// The body of register.
pub struct Register {
    /// Without white space at both ends.
    pub name: String,
    /// In lower case.
    pub email: String,
    /// As typed.
    pub password: String,
    /// Whether a refresh token is asked for too.
    pub refresh: bool,
}

/// The body of login.
pub struct Login {
    /// In lower case.
    pub email: String,
    /// As typed.
    pub password: String,
    /// Whether a refresh token is asked for too.
    pub refresh: bool,
}

/// The body of a change of password.
pub struct NewPassword {
    /// The one so far, as typed.
    pub current: String,
    /// The one from now on, as typed.
    pub new: String,
    /// Whether a refresh token is asked for too.
    pub refresh: bool,
}

const ACCOUNT: Names = &[
    ("name", Keep::Plain),
    ("email", Keep::Plain),
    ("password", Keep::Plain),
    ("refresh", Keep::Plain),
];
const RENEWAL: Names = &[("refresh_token", Keep::Plain)];
const PASSWORDS: Names = &[
    ("password", Keep::Plain),
    ("new_password", Keep::Plain),
    ("refresh", Keep::Plain),
];

/// The body of `POST /api/auth/register`.
///
/// # Errors
/// [`ChatError::MalformedJson`], [`ChatError::Invalid`]; the same holds for the other bodies below.
pub fn register(body: &str) -> Result<Register, ChatError> {
    let mut fields = Fields::parse(body, ACCOUNT)?;
    let name = name(&mut fields);
    let email = email(&mut fields);
    let password = password(&mut fields, "password");
    let refresh = refresh(&mut fields);
    match (name, email, password, refresh) {
        (Some(name), Some(email), Some(password), Some(refresh)) => Ok(Register {
            name,
            email,
            password,
            refresh,
        }),
        _ => Err(fields.refusal()),
    }
}

/// The body of `POST /api/auth/login`.
pub fn login(body: &str) -> Result<Login, ChatError> {
    let mut fields = Fields::parse(body, ACCOUNT)?;
    let email = fields.string("email");
    let password = known_password(&mut fields);
    let refresh = refresh(&mut fields);
    match (email, password, refresh) {
        (Some(email), Some(password), Some(refresh)) => Ok(Login {
            email: email.trim().to_lowercase(),
            password,
            refresh,
        }),
        _ => Err(fields.refusal()),
    }
}

/// The body of `POST /api/auth/refresh`: the refresh token.
pub fn renewal(body: &str) -> Result<String, ChatError> {
    let mut fields = Fields::parse(body, RENEWAL)?;
    let token = fields.string("refresh_token");
    token.map(Cow::into_owned).ok_or_else(|| fields.refusal())
}

/// The body of `PUT /api/users/me/password`.
pub fn new_password(body: &str) -> Result<NewPassword, ChatError> {
    let mut fields = Fields::parse(body, PASSWORDS)?;
    let current = known_password(&mut fields);
    let new = password(&mut fields, "new_password");
    let refresh = refresh(&mut fields);
    match (current, new, refresh) {
        (Some(current), Some(new), Some(refresh)) => Ok(NewPassword {
            current,
            new,
            refresh,
        }),
        _ => Err(fields.refusal()),
    }
}

/// The body of `DELETE /api/users/me`: the password.
pub fn farewell(body: &str) -> Result<String, ChatError> {
    let mut fields = Fields::parse(body, PASSWORDS)?;
    let password = known_password(&mut fields);
    password.ok_or_else(|| fields.refusal())
}

/// A password that was chosen before. Its length is not judged beyond what bounds the work: what is
/// too short cannot be right.
fn known_password(fields: &mut Fields<'_>) -> Option<String> {
    let password = fields.string("password")?;
    if password.len() <= *PASSWORD_BYTES.end() {
        Some(password.into_owned())
    } else {
        fields.refuse("password", "must have at most 1024 bytes")
    }
}

fn refresh(fields: &mut Fields<'_>) -> Option<bool> {
    match fields.take("refresh") {
        None => Some(false),
        Some(Value::Bool(refresh)) => Some(refresh),
        Some(_) => fields.refuse("refresh", "must be true or false"),
    }
}

fn name(fields: &mut Fields<'_>) -> Option<String> {
    let name = fields.text("name", NAME_CHARACTERS_MAX)?;
    let name = name.trim();
    // The guide's page writes names into its markup as they are; at least none shall open a tag
    // in everybody's list. (Quotes stay, for O'Brien: escaping is the page's work.) Bidirectional
    // controls would let one name pass for another.
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '<' | '>' | '\u{61c}' | '\u{200e}' | '\u{200f}')
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    if name.contains(hostile) {
        return fields.refuse("name", "must not contain < or > or control characters");
    }
    Some(name.to_owned())
}

fn email(fields: &mut Fields<'_>) -> Option<String> {
    let email = fields.string("email")?.trim().to_lowercase();
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let sound = email.len() <= EMAIL_BYTES_MAX
        && !email.contains(char::is_control)
        && EmailAddress::parse_with_options(&email, options).is_ok();
    if sound {
        Some(email)
    } else {
        fields.refuse("email", "must be an e-mail address of at most 254 bytes")
    }
}

fn password(fields: &mut Fields<'_>, field: &'static str) -> Option<String> {
    let password = fields.string(field)?;
    if PASSWORD_BYTES.contains(&password.len()) {
        Some(password.into_owned())
    } else {
        fields.refuse(field, "must have 8 to 1024 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field_at_fault<T>(answer: Result<T, ChatError>) -> &'static str {
        let refusal = answer.err().expect("refused");
        assert_eq!(refusal.code(), "validation_failed");
        refusal.fields()[0].field
    }

    #[test]
    fn accounts_are_refused_by_field() {
        let sound = json!({"name": "Ana", "email": "Ana@Example.org", "password": "12345678"});
        let account = register(&sound.to_string()).expect("sound");
        assert_eq!(account.email, "ana@example.org");
        let long = format!("{}@example.org", "x".repeat(250));
        for (field, bad) in [
            ("name", json!("  ")),
            ("name", json!("x".repeat(101))),
            ("name", json!("<b>Ana</b>")),
            ("name", json!("A\u{202e}na")),
            ("name", json!("A\nna")),
            ("email", json!("ana")),
            ("email", json!("ana@localhost")),
            ("email", json!("a na@example.org")),
            ("email", json!(long)),
            ("password", json!("1234567")),
            ("password", json!("x".repeat(1_025))),
            ("password", json!(12_345_678)),
            ("refresh", json!("yes")),
        ] {
            let mut body = sound.clone();
            body[field] = bad;
            assert_eq!(field_at_fault(register(&body.to_string())), field);
        }
    }

    #[test]
    fn a_password_that_is_known_is_not_judged_by_its_length() {
        let short = json!({"password": "x", "new_password": "long enough"});
        assert_eq!(
            new_password(&short.to_string()).expect("sound").current,
            "x"
        );
        let long = json!({"password": "x".repeat(1_025), "new_password": "long enough"});
        assert_eq!(field_at_fault(new_password(&long.to_string())), "password");
        let new = json!({"password": "x", "new_password": "short"});
        assert_eq!(
            field_at_fault(new_password(&new.to_string())),
            "new_password"
        );
        assert_eq!(field_at_fault(farewell("{}")), "password");
        assert_eq!(field_at_fault(renewal("{}")), "refresh_token");
    }
}
