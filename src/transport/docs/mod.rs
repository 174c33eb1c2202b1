//! The server's description of itself: OpenAPI for the calls, AsyncAPI for the sockets, and both for
//! people. All of it is made of what the handlers and `wire` say, once, when somebody first asks.

mod example;
mod openapi;

use std::sync::OnceLock;

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

use super::rest::answer;

/// The description of every call.
fn calls() -> &'static Value {
    static CALLS: OnceLock<Value> = OnceLock::new();
    CALLS.get_or_init(openapi::complete)
}

/// Describes every call: this document.
///
/// OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "documents",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)),
)]
pub(super) async fn openapi() -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| calls().to_string().into());
    answer::json(StatusCode::OK, text.clone())
}
