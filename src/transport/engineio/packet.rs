//! Engine.IO packets and long-polling payloads (protocol 4, "Encoding"). Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::transport::connection::Frame;
use crate::wire::reply::encode;

/// Stands between the packets of a payload.
pub const SEPARATOR: char = '\x1e';
/// The connection is over.
pub const CLOSE: &str = "1";
/// Are you there?
pub const PING: &str = "2";
/// A client tries a new WebSocket.
pub const PROBE: &str = "2probe";
/// The WebSocket works.
pub const PROBE_ANSWER: &str = "3probe";
/// A client goes on with its new WebSocket.
pub const UPGRADE: &str = "5";
/// Nothing: it ends a poll.
pub const NOOP: &str = "6";

/// A packet of a client, in text. (A binary frame of a WebSocket is a message as it stands.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Only a server sends this.
    Open,
    /// The client ends the connection.
    Close,
    /// Only a server sends this, but for the probe of an upgrade.
    Ping(&'a str),
    /// Answers a ping.
    Pong(&'a str),
    /// A message of text.
    Message(&'a str),
    /// The client goes on with its new WebSocket.
    Upgrade,
    /// Nothing.
    Noop,
    /// A message of bytes.
    Binary(Bytes),
}

/// What is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Packet<'_> {
    /// Reads one packet.
    ///
    /// # Errors
    /// [`Malformed`] for an empty one, an unknown type, and bytes that are no base64.
    pub fn parse(text: &str) -> Result<Packet<'_>, Malformed> {
        let mut rest = text.chars();
        let kind = rest.next().ok_or(Malformed)?;
        let rest = rest.as_str();
        match (kind, rest) {
            ('0', _) => Ok(Packet::Open),
            ('1', "") => Ok(Packet::Close),
            ('2', data) => Ok(Packet::Ping(data)),
            ('3', data) => Ok(Packet::Pong(data)),
            ('4', data) => Ok(Packet::Message(data)),
            ('5', "") => Ok(Packet::Upgrade),
            ('6', "") => Ok(Packet::Noop),
            ('b', base64) => {
                let bytes = BASE64_STANDARD.decode(base64).map_err(|_| Malformed)?;
                Ok(Packet::Binary(bytes.into()))
            }
            _ => Err(Malformed),
        }
    }
}

/// The packet that opens a connection ("Handshake").
#[must_use]
pub fn open(
    sid: &str,
    upgrades: &[&str],
    ping_interval: Duration,
    ping_timeout: Duration,
    max_payload: usize,
) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Open<'a> {
        sid: &'a str,
        upgrades: &'a [&'a str],
        ping_interval: u128,
        ping_timeout: u128,
        max_payload: usize,
    }
    let open = Open {
        sid,
        upgrades,
        ping_interval: ping_interval.as_millis(),
        ping_timeout: ping_timeout.as_millis(),
        max_payload,
    };
    let mut packet = b"0".to_vec();
    packet.append(&mut encode(&open));
    packet.into()
}

/// Frames as one payload: text as it stands, bytes as base64.
#[must_use]
pub fn encode_payload(frames: &[Frame]) -> Vec<u8> {
    let size = |frame: &Frame| match frame {
        Frame::Text(text) => text.len() + 1,
        Frame::Binary(bytes) => bytes.len().div_ceil(3) * 4 + 2,
    };
    let mut payload = Vec::with_capacity(frames.iter().map(size).sum());
    for frame in frames {
        if !payload.is_empty() {
            payload.push(SEPARATOR as u8);
        }
        match frame {
            Frame::Text(text) => payload.extend_from_slice(text),
            Frame::Binary(bytes) => {
                payload.push(b'b');
                payload.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
            }
        }
    }
    payload
}
