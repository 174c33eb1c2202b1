//! An Engine.IO connection as a task of its own, which takes and gives packets: a WebSocket from the start, or long
//! polling first and then a WebSocket, as stock clients go. When it is dropped, its sockets are closed there and then.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::args_scale::Way;
use crate::dial::{self, ENGINE, Socket};
use crate::http::{Connection, Target};
use crate::polling;

/// The stock client's `timeout`: how long an attempt may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// An open connection.
pub(crate) struct Engine {
    told: mpsc::UnboundedReceiver<Result<String>>,
    say: mpsc::UnboundedSender<String>,
    task: JoinHandle<()>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Engine {
    pub(crate) async fn open(way: Way, target: &Target) -> Result<Self> {
        let opening = async {
            let (heard, told) = mpsc::unbounded_channel();
            let (say, said) = mpsc::unbounded_channel();
            let mut ends = Ends { heard, said };
            let task = match way {
                Way::WebSocket => {
                    let mut socket = socket(target, "").await?;
                    let opened = socket.next().await.context("the server closed a socket")?;
                    let opened = opened.context("a socket broke")?;
                    if !matches!(&opened, Message::Text(text) if text.starts_with('0')) {
                        bail!("the server did not open a connection: {opened:?}");
                    }
                    tokio::spawn(async move {
                        let ended = ends.talk(socket).await;
                        ends.over(ended);
                    })
                }
                Way::PollingFirst => {
                    let polling = Polling::open(target).await?;
                    tokio::spawn(async move {
                        let ended = ends.upgrade(polling).await;
                        ends.over(ended);
                    })
                }
            };
            Ok(Self { told, say, task })
        };
        let opened = timeout(OPEN_TIMEOUT, opening).await;
        opened.with_context(|| format!("a connection was not open within {OPEN_TIMEOUT:?}"))?
    }

    /// The next packet; pings are not answered here. Fails when the connection has ended.
    pub(crate) async fn next(&mut self) -> Result<String> {
        let told = self.told.recv().await;
        told.unwrap_or_else(|| Err(Error::msg("a connection ended without a reason")))
    }

    /// Sends a packet, sooner or later; that the connection has ended is told by `next`.
    pub(crate) fn say(&self, packet: String) {
        drop(self.say.send(packet));
    }
}

/// The task's ends of the two channels.
struct Ends {
    heard: mpsc::UnboundedSender<Result<String>>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Ends {
    fn over(&self, ended: Result<Infallible>) {
        let Err(reason) = ended;
        drop(self.heard.send(Err(reason)));
    }

    fn hear(&self, packet: String) {
        drop(self.heard.send(Ok(packet)));
    }

    /// Moves packets over a WebSocket until it ends.
    async fn talk(&mut self, mut socket: Socket) -> Result<Infallible> {
        loop {
            tokio::select! {
                frame = socket.next() => {
                    match frame.context("the server closed a socket")?.context("a socket broke")? {
                        Message::Text(text) => self.hear(text.as_str().to_owned()),
                        Message::Close(reason) => bail!("the server closed a socket: {reason:?}"),
                        _ => {}
                    }
                }
                packet = self.said.recv() => {
                    let packet = packet.context("nobody speaks any more")?;
                    socket.send(Message::text(packet)).await.context("a socket broke")?;
                }
            }
        }
    }

    /// Polls while a WebSocket is tried, and goes over to it.
    async fn upgrade(&mut self, polling: Polling) -> Result<Infallible> {
        let Polling {
            mut polls,
            mut posts,
            target,
            path,
        } = polling;
        let (pause, paused) = watch::channel(false);
        let (heard, said) = (self.heard.clone(), &mut self.said);
        let polling = async {
            // The poll under way is finished first: the server answers it when it has seen the probe.
            while !*paused.borrow() {
                for packet in polling::poll(&mut polls, &target, &path).await? {
                    drop(heard.send(Ok(packet)));
                }
            }
            Ok(())
        };
        let mut waiting = paused.clone();
        let posting = async {
            loop {
                tokio::select! {
                    packet = said.recv() => {
                        let packet = packet.context("nobody speaks any more")?;
                        polling::post_on(&mut posts, &target, &path, &packet).await?;
                    }
                    _ = waiting.changed() => return Ok(()),
                }
            }
        };
        let probing = async {
            let mut socket = socket(&target, &path).await?;
            socket
                .send(Message::text("2probe"))
                .await
                .context("a probe broke")?;
            let answer = socket.next().await.context("the server closed a probe")?;
            let answer = answer.context("a probe broke")?;
            if answer != Message::text("3probe") {
                bail!("a probe was answered with {answer:?}");
            }
            pause.send_replace(true);
            Ok::<_, Error>(socket)
        };
        let ((), (), mut socket) = tokio::try_join!(polling, posting, probing)?;
        drop((polls, posts));
        socket
            .send(Message::text("5"))
            .await
            .context("an upgrade broke")?;
        self.talk(socket).await
    }
}

/// A connection that has been opened over long polling.
struct Polling {
    polls: Connection,
    posts: Connection,
    target: Target,
    /// `&sid=…`
    path: String,
}

impl Polling {
    async fn open(target: &Target) -> Result<Self> {
        let mut polls = Connection::open(target).await?;
        let opened = polling::poll(&mut polls, target, "").await?;
        let handshake = opened.first().and_then(|packet| packet.strip_prefix('0'));
        let handshake = handshake.context("the server did not open a connection")?;
        let handshake: Value = serde_json::from_str(handshake)?;
        let sid = handshake.get("sid").and_then(Value::as_str);
        let path = format!("&sid={}", sid.context("an open packet has no sid")?);
        let upgrades = handshake.get("upgrades").and_then(Value::as_array);
        if !upgrades.is_some_and(|upgrades| upgrades.iter().any(|to| to == "websocket")) {
            bail!("the server offers no upgrade to a WebSocket");
        }
        Ok(Self {
            polls,
            posts: Connection::open(target).await?,
            target: target.clone(),
            path,
        })
    }
}

/// A WebSocket of Engine.IO; with a `&sid=…` it belongs to a connection that is there.
async fn socket(target: &Target, sid: &str) -> Result<Socket> {
    let url = format!("ws://{}{ENGINE}&transport=websocket{sid}", target.host);
    dial::upgrade(target, url.into_client_request()?, READ_BUFFER_BYTES).await
}
