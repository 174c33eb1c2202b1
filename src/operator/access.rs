//! The operator's token: who bears it, and what is said to who does not.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::transport::caller::bearer;

/// What opens the operator's door. It is in no log.
pub(super) struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The shortest, in bytes: nobody can try so many.
    const BYTES_MIN: usize = 16;

    /// # Errors
    /// One line for a person, if it is too short, or no header can carry it.
    pub(super) fn new(token: &str) -> anyhow::Result<Self> {
        let (bytes, least) = (token.len(), Self::BYTES_MIN);
        anyhow::ensure!(
            bytes >= least,
            "OPERATOR_TOKEN has {bytes} bytes; at least {least} are needed"
        );
        anyhow::ensure!(
            token.bytes().all(|byte| byte.is_ascii_graphic()),
            "OPERATOR_TOKEN may have visible ASCII characters alone, and no space"
        );
        Ok(Self(token.as_bytes().to_vec()))
    }

    /// Whether a request with these headers brings it. How long that takes does not tell how much
    /// of it was right.
    pub(super) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        bearer(headers)
            .is_some_and(|token| verify_slices_are_equal(token.as_bytes(), &self.0).is_ok())
    }
}

/// 401, to who does not bear the token.
pub(super) fn unauthorized() -> Response {
    let scheme = HeaderValue::from_static("Bearer");
    let why = "This needs the operator's token, as a bearer token.\n";
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, scheme)],
        why,
    )
        .into_response()
}

/// 403, where there is no token that could be borne.
pub(super) fn no_token() -> Response {
    let why = "This needs a token, and the server has none: start it with OPERATOR_TOKEN set, or \
               --operator-token. Without one, /metrics is all there is.\n";
    (StatusCode::FORBIDDEN, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "an-operator's-token";

    fn bears(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(value).expect("a header");
        headers.insert(header::AUTHORIZATION, value);
        Token::new(TOKEN)
            .expect("long enough")
            .is_borne_by(&headers)
    }

    #[test]
    fn the_whole_token_and_nothing_else_opens() {
        assert!(bears(&format!("Bearer {TOKEN}")) && bears(&format!("bearer {TOKEN}")));
        let half = &TOKEN[..TOKEN.len() - 1];
        for wrong in [
            format!("Bearer {half}"),
            format!("Bearer {TOKEN}x"),
            format!("Basic {TOKEN}"),
            "Bearer ".to_owned(),
            "Bear".to_owned(),
            TOKEN.to_owned(),
        ] {
            assert!(!bears(&wrong), "{wrong}");
        }
        let token = Token::new(TOKEN).expect("long enough");
        assert!(!token.is_borne_by(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_long_can_be_sent_and_is_not_shown() {
        assert!(Token::new("fifteen-letters").is_err());
        assert!(Token::new("sixteen letters and spaces").is_err());
        let token = Token::new(TOKEN).expect("long enough");
        assert!(!format!("{token:?}").contains(TOKEN));
    }
}
