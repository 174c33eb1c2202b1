//! The packets of Socket.IO, alone and as a connection reads them one after the other.

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Input, LIMITS, engineio, refused};
use crate::chat::Ending;
use crate::config::Limits;
use crate::transport::connection::{Frame, Handler as _, Message, Output, Source, Why, Work};
use crate::transport::engineio::packet::Packet as Carried;
use crate::transport::socketio::chat::{Auth, command};
use crate::transport::socketio::packet::{self, ARGUMENTS_MAX, ID_MAX, Kind, Packet};
use crate::transport::socketio::{Admission, Connection, Denial, Event, Namespaces};

/// One packet, and its arguments if it is an event.
pub(super) fn packet(input: &Input<'_>) {
    let Some(text) = input.text() else {
        return;
    };
    let read = || {
        let packet = Packet::parse(text).ok()?;
        let is_event = matches!(packet.kind, Kind::Event | Kind::BinaryEvent);
        let array = packet.data.filter(|_| is_event);
        Some((packet, array.map(packet::arguments)))
    };
    let Some((packet, arguments)) = input.read(read) else {
        return;
    };
    is_sound(&packet);
    if let Some(Ok(arguments)) = &arguments {
        assert!(arguments.rest.len() <= ARGUMENTS_MAX);
        assert!(!["connect", "disconnect"].contains(&&*arguments.name));
    }
    let Some(array) = packet.data.map(RawValue::get) else {
        return;
    };
    let Packet {
        namespace,
        attachments,
        id,
        ..
    } = packet;
    let written = match (packet.kind, id) {
        (Kind::Event | Kind::BinaryEvent, id) => packet::event(namespace, attachments, id, array),
        (Kind::Ack | Kind::BinaryAck, Some(id)) => packet::ack(namespace, attachments, id, array),
        _ => return,
    };
    let text = str::from_utf8(&written).expect("UTF-8");
    let again = Packet::parse(&text[1..]).expect("what was taken is taken again");
    assert_eq!(
        (again.kind, again.namespace, again.id, again.attachments),
        (packet.kind, namespace, id, attachments)
    );
    assert_eq!(again.data.map(RawValue::get), Some(array));
}

fn is_sound(packet: &Packet<'_>) {
    let is_binary = matches!(packet.kind, Kind::BinaryEvent | Kind::BinaryAck);
    assert_eq!(is_binary, packet.attachments > 0);
    assert!(packet.namespace.starts_with('/') && !packet.namespace.contains(','));
    assert!(packet.id.is_none_or(|id| id <= ID_MAX));
}

/// What a connection makes of a payload, as far as it reads it: who asks to be let in, the events,
/// their attachments, the commands.
pub(super) fn connection(input: &Input<'_>) {
    static LIMITS_SHARED: LazyLock<Arc<Limits>> = LazyLock::new(|| Arc::new(LIMITS.clone()));
    let Some(text) = input.text() else {
        return;
    };
    input.read(|| {
        let limits = Arc::clone(&LIMITS_SHARED);
        let mut connection = Connection::new(Hall::default(), limits);
        let mut output = Output::default();
        for part in engineio::parts(text) {
            let message = match Carried::parse(part) {
                Ok(Carried::Message(text)) => Message::Text(text),
                Ok(Carried::Binary(bytes)) => Message::Binary(bytes),
                Ok(_) => continue,
                Err(_) => break,
            };
            if let Err(why) = connection.receive(message) {
                assert!([Why::PROTOCOL, Why::TOO_BIG].contains(&why));
                break;
            }
            // Whoever asks to be let in is not read until they are answered.
            while !connection.has_room() {
                connection.ready().now_or_never().expect("an answer");
            }
            connection.take(&mut output);
            output.frames.drain(..).for_each(|frame| is_answer(&frame));
        }
    });
}

/// What a connection says by itself: that somebody is let in, or is not.
fn is_answer(frame: &Frame) {
    let Frame::Text(text) = frame else {
        panic!("bytes that nobody asked for");
    };
    let text = str::from_utf8(text).expect("UTF-8");
    let packet = Packet::parse(&text[1..]).expect("a packet");
    assert!(matches!(packet.kind, Kind::Connect | Kind::ConnectError));
}

/// Namespaces that let everybody in, and read what they say as the chat does.
#[derive(Default)]
struct Hall {
    inside: usize,
}

impl Namespaces for Hall {
    type Client = ();

    fn admit(&self, namespace: &str, auth: Option<&RawValue>) -> Work<Admission<()>> {
        assert!(namespace.starts_with('/'));
        let admission = match Auth::parse(auth, None) {
            Ok(_) => Ok((json!({"sid": "a name"}), ())),
            Err(refusal) => {
                refused(&refusal, &["malformed_json"]);
                Err(Denial::from(refusal))
            }
        };
        Box::pin(std::future::ready(admission))
    }

    fn enter(&mut self, _: &str, (): ()) {
        self.inside += 1;
    }

    fn receive(&mut self, _: &str, event: Event<'_>) {
        assert!(self.inside > 0, "an event of somebody who is nowhere");
        assert!(event.attachments.len() <= LIMITS.attachments_max);
        let bytes = event
            .attachments
            .iter()
            .map(bytes::Bytes::len)
            .sum::<usize>();
        assert!(event.bytes + bytes <= LIMITS.body_bytes);
        if let Err(refusal) = command(&event) {
            let codes = ["malformed_json", "validation_failed", "unknown_event"];
            refused(&refusal, &codes);
        }
    }

    fn leave(&mut self, _: &str) {
        self.inside -= 1;
    }
}

impl Source for Hall {
    fn has_room(&self) -> bool {
        true
    }

    async fn ready(&mut self) {
        std::future::pending().await
    }

    fn take(&mut self, _: &mut Output) {}

    fn proven(&mut self, _: u64) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn over(&self) -> Option<Why> {
        None
    }

    async fn changed(&mut self) {}

    async fn end(self, _: Ending) {}
}
