//! Everybody's sockets, driven together by one task that never waits on a write: a server that waits for us to read
//! while we wait for it to read would hang the run.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as Frame, Utf8Bytes};

use crate::dial::{self, Dialect, Socket};
use crate::http::{Target, refusal};
use crate::ledger::{Fate, Ledger};
use crate::message::{Cast, Seat, Template, Ticket};
use crate::people::Couple;
use crate::scan;
use crate::schedule::Schedule;
use crate::wakes::Wakes;

/// The library clears the whole buffer before each read; its default of 128 KiB would cost more than the read. Where
/// there are many sockets, little comes at once on each, and their buffers fit into no cache.
const READ_BUFFER_BYTES: usize = 16 * 1024;
const READ_BUFFER_BYTES_OF_MANY: usize = 2 * 1024;
const MANY: usize = 16;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many sockets are opened together.
const OPENING: usize = 32;

const BROKEN_WRITE: &str = "a socket broke while it was written to";

/// One socket for each seat.
pub(crate) struct Sockets {
    dialect: Dialect,
    sockets: Vec<Socket>,
    wakes: Wakes,
    /// Those with something to do in this turn.
    ready: Vec<usize>,
    /// Those that have something to write, and whether each of all is one of them.
    unflushed: (Vec<usize>, Vec<bool>),
}

/// Who hears what comes.
pub(crate) trait Listener {
    /// `text` is the whole of what `frame` was read from.
    fn told(&mut self, seat: Seat, frame: scan::Frame<'_>, text: &[u8]) -> Result<()>;
}

/// What the sockets send themselves, and how many commands they keep under way together.
pub(crate) struct Pipeline {
    pub(crate) frames: Vec<Template>,
    pub(crate) in_flight: usize,
}

impl Sockets {
    pub(crate) async fn connect(
        target: &Target,
        couples: &[Couple],
        dialect: Dialect,
    ) -> Result<Self> {
        let people = couples.iter().flat_map(|couple| &couple.people);
        let buffer = if couples.len() > MANY {
            READ_BUFFER_BYTES_OF_MANY
        } else {
            READ_BUFFER_BYTES
        };
        let opening = people.map(|person| dial::open(dialect, target, &person.token, buffer));
        let sockets: Vec<_> = stream::iter(opening)
            .buffered(OPENING)
            .try_collect()
            .await?;
        Ok(Self {
            dialect,
            wakes: Wakes::new(sockets.len()),
            ready: Vec::new(),
            unflushed: (Vec::new(), vec![false; sockets.len()]),
            sockets,
        })
    }

    /// Reads what comes, and with a pipeline keeps its window full, until `done`.
    pub(crate) async fn pump(
        &mut self,
        ledger: &RefCell<Ledger>,
        mut pipeline: Option<&mut Pipeline>,
        done: impl Fn(&Ledger) -> bool,
    ) -> Result<()> {
        poll_fn(|task| {
            let mut ledger = ledger.borrow_mut();
            self.read(task, &mut *ledger)?;
            if let Some(pipeline) = pipeline.as_deref_mut() {
                self.refill(pipeline, &mut ledger)?;
            }
            self.flush()?;
            if done(&ledger) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Takes all that has come.
    fn read(&mut self, task: &mut TaskContext<'_>, listener: &mut impl Listener) -> Result<()> {
        self.wakes.take(task.waker(), &mut self.ready);
        for at in 0..self.ready.len() {
            let index = self.ready[at];
            let mut task = TaskContext::from_waker(self.wakes.waker(index));
            let (seat, socket) = (Seat::of_index(index), &mut self.sockets[index]);
            read_all(&mut task, self.dialect, seat, socket, listener)?;
            // Pongs, and what could not be written before.
            self.touch(index);
        }
        Ok(())
    }

    fn refill(&mut self, pipeline: &mut Pipeline, ledger: &mut Ledger) -> Result<()> {
        while ledger.under_way() < pipeline.in_flight {
            let index = ledger.next_seat().index();
            let mut task = TaskContext::from_waker(self.wakes.waker(index));
            match self.sockets[index].poll_ready_unpin(&mut task) {
                Poll::Ready(ready) => ready.context(BROKEN_WRITE)?,
                Poll::Pending => return Ok(()),
            }
            let Some(ticket) = ledger.take() else {
                return Ok(());
            };
            self.send(pipeline, ticket)?;
        }
        Ok(())
    }

    /// Reads what comes and sends on time, to the end of the schedule, until all of it is answered.
    pub(crate) async fn pump_on_time(
        &mut self,
        ledger: &RefCell<Ledger>,
        pipeline: &mut Pipeline,
        schedule: &mut Schedule,
    ) -> Result<()> {
        poll_fn(|task| {
            let mut ledger = ledger.borrow_mut();
            while let Poll::Ready(due) = schedule.poll_next(task) {
                let Some(due) = due? else {
                    ledger.close();
                    break;
                };
                // Also when that socket cannot be written to now: the message waits, and its clock runs.
                let ticket = ledger.take_due(due)?;
                self.send(pipeline, ticket)?;
            }
            self.read(task, &mut *ledger)?;
            self.flush()?;
            if ledger.all_answered() {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// The same for any listener and any frames: those that are due now are sent, until nobody waits for more.
    pub(crate) async fn drive<L: Listener>(
        &mut self,
        listener: &mut L,
        mut due: impl FnMut(&mut TaskContext<'_>) -> Poll<Result<Option<(Seat, Bytes)>>>,
        done: impl Fn(&L) -> bool,
    ) -> Result<()> {
        let mut over = false;
        poll_fn(|task| {
            while let Poll::Ready(next) = due(task) {
                let Some((seat, text)) = next? else {
                    over = true;
                    break;
                };
                self.write(seat.index(), text)?;
            }
            self.read(task, listener)?;
            self.flush()?;
            if over && done(listener) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    fn send(&mut self, pipeline: &mut Pipeline, ticket: Ticket) -> Result<()> {
        let index = ticket.seat.index();
        let text = Bytes::copy_from_slice(pipeline.frames[index].fill(ticket.number));
        self.write(index, text)
    }

    fn write(&mut self, index: usize, text: Bytes) -> Result<()> {
        let frame = Frame::Text(Utf8Bytes::try_from(text).context("a frame is not UTF-8")?);
        let sent = self.sockets[index].start_send_unpin(frame);
        sent.context(BROKEN_WRITE)?;
        self.touch(index);
        Ok(())
    }

    fn touch(&mut self, index: usize) {
        let (list, listed) = &mut self.unflushed;
        if !std::mem::replace(&mut listed[index], true) {
            list.push(index);
        }
    }

    /// One write for each socket that has something to say.
    fn flush(&mut self) -> Result<()> {
        let (list, listed) = &mut self.unflushed;
        for index in list.drain(..) {
            listed[index] = false;
            let mut task = TaskContext::from_waker(self.wakes.waker(index));
            // Pending is fine: the socket is looked at again when it can write on.
            if let Poll::Ready(flushed) = self.sockets[index].poll_flush_unpin(&mut task) {
                flushed.context(BROKEN_WRITE)?;
            }
        }
        Ok(())
    }

    /// Says goodbye. A server that does not answer it in time has only missed a courtesy.
    pub(crate) async fn close(self) {
        let dialect = self.dialect;
        let closing = self.sockets.into_iter().map(|mut socket| async move {
            if dialect == Dialect::SocketIo {
                socket.send(Frame::text("41")).await?;
            }
            socket.close(None).await?;
            while let Some(frame) = socket.next().await {
                frame?;
            }
            Ok::<_, Error>(())
        });
        let closing: FuturesUnordered<_> = closing.collect();
        drop(timeout(GOODBYE_TIMEOUT, closing.for_each(|_| async {})).await);
    }
}

/// Takes every frame that is there.
fn read_all(
    task: &mut TaskContext<'_>,
    dialect: Dialect,
    seat: Seat,
    socket: &mut Socket,
    listener: &mut impl Listener,
) -> Result<()> {
    loop {
        let Poll::Ready(frame) = next(task, socket) else {
            return Ok(());
        };
        match frame? {
            Frame::Text(text) => {
                let text = text.as_bytes();
                match dialect.read(text) {
                    scan::Frame::Ping => {
                        let answered = socket.start_send_unpin(Frame::text("3"));
                        answered.context(BROKEN_WRITE)?;
                    }
                    told => listener.told(seat, told, text)?,
                }
            }
            Frame::Close(reason) => {
                let reason = reason.map_or_else(
                    || "no reason".to_owned(),
                    |told| format!("{} {}", told.code, told.reason),
                );
                bail!(
                    "the server closed a socket in the middle: {}",
                    reason.trim_end()
                );
            }
            Frame::Binary(_) => bail!("the server sent a binary frame"),
            // The library has queued the pong already.
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
        }
    }
}

fn next(task: &mut TaskContext<'_>, socket: &mut Socket) -> Poll<Result<Frame>> {
    Poll::Ready(match ready!(socket.poll_next_unpin(task)) {
        Some(frame) => frame.context("a socket broke in the middle"),
        None => Err(anyhow!("the server closed a socket in the middle")),
    })
}

impl Listener for Ledger {
    fn told(&mut self, seat: Seat, frame: scan::Frame<'_>, text: &[u8]) -> Result<()> {
        match frame {
            scan::Frame::NewMessage(message) => self.shown(seat, &message),
            scan::Frame::Reply { id, message } => self.acknowledged(ticket(seat, id)?, &message),
            scan::Frame::Failure { id: Some(id), code } if self.takes(code) => {
                self.lost(ticket(seat, id)?, Fate::Refused)
            }
            scan::Frame::Typing { .. } | scan::Frame::Other | scan::Frame::Ping => Ok(()),
            scan::Frame::Failure { .. } | scan::Frame::Goodbye | scan::Frame::Unreadable => {
                Err(complaint(frame, text))
            }
        }
    }
}

/// The send that the server answers.
fn ticket(seat: Seat, id: u64) -> Result<Ticket> {
    let number = Cast::number_of(id);
    let number = number
        .with_context(|| format!("the server answered command {id}, which was never sent"))?;
    Ok(Ticket { seat, number })
}

/// What is wrong with a frame that nobody wants to get.
pub(crate) fn complaint(frame: scan::Frame<'_>, text: &[u8]) -> anyhow::Error {
    match frame {
        scan::Frame::Failure { .. } => anyhow!("the server refused a command: {}", refusal(text)),
        scan::Frame::Goodbye => anyhow!("the server closed a socket in the middle"),
        _ => anyhow!(
            "the server sent a frame that is not of the contract: {}",
            refusal(text)
        ),
    }
}
