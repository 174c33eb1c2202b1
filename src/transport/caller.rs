//! Who asks: one check for REST and for every socket's handshake.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Gateway;
use super::rest::answer::Refusal;
use crate::chat::Caller;
use crate::error::ChatError;

impl FromRequestParts<Gateway> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Gateway,
    ) -> Result<Self, Self::Rejection> {
        let token = bearer(&parts.headers).ok_or(ChatError::Unauthenticated)?;
        Ok(gateway.chat.authenticate(token).await?)
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1); the scheme's letters may be
/// of either case.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token in a list of WebSocket subprotocols, `bearer, <JWT>` (contract, "Plain WebSocket"):
/// a browser can set no header, and the URL would be logged.
pub(crate) fn bearer_protocol(headers: &HeaderMap) -> Option<&str> {
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let mut protocols = protocols.split(',').map(str::trim);
    (protocols.next()? == "bearer").then(|| protocols.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_token_follows_the_scheme() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("bearer  a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("Basic a.b.c"), None);
        assert_eq!(token("Bearer"), None);
    }

    #[test]
    fn a_browser_names_the_token_as_a_protocol() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(value),
            );
            bearer_protocol(&headers).map(str::to_owned)
        };
        assert_eq!(token("bearer, a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("bearer,a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("bearer").as_deref(), Some(""));
        assert_eq!(token("chat, a.b.c"), None);
    }
}
