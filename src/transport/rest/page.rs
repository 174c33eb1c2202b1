//! The built-in page: `index.html` at `/`, and what it is made of under `/page/`.
//!
//! A release build carries the files in itself. A debug build reads them where they lie, so that a
//! change to the page is seen at the next reload.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::nothing_there;

#[derive(RustEmbed)]
#[folder = "src/transport/page"]
struct Files;

const INDEX: &str = "index.html";

/// Nothing but what this server itself serves is loaded or called, nothing stands inline, and no
/// text becomes markup or code. (`connect-src 'self'` covers `/ws`.)
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// How many bytes of a file's hash its tag shows.
const TAG_BYTES: usize = 16;

/// `GET /`
pub(super) async fn index(headers: HeaderMap) -> Response {
    answer(INDEX, &headers)
}

/// `GET /page/…`
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    // It names its parts relative to `/`: elsewhere it would find none of them.
    if path == INDEX {
        return nothing_there();
    }
    answer(&path, &headers)
}

/// The file, or that the browser has it already.
fn answer(path: &str, headers: &HeaderMap) -> Response {
    let (Some(file), Some(kind)) = (Files::get(path), media_type(path)) else {
        return nothing_there();
    };
    let tag = tag(&file);
    let mut response = if is_known(&tag, headers) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(file.data));
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let answered = response.headers_mut();
    answered.insert(header::ETAG, tag);
    // Kept, but asked for each time: a new server never meets the page of an old one.
    let ask_first = HeaderValue::from_static("no-cache");
    answered.insert(header::CACHE_CONTROL, ask_first);
    let policy = HeaderValue::from_static(POLICY);
    answered.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// What the browser is to take a file for; none for what is no part of the page, as
/// `wire.d.ts`, which is for the type checker.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// The same bytes have the same tag, in every build.
fn tag(file: &EmbeddedFile) -> HeaderValue {
    let mut tag = String::from('"');
    for byte in &file.metadata.sha256_hash()[..TAG_BYTES] {
        write!(tag, "{byte:02x}").expect("a string takes all that is written");
    }
    tag.push('"');
    HeaderValue::try_from(tag).expect("hexadecimal digits may stand in a header")
}

/// Whether `If-None-Match` names the tag (RFC 9110, 13.1.2): compared weakly, so `W/` is no matter.
fn is_known(tag: &HeaderValue, headers: &HeaderMap) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|known| known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag)
}
