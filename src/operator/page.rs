//! The live page: three files that hold no figures. What it shows it asks for, with the token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::{Desk, access};

/// Nothing from elsewhere, nothing inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = include_str!("page/index.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

pub(super) fn routes(desk: &Arc<Desk>) -> Router<Arc<Desk>> {
    Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", HTML)))
        .route(
            "/page.js",
            get(|| file("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/page.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .layer(middleware::from_fn_with_state(Arc::clone(desk), admit))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here.\n") })
}

/// A page that can ask for nothing would be of no use.
async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match desk.token {
        Some(_) => next.run(request).await,
        None => access::no_token(),
    }
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
