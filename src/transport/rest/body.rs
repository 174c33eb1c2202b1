//! What a request brings: its body, its path, its query.

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Refusal;
use crate::config::Limits;
use crate::error::ChatError;
use crate::transport::Gateway;
use crate::wire::check;
use crate::wire::command::{self, Query};

/// Reads a body of at most `limits.body_bytes`. What is more is read and dropped, within limits.
///
/// # Errors
/// [`ChatError::PayloadTooLarge`]; [`ChatError::MalformedJson`] for one that does not arrive.
pub(super) async fn read(mut body: HttpBody, limits: &Limits) -> Result<Bytes, ChatError> {
    let cut = ChatError::MalformedJson("it did not arrive whole");
    let reading = timeout(limits.body_time, read_up_to(&mut body, limits.body_bytes));
    match reading.await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let dropping = discard(&mut body, limits.discard_bytes);
            // Whether it ends in time or not, the answer is the same.
            drop(timeout(limits.discard_time, dropping).await);
            Err(ChatError::PayloadTooLarge(limits.body_bytes))
        }
        Ok(Err(_)) | Err(_) => Err(cut),
    }
}

/// The whole body, or `None` as soon as it has more than `most` bytes.
async fn read_up_to(body: &mut HttpBody, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > most {
            return Ok(None);
        }
        if whole.is_empty() && http_body::Body::is_end_stream(body) {
            return Ok(Some(data)); // Nearly always: one piece, and no copy of it.
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole.freeze()))
}

async fn discard(body: &mut HttpBody, most: usize) {
    let mut dropped = 0;
    while dropped < most {
        match body.frame().await {
            Some(Ok(frame)) => dropped += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}

/// A JSON body; an empty one is an empty object.
pub(super) struct Json(pub(super) Value);

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
            return Ok(Self(Value::Object(serde_json::Map::new())));
        }
        if !is_json(&parts.headers) {
            return Err(Refusal(ChatError::UnsupportedMediaType));
        }
        Ok(Self(check::parse(&bytes)?))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
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
        Ok(Self(command::path_id(&text)?))
    }
}

/// What follows the `?`.
pub(super) struct Params(pub(super) Query);

impl FromRequestParts<Gateway> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::parse(parts.uri.query().unwrap_or_default())))
    }
}
