//! Bytes in, one call on [`Chat`], bytes out. No rule of chat lives here.

pub mod server;

mod origin;

mod caller;

mod rest;

mod upgrade;

mod websocket;

mod dispatch;

mod pipeline;

mod heartbeat;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::Chat;
use crate::config::{Config, Limits};
use origin::Origins;

/// What every handler knows.
#[derive(Clone, Debug)]
pub struct Gateway {
    chat: Chat,
    limits: Arc<Limits>,
    origins: Arc<Origins>,
    life: Life,
}

/// The life of the server: whether it is ending, and what still runs.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Cancelled when the server drains.
    pub draining: CancellationToken,
    /// Every connection and every socket.
    pub tasks: TaskTracker,
}

impl Gateway {
    /// A gateway to `chat`.
    #[must_use]
    pub fn new(chat: Chat, config: &Config, limits: Arc<Limits>, life: Life) -> Self {
        let origins = Arc::new(Origins::new(&config.allow_origins));
        Self {
            chat,
            limits,
            origins,
            life,
        }
    }

    /// Every address of the server.
    pub fn router(self, config: &Config) -> Router {
        let routes = rest::routes().route("/ws", get(websocket::connect));
        rest::layers(routes, &self, config.web_root.as_deref()).with_state(self)
    }
}
