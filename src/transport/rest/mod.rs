//! REST: the table of routes, a line each.

pub(super) mod answer;

mod accounts;
pub(crate) mod body;
mod conversations;
pub(super) mod description;
mod health;
mod messages;
mod page;
mod routes;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, http};
use futures_util::FutureExt as _;
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::services::ServeDir;

use super::server::HttpService;
use super::{Gateway, docs};
use crate::chat::Chat;
use crate::error::ChatError;
use answer::{Refusal, Refused};
pub(super) use routes::{Call, Routes};

/// Every call, without what surrounds them.
pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/auth/register", accounts::register)
        .post("/api/auth/login", accounts::login)
        .post("/api/auth/refresh", accounts::refresh)
        .post("/api/auth/logout", accounts::log_out)
        .post("/api/auth/logout-everywhere", accounts::log_out_everywhere)
        .get("/api/users", accounts::users)
        .get("/api/users/me", accounts::me)
        .delete("/api/users/me", accounts::delete)
        .put("/api/users/me/password", accounts::change_password)
        .put("/api/users/me/status", accounts::set_status)
        .get("/api/users/{id}", accounts::user)
        .post("/api/conversations", conversations::create)
        .get("/api/conversations", conversations::list)
        .get("/api/conversations/{id}", conversations::one)
        .post("/api/messages/send", messages::send)
        .get("/api/messages/unread/count", messages::unread)
        .get("/api/messages/conversation/{id}", messages::history)
        .put("/api/messages/conversation/{id}/read", messages::read)
        .post("/api/messages/conversation/{id}/typing", messages::typing)
        .get("/health/live", health::live)
        .get("/health/ready", health::ready)
        .get("/api/openapi.json", docs::openapi)
        .get("/api/asyncapi.json", docs::asyncapi)
        .get("/docs", docs::page)
        .get("/docs/style.css", docs::style)
}

/// Every address: the calls, `polling`, the page, and what answers where there is nothing. Bodies
/// arrive whole; those of `polling` are read by itself, and refused in its own words.
pub(super) fn addresses(
    routes: Routes,
    polling: Router<Gateway>,
    gateway: &Gateway,
    web_root: Option<&Path>,
) -> Router<Gateway> {
    let routes = routes.into_router();
    let routes = match web_root {
        Some(directory) => {
            let files = ServeDir::new(directory).call_fallback_on_method_not_allowed(true);
            let nothing = tower::service_fn(|_: Request| async { Ok(nothing_there()) });
            routes.fallback_service(files.fallback(nothing))
        }
        None => routes
            .route("/", get(page::index))
            .route("/page/{*path}", get(page::asset))
            .fallback(|| async { nothing_there() }),
    };
    routes
        .method_not_allowed_fallback(|| async { Refusal(ChatError::MethodNotAllowed) })
        .layer(middleware::from_fn_with_state(gateway.clone(), whole_body))
        .merge(polling)
}

/// What surrounds every address: panics, other origins, and what every answer says.
///
/// Around the router, and not layers of it: axum keeps each layer of each route in a box, and clones
/// all that is in it for each request.
pub(super) fn surround(addresses: Router, gateway: &Gateway) -> impl HttpService + use<> {
    let chat = gateway.chat.clone();
    let answered = tower::service_fn(move |request| answer(addresses.clone(), request));
    // A page of another origin may read of a panic, too: what allows that stands around it.
    cors(gateway)
        .layer(answered)
        .map_response(move |response| seen_off(&chat, response))
}

async fn answer(mut addresses: Router, request: Request) -> Result<Response, Infallible> {
    let answered = AssertUnwindSafe(async move { addresses.call(request).await });
    let answered = answered.catch_unwind().await;
    answered.unwrap_or_else(|_| Ok(panicked()))
}

fn nothing_there() -> Response {
    Refusal(ChatError::NotFound("address")).into_response()
}

/// The panic itself is in the log; the client hears nothing of it.
fn panicked() -> Response {
    tracing::error!("a handler panicked");
    Refusal(ChatError::Internal).into_response()
}

/// Counts what is refused, and tells the browser of every answer to take it for what it says it is,
/// and to tell nobody where it was read.
fn seen_off(chat: &Chat, mut response: Response) -> Response {
    if let Some(Refused(code)) = response.extensions().get() {
        chat.refused_with(code);
    }
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let nowhere = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, nowhere);
    response
}

/// Reads the body before anything is answered, so that a client that is still sending sees the
/// answer and not a reset.
async fn whole_body(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    #[cfg(feature = "faults")]
    crate::faults::may_panic("rest.handle", request.uri().path());
    if http_body::Body::is_end_stream(request.body()) {
        let may_be_kept = request.method() == Method::GET;
        let is_personal = request.uri().path().starts_with("/api/");
        let response = next.run(request).await;
        return if may_be_kept && is_personal {
            kept_nowhere(response)
        } else {
            response
        };
    }
    let (parts, stream) = request.into_parts();
    match super::body::read(stream, &gateway.limits).await {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(refusal) => {
            let mut response = Refusal(refusal).into_response();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}

/// Of what people said nobody keeps anything on the way.
///
/// Only a GET's answer would be kept. The others are not told so, because Chromium does not read
/// such an answer to its end unless the page does, and holds its connection until then: the guide's
/// page reads none of its PUTs, and would soon have no connection left.
fn kept_nowhere(mut response: Response) -> Response {
    let nowhere = HeaderValue::from_static("no-store");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, nowhere);
    response
}

fn cors(gateway: &Gateway) -> CorsLayer {
    let origins = std::sync::Arc::clone(&gateway.origins);
    let allow = move |origin: &HeaderValue, parts: &http::request::Parts| {
        origins.allow(origin, &parts.headers)
    };
    let exposed = answer::LIMIT_HEADERS
        .map(HeaderName::from_static)
        .into_iter();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allow))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers(exposed.chain([header::RETRY_AFTER]).collect::<Vec<_>>())
        .max_age(std::time::Duration::from_secs(3_600))
}
