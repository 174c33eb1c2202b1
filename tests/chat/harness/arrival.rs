//! What a connection brings and is told, whatever carries it.

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Everything that the server tells by itself (contract, "Socket.IO").
pub(crate) const EVENTS: [&str; 9] = [
    "new_message",
    "user_typing",
    "messages_read",
    "messages_delivered",
    "conversation_created",
    "conversation_updated",
    "user_status_changed",
    "joined_conversation",
    "left_conversation",
];

/// What carries the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// `/ws`
    WebSocket,
    /// Socket.IO, over a WebSocket from the start.
    SocketIo,
    /// Socket.IO over long polling, never upgraded.
    Polling,
}

impl Transport {
    /// How the server ends a connection whose client is to come back by itself.
    pub(crate) fn asked_back(self) -> End {
        match self {
            Self::WebSocket | Self::SocketIo => End::Code(1012),
            Self::Polling => End::Packet,
        }
    }

    /// Whether a client that is busy comes back by itself after this. Where no poll hangs, the
    /// next one finds nobody, which is as good.
    pub(crate) fn asks_back(self, end: End) -> bool {
        end == self.asked_back() || self == Self::Polling && end == End::Broken
    }
}

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrival {
    Event {
        name: String,
        data: Value,
        /// The number that a returning client names (Socket.IO).
        offset: Option<String>,
    },
    Reply {
        id: Value,
        body: Value,
    },
    /// A heartbeat; Engine.IO's carries nothing.
    Ping(Bytes),
    Pong(Bytes),
    /// A packet of the protocols below the events: `0{…}`, `40{…}`, `44{…}`, `3probe`.
    Packet(String),
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
    /// A close packet on an open poll.
    Packet,
    /// A poll that was told that there is no such session.
    Unknown,
    /// Nothing of the kind.
    Broken,
}

/// What the connection's task is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// A frame to be sent. Long polling has text and binary packets, and a close packet for a
    /// close frame.
    Frame(Message),
    /// Drop the TCP connection, with no goodbye.
    BreakOff,
}
