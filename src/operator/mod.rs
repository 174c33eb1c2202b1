//! The operator's own door: `/metrics`, a live page, and what `duologue inspect` asks.
//!
//! It has a listener of its own and is off unless one is named. With a token, everything that
//! tells something needs it; without one there is `/metrics` and nothing else, because that tells of
//! nobody. Whoever looks makes the server look at itself, one look at a time, away from the threads
//! that serve; who does not look costs nothing.

mod access;

mod history;

pub mod inspect;

mod page;

mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::chat::{Chat, Look};
use crate::config::{Config, Limits};
use crate::metrics::exposition;
use crate::metrics::figures::Overview;
use crate::transport::crowd::Crowd;
use crate::transport::{Life, server};
use crate::wire::reply;
use access::Token;
use history::History;

/// Where the figures for a person are, as JSON: the page and `inspect` ask for them.
const OVERVIEW: &str = "/overview";

/// How many conversations are shown as the busiest, and as the slowest.
const SHOWN: usize = 10;

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;

/// What every answer here knows.
#[derive(Debug)]
struct Desk {
    chat: Chat,
    token: Option<Token>,
    history: History,
    /// One look at a time.
    looking: Mutex<()>,
}

/// Serves the operator of `chat`, if `config` names an address for that, as long as the server
/// lives. Where it does.
///
/// # Errors
/// One line for a person: an address that cannot be had, a token that is too short.
pub async fn start(
    chat: &Chat,
    config: &Config,
    limits: &Limits,
    life: &Life,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(listen) = &config.operator_listen else {
        return Ok(None);
    };
    let token = config.operator_token.as_deref().map(Token::new);
    let token = token.transpose()?;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen} for operators"))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the operator's listener can be reached by other machines");
    }
    let desk = Arc::new(Desk {
        chat: chat.clone(),
        token,
        history: History::default(),
        looking: Mutex::default(),
    });
    if desk.token.is_some() {
        life.tasks.spawn(keep(Arc::clone(&desk), life.clone()));
    }
    let limits = Arc::new(Limits {
        connections_max: CONNECTIONS_MAX,
        ..limits.clone()
    });
    let (router, crowd) = (router(desk), Crowd::default());
    life.tasks
        .spawn(server::serve(listener, router, crowd, limits, life.clone()));
    tracing::info!(%address, "serving the operator");
    Ok(Some(address))
}

fn router(desk: Arc<Desk>) -> Router {
    let figures = Router::new()
        .route("/metrics", get(metrics))
        .route(OVERVIEW, get(overview))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), admit));
    page::routes(&desk)
        .merge(figures)
        .layer(middleware::map_response(cautious))
        .with_state(desk)
}

/// Asks for the token before anything is told.
async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match &desk.token {
        Some(token) if !token.is_borne_by(request.headers()) => access::unauthorized(),
        None if request.uri().path() != "/metrics" => access::no_token(),
        Some(_) | None => next.run(request).await,
    }
}

/// `GET /metrics`
async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let Some(Look { figures, .. }) = desk.look().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let kind = HeaderValue::from_static(exposition::CONTENT_TYPE);
    ([(header::CONTENT_TYPE, kind)], exposition::encode(figures)).into_response()
}

/// `GET /overview`
async fn overview(State(desk): State<Arc<Desk>>) -> Response {
    let Some(look) = desk.look().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let overview = Overview {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: look.at / 1_000,
        busiest: look.busiest(SHOWN),
        slowest: look.slowest(SHOWN),
        samples: desk.history.read(),
        figures: look.figures,
    };
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], reply::encode(&overview)).into_response()
}

impl Desk {
    /// Looks, away from the threads that serve. `None` if that panicked.
    async fn look(&self) -> Option<Look> {
        let _one = self.looking.lock().await;
        let chat = self.chat.clone();
        let look = tokio::task::spawn_blocking(move || chat.look()).await;
        if let Err(error) = &look {
            tracing::error!(%error, "a look at the server panicked");
        }
        look.ok()
    }
}

/// Keeps a sample of every second, until the server drains.
async fn keep(desk: Arc<Desk>, life: Life) {
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = life.draining.cancelled() => return,
        }
        if let Some(look) = desk.look().await {
            desk.history.add(&look.figures, look.at);
        }
    }
}

/// Nothing of this is kept on the way, shown in a frame of others, or taken for what it is not.
async fn cautious(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, page::POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
