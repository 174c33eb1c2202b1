//! The packets of Engine.IO, the payloads of long polling, and what the address asks for.

use bytes::Bytes;

use super::Input;
use crate::transport::connection::Frame;
use crate::transport::engineio::door::{Query, Transport};
use crate::transport::engineio::packet::{self, Malformed, Packet, SEPARATOR};

/// One packet, as a text frame of a WebSocket brings it.
pub(super) fn packet(input: &Input<'_>) {
    let Some(text) = input.text() else {
        return;
    };
    if let Ok(packet) = input.read(|| Packet::parse(text)) {
        says(text, &packet);
    }
}

/// A payload that is posted.
pub(super) fn payload(input: &Input<'_>) {
    let Some(text) = input.text() else {
        return;
    };
    // As a connection takes it: each packet is gone when the next is read.
    let sound = input.read(|| parts(text).all(|part| Packet::parse(part).is_ok()));
    let packets: Result<Vec<_>, Malformed> = parts(text).map(Packet::parse).collect();
    assert_eq!(sound, packets.is_ok());
    let Ok(packets) = packets else {
        return;
    };
    let frames: Vec<_> = packets
        .iter()
        .zip(parts(text))
        .map(|(packet, part)| {
            says(part, packet);
            match packet {
                Packet::Binary(bytes) => Frame::Binary(bytes.clone()),
                _ => Frame::Text(Bytes::copy_from_slice(part.as_bytes())),
            }
        })
        .collect();
    assert_eq!(packet::encode_payload(&frames), text.as_bytes());
}

/// What a request of a connection asks for.
pub(super) fn query(input: &Input<'_>) {
    let Some(text) = input.head().and_then(|head| str::from_utf8(head).ok()) else {
        return;
    };
    let Ok(query) = input.read(|| Query::parse(text)) else {
        return;
    };
    let mut written = form_urlencoded::Serializer::new(String::new());
    let transport = match query.transport {
        Transport::Polling => "polling",
        Transport::WebSocket => "websocket",
    };
    written
        .append_pair("EIO", "4")
        .append_pair("transport", transport);
    if let Some(sid) = &query.sid {
        written.append_pair("sid", sid);
    }
    assert_eq!(Query::parse(&written.finish()), Ok(query));
}

/// The packets of a payload, one after the other.
pub(super) fn parts(payload: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        // An empty payload is one empty packet.
        if at > payload.len() {
            return None;
        }
        let part = packet::part(payload, at);
        at = part.end + SEPARATOR.len_utf8();
        Some(&payload[part])
    })
}

/// A packet is what stands there.
fn says(text: &str, packet: &Packet<'_>) {
    match packet {
        Packet::Ping(data) | Packet::Pong(data) | Packet::Message(data) => {
            assert_eq!(*data, &text[1..]);
        }
        Packet::Binary(bytes) => assert!(bytes.len() <= text.len() * 3 / 4),
        Packet::Open => assert!(text.starts_with('0')),
        Packet::Close | Packet::Upgrade | Packet::Noop => assert_eq!(text.len(), 1),
    }
}
