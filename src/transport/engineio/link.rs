//! One Engine.IO connection as a carrier: the requests of long polling, a WebSocket, and the way
//! from the one to the other.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::error::ProtocolError;
use super::packet::{self, Packet};
use super::table::Entered;
use super::upgrade::{Attempt, Candidate, Step};
use crate::chat::Ending;
use crate::config::Limits;
use crate::transport::connection::{Carrier, End, Frame, Incoming, Text, Why};
use crate::transport::frames::Received;

/// Where the answer of a request goes: the body, or why there is none.
pub(super) type Reply = oneshot::Sender<Result<Bytes, ProtocolError>>;

/// A request of a client that polls.
pub(super) enum Request {
    /// It waits for packets.
    Poll(Reply),
    /// It sends packets: a payload.
    Post(Utf8Bytes, Reply),
    /// It has opened a WebSocket, to go on there.
    Upgrade(Box<Candidate>),
}

/// A connection. It has an inbox while it polls and after it did, and a socket from when it is
/// one.
pub(super) struct Link {
    limits: Arc<Limits>,
    inbox: Option<(mpsc::Receiver<Request>, Entered)>,
    poll: Option<Reply>,
    post: Option<Post>,
    attempt: Option<Box<Attempt>>,
    socket: Option<Candidate>,
    /// What was fed and has not left.
    unsent: Vec<Frame>,
}

/// A payload, of which the rest is still to be read.
struct Post {
    payload: Utf8Bytes,
    at: usize,
    reply: Reply,
}

/// What woke a connection up.
enum Woken {
    Request(Option<Request>),
    Step(Step),
    Frame(Result<Received, End>),
    HungUp,
}

impl Link {
    /// A connection that polls.
    pub(super) fn polling(
        inbox: mpsc::Receiver<Request>,
        entered: Entered,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            inbox: Some((inbox, entered)),
            ..Self::new(limits)
        }
    }

    /// A connection that is a WebSocket, and begins with the packet `open`.
    pub(super) fn websocket(socket: Candidate, open: Bytes, limits: Arc<Limits>) -> Self {
        Self {
            socket: Some(socket),
            unsent: vec![Frame::Text(open)],
            ..Self::new(limits)
        }
    }

    fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            inbox: None,
            poll: None,
            post: None,
            attempt: None,
            socket: None,
            unsent: Vec::new(),
        }
    }

    /// Waits for whatever the client does on any of its ways.
    async fn woken(&mut self, room: bool) -> Woken {
        let Self {
            inbox,
            poll,
            attempt,
            socket,
            ..
        } = self;
        tokio::select! {
            request = some(inbox.as_mut().map(|(requests, _)| requests.recv())) => {
                Woken::Request(request)
            }
            () = some(poll.as_mut().map(oneshot::Sender::closed)) => Woken::HungUp,
            step = some(attempt.as_mut().map(|one| one.step())) => Woken::Step(step),
            frame = some(socket.as_mut().filter(|_| room).map(|one| one.frames.next())) => {
                Woken::Frame(frame)
            }
        }
    }

    fn requested(&mut self, request: Request) -> Result<(), End> {
        let is_upgraded = self.socket.is_some();
        match request {
            Request::Poll(reply) | Request::Post(_, reply) if is_upgraded => refuse(reply),
            Request::Poll(reply) => return self.polled(reply),
            Request::Post(_, reply) if self.post.is_some() => {
                refuse(reply);
                return Err(End::Refused(Why::PROTOCOL));
            }
            Request::Post(payload, reply) => {
                let at = 0;
                self.post = Some(Post { payload, at, reply });
            }
            Request::Upgrade(late) if is_upgraded || self.attempt.is_some() => {
                give_up(*late, End::Refused(Why::PROTOCOL));
            }
            Request::Upgrade(candidate) => {
                let until = Instant::now() + self.limits.upgrade_timeout;
                self.attempt = Some(Box::new(Attempt::new(*candidate, until)));
            }
        }
        Ok(())
    }

    fn polled(&mut self, reply: Reply) -> Result<(), End> {
        // What the client did on its WebSocket before it polled comes first.
        if let Some(step) = self.attempt.as_mut().map(|one| one.step_now()) {
            self.stepped(step);
        }
        if self.socket.is_some() {
            refuse(reply);
        } else if self.poll.is_some() {
            refuse(reply);
            return Err(End::Refused(Why::PROTOCOL));
        } else {
            self.poll = Some(reply);
        }
        Ok(())
    }

    fn stepped(&mut self, step: Step) {
        let attempt = match step {
            Step::Waiting | Step::Probed => return,
            Step::Done | Step::Failed(_) => self.attempt.take(),
        };
        let Some(candidate) = attempt.map(|one| one.into_candidate()) else {
            return;
        };
        match step {
            Step::Failed(why) => give_up(candidate, why),
            _ => {
                self.socket = Some(candidate);
                self.answer_poll(packet::NOOP);
            }
        }
    }

    /// The next packet of a payload that is being read. When it is the last one, the request is
    /// answered.
    fn posted(&mut self) -> Option<Result<Incoming, End>> {
        let post = self.post.as_mut()?;
        let part = packet::part(&post.payload, post.at);
        let is_last = part.end == post.payload.len();
        post.at = part.end + packet::SEPARATOR.len_utf8();
        let packet = received(&post.payload, part);
        if is_last {
            let answer = match packet {
                Err(End::Refused(_)) => Err(ProtocolError::BadRequest),
                _ => Ok(Bytes::from_static(b"ok")),
            };
            drop(self.post.take()?.reply.send(answer));
        }
        Some(packet)
    }

    fn answer_poll(&mut self, packet: &'static str) {
        if let Some(poll) = self.poll.take() {
            drop(poll.send(Ok(Bytes::from_static(packet.as_bytes()))));
        }
    }

    /// A client that polls has a poll under way nearly always, which may arrive a moment after the
    /// end: what ends it is for that one too.
    async fn answer_last_poll(&mut self, packet: &'static str) {
        if let Some((requests, _)) = &mut self.inbox
            && self.poll.is_none()
            && self.socket.is_none()
        {
            let poll = async {
                loop {
                    match requests.recv().await {
                        Some(Request::Poll(reply)) => return Some(reply),
                        Some(Request::Post(..) | Request::Upgrade(_)) => {}
                        None => return None,
                    }
                }
            };
            self.poll = timeout(self.limits.discard_time, poll).await.ok().flatten();
        }
        self.answer_poll(packet);
    }
}

impl Carrier for Link {
    async fn receive(&mut self, room: bool) -> Result<Incoming, End> {
        if let Some(incoming) = room.then(|| self.posted()).flatten() {
            return incoming;
        }
        match self.woken(room).await {
            Woken::Request(Some(request)) => self.requested(request)?,
            // The table of connections keeps the other end as long as this one.
            Woken::Request(None) | Woken::HungUp => return Err(End::Lost),
            Woken::Step(step) => self.stepped(step),
            Woken::Frame(frame) => match frame.map_err(broken_off)? {
                Received::Text(whole) => {
                    let part = 0..whole.len();
                    return received(&whole, part);
                }
                Received::Binary(bytes) => return Ok(Incoming::Binary(bytes)),
                Received::Pong(_) | Received::Control => {}
            },
        }
        Ok(Incoming::Progress)
    }

    fn is_writable(&self) -> bool {
        self.socket.is_some() || self.poll.is_some()
    }

    fn can_stay(&self) -> bool {
        self.socket.is_some()
    }

    async fn feed(&mut self, frame: Frame) -> Result<(), End> {
        self.unsent.push(frame);
        Ok(())
    }

    async fn ping(&mut self, _: u64) -> Result<(), End> {
        self.feed(Frame::Text(Bytes::from_static(packet::PING.as_bytes())))
            .await
    }

    async fn flush(&mut self) -> Result<(), End> {
        if let Some(socket) = &mut self.socket {
            for frame in self.unsent.drain(..) {
                socket.frames.feed(frame).await?;
            }
            return socket.frames.flush().await;
        }
        if self.unsent.is_empty() {
            if self.attempt.as_ref().is_some_and(|one| one.is_probed()) {
                self.answer_poll(packet::NOOP);
            }
        } else if let Some(poll) = self.poll.take() {
            let payload = packet::encode_payload(&self.unsent);
            self.unsent.clear();
            // Whoever hung up just now will not hear it.
            return poll.send(Ok(payload.into())).map_err(|_| End::Lost);
        }
        Ok(())
    }

    async fn close(mut self, end: End) {
        match end {
            End::Closed(_) => self.answer_last_poll(packet::NOOP).await,
            End::Refused(Why::RESTART | Why::TRY_AGAIN | Why::UNAUTHENTICATED) => {
                self.answer_last_poll(packet::CLOSE).await;
            }
            End::Refused(_) => self.answer_poll(packet::CLOSE),
            End::Lost | End::Silent => {}
        }
        let sockets = [self.socket, self.attempt.map(|one| one.into_candidate())];
        for Candidate { frames, .. } in sockets.into_iter().flatten() {
            frames.close(end).await;
        }
    }
}

/// Waits for what there may be; if there is nothing, for ever.
async fn some<T>(work: Option<impl Future<Output = T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// What a packet of the client is to the connection.
fn received(whole: &Utf8Bytes, part: Range<usize>) -> Result<Incoming, End> {
    let text = whole.get(part.clone()).unwrap_or_default();
    match Packet::parse(text).map_err(|_| End::Refused(Why::PROTOCOL))? {
        Packet::Message(message) => {
            let whole = whole.clone();
            let part = part.end - message.len()..part.end;
            Ok(Incoming::Text(Text { whole, part }))
        }
        Packet::Binary(bytes) => Ok(Incoming::Binary(bytes)),
        Packet::Pong(_) => Ok(Incoming::Pong(None)),
        Packet::Noop | Packet::Upgrade => Ok(Incoming::Progress),
        Packet::Close => Err(End::Closed(Ending::BrokenOff)),
        // These are the server's to send.
        Packet::Open | Packet::Ping(_) => Err(End::Refused(Why::PROTOCOL)),
    }
}

/// Here a closed connection is no goodbye: that is a matter of the protocol above.
fn broken_off(end: End) -> End {
    match end {
        End::Closed(_) => End::Closed(Ending::BrokenOff),
        other => other,
    }
}

fn refuse(reply: Reply) {
    drop(reply.send(Err(ProtocolError::BadRequest)));
}

/// Closes a socket that comes to nothing. That is not the connection's affair any more.
fn give_up(candidate: Candidate, why: End) {
    tokio::spawn(async move {
        let Candidate { frames, place } = candidate;
        frames.close(why).await;
        drop(place);
    });
}
