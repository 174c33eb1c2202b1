//! What a request brings: its body, its path, its query.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::answer::Refusal;
use crate::error::ChatError;
use crate::transport::Gateway;
use crate::wire::query::{Query, path_id};

/// A body that calls itself JSON, and is Unicode at least; an empty one is an empty object.
pub(super) struct Json(pub(super) Utf8Bytes);

impl FromRequest<Gateway> for Json {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Gateway) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        // It is in memory, whole and within its limit: the layer around every route has read it.
        let bytes = body
            .collect()
            .await
            .map_err(|_| ChatError::Internal)?
            .to_bytes();
        if bytes.is_empty() {
            return Ok(Self(Utf8Bytes::from_static("{}")));
        }
        if !is_json(&parts.headers) {
            return Err(Refusal(ChatError::UnsupportedMediaType));
        }
        let text = Utf8Bytes::try_from(bytes);
        Ok(Self(
            text.map_err(|_| ChatError::MalformedJson("it is no UTF-8"))?,
        ))
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// The `{id}` of a path.
pub(super) struct Id(pub(super) i64);

impl FromRequestParts<Gateway> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, gateway).await;
        let Path(text) = path.map_err(|_| Refusal(ChatError::NotFound("address")))?;
        Ok(Self(path_id(&text)?))
    }
}

/// What follows the `?`.
pub(super) struct Params(pub(super) Query);

impl FromRequestParts<Gateway> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::from(parts.uri.query().unwrap_or_default())))
    }
}
