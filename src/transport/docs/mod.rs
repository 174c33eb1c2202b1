//! The server's description of itself: OpenAPI for the calls, AsyncAPI for the sockets, and both for
//! people. All of it is made of what the handlers and `wire` say, once, when somebody first asks.

mod asyncapi;
mod example;
mod html;
mod openapi;
mod page;
mod shape;

use std::sync::OnceLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::Value;

use super::rest::answer;

/// The description of every call.
fn calls() -> &'static Value {
    static CALLS: OnceLock<Value> = OnceLock::new();
    CALLS.get_or_init(openapi::complete)
}

/// The description of every event.
fn events() -> &'static Value {
    static EVENTS: OnceLock<Value> = OnceLock::new();
    EVENTS.get_or_init(asyncapi::complete)
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

/// Describes what sockets say.
///
/// AsyncAPI 3.0.
#[utoipa::path(
    get,
    path = "/api/asyncapi.json",
    tag = "documents",
    responses((status = 200, description = "AsyncAPI 3.0.", body = Object)),
)]
pub(super) async fn asyncapi() -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| events().to_string().into());
    answer::json(StatusCode::OK, text.clone())
}

/// What the page may load: its style.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Tells people what the descriptions tell programs.
///
/// One page, which loads nothing but its style.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "documents",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(super) async fn page() -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| page::render(calls(), events()).into());
    let policy = HeaderValue::from_static(POLICY);
    let mut response = text_of("text/html; charset=utf-8", text.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// How the page looks.
#[utoipa::path(
    get,
    path = "/docs/style.css",
    tag = "documents",
    responses((status = 200, description = "The style.", body = String, content_type = "text/css")),
)]
pub(super) async fn style() -> Response {
    let style = Bytes::from_static(include_bytes!("style.css"));
    text_of("text/css; charset=utf-8", style)
}

fn text_of(kind: &'static str, text: Bytes) -> Response {
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
