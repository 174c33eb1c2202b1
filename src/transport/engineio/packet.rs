//! The packets of Engine.IO, protocol 4, and the payloads that long polling packs them into. Pure.
//!
//! A packet is a digit that tells its kind, and what it carries. On a WebSocket each has a text
//! frame of its own, and binary data is a binary frame without a digit. In a payload, packets stand
//! one after the other with U+001E between them, and binary data is `b` and base64. (The protocol
//! takes it for granted that no text has a U+001E in it; JSON has none.)

#![expect(
    single_use_lifetimes,
    reason = "a derived schema names a lifetime once more"
)]

use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::transport::connection::Frame;

/// Stands between the packets of a payload.
pub const SEPARATOR: char = '\u{1e}';

/// Ends the connection.
pub const CLOSE: &str = "1";
/// Asks the client for a pong.
pub const PING: &str = "2";
/// A client tries the WebSocket that it wants to go on with.
pub const PROBE: &str = "2probe";
/// What answers that.
pub const PROBE_ANSWER: &str = "3probe";
/// A client goes on with the WebSocket that it has tried.
pub const UPGRADE: &str = "5";
/// Ends a poll that has nothing to tell.
pub const NOOP: &str = "6";

/// Bytes that are no packet; says why in a few words, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// A packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: belongs to the server; what it carries is not looked at.
    Open,
    /// `1`: the client leaves.
    Close,
    /// `2`: a probe in an upgrade; otherwise it belongs to the server.
    Ping(&'a str),
    /// `3`: the answer to a ping.
    Pong(&'a str),
    /// `4`: a text for the layer above.
    Message(&'a str),
    /// `5`: the probed WebSocket takes over.
    Upgrade,
    /// `6`: nothing.
    Noop,
    /// `b`: binary data for the layer above, at most three quarters as long as its base64.
    Binary(Bytes),
}

impl<'a> Packet<'a> {
    /// Reads one packet from a text frame, or from between two separators of a payload.
    ///
    /// # Errors
    /// An empty text, an unknown kind, something after a kind that carries nothing, and base64 that
    /// is not of the standard alphabet with its padding, as every stock client writes it.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let kind = *text.as_bytes().first().ok_or(Malformed("empty packet"))?;
        // A kind is ASCII, so what follows it starts at a character, unless there is no such kind.
        let data = text.get(1..).unwrap_or_default();
        match kind {
            b'0' => Ok(Self::Open),
            b'2' => Ok(Self::Ping(data)),
            b'3' => Ok(Self::Pong(data)),
            b'4' => Ok(Self::Message(data)),
            b'b' => match BASE64_STANDARD.decode(data) {
                Ok(bytes) => Ok(Self::Binary(bytes.into())),
                Err(_) => Err(Malformed("broken base64")),
            },
            b'1' | b'5' | b'6' if !data.is_empty() => Err(Malformed("packet with a surplus")),
            b'1' => Ok(Self::Close),
            b'5' => Ok(Self::Upgrade),
            b'6' => Ok(Self::Noop),
            _ => Err(Malformed("unknown kind of packet")),
        }
    }
}

/// Where the packet of a long-polling payload is that begins at `from`; the next one begins after
/// its [`SEPARATOR`]. An empty payload is one empty packet, which is malformed.
#[must_use]
pub fn part(payload: &str, from: usize) -> Range<usize> {
    let rest = payload.get(from..).unwrap_or_default();
    let length = rest.find(SEPARATOR).unwrap_or(rest.len());
    from..from + length
}

fn payload_len(frame: &Frame) -> usize {
    match frame {
        Frame::Text(packet) => packet.len(),
        Frame::Binary(data) => 1 + data.len().div_ceil(3) * 4,
    }
}

/// The payload that carries `frames`, in their order.
#[must_use]
pub fn encode_payload(frames: &[Frame]) -> Vec<u8> {
    let lengths = frames.iter().map(|frame| payload_len(frame) + 1);
    let mut payload = Vec::with_capacity(lengths.sum());
    for (place, frame) in frames.iter().enumerate() {
        if place > 0 {
            payload.push(SEPARATOR as u8);
        }
        match frame {
            Frame::Text(packet) => payload.extend_from_slice(packet),
            Frame::Binary(data) => {
                payload.push(b'b');
                payload.extend_from_slice(BASE64_STANDARD.encode(data).as_bytes());
            }
        }
    }
    payload
}

/// What an open packet tells, in the order in which the reference server writes it.
/// What the packet says that opens a connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake<'a> {
    /// The connection's name, for the polls and the upgrade.
    #[schema(example = "hZ3kq0P7xWc5bVt1YrMd")]
    sid: &'a str,
    /// The transports that it may go on with.
    #[schema(example = json!(["websocket"]))]
    upgrades: &'a [&'a str],
    /// How often it is pinged at least, in milliseconds.
    #[schema(example = 25_000)]
    ping_interval: u64,
    /// How long a pong may take, in milliseconds.
    #[schema(example = 20_000)]
    ping_timeout: u64,
    /// The bytes that a payload may have.
    #[schema(example = 65_536)]
    max_payload: usize,
}

/// The packet that opens a connection: its name, the transports that it may go on with, how often
/// it is pinged and how long a pong may take (told in whole milliseconds), and the bytes that a
/// payload may have.
///
/// # Panics
/// Never: all of it can be encoded.
#[must_use]
pub fn open(
    sid: &str,
    upgrades: &[&str],
    ping_interval: Duration,
    ping_timeout: Duration,
    max_payload: usize,
) -> Bytes {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let handshake = Handshake {
        sid,
        upgrades,
        ping_interval: milliseconds(ping_interval),
        ping_timeout: milliseconds(ping_timeout),
        max_payload,
    };
    let mut packet = vec![b'0'];
    serde_json::to_writer(&mut packet, &handshake).expect("a handshake can be encoded");
    Bytes::from(packet)
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
