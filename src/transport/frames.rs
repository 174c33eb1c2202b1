//! A WebSocket's frames: read, written, closed, in the way that every protocol over it shares.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::connection::{End, Frame, Why};
use super::upgrade::Socket;
use crate::chat::Ending;
use crate::config::Limits;

/// The frames of one WebSocket.
pub(super) struct Frames {
    socket: Socket,
    limits: Arc<Limits>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    Text(Utf8Bytes),
    Binary(Bytes),
    Pong(Bytes),
    /// Nothing that anybody but the library needs to know of.
    Control,
}

impl Frames {
    pub(super) fn new(socket: Socket, limits: Arc<Limits>) -> Self {
        Self { socket, limits }
    }

    /// The next frame. Nothing is lost if this is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<Received, End> {
        let most = self.limits.body_bytes;
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) if text.len() <= most => Ok(Received::Text(text)),
            Some(Ok(Message::Binary(bytes))) if bytes.len() <= most => Ok(Received::Binary(bytes)),
            Some(Ok(Message::Text(_) | Message::Binary(_)) | Err(Error::Capacity(_))) => {
                Err(End::Refused(Why::TOO_BIG))
            }
            Some(Ok(Message::Pong(payload))) => Ok(Received::Pong(payload)),
            // The library answers pings with the next write.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => Ok(Received::Control),
            Some(Ok(Message::Close(why))) => {
                // Contract, "Accounts": what a goodbye is on a plain WebSocket.
                let code = why.map_or(1000, |why| u16::from(why.code));
                Err(End::Closed(match code {
                    1000 | 1005 => Ending::Goodbye,
                    _ => Ending::BrokenOff,
                }))
            }
            Some(Err(Error::Utf8(_))) => Err(End::Refused(Why::NOT_UTF8)),
            Some(Err(Error::Protocol(what)))
                if what != ProtocolError::ResetWithoutClosingHandshake =>
            {
                Err(End::Refused(Why::PROTOCOL))
            }
            Some(Err(_)) | None => Err(End::Lost),
        }
    }

    /// Takes a frame to be written.
    pub(super) async fn feed(&mut self, frame: Frame) -> Result<(), End> {
        self.feed_message(match frame {
            // It was encoded here, so it is UTF-8.
            Frame::Text(text) => Message::Text(Utf8Bytes::try_from(text).unwrap_or_default()),
            Frame::Binary(bytes) => Message::Binary(bytes),
        })
        .await
    }

    /// Takes a ping to be written.
    pub(super) async fn ping(&mut self, payload: Bytes) -> Result<(), End> {
        self.feed_message(Message::Ping(payload)).await
    }

    async fn feed_message(&mut self, message: Message) -> Result<(), End> {
        self.socket.feed(message).await.map_err(|_| End::Lost)
    }

    /// Sends off what was fed.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        self.socket.flush().await.map_err(|_| End::Lost)
    }

    /// Closes it, and waits for the peer to hear it, within limits.
    pub(super) async fn close(mut self, end: End) {
        match end {
            End::Refused(why) => self.refuse(why).await,
            // The library has the answer ready; a close of its own kind would be refused by now.
            End::Closed(_) => {
                let answering = SinkExt::close(&mut self.socket);
                drop(timeout(self.limits.discard_time, answering).await);
            }
            End::Lost | End::Silent => {}
        }
    }

    /// Says why, and waits for the peer to hear it (RFC 6455, 7.1.1), within limits. What it still
    /// sends is read and dropped: a socket that is closed with unread bytes resets the connection.
    ///
    /// A client that heard why waits for the server to hang up. Whoever sent a frame that the library
    /// refuses says in vain that it heard, because no frame of it is read any more: so the server
    /// says at once that nothing more comes, and the client hangs up.
    async fn refuse(&mut self, why: Why) {
        let Self { socket, limits } = self;
        let ending = async {
            if socket.send(Message::Close(Some(why.into()))).await.is_err() {
                return;
            }
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() {
                    return;
                }
            }
            let io = socket.get_mut();
            if io.shutdown().await.is_ok() {
                discard(io, limits.discard_bytes).await;
            }
        };
        // Whether it ends in time or not, the socket is closed next.
        drop(timeout(limits.discard_time, Box::pin(ending)).await);
    }
}

async fn discard(io: &mut (impl AsyncRead + Unpin), most: usize) {
    let mut buffer = [0; 4 << 10];
    let mut dropped = 0;
    while dropped < most {
        match io.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => dropped += read,
        }
    }
}

impl From<Why> for CloseFrame {
    fn from(Why(code, reason): Why) -> Self {
        Self {
            code: code.into(),
            reason: reason.into(),
        }
    }
}
