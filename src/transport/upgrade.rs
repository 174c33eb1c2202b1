//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::server::Place;
use crate::config::Limits;
use crate::error::ChatError;

/// A WebSocket on an upgraded connection.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request that may become a WebSocket.
pub(super) struct Upgrade {
    accept: HeaderValue,
    connection: OnUpgrade,
    place: Option<Place>,
}

impl Upgrade {
    /// Takes the upgrade out of a request.
    ///
    /// # Errors
    /// [`ChatError::Invalid`] for one that does not ask for a WebSocket of version 13.
    pub(super) fn from(request: &mut Request) -> Result<Self, ChatError> {
        let why = || ChatError::field("upgrade", "must ask for a WebSocket of version 13");
        let headers = request.headers();
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(why)?;
        let sound = request.method() == Method::GET
            && has_token(headers, header::CONNECTION, "upgrade")
            && has_token(headers, header::UPGRADE, "websocket")
            && has_token(headers, header::SEC_WEBSOCKET_VERSION, "13");
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let connection = request.extensions_mut().remove::<OnUpgrade>();
        let place = request.extensions_mut().remove::<Option<Place>>().flatten();
        match (sound, accept, connection) {
            (true, Ok(accept), Some(connection)) => Ok(Self {
                accept,
                connection,
                place,
            }),
            _ => Err(why()),
        }
    }

    /// The connection's place, to be held as long as the socket.
    pub(super) fn place(&mut self) -> Option<Place> {
        self.place.take()
    }

    /// The answer that makes it a WebSocket, with the subprotocol that was chosen.
    pub(super) fn response(&self, protocol: Option<&'static str>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if let Some(protocol) = protocol {
            let protocol = HeaderValue::from_static(protocol);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }

    /// The WebSocket, once the answer is written; `None` if the peer is gone by then.
    pub(super) async fn socket(self, limits: &Limits) -> Option<Socket> {
        let upgraded = self.connection.await.ok()?;
        let io = TokioIo::new(upgraded);
        Some(WebSocketStream::from_raw_socket(io, Role::Server, Some(config(limits))).await)
    }
}

/// Small buffers, because there is one for each connection. The library's limit stands above
/// ours, which is judged where the peer can be told; beyond it a frame is refused by its header.
fn config(limits: &Limits) -> WebSocketConfig {
    const BUFFER: usize = 4 << 10;
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(2 * limits.body_bytes))
        .max_frame_size(Some(2 * limits.body_bytes))
}

/// Says why, and waits for the peer to hear it (RFC 6455, 7.1.1), within limits. What it still
/// sends is read and dropped: a socket that is closed with unread bytes resets the connection.
pub(super) async fn end(socket: &mut Socket, why: CloseFrame, limits: &Limits) {
    let ending = async {
        if socket.send(Message::Close(Some(why))).await.is_err() {
            return;
        }
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return;
            }
        }
        // A frame that the library refuses is not read by it, and neither is what follows.
        discard(socket, limits.discard_bytes).await;
    };
    // Whether it ends in time or not, the socket is closed next.
    drop(timeout(limits.discard_time, Box::pin(ending)).await);
}

async fn discard(socket: &mut Socket, most: usize) {
    let io = socket.get_mut();
    let mut buffer = [0; 4 << 10];
    let mut dropped = 0;
    while dropped < most {
        match io.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => dropped += read,
        }
    }
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}
