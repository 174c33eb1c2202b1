//! Tokens minted elsewhere, good ones and bad ones.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// The claims of a good token under any header, signed as the server under test signs whatever
/// that says.
pub(crate) fn forge(header: &Value, id: i64) -> String {
    let signed = [header, &claims(id)].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = signed.join(".");
    let key = EncodingKey::from_secret(secret());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
    format!("{signed}.{}", signature.expect("a signature"))
}

/// The secret of the server under test.
pub(crate) fn secret() -> &'static [u8] {
    Config::TEST_SECRET.as_ref()
}
