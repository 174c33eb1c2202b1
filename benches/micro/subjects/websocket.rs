//! How long does a send over `/ws` take to be read, and its answer to be written?

use std::hint::black_box;

use bytes::Bytes;

use super::scene;
use crate::actors::conversation::publication::encode;
use crate::transport::websocket::frame;
use crate::wire::command::Command;

/// Reads the frame: its JSON becomes a value.
pub fn frame() -> impl FnMut() {
    let text = send();
    move || {
        black_box(parse(&text));
    }
}

/// The same, and from there to the command, every field of which is checked.
pub fn command() -> impl FnMut() -> Command {
    let text = send();
    move || {
        let frame = parse(&text);
        Command::from_event(&frame.event, frame.data).expect("a command")
    }
}

/// Writes the answer, with the message as it is encoded already.
pub fn answer() -> impl FnMut() -> Option<Bytes> {
    let id = parse(&send()).id;
    let message = encode(&scene::message(1), &scene::context());
    move || frame::answer(id.as_ref(), &message)
}

fn parse(text: &str) -> frame::Frame<'_> {
    frame::Frame::parse(text).expect("a frame")
}

fn send() -> String {
    let data = scene::payload();
    format!(r#"{{"event":"send_message","data":{data},"id":17}}"#)
}
