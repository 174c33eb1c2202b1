//! Tokens and refresh tokens, as text.

use std::time::Duration;

use entities::ids::MAX_SAFE_INTEGER;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::Input;
use crate::auth::{Bearer, Tokens};
use crate::config::Config;
use crate::error::ChatError;

const SECRET: &[u8] = Config::TEST_SECRET.as_bytes();
const PREVIOUS: &[u8] = b"the secret for tests before that one";

/// Tokens that remember none.
pub(super) fn tokens() -> Tokens {
    Tokens::new(SECRET, Duration::from_secs(60)).and_previous(PREVIOUS)
}

/// Any text, in the place of either.
pub(super) fn token(input: &Input<'_>) {
    let Some(text) = input.text() else {
        return;
    };
    check(input, text);
}

/// Whom a token names, if it counts. What counts was signed by one of the keys; what does not is
/// refused without a word of what is wrong.
pub(super) fn check(input: &Input<'_>, token: &str) -> Option<Bearer> {
    let tokens = tokens();
    let renewal = input.read_as(token.len(), || tokens.verify_renewal(token));
    let bearer = input.read_as(token.len(), || tokens.verify(token));
    assert!(renewal.is_err() || bearer.is_err(), "one token is both");
    let refusals = [renewal.err(), bearer.as_ref().err().cloned()];
    for refusal in refusals.iter().flatten() {
        assert_eq!(*refusal, ChatError::Unauthenticated);
    }
    if refusals.contains(&None) {
        assert!(is_signed(token), "nobody has signed what counts");
    }
    let bearer = bearer.ok()?;
    assert!((1..=MAX_SAFE_INTEGER).contains(&bearer.user.0));
    assert!(!bearer.is_over());
    assert_eq!(tokens.verify(token), Ok(bearer), "it was remembered");
    Some(bearer)
}

fn is_signed(token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    [SECRET, PREVIOUS].iter().any(|secret| {
        let key = EncodingKey::from_secret(secret);
        let ours = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
        ours.is_ok_and(|ours| ours == signature)
    })
}

/// A token that says this.
pub(super) fn signed(claims: &serde_json::Value) -> String {
    let header = jsonwebtoken::Header::new(Algorithm::HS256);
    let key = EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&header, claims, &key).expect("a token")
}
