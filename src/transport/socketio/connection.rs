//! The rules of Socket.IO on one connection: who is in which namespace, and which attachments are
//! still to come.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::packet::{self, Kind, Packet};
use super::{Admission, Denial, Event, Namespaces};
use crate::chat::Ending;
use crate::config::Limits;
use crate::transport::connection::{Frame, Handler, Message, Output, Source, Why, Work};

/// How many answers to CONNECT may wait for a client that does not poll.
const REPLIES_MAX: usize = 16;

/// One connection.
pub struct Connection<N: Namespaces> {
    namespaces: N,
    limits: Arc<Limits>,
    /// Where the client is in.
    entered: Vec<String>,
    /// Where it asks to be let in. Meanwhile nothing else of it is read.
    entering: Option<(String, Work<Admission<N::Client>>)>,
    /// A packet that waits for its attachments.
    incomplete: Option<Incomplete>,
    replies: Vec<Frame>,
    /// Until when it must be in somewhere.
    deadline: Option<Instant>,
    /// Whether it was sent away, to come back later.
    denied: bool,
}

struct Incomplete {
    text: String,
    wanted: usize,
    attachments: Vec<Bytes>,
    bytes: usize,
}

impl<N: Namespaces> Connection<N> {
    /// A connection whose client is in no namespace yet, and has `limits.authenticate_timeout` to
    /// change that.
    pub fn new(namespaces: N, limits: Arc<Limits>) -> Self {
        let deadline = Some(Instant::now() + limits.authenticate_timeout);
        Self {
            namespaces,
            limits,
            entered: Vec::new(),
            entering: None,
            incomplete: None,
            replies: Vec::new(),
            deadline,
            denied: false,
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Why> {
        let packet = Packet::parse(text).map_err(|_| Why::PROTOCOL)?;
        let place = self.entered.iter().position(|one| one == packet.namespace);
        match (packet.kind, place) {
            (Kind::Connect, None) => self.connect(&packet),
            (Kind::Disconnect, Some(place)) => self.disconnect(place),
            (Kind::Event, Some(_)) => self.event(&packet, Vec::new(), text.len())?,
            (Kind::BinaryEvent | Kind::BinaryAck, Some(_)) => {
                if packet.attachments > self.limits.attachments_max {
                    return Err(Why::PROTOCOL);
                }
                self.incomplete = Some(Incomplete {
                    text: text.to_owned(),
                    wanted: packet.attachments,
                    attachments: Vec::new(),
                    bytes: text.len(),
                });
            }
            // Nothing is asked of clients, so there is nothing that this could answer.
            (Kind::Ack, Some(_)) => {}
            _ => return Err(Why::PROTOCOL),
        }
        Ok(())
    }

    fn connect(&mut self, packet: &Packet<'_>) {
        let admission = self.namespaces.admit(packet.namespace, packet.data);
        self.entering = Some((packet.namespace.to_owned(), admission));
    }

    fn connected(&mut self, admission: Admission<N::Client>) {
        let Some((namespace, _)) = self.entering.take() else {
            return;
        };
        let reply = match admission {
            Ok((greeting, client)) => {
                self.namespaces.enter(&namespace, client);
                self.deadline = None;
                let reply = packet::connect(&namespace, &greeting);
                self.entered.push(namespace);
                reply
            }
            Err(Denial::Refused(refusal)) => packet::connect_error(&namespace, &refusal),
            Err(Denial::NotNow) => {
                self.denied = true;
                return;
            }
        };
        self.replies.push(Frame::Text(reply));
    }

    fn disconnect(&mut self, place: usize) {
        let namespace = self.entered.remove(place);
        self.namespaces.leave(&namespace);
        if self.entered.is_empty() {
            self.deadline = Some(Instant::now() + self.limits.authenticate_timeout);
        }
    }

    fn event(
        &mut self,
        packet: &Packet<'_>,
        attachments: Vec<Bytes>,
        bytes: usize,
    ) -> Result<(), Why> {
        let array = packet.data.ok_or(Why::PROTOCOL)?;
        let array = packet::arguments(array).map_err(|_| Why::PROTOCOL)?;
        let event = Event {
            id: packet.id,
            name: array.name,
            arguments: array.rest,
            attachments,
            bytes,
        };
        self.namespaces.receive(packet.namespace, event);
        Ok(())
    }

    fn attachment(&mut self, mut incomplete: Incomplete, bytes: Bytes) -> Result<(), Why> {
        incomplete.bytes += bytes.len();
        if incomplete.bytes > self.limits.body_bytes {
            return Err(Why::TOO_BIG);
        }
        incomplete.attachments.push(bytes);
        if incomplete.attachments.len() < incomplete.wanted {
            self.incomplete = Some(incomplete);
            return Ok(());
        }
        let packet = Packet::parse(&incomplete.text).map_err(|_| Why::PROTOCOL)?;
        match packet.kind {
            Kind::BinaryEvent => self.event(&packet, incomplete.attachments, incomplete.text.len()),
            _ => Ok(()),
        }
    }
}

impl<N: Namespaces> Handler for Connection<N> {
    fn receive(&mut self, message: Message<'_>) -> Result<(), Why> {
        match (self.incomplete.take(), message) {
            (None, Message::Text(text)) => self.text(text),
            (Some(incomplete), Message::Binary(bytes)) => self.attachment(incomplete, bytes),
            _ => Err(Why::PROTOCOL),
        }
    }
}

impl<N: Namespaces> Source for Connection<N> {
    fn has_room(&self) -> bool {
        let may_reply = self.replies.len() < REPLIES_MAX;
        self.entering.is_none() && may_reply && self.namespaces.has_room()
    }

    async fn ready(&mut self) {
        let is_entering = self.entering.is_some();
        let entering = async {
            match &mut self.entering {
                Some((_, admission)) => admission.await,
                None => std::future::pending().await,
            }
        };
        let late = async {
            match self.deadline {
                Some(deadline) if !is_entering => sleep_until(deadline).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            admission = entering => self.connected(admission),
            () = late => {}
            () = self.namespaces.ready() => {}
        }
    }

    fn take(&mut self, output: &mut Output) {
        output.frames.append(&mut self.replies);
        self.namespaces.take(output);
    }

    fn proven(&mut self, up_to: u64) {
        self.namespaces.proven(up_to);
    }

    fn is_idle(&self) -> bool {
        self.entering.is_none() && self.namespaces.is_idle()
    }

    fn over(&self) -> Option<Why> {
        let is_late = |deadline| self.entering.is_none() && deadline <= Instant::now();
        match self.deadline {
            _ if self.denied => Some(Why::TRY_AGAIN),
            Some(deadline) if is_late(deadline) => Some(Why::TOO_LATE),
            _ => self.namespaces.over(),
        }
    }

    fn until(&self) -> Option<std::time::Instant> {
        self.namespaces.until()
    }

    async fn changed(&mut self) {
        self.namespaces.changed().await;
    }

    async fn end(self, how: Ending) {
        self.namespaces.end(how).await;
    }
}
