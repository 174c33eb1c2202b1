//! Tokens minted elsewhere, good ones and bad ones.

use std::time::{SystemTime, UNIX_EPOCH};

use duologue::config::Config;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

/// The claims of a good token for this account.
pub(crate) fn claims(id: i64) -> Value {
    json!({"sub": id.to_string(), "name": "whoever", "iat": now(), "exp": now() + 3600})
}

/// These claims, signed as the server under test signs.
pub(crate) fn mint(claims: &Value) -> String {
    mint_by(Algorithm::HS256, secret(), claims)
}

/// These claims, signed by any means.
pub(crate) fn mint_by(algorithm: Algorithm, secret: &[u8], claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
}

/// The secret of the server under test.
pub(crate) fn secret() -> &'static [u8] {
    Config::TEST_SECRET.as_ref()
}
