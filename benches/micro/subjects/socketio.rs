//! How long does a send over Socket.IO take to be read, and its acknowledgement to be written?

use std::hint::black_box;

use bytes::Bytes;

use super::scene;
use crate::actors::conversation::publication::encode;
use crate::transport::socketio::packet::{self, Packet};
use crate::wire::command::{self, Command};
use crate::wire::json;

/// Reads the packet, its name and its arguments; their JSON is checked, and kept as text.
pub fn packet() -> impl FnMut() {
    let text = send();
    move || {
        let packet = Packet::parse(&text).expect("a packet");
        black_box(packet::arguments(packet.data.expect("an array"))).expect("an event");
    }
}

/// The same, and from there to the command, every field of which is checked.
pub fn command() -> impl FnMut() -> Command {
    let text = send();
    move || {
        let packet = Packet::parse(&text).expect("a packet");
        let event = packet::arguments(packet.data.expect("an array")).expect("an event");
        let data = json::parse(event.rest[0].get(), command::DATA).expect("JSON");
        Command::from_event(&event.name, data).expect("a command")
    }
}

/// Writes the acknowledgement, with the message as it is encoded already.
pub fn acknowledgement() -> impl FnMut() -> Bytes {
    let message = encode(&scene::message(1), &scene::context());
    move || {
        let envelope = format!(r#"[{{"status":"success","data":{message}}}]"#);
        packet::ack(packet::MAIN, 0, 17, &envelope)
    }
}

/// An Engine.IO message without its `4`.
fn send() -> String {
    format!(r#"217["send_message",{}]"#, scene::payload())
}
