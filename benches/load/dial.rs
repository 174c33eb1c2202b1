//! Opens a person's socket: `/ws`, or Socket.IO over a WebSocket.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::http::{Target, refusal};
use crate::scan;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Where Engine.IO is, with the version of its protocol.
pub(crate) const ENGINE: &str = "/socket.io/?EIO=4";

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// What is spoken on a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The contract's own `/ws`.
    Plain,
    SocketIo,
    /// Every frame of `/ws` comes back as it was sent: a floor to compare with.
    Echo,
}

impl Dialect {
    pub(crate) fn read(self, text: &[u8]) -> scan::Frame<'_> {
        match self {
            Self::Plain => scan::frame(text),
            Self::SocketIo => scan::packet(text),
            Self::Echo => scan::echo(text),
        }
    }
}

/// Opens a socket and authenticates on it; `read_buffer` is in bytes.
pub(crate) async fn open(
    dialect: Dialect,
    target: &Target,
    token: &str,
    read_buffer: usize,
) -> Result<Socket> {
    let opening = async {
        match dialect {
            Dialect::Plain | Dialect::Echo => {
                let mut request = format!("ws://{}/ws", target.host).into_client_request()?;
                let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
                    .context("the token is no header value")?;
                bearer.set_sensitive(true);
                request.headers_mut().insert("Authorization", bearer);
                upgrade(target, request, read_buffer).await
            }
            Dialect::SocketIo => {
                let url = format!("ws://{}{ENGINE}&transport=websocket", target.host);
                let request = url.into_client_request()?;
                let mut socket = upgrade(target, request, read_buffer).await?;
                join_main(&mut socket, token).await?;
                Ok(socket)
            }
        }
    };
    let opened = timeout(HANDSHAKE_TIMEOUT, opening).await;
    opened.with_context(|| format!("a socket was not open within {HANDSHAKE_TIMEOUT:?}"))?
}

/// Makes a connection a WebSocket; `read_buffer` is in bytes.
pub(crate) async fn upgrade(
    target: &Target,
    request: Request,
    read_buffer: usize,
) -> Result<Socket> {
    let path = request.uri().path().to_owned();
    let config = WebSocketConfig::default().read_buffer_size(read_buffer);
    let stream = target.connect().await?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            bail!(
                "the server refused {path}: {} {}",
                answer.status().as_u16(),
                refusal(body)
            )
        }
        Err(error) => Err(anyhow!(error).context(format!("cannot open {path}"))),
    }
}

/// The packet of Socket.IO that asks to be let into the main namespace.
pub(crate) fn connect_packet(token: &str) -> String {
    format!("40{}", json!({ "token": token }))
}

/// Enters the main namespace, once Engine.IO has opened the connection.
async fn join_main(socket: &mut Socket, token: &str) -> Result<()> {
    while let Some(frame) = socket.next().await {
        let frame = frame.context("a socket broke as it was opened")?;
        let Message::Text(text) = frame else {
            bail!("the server sent {frame:?} before it let anybody in");
        };
        match text.as_bytes() {
            [b'0', ..] => {
                let connect = Message::text(connect_packet(token));
                socket
                    .send(connect)
                    .await
                    .context("a socket broke as it was opened")?;
            }
            [b'4', b'0', ..] => return Ok(()),
            told => bail!("the server lets nobody in: {}", refusal(told)),
        }
    }
    bail!("the server closed a socket before it let anybody in")
}

/// The id of the one command that an idle connection sends.
pub(crate) const JOIN_ID: u64 = 1;

/// The event that asks to join a conversation, as data and id of either dialect.
pub(crate) fn join_command(dialect: Dialect, conversation: u64) -> String {
    let data = json!({ "conversationId": conversation });
    match dialect {
        Dialect::Plain | Dialect::Echo => {
            json!({ "event": "join_conversation", "data": data, "id": JOIN_ID }).to_string()
        }
        Dialect::SocketIo => format!("42{JOIN_ID}{}", json!(["join_conversation", data])),
    }
}

/// Joins a conversation, and returns when the server has acknowledged that.
pub(crate) async fn join(dialect: Dialect, socket: &mut Socket, conversation: u64) -> Result<()> {
    let command = Message::text(join_command(dialect, conversation));
    let broke = "a socket broke before it had joined";
    let joining = async {
        socket.send(command).await.context(broke)?;
        while let Some(frame) = socket.next().await {
            let Message::Text(text) = frame.context(broke)? else {
                continue; // a ping, which the library answers
            };
            match dialect.read(text.as_bytes()) {
                scan::Frame::Reply { id: JOIN_ID, .. } => return Ok(()),
                scan::Frame::Ping => socket.send(Message::text("3")).await.context(broke)?,
                scan::Frame::Other => {}
                _ => bail!("the server lets nobody join: {}", refusal(text.as_bytes())),
            }
        }
        bail!("the server closed a socket before it had joined")
    };
    let joined = timeout(HANDSHAKE_TIMEOUT, joining).await;
    joined.with_context(|| format!("a join was not answered within {HANDSHAKE_TIMEOUT:?}"))?
}
