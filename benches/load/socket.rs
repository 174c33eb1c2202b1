//! Both people's sockets, driven together by one task that never waits on a write: a server that waits for us to
//! read while we wait for it to read would hang the run.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as Frame, Utf8Bytes};

use crate::dial::{self, Dialect, Socket};
use crate::http::{Target, refusal};
use crate::ledger::Ledger;
use crate::message::{Cast, Template, Ticket};
use crate::people::Couple;
use crate::scan;

/// The library clears the whole buffer before each read; its default of 128 KiB would cost more than the read.
const READ_BUFFER_BYTES: usize = 16 * 1024;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// One socket for each of the two people.
pub(crate) struct Sockets {
    dialect: Dialect,
    sockets: [Socket; 2],
}

/// What the sockets send themselves, and how many commands they keep under way together.
pub(crate) struct Pipeline {
    pub(crate) frames: [Template; 2],
    pub(crate) in_flight: usize,
}

impl Sockets {
    pub(crate) async fn connect(
        target: &Target,
        couple: &Couple,
        dialect: Dialect,
    ) -> Result<Self> {
        let [first, second] = &couple.people;
        let open = |token| dial::open(dialect, target, token, READ_BUFFER_BYTES);
        Ok(Self {
            dialect,
            sockets: [open(&first.token).await?, open(&second.token).await?],
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
            for (person, socket) in self.sockets.iter_mut().enumerate() {
                read_all(task, self.dialect, person, socket, &mut ledger)?;
            }
            if let Some(pipeline) = pipeline.as_deref_mut() {
                self.refill(task, pipeline, &mut ledger)?;
            }
            for socket in &mut self.sockets {
                // Pongs leave here too. Pending is fine: the socket wakes us when it can write on.
                if let Poll::Ready(flushed) = socket.poll_flush_unpin(task) {
                    flushed.context("a socket broke while it was written to")?;
                }
            }
            if done(&ledger) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    fn refill(
        &mut self,
        task: &mut TaskContext<'_>,
        pipeline: &mut Pipeline,
        ledger: &mut Ledger,
    ) -> Result<()> {
        while ledger.sent_count() - ledger.acked.len() < pipeline.in_flight {
            let writable = self
                .sockets
                .iter_mut()
                .map(|socket| socket.poll_ready_unpin(task));
            for ready in writable {
                match ready {
                    Poll::Ready(ready) => {
                        ready.context("a socket broke while it was written to")?
                    }
                    Poll::Pending => return Ok(()),
                }
            }
            let Some(Ticket { sender, number }) = ledger.take() else {
                return Ok(());
            };
            let text = Bytes::copy_from_slice(pipeline.frames[usize::from(sender)].fill(number));
            let frame = Frame::Text(Utf8Bytes::try_from(text).context("a frame is not UTF-8")?);
            let sent = self.sockets[usize::from(sender)].start_send_unpin(frame);
            sent.context("a socket broke while it was written to")?;
        }
        Ok(())
    }

    /// Says goodbye. A server that does not answer it in time has only missed a courtesy.
    pub(crate) async fn close(&mut self) {
        for socket in &mut self.sockets {
            let goodbye = async {
                if self.dialect == Dialect::SocketIo {
                    socket.send(Frame::text("41")).await?;
                }
                socket.close(None).await?;
                while let Some(frame) = socket.next().await {
                    frame?;
                }
                Ok::<_, Error>(())
            };
            drop(timeout(GOODBYE_TIMEOUT, goodbye).await);
        }
    }
}

/// Takes every frame that is there.
fn read_all(
    task: &mut TaskContext<'_>,
    dialect: Dialect,
    person: usize,
    socket: &mut Socket,
    ledger: &mut Ledger,
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
                        answered.context("a socket broke while it was written to")?;
                    }
                    told => take(person, told, text, ledger)?,
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

fn take(person: usize, told: scan::Frame<'_>, text: &[u8], ledger: &mut Ledger) -> Result<()> {
    match told {
        scan::Frame::NewMessage(message) => ledger.shown(person, &message),
        scan::Frame::Reply { id, message } => {
            let number = Cast::number_of(id);
            let number = number.with_context(|| {
                format!("the server answered command {id}, which was never sent")
            })?;
            ledger.acknowledged(
                Ticket {
                    sender: person as u8,
                    number,
                },
                &message,
            )
        }
        scan::Frame::Other | scan::Frame::Ping => Ok(()),
        scan::Frame::Failure => bail!("the server refused a command: {}", refusal(text)),
        scan::Frame::Goodbye => bail!("the server closed a socket in the middle"),
        scan::Frame::Unreadable => {
            bail!(
                "the server sent a frame that is not of the contract: {}",
                refusal(text)
            )
        }
    }
}
