//! Tokens: who shows one is whom it names.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entities::ids::{MAX_SAFE_INTEGER, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::error::ChatError;

/// Makes and checks tokens: JWT with HS256 alone, `exp` and `sub` required, no leeway.
#[derive(Clone)]
pub struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
    rules: Arc<Validation>,
    ttl: Duration,
    /// Tokens that were found sound, and until when they count: clients show the same one with
    /// every request, and to check its signature is a tenth of what a send costs.
    sound: Arc<Cache<Box<str>, (Bearer, f64)>>,
}

/// How many tokens are remembered, a few hundred bytes each; the least used is forgotten first.
const TOKENS_MAX: usize = 10_000;

/// What a token that counts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose it is.
    pub user: UserId,
    /// When it was made, in seconds since the epoch; 0 if it does not say.
    pub issued_at: i64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(default)]
    iat: f64,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    sub: String,
    name: &'a str,
    iat: u64,
    exp: u64,
}

impl Tokens {
    /// Tokens over `secret` that are good for `ttl`.
    #[must_use]
    pub fn new(secret: &[u8], ttl: Duration) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_required_spec_claims(&["exp", "sub"]);
        rules.leeway = 0;
        rules.validate_nbf = true;
        // An audience is for those who made the token elsewhere; the contract names none.
        rules.validate_aud = false;
        Self {
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
            rules: Arc::new(rules),
            ttl,
            sound: Arc::new(Cache::new(TOKENS_MAX)),
        }
    }

    /// A token for `user`, made at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`ChatError::Internal`] if it cannot be signed.
    pub fn issue(&self, user: UserId, name: &str, now: u64) -> Result<String, ChatError> {
        let claims = NewClaims {
            sub: user.to_string(),
            name,
            iat: now,
            exp: now.saturating_add(self.ttl.as_secs()),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign);
        token.map_err(|error| {
            tracing::error!(%error, "signing a token failed");
            ChatError::Internal
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`], whatever is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Bearer, ChatError> {
        match self.sound.get(token) {
            Some((bearer, until)) if until >= now() => return Ok(bearer),
            _ => {}
        }
        let refused = || ChatError::Unauthenticated;
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.check, &self.rules);
        let claims = decoded.map_err(|_| refused())?.claims;
        if !claims.sub.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        let user: i64 = claims.sub.parse().map_err(|_| refused())?;
        if !(1..=MAX_SAFE_INTEGER).contains(&user) {
            return Err(refused());
        }
        let bearer = Bearer {
            user: UserId(user),
            // A NumericDate may have a fraction (RFC 7519, 2); what is out of range saturates.
            issued_at: claims.iat as i64,
        };
        self.sound.insert(token.into(), (bearer, claims.exp));
        Ok(bearer)
    }
}

/// The time of the wall clock, in whole seconds since the epoch.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(f64::MAX, |since| since.as_secs() as f64)
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use serde_json::{Value, json};

    const SECRET: &[u8] = Config::TEST_SECRET.as_bytes();
    const NOW: u64 = 4_000_000_000;

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_secs(60))
    }

    fn minted(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
    }

    #[test]
    fn a_token_names_its_bearer() {
        let token = tokens().issue(UserId(7), "Ana", NOW).expect("a token");
        let bearer = tokens().verify(&token).expect("counts");
        assert_eq!((bearer.user, bearer.issued_at), (UserId(7), 4_000_000_000));
    }

    #[test]
    fn a_token_minted_elsewhere_with_the_same_secret_counts() {
        let claims = json!({"sub": "7", "exp": 4e9 + 0.5, "iat": 1.5, "aud": "elsewhere"});
        let bearer = tokens().verify(&minted(Algorithm::HS256, &claims, SECRET));
        assert_eq!(bearer.expect("counts").user, UserId(7));
    }

    #[test]
    fn tokens_that_do_not_count_are_all_refused_alike() {
        let sound = json!({"sub": "7", "exp": NOW});
        let hs256 = |claims| minted(Algorithm::HS256, &claims, SECRET);
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3IiwiZXhwIjo0MDAwMDAwMDAwfQ.";
        for bad in [
            String::new(),
            "a.b.c".to_owned(),
            none.to_owned(),
            minted(Algorithm::HS384, &sound, SECRET),
            minted(
                Algorithm::HS256,
                &sound,
                b"another secret that is long enough",
            ),
            hs256(json!({"sub": "7", "exp": 1})),
            hs256(json!({"sub": "7", "exp": "4000000000"})),
            hs256(json!({"sub": "7"})),
            hs256(json!({"exp": NOW})),
            hs256(json!({"sub": 7, "exp": NOW})),
            hs256(json!({"sub": "0", "exp": NOW})),
            hs256(json!({"sub": "-7", "exp": NOW})),
            hs256(json!({"sub": "+7", "exp": NOW})),
            hs256(json!({"sub": "9007199254740992", "exp": NOW})),
            hs256(json!({"sub": "7", "exp": NOW, "nbf": NOW})),
            hs256(json!({"sub": "7", "exp": NOW, "iat": "now"})),
        ] {
            assert_eq!(
                tokens().verify(&bad),
                Err(ChatError::Unauthenticated),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_token_that_was_sound_counts_until_its_end_and_no_longer() {
        let tokens = tokens();
        let soon = now() + 1.0;
        let token = minted(Algorithm::HS256, &json!({"sub": "7", "exp": soon}), SECRET);
        while now() <= soon {
            // It may end between the two looks at the clock.
            let counts = tokens.verify(&token).is_ok();
            assert!(counts || now() > soon);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(tokens.verify(&token), Err(ChatError::Unauthenticated));
    }
}
