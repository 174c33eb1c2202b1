//! How long does it take to encode a message for everybody who hears it, once it is on disk?

use bytes::Bytes;

use super::scene;
use crate::actors::conversation::publication::{Published, encode};

/// The message, which is also the data of its sender's answer, and around it the frame of `/ws`.
pub fn plain() -> impl FnMut() -> Bytes {
    let (message, context) = (scene::message(1), scene::context());
    move || {
        let encoded = encode(&message, &context);
        Published::new(&message, &encoded).event.frame().clone()
    }
}

/// The same, and the message of Socket.IO, which is made when the first of its sessions asks.
pub fn both() -> impl FnMut() -> [Bytes; 2] {
    let (message, context) = (scene::message(1), scene::context());
    move || {
        let encoded = encode(&message, &context);
        let event = Published::new(&message, &encoded).event;
        [event.frame().clone(), event.socketio().clone()]
    }
}
