//! The task that owns a connection: messages in, answers and events out, the heartbeat.
//!
//! It stands between a `Carrier`, which knows how bytes travel (a WebSocket, long polling), and a
//! [`Handler`], which knows what they mean. It never waits for one without hearing the other.

use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Life;
use super::heartbeat::{Beat, Heartbeat};
use crate::chat::Ending;
use crate::config::Limits;

/// A future that somebody else polls.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(Bytes),
}

/// Something to be written, encoded. The bytes are shared, not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame of the WebSocket. It is UTF-8.
    Text(Bytes),
    /// A binary frame of the WebSocket.
    Binary(Bytes),
}

/// What a [`Source`] has to be written.
#[derive(Debug, Default)]
pub struct Output {
    /// In this order.
    pub frames: Vec<Frame>,
    /// The source's own number for everything up to here; [`Source::proven`] hears it again.
    pub written: u64,
    /// Whether a ping is to prove this, and how soon.
    pub prove: Option<Duration>,
    /// Whether there is more than is written at once.
    pub more: bool,
}

/// What a connection's messages mean.
pub trait Handler: Source {
    /// Takes a message.
    ///
    /// # Errors
    /// Why the connection must end: the message is none of this protocol.
    fn receive(&mut self, message: Message<'_>) -> Result<(), Why>;
}

/// What has something to say on a connection.
pub trait Source: Send + 'static {
    /// Whether it takes another message now. While it does not, the peer is not read.
    fn has_room(&self) -> bool;

    /// Waits until there may be something to [take](Source::take). Nothing is lost if this is
    /// dropped before it is ready.
    fn ready(&mut self) -> impl Future<Output = ()> + Send;

    /// Appends what is ready to be written.
    fn take(&mut self, output: &mut Output);

    /// The peer has received everything up to this [`Output::written`].
    fn proven(&mut self, up_to: u64);

    /// Whether everything that was taken is answered.
    fn is_idle(&self) -> bool;

    /// Why the connection is to end now, if it is.
    fn over(&self) -> Option<Why>;

    /// When the connection is over by itself, if it is.
    fn until(&self) -> Option<Instant> {
        None
    }

    /// Waits until there is something new to say, or the connection is to end: for a writer that
    /// makes no progress.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// The connection has ended. What was taken is still carried out.
    fn end(self, how: Ending) -> impl Future<Output = ()> + Send;
}

/// How a connection's bytes travel.
pub(super) trait Carrier: Send {
    /// What the peer does next; a message only if there is `room` for it. Nothing is lost if this
    /// is dropped before it is ready.
    fn receive(&mut self, room: bool) -> impl Future<Output = Result<Incoming, End>> + Send;

    /// Whether what is fed would leave now. (Long polling waits for the peer to ask.)
    fn is_writable(&self) -> bool;

    /// Whether it can go on for a while when the server drains. (Polls take new connections, and
    /// then there are none.)
    fn can_stay(&self) -> bool;

    /// Takes a frame to be written.
    fn feed(&mut self, frame: Frame) -> impl Future<Output = Result<(), End>> + Send;

    /// Takes a ping to be written, behind the frames that were fed.
    fn ping(&mut self, number: u64) -> impl Future<Output = Result<(), End>> + Send;

    /// Sends off what was fed.
    fn flush(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// Closes the connection, and waits for the peer to hear why, within limits.
    fn close(self, end: End) -> impl Future<Output = ()> + Send;
}

/// What the peer does.
#[derive(Debug)]
pub(super) enum Incoming {
    /// It sends text.
    Text(Text),
    /// It sends bytes.
    Binary(Bytes),
    /// It answers a ping: this one, or the oldest.
    Pong(Option<u64>),
    /// Something that concerns the carrier alone; it may be writable now.
    Progress,
}

/// A part of a text that arrived whole.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) whole: Utf8Bytes,
    pub(super) part: Range<usize>,
}

impl From<Utf8Bytes> for Text {
    fn from(whole: Utf8Bytes) -> Self {
        let part = 0..whole.len();
        Self { whole, part }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it.
    Closed(Ending),
    /// We close it, and say why.
    Refused(Why),
    /// The peer is gone.
    Lost,
    /// The peer did not answer in time, or does not read.
    Silent,
}

/// Why the server closes a connection: a WebSocket close code (RFC 6455, 7.4) and a few words
/// for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why(pub u16, pub &'static str);

impl Why {
    /// Something that the protocol does not allow.
    pub const PROTOCOL: Self = Self(1002, "not what the protocol allows");
    /// A binary frame where only text belongs.
    pub const NO_BINARY: Self = Self(1003, "text frames only");
    /// A text frame that is none.
    pub const NOT_UTF8: Self = Self(1007, "a text frame must be UTF-8");
    /// A frame over the limit.
    pub const TOO_BIG: Self = Self(1009, "a frame has at most 64 KiB");
    /// The server restarts, or the session is over: come back.
    pub const RESTART: Self = Self(1012, "the server restarts");
    /// The server has too much to do.
    pub const TRY_AGAIN: Self = Self(1013, "the server is busy");
    /// The token does not count.
    pub const UNAUTHENTICATED: Self = Self(4401, "unauthenticated");
    /// No token came in time.
    pub const TOO_LATE: Self = Self(4408, "no token in time");
    /// The person has too many sockets.
    pub const TOO_MANY: Self = Self(4429, "too many sockets");

    /// All of these: for what describes them.
    pub const ALL: [Self; 9] = [
        Self::PROTOCOL,
        Self::NO_BINARY,
        Self::NOT_UTF8,
        Self::TOO_BIG,
        Self::RESTART,
        Self::TRY_AGAIN,
        Self::UNAUTHENTICATED,
        Self::TOO_LATE,
        Self::TOO_MANY,
    ];
}

/// A connection.
pub(super) struct Connection<C, H> {
    carrier: C,
    handler: H,
    heartbeat: Heartbeat,
    output: Output,
    limits: Arc<Limits>,
    life: Life,
}

impl<C: Carrier, H: Handler> Connection<C, H> {
    /// Boxed: a task keeps what it is given beside what it makes of it, and there are thousands.
    pub(super) fn new(carrier: C, handler: H, limits: Arc<Limits>, life: Life) -> Box<Self> {
        let heartbeat = Heartbeat::new(limits.ping_interval, limits.ping_timeout, Instant::now());
        Box::new(Self {
            carrier,
            handler,
            heartbeat,
            output: Output::default(),
            limits,
            life,
        })
    }

    /// Serves until the end, and tells the handler how that came.
    pub(super) async fn run(mut self: Box<Self>) {
        let (Ok(end) | Err(end)) = self.serve().await;
        self.life.turnstile.pass().await;
        Box::pin(self.end(end)).await;
    }

    async fn end(self: Box<Self>, end: End) {
        let how = match end {
            End::Closed(how) => how,
            End::Refused(_) | End::Lost => Ending::BrokenOff,
            End::Silent => Ending::FellSilent,
        };
        let Self {
            carrier,
            handler,
            limits,
            ..
        } = *self;
        let rest = timeout(limits.command_time, handler.end(how));
        drop(tokio::join!(rest, carrier.close(end)));
    }

    async fn serve(&mut self) -> Result<End, End> {
        // Of its own, so that connections do not meet at one lock in every turn.
        let draining = self.life.draining.child_token();
        let mut drained = pin!(draining.cancelled());
        let mut leaving: Option<Instant> = None;
        let mut alarm = pin!(sleep_until(self.heartbeat.due().into()));
        loop {
            let turn = Instant::now();
            let more = self.write(turn).await?;
            let stopping = leaving.is_some_and(|at| at <= turn);
            if stopping && self.handler.is_idle() {
                return Ok(End::Refused(Why::RESTART));
            }
            self.heartbeat.excuse(turn.elapsed());
            let reading = !stopping && self.handler.has_room();
            // Whoever is not read cannot answer a ping, unless it is they who do not read.
            let is_heard = reading || !self.carrier.is_writable();
            let ends = [self.handler.until(), leaving.filter(|_| !stopping)];
            let due = ends
                .into_iter()
                .flatten()
                .fold(self.heartbeat.due(), Instant::min);
            let due = due.into();
            // It may ring too early, which costs a turn; to set it costs more, and what is due moves
            // with every ping and pong.
            if alarm.is_elapsed() || due < alarm.deadline() {
                alarm.as_mut().reset(due);
            }
            let waiting = Instant::now();
            tokio::select! {
                () = self.handler.ready() => {}
                incoming = self.carrier.receive(reading) => self.received(incoming?)?,
                () = &mut alarm => {}
                () = &mut drained, if leaving.is_none() => leaving = Some(self.leaves()),
                () = std::future::ready(()), if more => {}
            }
            if !is_heard {
                self.heartbeat.excuse(waiting.elapsed());
            }
            self.beat().await?;
        }
    }

    /// When this socket goes, now that the server drains.
    fn leaves(&self) -> Instant {
        let stays = self.carrier.can_stay();
        let stay = stays.then(|| self.life.stay(&self.limits));
        Instant::now() + stay.unwrap_or_default()
    }

    fn received(&mut self, incoming: Incoming) -> Result<(), End> {
        let message = match &incoming {
            Incoming::Text(Text { whole, part }) => {
                Message::Text(whole.get(part.clone()).unwrap_or_default())
            }
            Incoming::Binary(bytes) => Message::Binary(bytes.clone()),
            Incoming::Pong(number) => {
                if let Some(up_to) = self.heartbeat.pong(*number) {
                    self.handler.proven(up_to);
                }
                return Ok(());
            }
            Incoming::Progress => return Ok(()),
        };
        #[cfg(feature = "faults")]
        if let Message::Text(text) = &message {
            crate::faults::may_panic("connection.receive", text);
        }
        self.handler.receive(message).map_err(End::Refused)
    }

    /// Writes what is ready, many frames with one flush; whether there may be more. Reading has
    /// its turn in between, however much there is to write. All of it has one deadline: who takes
    /// a frame now and then is as good as deaf.
    async fn write(&mut self, turn: Instant) -> Result<bool, End> {
        let (mut more, deadline) = (false, turn + self.limits.write_timeout);
        if self.carrier.is_writable() {
            let mut output = std::mem::take(&mut self.output);
            self.handler.take(&mut output);
            if let Some(delay) = output.prove.take() {
                self.heartbeat.ask(Instant::now(), delay);
            }
            more = std::mem::take(&mut output.more);
            for frame in output.frames.drain(..) {
                let feed = self.carrier.feed(frame);
                more |= unless_stuck(feed, &mut self.handler, deadline).await?;
            }
            let flush = self.carrier.flush();
            more |= unless_stuck(flush, &mut self.handler, deadline).await?;
            self.output = output;
        }
        match self.handler.over() {
            Some(why) => Err(End::Refused(why)),
            None => Ok(more),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        match self.heartbeat.beat(Instant::now(), self.output.written) {
            Beat::Rest => Ok(()),
            Beat::Dead => Err(End::Silent),
            Beat::Ping(number) => {
                let deadline = Instant::now() + self.limits.write_timeout;
                let ping = self.carrier.ping(number);
                unless_stuck(ping, &mut self.handler, deadline).await?;
                Ok(())
            }
        }
    }
}

/// Waits for a write, but not beyond the deadline, nor when the connection is over meanwhile.
/// Whether it took time, in which something new to say may have come and be overheard.
async fn unless_stuck<H: Handler>(
    write: impl Future<Output = Result<(), End>>,
    handler: &mut H,
    deadline: Instant,
) -> Result<bool, End> {
    tokio::pin!(write);
    // Nearly every write is done at once and needs no clock.
    if let Some(done) = (&mut write).now_or_never() {
        return done.map(|()| false);
    }
    let deadline = sleep_until(deadline.into());
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            done = &mut write => return done.map(|()| true),
            () = &mut deadline => return Err(End::Silent),
            () = handler.changed() => {}
        }
        if let Some(why) = handler.over() {
            return Err(End::Refused(why));
        }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
