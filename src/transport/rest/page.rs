//! The built-in page.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};

pub(super) async fn index() -> Response {
    let mut response = Html(include_str!("../page/index.html")).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    response
}
