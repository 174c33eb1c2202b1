//! Socket.IO over long polling, as a stock client does it: one `GET` at a time, `POST`s in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::arrival::{Arrival, End, Order, Transport};
use crate::harness::dial::{Unopened, broken};
use crate::harness::packets::{PONG, SEPARATOR, understand};
use crate::harness::pongs::Pongs;
use crate::harness::socket::Socket;

/// The most that one `POST` carries, unless a single packet is larger.
const PAYLOAD_BYTES: usize = 64 << 10;

/// One session's requests. It has connections of its own, which break off with it.
#[derive(Debug)]
struct Poll {
    client: Client,
    url: String,
}

/// Opens a session. Refused with an HTTP status: that.
pub(crate) async fn open(
    url: &str,
    headers: &[(&'static str, String)],
    pongs: Arc<Pongs>,
) -> Result<Socket, Unopened> {
    let mut always = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header value");
        always.insert(HeaderName::from_static(name), value);
    }
    let client = Client::builder().no_proxy().default_headers(always).build();
    let mut poll = Poll {
        client: client.expect("an HTTP client"),
        url: url.to_owned(),
    };
    let response = poll.get().await.map_err(broken)?;
    if response.status() != StatusCode::OK {
        return Err(Unopened::Refused(response.status().as_u16()));
    }
    let open = response.text().await.map_err(broken)?;
    let handshake: Value = serde_json::from_str(&open[1..]).expect("an open packet");
    let sid = handshake["sid"].as_str().expect("a session id");
    poll.url = format!("{url}&sid={sid}");
    Ok(spawn(poll, open, pongs))
}

/// Starts the task that moves a session's packets, for a test to talk to.
fn spawn(poll: Poll, open: String, pongs: Arc<Pongs>) -> Socket {
    let (orders, orders_out) = mpsc::unbounded_channel();
    let (arrivals_in, arrivals) = mpsc::unbounded_channel();
    let (reading, reading_out) = watch::channel(true);
    drop(arrivals_in.send(Arrival::Packet(open)));
    let heartbeat = Heartbeat {
        pongs: Arc::clone(&pongs),
        orders: orders.downgrade(),
    };
    tokio::spawn(async move {
        let read = read(&poll, &heartbeat, arrivals_in, reading_out);
        let broken_off = tokio::select! {
            () = read => false,
            () = write(&poll, orders_out) => true,
        };
        if broken_off {
            poll.abandon().await;
        }
    });
    Socket::new(Transport::Polling, orders, arrivals, reading, pongs)
}

/// Answers heartbeats as a stock client does, unless the test withholds that.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    pub(crate) pongs: Arc<Pongs>,
    /// Weak: the task ends when the test drops its end.
    pub(crate) orders: mpsc::WeakUnboundedSender<Order>,
}

impl Heartbeat {
    /// Looks at what came in.
    pub(crate) fn see(&self, arrival: &Arrival) {
        let answers = !self.pongs.withheld.load(Ordering::SeqCst);
        if let (Arrival::Ping(_), true, Some(orders)) = (arrival, answers, self.orders.upgrade()) {
            drop(orders.send(Order::Frame(Message::text(PONG))));
        }
    }
}

impl Poll {
    async fn get(&self) -> reqwest::Result<Response> {
        self.client.get(&self.url).send().await
    }

    /// A refused `POST` is no news: the next `GET` tells how the session ended.
    async fn post(&self, body: String) {
        drop(self.client.post(&self.url).body(body).send().await);
    }

    /// Lets the server know that nobody polls any more. A `GET` that is cancelled while it hangs
    /// does, but the one that was cancelled just now may not have been there yet; so this hangs
    /// and cancels until there is no such session.
    async fn abandon(&self) {
        let hanging = Duration::from_millis(30);
        for _ in 0..100 {
            match timeout(hanging, self.get()).await {
                Ok(Ok(response)) if response.status() == StatusCode::OK => {}
                Ok(_) => return,
                Err(_) => {}
            }
        }
    }
}

/// The packet that an order stands for; none ends the connection.
fn packet(order: Order) -> Option<String> {
    match order {
        Order::BreakOff => None,
        Order::Frame(Message::Text(text)) => Some(text.as_str().to_owned()),
        Order::Frame(Message::Binary(bytes)) => Some(format!("b{}", STANDARD.encode(bytes))),
        Order::Frame(Message::Close(_)) => Some("1".to_owned()),
        Order::Frame(other) => panic!("long polling has no {other:?}"),
    }
}

async fn write(poll: &Poll, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut left = None;
    loop {
        let mut body = match left.take() {
            Some(packet) => packet,
            None => match orders.recv().await.and_then(packet) {
                Some(packet) => packet,
                None => return,
            },
        };
        while let Ok(order) = orders.try_recv() {
            let Some(next) = packet(order) else {
                return poll.post(body).await;
            };
            if body.len() + 1 + next.len() > PAYLOAD_BYTES {
                left = Some(next);
                break;
            }
            body.push(SEPARATOR);
            body.push_str(&next);
        }
        poll.post(body).await;
    }
}

async fn read(
    poll: &Poll,
    heartbeat: &Heartbeat,
    arrivals: mpsc::UnboundedSender<Arrival>,
    mut reading: watch::Receiver<bool>,
) {
    loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        for arrival in arrivals_of(poll.get().await).await {
            heartbeat.see(&arrival);
            let ended = matches!(arrival, Arrival::End(_));
            if arrivals.send(arrival).is_err() || ended {
                return;
            }
        }
    }
}

/// What a poll brought.
async fn arrivals_of(response: reqwest::Result<Response>) -> Vec<Arrival> {
    let broken = || vec![Arrival::End(End::Broken)];
    let Ok(response) = response else {
        return broken();
    };
    let status = response.status();
    let Ok(body) = response.text().await else {
        return broken();
    };
    if status != StatusCode::OK {
        let error: Value = serde_json::from_str(&body).unwrap_or_default();
        return match (status.as_u16(), &error["code"]) {
            (400, code) if *code == 1 => vec![Arrival::End(End::Unknown)],
            _ => vec![Arrival::Strange(format!("{status}: {body}"))],
        };
    }
    let packets = body.split(SEPARATOR).filter(|packet| *packet != "6");
    let arrivals = packets.map(|packet| match packet {
        "1" => Arrival::End(End::Packet),
        packet => understand(packet),
    });
    arrivals.collect()
}
