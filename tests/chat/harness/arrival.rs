//! What a connection brings and is told, whatever carries it.

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// What carries the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// `/ws`
    WebSocket,
}

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrival {
    Event {
        name: String,
        data: Value,
    },
    Reply {
        id: Value,
        body: Value,
    },
    Ping(Bytes),
    Pong(Bytes),
    /// The connection is over.
    End(End),
    /// No frame of the contract's.
    Strange(String),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A close frame with this code.
    Code(u16),
    /// A close frame without a code.
    WithoutCode,
    /// No close frame.
    Broken,
}

/// What the connection's task is told.
#[derive(Debug)]
pub(crate) enum Order {
    Frame(Message),
    /// Drop the TCP connection, with no goodbye.
    BreakOff,
}
