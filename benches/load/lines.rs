//! Open connections that have joined a conversation and say nothing but what keeps them alive.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt, stream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::args_scale::Held;
use crate::dial::{self, Dialect, Socket};
use crate::http::{Target, refusal};
use crate::polling::Poller;
use crate::report::Progress;
use crate::scan;
use crate::scene::Scene;

/// How many connections are opened together.
const OPENING: usize = 32;
/// What an idle socket reads comes in a few bytes.
const READ_BUFFER_BYTES: usize = 512;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections of one wave, each with a task that keeps it alive.
pub(crate) struct Lines<'a> {
    held: Held,
    target: &'a Target,
    scene: &'a Scene,
    tasks: JoinSet<Result<()>>,
    pongs: Arc<AtomicU64>,
    released: watch::Sender<bool>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(held: Held, target: &'a Target, scene: &'a Scene) -> Self {
        Self {
            held,
            target,
            scene,
            tasks: JoinSet::new(),
            pongs: Arc::default(),
            released: watch::Sender::new(false),
        }
    }

    /// Opens a connection for each of these people; two neighbours share a conversation.
    pub(crate) async fn open(&mut self, people: Range<usize>, progress: &Progress) -> Result<()> {
        let mut opening = stream::iter(people)
            .map(|number| {
                let (person, conversation) = (
                    &self.scene.people[number],
                    self.scene.conversations[number / 2],
                );
                Line::open(self.held, self.target, &person.token, conversation)
            })
            .buffer_unordered(OPENING);
        while let Some(line) = opening.next().await {
            let (line, pongs) = (line?, Arc::clone(&self.pongs));
            let released = self.released.subscribe();
            self.tasks.spawn(line.live(pongs, released));
            progress.say(&format!("{} connections are open", self.tasks.len()));
        }
        Ok(())
    }

    /// Fails as soon as one of them ends.
    pub(crate) async fn hold(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.tasks.join_next() => Err(reason(ended).context("an idle connection ended")),
        }
    }

    /// Says goodbye on all of them at once, and returns when they are closed.
    pub(crate) async fn close(mut self, progress: &Progress) -> Result<()> {
        self.released.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if !matches!(ended, Ok(Ok(()))) {
                return Err(reason(ended).context("a connection could not be closed"));
            }
            progress.say(&format!("{} connections are still open", self.tasks.len()));
        }
        Ok(())
    }

    pub(crate) fn pongs(&self) -> u64 {
        self.pongs.load(Ordering::Relaxed)
    }
}

fn reason(ended: Result<Result<()>, JoinError>) -> Error {
    match ended {
        Ok(Ok(())) => anyhow!("nobody had asked it to"),
        Ok(Err(reason)) => reason,
        Err(panicked) => Error::from(panicked),
    }
}

/// One connection.
enum Line {
    Socket(Dialect, Box<Socket>),
    Polling(Box<Poller>),
}

impl Line {
    async fn open(held: Held, target: &Target, token: &str, conversation: u64) -> Result<Self> {
        let dialect = match held {
            Held::Polling => {
                let mut poller = Poller::open(target, token).await?;
                poller.join(conversation).await?;
                return Ok(Self::Polling(Box::new(poller)));
            }
            Held::SocketIo => Dialect::SocketIo,
            Held::Ws => Dialect::Plain,
        };
        let mut socket = dial::open(dialect, target, token, READ_BUFFER_BYTES).await?;
        dial::join(dialect, &mut socket, conversation).await?;
        Ok(Self::Socket(dialect, Box::new(socket)))
    }

    /// Keeps the connection alive until it is to be closed, and closes it.
    async fn live(
        mut self,
        pongs: Arc<AtomicU64>,
        mut released: watch::Receiver<bool>,
    ) -> Result<()> {
        tokio::select! {
            ended = self.hold(&pongs) => match ended? {},
            _ = released.wait_for(|released| *released) => {}
        }
        let closed = timeout(GOODBYE_TIMEOUT, self.close()).await;
        closed.with_context(|| format!("a goodbye was not answered within {GOODBYE_TIMEOUT:?}"))?
    }

    async fn hold(&mut self, pongs: &AtomicU64) -> Result<Infallible> {
        match self {
            Self::Polling(poller) => poller.hold(pongs).await,
            Self::Socket(dialect, socket) => hold(*dialect, socket, pongs).await,
        }
    }

    async fn close(mut self) -> Result<()> {
        let (dialect, socket) = match &mut self {
            Self::Polling(poller) => return poller.close().await,
            Self::Socket(dialect, socket) => (dialect, socket),
        };
        if *dialect == Dialect::SocketIo {
            socket.send(Message::text("41")).await?;
        }
        // Whether the server answers the close frame or hangs up at once is its own affair.
        drop(Socket::close(socket, None).await);
        while let Some(Ok(_)) = socket.next().await {}
        Ok(())
    }
}

/// Answers pings until the connection ends, and counts them.
async fn hold(dialect: Dialect, socket: &mut Socket, pongs: &AtomicU64) -> Result<Infallible> {
    while let Some(frame) = socket.next().await {
        match frame.context("a socket broke")? {
            // The library answers it with the next read.
            Message::Ping(_) => pongs.fetch_add(1, Ordering::Relaxed),
            Message::Text(text) => match dialect.read(text.as_bytes()) {
                scan::Frame::Ping => {
                    let answered = socket.send(Message::text("3")).await;
                    answered.context("a socket broke")?;
                    pongs.fetch_add(1, Ordering::Relaxed)
                }
                // That the other person has come, for example.
                scan::Frame::Other => continue,
                _ => bail!(
                    "the server said what no idle client is told: {}",
                    refusal(text.as_bytes())
                ),
            },
            other => bail!("the server sent {other:?}"),
        };
    }
    bail!("the server closed a socket")
}
