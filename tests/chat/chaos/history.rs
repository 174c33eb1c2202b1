//! What the clients of a run asked, were told and hold, and what the server holds at its end: all that
//! the checker judges by.

use std::time::Duration;

use serde::Deserialize;

/// Since the beginning of the run.
pub(super) type At = Duration;

/// A message, as it is told wherever it is told. (`is_read` changes, so it is no part of that.)
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Message {
    pub(super) id: i64,
    pub(super) conversation_id: i64,
    pub(super) seq: i64,
    pub(super) sender_id: i64,
    pub(super) content: String,
    #[serde(rename = "client_message_id")]
    pub(super) key: Option<String>,
    pub(super) created_at: String,
}

/// One message that somebody wants to be said, however often they asked.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) content: String,
    pub(super) by: i64,
    /// When it was asked for the first time.
    pub(super) begun: At,
    /// Each time that the server said that it is stored.
    pub(super) acknowledged: Vec<(At, Message)>,
}

/// What is a position: read or delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Read,
    Delivered,
}

/// Somebody was told how far somebody is.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) user: i64,
    pub(super) kind: Kind,
    pub(super) value: i64,
    /// When it was asked; an event was asked by nobody.
    pub(super) begun: Option<At>,
    pub(super) told: At,
}

/// One session: from a join to the end of the connection, or of the last one that found it again.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// When the join was asked.
    pub(super) begun: At,
    /// The position from which it asked for what it missed.
    pub(super) after: i64,
    /// What the join's answer brought of that.
    pub(super) caught: Vec<Message>,
    pub(super) has_more: bool,
    /// The position from which on it is told everything.
    pub(super) head: i64,
    /// Every message that it was told live, in that order.
    pub(super) heard: Vec<Message>,
    /// Every position that it was told live, in that order.
    pub(super) positions: Vec<Position>,
}

/// One client, over all its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    /// For the reader of a violation.
    pub(super) name: String,
    pub(super) chat: i64,
    pub(super) sent: Vec<Sent>,
    pub(super) sessions: Vec<Session>,
    /// Positions that it asked for.
    pub(super) positions: Vec<Position>,
    /// Answers that no client may get, whatever happens to the server.
    pub(super) strange: Vec<String>,
    /// Every message that it holds at the end, by its position.
    pub(super) holds: Vec<Message>,
}

/// How far one of the two is at the end.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) user: i64,
    pub(super) read: i64,
    pub(super) delivered: i64,
    /// What the server counts as unread by them, who have no other conversation.
    pub(super) unread: i64,
}

/// A conversation at the end.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) chat: i64,
    pub(super) messages: Vec<Message>,
    pub(super) sides: Vec<Side>,
}

/// A whole run.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) clients: Vec<Client>,
    pub(super) talks: Vec<Talk>,
}
