//! Socket.IO, protocol 5, over Engine.IO: namespaces, events, acknowledgements, attachments.
//!
//! [`packet`] is the pure codec; `connection` keeps the protocol's rules on one connection; what
//! its namespaces are for is a matter of [`Namespaces`]. `chat` is the one that this server is
//! about.

pub mod packet;

pub(crate) mod chat;

mod connection;

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::connection::{Source, Work};

pub use connection::Connection;

/// What the namespaces of one connection are for.
pub trait Namespaces: Source {
    /// Somebody who is let in.
    type Client: Send + 'static;

    /// Somebody asks to be let into `namespace`, with what they bring to prove who they are, an
    /// object.
    fn admit(&self, namespace: &str, auth: Option<&RawValue>) -> Work<Admission<Self::Client>>;

    /// Somebody who was let in is there now: their CONNECT is answered before anything that is
    /// taken from here on.
    fn enter(&mut self, namespace: &str, client: Self::Client);

    /// An event of somebody who is in `namespace`.
    fn receive(&mut self, namespace: &str, event: Event<'_>);

    /// Somebody says goodbye to `namespace`.
    fn leave(&mut self, namespace: &str);
}

/// What CONNECT is answered with, and who is let in; or why not.
pub type Admission<C> = Result<(Value, C), Denial>;

/// Why somebody is not let in.
#[derive(Debug)]
pub enum Denial {
    /// They are told so, and a stock client never tries again.
    Refused(Refusal),
    /// The server cannot take them at the moment: the connection ends, and a stock client comes
    /// back by itself.
    NotNow,
}

/// An event of a client.
#[derive(Debug)]
pub struct Event<'a> {
    /// What its acknowledgement is called, if the client wants one.
    pub id: Option<u64>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// What follows the name.
    pub arguments: SmallVec<[&'a RawValue; 2]>,
    /// Its attachments, in the order of their numbers.
    pub attachments: Vec<Bytes>,
    /// How long it was on its way, in bytes, without them.
    pub bytes: usize,
}

/// What somebody is told who is not let in (`CONNECT_ERROR`).
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// One sentence for a person.
    pub message: String,
    /// More, for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}
