//! Both people's `/ws`, driven together by one task that never waits on a write: a server that waits for us to
//! read while we wait for it to read would hang the run.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message as Frame, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::http::{Target, refusal};
use crate::ledger::Ledger;
use crate::message::{Cast, Template, Ticket};
use crate::people::{Couple, Person};
use crate::scan;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The library clears the whole buffer before each read; its default of 128 KiB would cost more than the read.
const READ_BUFFER_BYTES: usize = 16 * 1024;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

/// One socket for each of the two people.
pub(crate) struct Sockets {
    sockets: [Socket; 2],
}

/// What the sockets send themselves, and how many commands they keep under way together.
pub(crate) struct Pipeline {
    pub(crate) frames: [Template; 2],
    pub(crate) in_flight: usize,
}

impl Sockets {
    pub(crate) async fn connect(target: &Target, couple: &Couple) -> Result<Self> {
        let [first, second] = &couple.people;
        Ok(Self {
            sockets: [
                connect(target, first).await?,
                connect(target, second).await?,
            ],
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
                read_all(task, person, socket, &mut ledger)?;
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

async fn connect(target: &Target, person: &Person) -> Result<Socket> {
    let mut request = format!("ws://{}/ws", target.host).into_client_request()?;
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", person.token))
        .context("the token is no header value")?;
    bearer.set_sensitive(true);
    request.headers_mut().insert("Authorization", bearer);
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let stream = target.connect().await?;
    match timeout(
        HANDSHAKE_TIMEOUT,
        client_async_with_config(request, stream, Some(config)),
    )
    .await
    {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => {
            let body = answer.body().as_deref().unwrap_or_default();
            bail!(
                "the server refused /ws: {} {}",
                answer.status().as_u16(),
                refusal(body)
            )
        }
        Ok(Err(error)) => Err(anyhow!(error).context("cannot open /ws")),
        Err(_) => bail!("no answer to the upgrade of /ws within {HANDSHAKE_TIMEOUT:?}"),
    }
}

/// Takes every frame that is there.
fn read_all(
    task: &mut TaskContext<'_>,
    person: usize,
    socket: &mut Socket,
    ledger: &mut Ledger,
) -> Result<()> {
    loop {
        let Poll::Ready(frame) = next(task, socket) else {
            return Ok(());
        };
        match frame? {
            Frame::Text(text) => take(person, text.as_bytes(), ledger)?,
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
            Frame::Binary(_) => bail!("the server sent a binary frame on /ws"),
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

fn take(person: usize, text: &[u8], ledger: &mut Ledger) -> Result<()> {
    match scan::frame(text) {
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
        scan::Frame::Other => Ok(()),
        scan::Frame::Failure => bail!("the server refused a command on /ws: {}", refusal(text)),
        scan::Frame::Unreadable => {
            bail!(
                "the server sent a frame on /ws that is not of the contract: {}",
                refusal(text)
            )
        }
    }
}
