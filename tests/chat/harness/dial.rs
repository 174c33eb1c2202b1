//! Opening a connection, in every way that the contract knows and some that it does not.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::arrival::{Arrival, End, Order, Transport};
use crate::harness::door::Door;
use crate::harness::packets;
use crate::harness::polling::{self, Heartbeat};
use crate::harness::pongs::{Gate, Pongs};
use crate::harness::socket::Socket;
use crate::harness::wait::within;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// An HTTP status.
    Refused(u16),
    /// No answer.
    Broken(String),
}

/// What went wrong on the way to an answer.
pub(crate) fn broken(why: impl Display) -> Unopened {
    Unopened::Broken(why.to_string())
}

/// A connection about to be opened.
#[derive(Debug)]
pub(crate) struct Dial {
    address: SocketAddr,
    transport: Transport,
    path: String,
    headers: Vec<(&'static str, String)>,
    receive_buffer: Option<u32>,
    pongs: Arc<Pongs>,
}

impl Dial {
    /// A plain connection to `/ws`, with no token.
    pub(crate) fn to(door: &Arc<Door>) -> Self {
        Self {
            address: door.address(),
            transport: Transport::WebSocket,
            path: "/ws".to_owned(),
            headers: Vec::new(),
            receive_buffer: None,
            pongs: Arc::default(),
        }
    }

    /// Over another transport, at its usual path.
    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self.path(match transport {
            Transport::WebSocket => "/ws",
            Transport::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            Transport::Polling => "/socket.io/?EIO=4&transport=polling",
        })
    }

    /// To another path or with a query.
    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With the token in `Authorization`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With the token in the subprotocol list.
    pub(crate) fn subprotocol(self, token: &str) -> Self {
        self.header("sec-websocket-protocol", &format!("bearer, {token}"))
    }

    /// With next to no room in the kernel for what is not read.
    pub(crate) fn small_receive_buffer(mut self) -> Self {
        self.receive_buffer = Some(4096);
        self
    }

    /// With a client that answers no ping.
    pub(crate) fn withholding_pongs(self) -> Self {
        self.pongs.withheld.store(true, Ordering::SeqCst);
        self
    }

    /// Opens it, which the server must answer. Refused with an HTTP status: that.
    pub(crate) async fn open(self) -> Result<Socket, u16> {
        let what = format!("a connection to {}{}", self.address, self.path);
        match within(&what, self.try_open()).await {
            Ok(socket) => Ok(socket),
            Err(Unopened::Refused(status)) => Err(status),
            Err(Unopened::Broken(why)) => panic!("{what} was not opened: {why}"),
        }
    }

    /// The same where the server may be gone, or going. It may take for ever.
    pub(crate) async fn try_open(self) -> Result<Socket, Unopened> {
        match self.transport {
            Transport::WebSocket | Transport::SocketIo => self.handshake().await,
            Transport::Polling => {
                let url = format!("http://{}{}", self.address, self.path);
                polling::open(&url, &self.headers, self.pongs).await
            }
        }
    }

    async fn handshake(self) -> Result<Socket, Unopened> {
        let url = format!("ws://{}{}", self.address, self.path);
        let mut request = url.into_client_request().expect("a WebSocket URL");
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            request.headers_mut().insert(*name, value);
        }
        let tcp = TcpSocket::new_v4().expect("a TCP socket");
        if let Some(bytes) = self.receive_buffer {
            tcp.set_recv_buffer_size(bytes)
                .expect("a small receive buffer");
        }
        let stream = tcp.connect(self.address).await.map_err(broken)?;
        stream.set_nodelay(true).expect("nodelay");
        match client_async(request, Gate::new(stream, &self.pongs)).await {
            Ok((stream, _)) => {
                self.pongs.framed.store(true, Ordering::SeqCst);
                Ok(spawn(self.transport, stream, self.pongs))
            }
            Err(Error::Http(response)) => Err(Unopened::Refused(response.status().as_u16())),
            Err(error) => Err(broken(error)),
        }
    }
}

/// Starts the task that moves a connection's frames, for a test to talk to.
fn spawn(transport: Transport, stream: WebSocketStream<Gate>, pongs: Arc<Pongs>) -> Socket {
    let (orders, orders_out) = mpsc::unbounded_channel();
    let (arrivals_in, arrivals) = mpsc::unbounded_channel();
    let (reading, reading_out) = watch::channel(true);
    let reader = Reader {
        transport,
        heartbeat: Heartbeat {
            pongs: Arc::clone(&pongs),
            orders: orders.downgrade(),
        },
    };
    tokio::spawn(async move {
        let (mut sink, mut stream) = stream.split();
        let read = reader.read(&mut stream, arrivals_in, reading_out);
        let write = write(&mut sink, orders_out);
        tokio::select! { () = read => {}, () = write => {} }
    });
    Socket::new(transport, orders, arrivals, reading, pongs)
}

async fn write(
    sink: &mut (impl SinkExt<Message> + Unpin),
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::BreakOff => return,
            // A refused frame is no news: the reading half tells how the connection ended.
            Order::Frame(message) => drop(sink.send(message).await),
        }
    }
}

/// The half that turns frames into arrivals.
#[derive(Debug)]
struct Reader {
    transport: Transport,
    heartbeat: Heartbeat,
}

impl Reader {
    async fn read(
        &self,
        stream: &mut (impl StreamExt<Item = Result<Message, Error>> + Unpin),
        arrivals: mpsc::UnboundedSender<Arrival>,
        mut reading: watch::Receiver<bool>,
    ) {
        let mut end = End::Broken;
        loop {
            if reading.wait_for(|reading| *reading).await.is_err() {
                return;
            }
            let arrival = match stream.next().await {
                Some(Ok(Message::Text(text))) => self.understand(text.as_str()),
                Some(Ok(Message::Ping(payload))) => Arrival::Ping(payload),
                Some(Ok(Message::Pong(payload))) => Arrival::Pong(payload),
                Some(Ok(Message::Close(close))) => {
                    end = close.map_or(End::WithoutCode, |close| End::Code(close.code.into()));
                    continue;
                }
                Some(Ok(other)) => Arrival::Strange(format!("{other:?}")),
                Some(Err(_)) | None => Arrival::End(end),
            };
            let ended = matches!(arrival, Arrival::End(_));
            if arrivals.send(arrival).is_err() || ended {
                return;
            }
        }
    }

    fn understand(&self, text: &str) -> Arrival {
        if self.transport == Transport::WebSocket {
            return understand(text);
        }
        let arrival = packets::understand(text);
        self.heartbeat.see(&arrival);
        arrival
    }
}

/// `{"event": …, "data": …}` or `{"reply": …, …envelope…}`; nothing else may come.
fn understand(text: &str) -> Arrival {
    let strange = || Arrival::Strange(text.to_owned());
    let Ok(Value::Object(mut frame)) = serde_json::from_str(text) else {
        return strange();
    };
    if let Some(id) = frame.remove("reply") {
        return Arrival::Reply {
            id,
            body: Value::Object(frame),
        };
    }
    match (frame.remove("event"), frame.remove("data")) {
        (Some(Value::String(name)), Some(data)) if frame.is_empty() => {
            let offset = None;
            Arrival::Event { name, data, offset }
        }
        _ => strange(),
    }
}
