//! Bytes in, one call on [`Chat`], bytes out. No rule of chat lives here.

pub mod server;

pub mod probe;

pub mod origin;

pub(crate) mod address;

pub mod crowd;

pub(crate) mod caller;

pub(crate) mod rest;

mod docs;

mod body;

mod upgrade;

mod frames;

pub mod connection;

mod exchange;

pub mod websocket;

pub mod engineio;

pub mod socketio;

mod dispatch;

mod pipeline;

mod heartbeat;

mod turnstile;

mod departure;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::Chat;
use crate::config::{Config, Limits};
use address::Proxies;
use origin::Origins;
use rest::{Call, Routes};
use server::HttpService;
use turnstile::Turnstile;

/// What every handler knows. Each request has a few clones of it.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Surroundings>);

/// What is behind a [`Gateway`].
#[derive(Debug)]
pub struct Surroundings {
    chat: Chat,
    limits: Arc<Limits>,
    origins: Arc<Origins>,
    proxies: Proxies,
    life: Life,
}

/// The life of the server: whether it is ending, and what still runs.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Cancelled when the server drains.
    pub draining: CancellationToken,
    /// Every connection and every socket.
    pub tasks: TaskTracker,
    /// What many connections do in the same moment goes through here.
    turnstile: Turnstile,
}

impl Gateway {
    /// A gateway to `chat`.
    #[must_use]
    pub fn new(chat: Chat, config: &Config, limits: Arc<Limits>, life: Life) -> Self {
        let origins = Arc::new(Origins::new(&config.allow_origins));
        Self(Arc::new(Surroundings {
            chat,
            limits,
            origins,
            proxies: Proxies::new(&config.forwarded_by),
            life,
        }))
    }

    /// Every address of the server, and what surrounds them.
    pub fn service(self, config: &Config) -> impl HttpService + use<> {
        let (limits, origins) = (Arc::clone(&self.limits), Arc::clone(&self.origins));
        let socketio = engineio::route(self.clone(), limits, origins, self.life.clone());
        let polling = Router::new()
            .route("/socket.io/", socketio.clone())
            // Clients with `addTrailingSlash: false`.
            .route("/socket.io", socketio);
        let web_root = config.web_root.as_deref();
        let addresses = rest::addresses(routes(), polling, &self, web_root);
        rest::surround(addresses.with_state(self.clone()), &self)
    }
}

impl Deref for Gateway {
    type Target = Surroundings;

    fn deref(&self) -> &Surroundings {
        &self.0
    }
}

/// Every call that the server takes, as its router has it: method and address, `{id}` for an id.
/// Not here are the page and Socket.IO's door, which ask nobody who they are.
#[must_use]
pub fn calls() -> Vec<Call> {
    routes().calls()
}

fn routes() -> Routes {
    rest::routes().get("/ws", websocket::connect)
}
