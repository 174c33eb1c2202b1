//! One authenticated socket: its frames in, its answers and events out, its heartbeat.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{self, Frame, Target, close};
use crate::chat::{Ending, Session};
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
        self.session.end(match why {
            End::Closed(how) => how,
            End::Refused(_) | End::Lost => Ending::BrokenOff,
        });
        let Self {
            gateway,
            mut socket,
            session,
            mut pipeline,
            ..
        } = self;
        let limits = &gateway.limits;
        let farewell = async {
            match why {
                End::Refused(why) => end(&mut socket, why.into(), limits).await,
                // The closing handshake is the library's; it needs one more write.
                End::Closed(_) => drop(timeout(limits.discard_time, socket.close(None)).await),
                End::Lost => {}
            }
        };
        // What was taken is carried out, although nobody hears the answers.
        let rest = async {
            while !pipeline.is_empty() {
                drop(pipeline.next(beginner(&gateway, &session)).await);
            }
        };
        drop(tokio::join!(farewell, timeout(limits.command_time, rest)));
    }

    async fn serve(&mut self) -> Result<End, End> {
        let draining = self.gateway.life.draining.clone();
        loop {
            let turn = Instant::now();
            let more = self.write().await?;
            let stopping = draining.is_cancelled();
            if stopping && self.pipeline.is_empty() {
                return Ok(End::Refused(close::RESTART));
            }
            self.heartbeat.excuse(turn.elapsed());
            let reading = !stopping && self.pipeline.has_room();
            let waiting = Instant::now();
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
                () = sleep_until(heartbeat.due().into()), if reading => {}
                () = draining.cancelled(), if !stopping => {}
                () = std::future::ready(()), if more => {}
            }
            match reading {
                true => self.beat().await?,
                false => self.heartbeat.excuse(waiting.elapsed()),
            }
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

    /// Writes what is ready, many frames with one flush; whether there may be more. Reading has
    /// its turn in between, however much there is to write.
    async fn write(&mut self) -> Result<bool, End> {
        let mut more = false;
        loop {
            while let Some((target, answer)) = self.next_answer().now_or_never() {
                self.answer(&target, answer).await?;
            }
            let taken = self.session.outbox().take(WRITTEN_AT_ONCE);
            if taken.closed {
                return Err(End::Refused(close::RESTART));
            }
            self.written = taken.up_to;
            if taken.prove {
                let delay = self.gateway.limits.proof_delay;
                self.heartbeat.ask(Instant::now(), delay);
            }
            more |= !taken.events.is_empty();
            for event in taken.events {
                self.feed(text(event.frame())).await?;
            }
            match taken.answer {
                // It is the next answer of the pipeline.
                Some(let_go) => let_go(taken.up_to),
                None => break,
            }
        }
        self.flush().await?;
        Ok(more)
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
                return Err(End::Refused(close::RESTART));
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
