//! The readers of mode `deaf`: they read until they are told to stop, and then keep their connection and do nothing.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::args_scale::Ears;
use crate::dial::{self, Dialect, Socket};
use crate::http::{Connection, Target, refusal};
use crate::people::Person;
use crate::scan::Frame;

const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What the readers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Reading,
    Deaf,
    Over,
}

/// One connection.
pub(crate) enum Reader {
    Socket(Dialect, Box<Socket>),
    /// With what it will ask for, and not read.
    Rest(Connection, Vec<u8>),
}

/// The request for the largest page of a conversation.
pub(crate) fn page(target: &Target, token: &str, conversation: u64) -> Vec<u8> {
    let path = format!("/api/messages/conversation/{conversation}?limit=100");
    let host = &target.host;
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

impl Reader {
    pub(crate) async fn open(
        kind: Ears,
        target: &Target,
        person: &Person,
        page: &[u8],
    ) -> Result<Self> {
        let dialect = match kind {
            Ears::Ws => Dialect::Plain,
            Ears::SocketIo => Dialect::SocketIo,
            Ears::Rest => {
                return Ok(Self::Rest(Connection::open(target).await?, page.to_vec()));
            }
        };
        let socket = dial::open(dialect, target, &person.token, READ_BUFFER_BYTES).await?;
        Ok(Self::Socket(dialect, Box::new(socket)))
    }

    /// Reads until it is to be deaf, and holds the connection to the end.
    pub(crate) async fn live(mut self, mut act: watch::Receiver<Act>) -> Result<()> {
        {
            let deaf = act.wait_for(|act| *act != Act::Reading);
            match &mut self {
                Self::Socket(dialect, socket) => tokio::select! {
                    broken = read(*dialect, socket) => return broken,
                    act = deaf => drop(act),
                },
                Self::Rest(..) => drop(deaf.await),
            }
        }
        if let Self::Rest(connection, page) = &mut self {
            connection.ask(page).await?;
        }
        drop(act.wait_for(|act| *act == Act::Over).await);
        Ok(())
    }
}

/// Reads, and keeps the connection alive, until it ends.
async fn read(dialect: Dialect, socket: &mut Socket) -> Result<()> {
    while let Some(frame) = socket.next().await {
        // The library answers the WebSocket's own pings with the next read.
        let Message::Text(text) = frame.context("a socket broke")? else {
            continue;
        };
        match dialect.read(text.as_bytes()) {
            Frame::Ping => socket.send(Message::text("3")).await?,
            Frame::NewMessage(_) | Frame::Other => {}
            _ => bail!(
                "the server said what no reader is told: {}",
                refusal(text.as_bytes())
            ),
        }
    }
    bail!("the server closed a socket that was read")
}
