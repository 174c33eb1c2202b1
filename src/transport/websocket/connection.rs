//! One authenticated socket: its frames in, its answers and events out, its heartbeat.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::{sleep, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{self, Frame, Target, close};
use crate::actors::session::Ending;
use crate::chat::Session;
use crate::transport::Gateway;
use crate::transport::dispatch::{Answer, Begun, begin};
use crate::transport::heartbeat::{Beat, Heartbeat};
use crate::transport::pipeline::{Pipeline, Work};
use crate::transport::upgrade::{Socket, end};
use crate::wire::command::Command;

/// How many bytes of events are written with one flush.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// The task that owns a socket.
pub(super) struct Connection {
    gateway: Gateway,
    socket: Socket,
    session: Arc<Session>,
    pipeline: Pipeline<Target>,
    heartbeat: Heartbeat,
    /// The last entry of the outbox that was written.
    written: u64,
}

/// Why a connection ends.
enum End {
    /// The peer closed it.
    Closed(Ending),
    /// We close it, and say why.
    Refused(close::Why),
    /// The peer is gone, dead, or does not read.
    Lost,
}

impl Connection {
    pub(super) fn new(gateway: Gateway, socket: Socket, session: Session) -> Self {
        let limits = &gateway.limits;
        let heartbeat = Heartbeat::new(limits.ping_interval, limits.ping_timeout, Instant::now());
        Self {
            pipeline: Pipeline::new(limits.session_commands_max),
            session: Arc::new(session),
            written: 0,
            gateway,
            socket,
            heartbeat,
        }
    }

    /// Answers the frame that authenticated this connection.
    pub(super) async fn authenticated(&mut self, id: Value) {
        let answer = frame::authenticated(&id);
        // If this fails, so does the first read.
        drop(self.socket.feed(Message::text(answer)).await);
    }

    /// Serves until the end, and tells the session how that came.
    pub(super) async fn run(mut self) {
        let (Ok(why) | Err(why)) = self.serve().await;
        let how = match why {
            End::Closed(how) => {
                // The closing handshake is the library's; it needs one more write.
                let time = self.gateway.limits.discard_time;
                drop(tokio::time::timeout(time, self.socket.close(None)).await);
                how
            }
            End::Refused(why) => {
                end(&mut self.socket, why.into(), &self.gateway.limits).await;
                Ending::BrokenOff
            }
            End::Lost => Ending::BrokenOff,
        };
        self.session.end(how);
    }

    async fn serve(&mut self) -> Result<End, End> {
        let draining = self.gateway.life.draining.clone();
        loop {
            self.write().await?;
            let stopping = draining.is_cancelled();
            if stopping && self.pipeline.is_empty() {
                return Ok(End::Refused(close::RESTART));
            }
            let reading = !stopping && self.pipeline.has_room();
            let Self {
                gateway,
                session,
                pipeline,
                socket,
                heartbeat,
                ..
            } = self;
            let begin = beginner(gateway, session);
            tokio::select! {
                (target, answer) = pipeline.next(begin) => self.answer(&target, answer).await?,
                () = session.outbox().changed() => {}
                frame = socket.next(), if reading => self.read(frame)?,
                () = sleep_until(heartbeat.due().into()) => {}
                () = draining.cancelled(), if !stopping => {}
            }
            self.beat().await?;
        }
    }

    /// One frame of the peer.
    fn read(&mut self, frame: Option<Result<Message, Error>>) -> Result<(), End> {
        match frame {
            Some(Ok(Message::Text(text))) => {
                if text.len() > self.gateway.limits.body_bytes {
                    return Err(End::Refused(close::TOO_BIG));
                }
                self.take(&text);
            }
            Some(Ok(Message::Pong(payload))) => {
                let number = payload.as_ref().try_into().map(u64::from_be_bytes);
                if let Some(up_to) = number.ok().and_then(|number| self.heartbeat.pong(number)) {
                    self.session.proven(up_to);
                }
            }
            // The library answers pings with the next write.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(End::Refused(close::NO_BINARY)),
            Some(Ok(Message::Close(why))) => {
                let code = why.map_or(1000, |why| u16::from(why.code));
                return Err(End::Closed(match code {
                    1000 | 1005 => Ending::Goodbye,
                    _ => Ending::BrokenOff,
                }));
            }
            Some(Err(Error::Capacity(_))) => return Err(End::Refused(close::TOO_BIG)),
            Some(Err(Error::Utf8(_))) => return Err(End::Refused(close::NOT_UTF8)),
            Some(Err(_)) | None => return Err(End::Lost),
        }
        Ok(())
    }

    fn take(&mut self, text: &Utf8Bytes) {
        let (target, command) = match Frame::parse(text) {
            Ok(Frame { event, data, id }) => {
                let command = Command::from_event(&event, data);
                let event = Some(event);
                (Target { id, event }, command)
            }
            Err((target, refusal)) => (target, Err(refusal)),
        };
        self.pipeline.push(target, command);
    }

    /// Writes everything that is ready, with one flush for many frames.
    async fn write(&mut self) -> Result<(), End> {
        loop {
            while let Some((target, answer)) = self.next_answer().now_or_never() {
                self.answer(&target, answer).await?;
            }
            let taken = self.session.outbox().take(WRITTEN_AT_ONCE);
            if taken.closed {
                return Err(End::Lost);
            }
            self.written = taken.up_to;
            if taken.prove {
                let delay = self.gateway.limits.proof_delay;
                self.heartbeat.ask(Instant::now(), delay);
            }
            let idle = taken.events.is_empty() && taken.answer.is_none();
            for event in taken.events {
                self.feed(text(event.frame())).await?;
            }
            if let Some(let_go) = taken.answer {
                let_go(); // It is the next answer of the pipeline.
                continue;
            }
            self.flush().await?;
            if idle {
                return Ok(());
            }
        }
    }

    async fn next_answer(&mut self) -> (Target, Answer) {
        let begin = beginner(&self.gateway, &self.session);
        self.pipeline.next(begin).await
    }

    async fn answer(&mut self, target: &Target, answer: Answer) -> Result<(), End> {
        let id = target.id.as_ref();
        let frame = match answer {
            Ok(data) => frame::answer(id, &data),
            Err(refusal) => Some(frame::refusal(id, target.event.as_deref(), &refusal)),
        };
        match frame {
            Some(frame) => self.feed(Message::text(frame)).await,
            None => Ok(()),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        match self.heartbeat.beat(Instant::now(), self.written) {
            Beat::Rest => Ok(()),
            Beat::Dead => Err(End::Lost),
            Beat::Ping(number) => {
                let number = Bytes::copy_from_slice(&number.to_be_bytes());
                self.feed(Message::Ping(number)).await
            }
        }
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        let Self {
            socket,
            session,
            gateway,
            ..
        } = self;
        unless_stuck(socket.feed(message), session, gateway).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        let Self {
            socket,
            session,
            gateway,
            ..
        } = self;
        unless_stuck(socket.flush(), session, gateway).await
    }
}

/// Waits for a write, but not for one that makes no progress, nor when the session is over
/// meanwhile because it was too slow.
async fn unless_stuck(
    write: impl Future<Output = Result<(), Error>>,
    session: &Session,
    gateway: &Gateway,
) -> Result<(), End> {
    tokio::pin!(write);
    // Nearly every write is done at once and needs no clock.
    if let Some(done) = (&mut write).now_or_never() {
        return done.map_err(|_| End::Lost);
    }
    let deadline = sleep(gateway.limits.write_timeout);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            done = &mut write => return done.map_err(|_| End::Lost),
            () = &mut deadline => return Err(End::Lost),
            () = session.outbox().changed() => if session.outbox().is_closed() {
                return Err(End::Lost);
            },
        }
    }
}

/// How the pipeline begins a command.
fn beginner(gateway: &Gateway, session: &Arc<Session>) -> impl Fn(Command) -> Work<Begun> {
    |command| Box::pin(begin(gateway.chat.clone(), Arc::clone(session), command))
}

/// A frame that was encoded here is UTF-8; its bytes are shared, not copied.
fn text(frame: &Bytes) -> Message {
    Message::Text(Utf8Bytes::try_from(frame.clone()).unwrap_or_default())
}
