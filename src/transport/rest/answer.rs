//! The envelope as an HTTP response.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

use crate::error::{ChatError, whole_seconds};
use crate::quota::Exceeded;
use crate::wire::reply::{Failure, encode, page, success};

/// How much may be done at once, how much of it is left, and when all of it is there again.
pub(in crate::transport) const LIMIT_HEADERS: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// A success with `data`.
pub(super) fn ok(data: impl Serialize) -> Response<Body> {
    json(StatusCode::OK, encode(&success(data)))
}

/// A success with `data` that was made now (201), or was there (200).
pub(super) fn made(now: bool, data: impl Serialize) -> Response<Body> {
    let status = if now {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    json(status, encode(&success(data)))
}

/// A success with one page of a list.
pub(super) fn paged(data: impl Serialize, pagination: impl Serialize) -> Response<Body> {
    json(StatusCode::OK, encode(&page(data, pagination)))
}

/// JSON that is encoded already.
pub(in crate::transport) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A mark of a response that refuses something, by its code: it is counted on its way out.
#[derive(Clone, Copy, Debug)]
pub(in crate::transport) struct Refused(pub(in crate::transport) &'static str);

/// A failure, as a response.
#[derive(Debug)]
pub struct Refusal(pub ChatError);

impl From<ChatError> for Refusal {
    fn from(error: ChatError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let Self(error) = self;
        let mut response = json(status(&error), encode(&Failure::from(&error)));
        let headers = response.headers_mut();
        if error == ChatError::Overloaded {
            let seconds = HeaderValue::from(ChatError::RETRY_AFTER.as_secs());
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if let ChatError::RateLimited(exceeded) = &error {
            tell_limit(headers, exceeded);
        }
        if error == ChatError::Unauthenticated {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(Refused(error.code()));
        response
    }
}

/// Times are in whole seconds from now.
fn tell_limit(headers: &mut HeaderMap, exceeded: &Exceeded) {
    let Exceeded {
        limit,
        retry_after,
        reset,
    } = *exceeded;
    let [name_of_limit, remaining, name_of_reset] = LIMIT_HEADERS.map(HeaderName::from_static);
    headers.insert(header::RETRY_AFTER, whole_seconds(retry_after).into());
    headers.insert(name_of_limit, limit.into());
    headers.insert(remaining, 0.into());
    headers.insert(name_of_reset, whole_seconds(reset).into());
}

/// The status that goes with a code (contract, "Conventions").
pub(in crate::transport) fn status(error: &ChatError) -> StatusCode {
    match error {
        ChatError::Invalid(_) | ChatError::MalformedJson(_) | ChatError::UnknownEvent => {
            StatusCode::BAD_REQUEST
        }
        ChatError::Unauthenticated | ChatError::InvalidCredentials(_) => StatusCode::UNAUTHORIZED,
        ChatError::NotAParticipant | ChatError::Forbidden(_) => StatusCode::FORBIDDEN,
        ChatError::NotFound(_) => StatusCode::NOT_FOUND,
        ChatError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ChatError::Conflict(_) => StatusCode::CONFLICT,
        ChatError::PayloadTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        ChatError::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ChatError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
        ChatError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ChatError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
