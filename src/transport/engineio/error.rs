//! What is wrong with a request, in Engine.IO's own words: its clients know these codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::ChatError;
use crate::metrics::Refusals;
use crate::transport::rest::answer::Refused;

/// Why a request is refused. The codes below 6 are those of the reference implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    TransportUnknown,
    SessionUnknown,
    BadMethod,
    BadRequest,
    Forbidden,
    UnsupportedVersion,
    TooLarge,
    Overloaded,
}

impl ProtocolError {
    fn parts(self) -> (StatusCode, u8, &'static str) {
        match self {
            Self::TransportUnknown => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::SessionUnknown => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::Forbidden => (StatusCode::FORBIDDEN, 4, "Forbidden"),
            Self::UnsupportedVersion => {
                (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 6, "Payload too large"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, 7, "Overloaded"),
        }
    }
}

impl IntoResponse for ProtocolError {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let body = json!({"code": code, "message": message}).to_string();
        let json = HeaderValue::from_static("application/json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        if self == Self::Overloaded {
            let seconds = ChatError::RETRY_AFTER.as_secs().into();
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        let code = match self {
            Self::Overloaded => ChatError::Overloaded.code(),
            _ => Refusals::ENGINE,
        };
        response.extensions_mut().insert(Refused(code));
        response
    }
}
