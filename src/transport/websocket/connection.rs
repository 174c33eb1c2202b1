//! The plain WebSocket as a carrier, and what its messages mean.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::frame::{self, Id, Target};
use crate::chat::{Ending, Session};
use crate::config::Limits;
use crate::transport::Gateway;
use crate::transport::connection::{
    Carrier, End, Frame, Handler, Incoming, Message, Output, Source, Text, Why,
};
use crate::transport::dispatch::Answer;
use crate::transport::exchange::{Dialect, Exchange};
use crate::transport::frames::{Frames, Received};
use crate::transport::server::Place;
use crate::transport::upgrade::Upgrade;
use crate::wire::command::Command;
use crate::wire::event::Event;

/// A WebSocket whose messages travel bare, and whose pings are its own, numbered.
pub(super) struct PlainSocket {
    pub(super) frames: Frames,
    /// Among the server's connections.
    place: Option<Place>,
}

impl PlainSocket {
    /// What an upgrade becomes; `None` if the peer is gone by then.
    pub(super) async fn accept(mut upgrade: Upgrade, limits: &Arc<Limits>) -> Option<Self> {
        let place = upgrade.place();
        let socket = upgrade.socket(limits).await?;
        let frames = Frames::new(socket, Arc::clone(limits));
        Some(Self { frames, place })
    }
}

impl Carrier for PlainSocket {
    async fn receive(&mut self, room: bool) -> Result<Incoming, End> {
        if !room {
            return std::future::pending().await;
        }
        Ok(match self.frames.next().await? {
            Received::Text(whole) => Incoming::Text(Text::from(whole)),
            Received::Binary(bytes) => Incoming::Binary(bytes),
            Received::Pong(payload) => match payload.as_ref().try_into() {
                Ok(number) => Incoming::Pong(Some(u64::from_be_bytes(number))),
                Err(_) => Incoming::Progress,
            },
            Received::Control => Incoming::Progress,
        })
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn can_stay(&self) -> bool {
        true
    }

    async fn feed(&mut self, frame: Frame) -> Result<(), End> {
        self.frames.feed(frame).await
    }

    async fn ping(&mut self, number: u64) -> Result<(), End> {
        let number = Bytes::copy_from_slice(&number.to_be_bytes());
        self.frames.ping(number).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.frames.flush().await
    }

    async fn close(self, end: End) {
        let Self { frames, place } = self;
        frames.close(end).await;
        drop(place);
    }
}

/// The chat over a plain WebSocket.
pub(super) struct Plain {
    exchange: Exchange<Json>,
    /// What answers the frame that authenticated.
    welcome: Option<Bytes>,
}

impl Plain {
    /// `id` is that of the frame that authenticated.
    pub(super) fn new(gateway: Gateway, session: Session, id: Option<&Id>) -> Self {
        Self {
            exchange: Exchange::new(gateway, session),
            welcome: id.map(frame::authenticated),
        }
    }
}

impl Handler for Plain {
    fn receive(&mut self, message: Message<'_>) -> Result<(), Why> {
        let Message::Text(text) = message else {
            return Err(Why::NO_BINARY);
        };
        match frame::Frame::parse(text) {
            Ok(frame::Frame { event, data, id }) => {
                let command = Command::from_event(&event, data);
                let event = Some(event.into_owned());
                self.exchange
                    .push(Target { id, event }, command, text.len());
            }
            Err((target, refusal)) => self.exchange.push(target, Err(refusal), text.len()),
        }
        Ok(())
    }
}

impl Source for Plain {
    fn has_room(&self) -> bool {
        self.exchange.has_room()
    }

    async fn ready(&mut self) {
        self.exchange.ready().await;
    }

    fn take(&mut self, output: &mut Output) {
        output.frames.extend(self.welcome.take().map(Frame::Text));
        self.exchange.take(output);
    }

    fn proven(&mut self, up_to: u64) {
        self.exchange.proven(up_to);
    }

    fn is_idle(&self) -> bool {
        self.exchange.is_idle()
    }

    fn over(&self) -> Option<Why> {
        self.exchange.over()
    }

    fn until(&self) -> Option<Instant> {
        self.exchange.until()
    }

    async fn changed(&mut self) {
        self.exchange.changed().await;
    }

    async fn end(self, how: Ending) {
        self.exchange.end(how).await;
    }
}

/// `{"event": …}` and `{"reply": …}`.
struct Json;

impl Dialect for Json {
    type Target = Target;

    fn event(event: &Event) -> Bytes {
        event.frame().clone()
    }

    fn wants_answer(target: &Target) -> bool {
        target.id.is_some()
    }

    fn answer(target: &Target, answer: Answer) -> Option<Bytes> {
        let id = target.id.as_ref();
        match answer {
            Ok(data) => frame::answer(id, &data),
            Err(refusal) => Some(frame::refusal(id, target.event.as_deref(), &refusal)),
        }
    }
}
