//! How long does a payload of 16 packets take, which a client posts or polls?

use std::hint::black_box;

use super::scene;
use crate::transport::connection::Frame;
use crate::transport::engineio::packet::{Packet, SEPARATOR, encode_payload, part};

const PACKETS: usize = 16;

/// Reads 16 sends from what was posted, as far as Engine.IO knows them.
pub fn posted() -> impl FnMut() {
    let send = scene::payload();
    let packets = (0..PACKETS).map(|id| format!(r#"42{id}["send_message",{send}]"#));
    let payload = packets.collect::<Vec<_>>().join("\u{1e}");
    move || {
        let mut at = 0;
        while at < payload.len() {
            let part = part(&payload, at);
            at = part.end + SEPARATOR.len_utf8();
            black_box(Packet::parse(&payload[part])).expect("a packet");
        }
    }
}

/// Writes 16 messages that are encoded already into what is polled.
pub fn polled() -> impl FnMut() -> Vec<u8> {
    let event = |number| scene::published(number).event.socketio().clone();
    let frames: Vec<_> = (1..=16).map(event).map(Frame::Text).collect();
    debug_assert_eq!(frames.len(), PACKETS);
    move || encode_payload(&frames)
}
