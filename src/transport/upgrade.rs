//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

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

/// A small buffer to read, because each connection has one from the start; the one to write is
/// made when there is something, and the more it holds the fewer calls it takes. The library's limit
/// stands above ours, which is judged where the peer can be told; beyond it a frame is refused by
/// its header.
fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(2 << 10)
        .write_buffer_size(16 << 10)
        .max_message_size(Some(2 * limits.body_bytes))
        .max_frame_size(Some(2 * limits.body_bytes))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}
