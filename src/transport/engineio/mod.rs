//! Engine.IO, protocol 4: a connection that begins as long polling or as a WebSocket, and may go
//! from the first to the second without losing or doubling a message.
//!
//! [`packet`] is the pure codec; `door` answers requests, and finds their connection in the
//! `table`; `link` carries one connection, `upgrade` moves it to a WebSocket. What the messages
//! mean is a [`Handler`]'s business; a [`Service`] makes one for each connection.

pub mod packet;

pub(crate) mod door;

pub(crate) mod error;

mod link;

mod table;

mod upgrade;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::routing::{MethodRouter, any};
use bytes::Bytes;

use super::Life;
use super::connection::{Connection, Handler};
use super::origin::Origins;
use crate::config::Limits;
use crate::wire::id;
use link::Link;
use table::Table;
use upgrade::Candidate;

/// What connections are for.
pub trait Service: Send + Sync + 'static {
    /// What the messages of one connection mean.
    type Handler: Handler;

    /// A connection was opened by a request with these headers.
    fn open(&self, headers: &HeaderMap) -> Self::Handler;
}

/// Everything that the connections of one address share.
struct Server<S> {
    service: S,
    limits: Arc<Limits>,
    origins: Arc<Origins>,
    life: Life,
    table: Arc<Table>,
}

/// What answers at the address of a service's connections.
pub fn route<S: Service, T: Clone + Send + Sync + 'static>(
    service: S,
    limits: Arc<Limits>,
    origins: Arc<Origins>,
    life: Life,
) -> MethodRouter<T> {
    let server = Arc::new(Server {
        service,
        limits,
        origins,
        life,
        table: Arc::default(),
    });
    any(move |request: Request| door::answer(Arc::clone(&server), request))
}

impl<S: Service> Server<S> {
    /// Opens a connection that polls: the packet that tells its client so. `None` if there are
    /// too many.
    fn open_polling(&self, headers: &HeaderMap) -> Option<Bytes> {
        let sid = id::random();
        let (inbox, entered) = self.table.enter(&sid, self.limits.connections_max)?;
        let open = self.open_packet(&sid, &["websocket"]);
        let link = Link::polling(inbox, entered, Arc::clone(&self.limits));
        self.serve(link, headers);
        Some(open)
    }

    /// Serves a connection that is a WebSocket from the start.
    fn open_websocket(&self, socket: Candidate, headers: &HeaderMap) {
        let open = self.open_packet(&id::random(), &[]);
        let link = Link::websocket(socket, open, Arc::clone(&self.limits));
        self.serve(link, headers);
    }

    fn open_packet(&self, sid: &str, upgrades: &[&str]) -> Bytes {
        let limits = &self.limits;
        let (interval, timeout) = (limits.ping_interval, limits.ping_timeout);
        packet::open(sid, upgrades, interval, timeout, limits.body_bytes)
    }

    fn serve(&self, link: Link, headers: &HeaderMap) {
        let handler = self.service.open(headers);
        let (limits, life) = (Arc::clone(&self.limits), self.life.clone());
        let connection = Connection::new(link, handler, limits, life);
        self.life.tasks.spawn(connection.run());
    }
}
