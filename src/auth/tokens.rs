//! Tokens: who shows one is whom it names.

use std::sync::Arc;
use std::time::Duration;

use entities::ids::{MAX_SAFE_INTEGER, SignInId, UserId};
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::bearer::{Bearer, now};
use crate::error::ChatError;

/// Makes and checks tokens: JWT with HS256 alone, `exp` and `sub` required, no leeway.
#[derive(Clone)]
pub struct Tokens {
    sign: EncodingKey,
    /// The key of `sign`, and the one before it while its tokens still count.
    check: Arc<[DecodingKey]>,
    rules: Arc<Validation>,
    ttl: Duration,
    refresh_ttl: Duration,
    /// Tokens that were found sound, and until when they count: clients show the same one with
    /// every request, and to check its signature is a tenth of what a send costs.
    sound: Arc<Cache<Box<str>, Bearer>>,
}

/// How many tokens are remembered, a few hundred bytes each; the least used is forgotten first.
const TOKENS_MAX: usize = 10_000;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(default)]
    iat: f64,
    /// Of ours a number; whoever makes tokens elsewhere may mean something else by it.
    #[serde(default)]
    sign_in: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    sub: String,
    name: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignInId>,
}

/// What a refresh token says, and nothing else: it names nobody, so it can never pass for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// Of which sign-in.
    pub renews: SignInId,
    /// How often that was renewed before.
    pub generation: i64,
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// Until when it counts, the same.
    exp: i64,
}

impl Tokens {
    /// How long a refresh token is good for, unless something else is chosen.
    pub const REFRESH_TTL: Duration = Duration::from_secs(30 * 24 * 3_600);

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
            check: Arc::new([DecodingKey::from_secret(secret)]),
            rules: Arc::new(rules),
            ttl,
            refresh_ttl: Self::REFRESH_TTL,
            sound: Arc::new(Cache::new(TOKENS_MAX)),
        }
    }

    /// The same, and tokens over the secret `previous` count too: they end by themselves.
    #[must_use]
    pub fn and_previous(mut self, previous: &[u8]) -> Self {
        let previous = DecodingKey::from_secret(previous);
        self.check = self.check.iter().cloned().chain([previous]).collect();
        self
    }

    /// The same, with refresh tokens that are good for `ttl`.
    #[must_use]
    pub fn refreshed_for(self, ttl: Duration) -> Self {
        let refresh_ttl = ttl;
        Self {
            refresh_ttl,
            ..self
        }
    }

    /// A token for `user`, made at `now` (seconds since the epoch), of a sign-in if it is of one.
    ///
    /// # Errors
    /// [`ChatError::Internal`] if it cannot be signed.
    pub fn issue(
        &self,
        user: UserId,
        name: &str,
        now: i64,
        sign_in: Option<SignInId>,
    ) -> Result<String, ChatError> {
        self.sign(&NewClaims {
            sub: user.to_string(),
            name,
            iat: now,
            exp: now.saturating_add(seconds(self.ttl)),
            sign_in,
        })
    }

    /// A refresh token, made at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`ChatError::Internal`] if it cannot be signed.
    pub fn issue_renewal(
        &self,
        renews: SignInId,
        generation: i64,
        now: i64,
    ) -> Result<String, ChatError> {
        self.sign(&Renewal {
            renews,
            generation,
            iat: now,
            exp: now.saturating_add(seconds(self.refresh_ttl)),
        })
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, ChatError> {
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.sign);
        token.map_err(|error| {
            tracing::error!(%error, "signing a token failed");
            ChatError::Internal
        })
    }

    /// When all that is issued at `now` has ended; both in seconds since the epoch.
    #[must_use]
    pub fn all_over(&self, now: i64) -> i64 {
        now.saturating_add(seconds(self.ttl.max(self.refresh_ttl)))
    }

    /// What this refresh token says.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`], whatever is wrong with it.
    pub fn verify_renewal(&self, token: &str) -> Result<Renewal, ChatError> {
        let mut rules = Validation::clone(&self.rules);
        rules.set_required_spec_claims(&["exp"]);
        self.decode(token, &rules)
    }

    /// The claims of a token that is sound by one of the keys. What none of them signed is not
    /// read: the library takes a header apart into a tree, a hundred times its size if it is made
    /// for that.
    fn decode<T: DeserializeOwned>(&self, token: &str, rules: &Validation) -> Result<T, ChatError> {
        let refused = || ChatError::Unauthenticated;
        let (signed, signature) = token.rsplit_once('.').ok_or_else(refused)?;
        let has_signed = |key: &&DecodingKey| {
            let verified = verify(signature, signed.as_bytes(), key, Algorithm::HS256);
            verified.unwrap_or(false)
        };
        let key = self.check.iter().find(has_signed).ok_or_else(refused)?;
        let decoded = jsonwebtoken::decode::<T>(token, key, rules).map_err(|_| refused())?;
        // No extension is understood here, so none may be critical (RFC 7515, 4.1.11).
        if decoded.header.crit.is_some() {
            return Err(refused());
        }
        Ok(decoded.claims)
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`], whatever is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Bearer, ChatError> {
        match self.sound.get(token) {
            Some(bearer) if bearer.until >= now() => return Ok(bearer),
            _ => {}
        }
        let refused = || ChatError::Unauthenticated;
        let claims: Claims = self.decode(token, &self.rules)?;
        if !claims.sub.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        let user: i64 = claims.sub.parse().map_err(|_| refused())?;
        if !(1..=MAX_SAFE_INTEGER).contains(&user) {
            return Err(refused());
        }
        let sign_in = claims.sign_in;
        let bearer = Bearer {
            user: UserId(user),
            // A NumericDate may have a fraction (RFC 7519, 2); what is out of range saturates.
            issued_at: claims.iat as i64,
            until: claims.exp as i64,
            sign_in: sign_in.and_then(|id| id.get().parse().ok().map(SignInId)),
        };
        self.sound.insert(token.into(), bearer);
        Ok(bearer)
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
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
    const NOW: i64 = 4_000_000_000;

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_secs(60))
    }

    fn minted(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
    }

    #[test]
    fn a_token_names_its_bearer() {
        let token = tokens().issue(UserId(7), "Ana", NOW, None);
        let token = token.expect("a token");
        let expected = Bearer {
            user: UserId(7),
            issued_at: NOW,
            until: NOW + 60,
            sign_in: None,
        };
        assert_eq!(tokens().verify(&token), Ok(expected));
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
    fn a_token_with_an_extension_that_must_be_understood_does_not_count() {
        let mut header = Header::new(Algorithm::HS256);
        header.crit = Some(vec!["b64".to_owned()]);
        let claims = json!({"sub": "7", "exp": NOW});
        let key = EncodingKey::from_secret(SECRET);
        let token = jsonwebtoken::encode(&header, &claims, &key).expect("a token");
        assert_eq!(tokens().verify(&token), Err(ChatError::Unauthenticated));
    }

    #[test]
    fn a_refresh_token_is_no_token_and_a_token_no_refresh_token() {
        let tokens = tokens();
        let renewal = tokens.issue_renewal(SignInId(3), 5, NOW).expect("a token");
        let said = tokens.verify_renewal(&renewal).expect("counts");
        assert_eq!(
            (said.renews, said.generation, said.iat),
            (SignInId(3), 5, NOW)
        );
        assert_eq!(tokens.verify(&renewal), Err(ChatError::Unauthenticated));
        let token = tokens.issue(UserId(7), "Ana", NOW, Some(SignInId(3)));
        let token = token.expect("a token");
        assert_eq!(
            tokens.verify(&token).expect("counts").sign_in,
            Some(SignInId(3))
        );
        let refused = tokens.verify_renewal(&token);
        assert_eq!(refused, Err(ChatError::Unauthenticated));
        let both = json!({"sub": "7", "renews": 3, "generation": 5, "iat": NOW, "exp": NOW});
        let both = minted(Algorithm::HS256, &both, SECRET);
        assert_eq!(tokens.verify(&both).expect("counts").user, UserId(7));
        assert_eq!(
            tokens.verify_renewal(&both),
            Err(ChatError::Unauthenticated)
        );
        let over = json!({"renews": 3, "generation": 5, "iat": 1, "exp": 2});
        let refused = tokens.verify_renewal(&minted(Algorithm::HS256, &over, SECRET));
        assert_eq!(refused, Err(ChatError::Unauthenticated));
    }

    #[test]
    fn tokens_over_the_previous_secret_count_and_new_ones_are_over_the_next() {
        let next = b"the next secret, which is long enough";
        let old = tokens()
            .issue(UserId(7), "Ana", NOW, None)
            .expect("a token");
        let ttl = Duration::from_secs(60);
        let both = Tokens::new(next, ttl).and_previous(SECRET);
        assert!(both.verify(&old).is_ok());
        assert_eq!(
            Tokens::new(next, ttl).verify(&old),
            Err(ChatError::Unauthenticated)
        );
        let new = both.issue(UserId(7), "Ana", NOW, None).expect("a token");
        assert!(Tokens::new(next, ttl).verify(&new).is_ok());
        assert_eq!(tokens().verify(&new), Err(ChatError::Unauthenticated));
    }

    #[test]
    fn a_token_that_was_sound_counts_until_its_end_and_no_longer() {
        let tokens = tokens();
        let soon = now() + 1;
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
