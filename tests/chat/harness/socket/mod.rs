//! A live connection, whatever carries it: events and replies come in, commands go out.

mod entry;
mod pings;

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::answer::{Reply, number};
use crate::harness::arrival::{Arrival, End, Order, Transport};
use crate::harness::packets;
use crate::harness::pongs::Pongs;
use crate::harness::wait::DEADLINE;

pub(crate) use entry::Ticket;

/// The test's end of a connection. Dropping it breaks the connection off.
#[derive(Debug)]
pub(crate) struct Socket {
    transport: Transport,
    orders: mpsc::UnboundedSender<Order>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    reading: watch::Sender<bool>,
    pongs: Arc<Pongs>,
    /// What came before what the test waited for.
    waiting: VecDeque<Arrival>,
    last_id: u64,
    /// What this client says when it returns.
    ticket: Ticket,
    /// Whether the session that the ticket names was found again.
    pub(crate) recovered: bool,
    pub(crate) whose: String,
}

impl Socket {
    pub(crate) fn new(
        transport: Transport,
        orders: mpsc::UnboundedSender<Order>,
        arrivals: mpsc::UnboundedReceiver<Arrival>,
        reading: watch::Sender<bool>,
        pongs: Arc<Pongs>,
    ) -> Self {
        let (waiting, whose) = (VecDeque::new(), "a socket".to_owned());
        Self {
            transport,
            orders,
            arrivals,
            reading,
            pongs,
            waiting,
            last_id: 0,
            ticket: Ticket::default(),
            recovered: false,
            whose,
        }
    }

    // out

    fn order(&self, order: Order) {
        // A connection that ended says so to whoever waits for something on it.
        drop(self.orders.send(order));
    }

    /// Sends text as it stands.
    pub(crate) fn text(&self, text: &str) {
        self.order(Order::Frame(Message::text(text)));
    }

    /// Sends a text frame of any bytes.
    pub(crate) fn text_bytes(&self, bytes: &'static [u8]) {
        let frame = Frame::message(Bytes::from_static(bytes), OpCode::Data(Data::Text), true);
        self.order(Order::Frame(Message::Frame(frame)));
    }

    /// Sends one message in several frames.
    pub(crate) fn fragments(&self, parts: &[&str]) {
        for (i, part) in parts.iter().enumerate() {
            let kind = if i == 0 { Data::Text } else { Data::Continue };
            let bytes = Bytes::copy_from_slice(part.as_bytes());
            let frame = Frame::message(bytes, OpCode::Data(kind), i + 1 == parts.len());
            self.order(Order::Frame(Message::Frame(frame)));
        }
    }

    /// Sends a binary frame.
    pub(crate) fn binary(&self, bytes: &[u8]) {
        self.order(Order::Frame(Message::binary(bytes.to_vec())));
    }

    /// Sends a ping.
    pub(crate) fn ping(&self, payload: &'static [u8]) {
        self.order(Order::Frame(Message::Ping(Bytes::from_static(payload))));
    }

    /// Sends a command that asks for no reply.
    pub(crate) fn emit(&self, event: &str, data: Value) {
        self.emit_raw(event, &data.to_string());
    }

    /// The same with data as they stand, which need not be JSON.
    pub(crate) fn emit_raw(&self, event: &str, data: &str) {
        self.text(&match self.transport {
            Transport::WebSocket => {
                format!("{{\"event\":{},\"data\":{data}}}", Value::from(event))
            }
            Transport::SocketIo | Transport::Polling => packets::event(event, data, None),
        });
    }

    /// Sends a command and returns the id of its reply.
    pub(crate) fn send(&mut self, event: &str, data: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.text(&match self.transport {
            Transport::WebSocket => json!({"event": event, "data": data, "id": id}).to_string(),
            Transport::SocketIo | Transport::Polling => {
                packets::event(event, &data.to_string(), Some(id))
            }
        });
        id
    }

    /// Sends a command and waits for its reply.
    pub(crate) async fn request(&mut self, event: &str, data: Value) -> Reply {
        let asked = format!("{event} {data}");
        let id = self.send(event, data);
        Reply {
            asked,
            ..self.reply(id).await
        }
    }

    /// Sends a command and waits for its reply: that, and the events that came before it.
    pub(crate) async fn request_in_order(
        &mut self,
        event: &str,
        data: Value,
    ) -> (Value, Vec<(String, Value)>) {
        let asked = self.send(event, data);
        let mut before = Vec::new();
        loop {
            match self
                .take(event, |arrival| !matches!(arrival, Arrival::Ping(_)))
                .await
            {
                Arrival::Event { name, data, .. } => before.push((name, data)),
                Arrival::Reply { id, body } if id == asked => {
                    let reply = Reply {
                        body,
                        asked: event.to_owned(),
                    };
                    return (reply.ok(), before);
                }
                other => panic!("an event or the reply: {other:?}"),
            }
        }
    }

    /// Sends a message: the stored one.
    pub(crate) async fn send_message(&mut self, chat: i64, content: &str) -> Value {
        let data = json!({"conversationId": chat, "content": content});
        self.request("send_message", data).await.ok()
    }

    /// Joins a conversation: the acknowledgement.
    pub(crate) async fn join(&mut self, chat: i64) -> Value {
        self.request("join_conversation", json!({"conversationId": chat}))
            .await
            .ok()
    }

    /// Joins a conversation from a position on: the acknowledgement.
    pub(crate) async fn join_after(&mut self, chat: i64, after: i64) -> Value {
        let data = json!({"conversationId": chat, "afterSeq": after});
        self.request("join_conversation", data).await.ok()
    }

    /// Leaves a conversation: the acknowledgement.
    pub(crate) async fn leave(&mut self, chat: i64) -> Value {
        self.request("leave_conversation", json!({"conversationId": chat}))
            .await
            .ok()
    }

    /// There and back. Whoever has had an answer is known to the server, and is still connected.
    pub(crate) async fn round_trip(&mut self) {
        self.request("no_such_event", Value::Null)
            .await
            .refused("unknown_event");
    }

    // in

    /// Whatever comes next, until `deadline`; nothing after the end.
    pub(crate) async fn arrival_by(&mut self, deadline: Instant) -> Option<Arrival> {
        if let Some(arrival) = self.waiting.pop_front() {
            return Some(arrival);
        }
        let arrival = timeout_at(deadline, self.arrivals.recv()).await.ok()??;
        self.ticket.see(&arrival);
        Some(arrival)
    }

    /// The first arrival that `wanted` wants; what came before it stays.
    async fn take(&mut self, what: &str, mut wanted: impl FnMut(&Arrival) -> bool) -> Arrival {
        if let Some(place) = self.waiting.iter().position(&mut wanted) {
            return self.waiting.remove(place).expect("it is there");
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            let arrival = match timeout_at(deadline, self.arrivals.recv()).await {
                Err(_) => self.give_up(&format!("waited {DEADLINE:?} for {what}")),
                Ok(None) => self.give_up(&format!("ended before {what}")),
                Ok(Some(arrival)) => arrival,
            };
            self.ticket.see(&arrival);
            if wanted(&arrival) {
                return arrival;
            }
            match arrival {
                Arrival::End(end) => self.give_up(&format!("ended ({end:?}) before {what}")),
                Arrival::Strange(text) | Arrival::Packet(text) => {
                    self.give_up(&format!("got {text}"))
                }
                other => self.waiting.push_back(other),
            }
        }
    }

    fn give_up(&self, why: &str) -> ! {
        let others: Vec<_> = self.waiting.iter().rev().take(12).rev().collect();
        let count = self.waiting.len();
        panic!(
            "{} {why}; meanwhile {count} others came, the last: {others:#?}",
            self.whose
        );
    }

    /// The data of the next event of this name.
    pub(crate) async fn next_event(&mut self, name: &str) -> Value {
        self.next_of(&[name]).await.1
    }

    /// The next event of any of these names, in the order in which they came.
    pub(crate) async fn next_of(&mut self, names: &[&str]) -> (String, Value) {
        let wanted = |arrival: &Arrival| match arrival {
            Arrival::Event { name, .. } => names.contains(&name.as_str()),
            _ => false,
        };
        match self.take(&names.join(" or "), wanted).await {
            Arrival::Event { name, data, .. } => (name, data),
            other => panic!("an event: {other:?}"),
        }
    }

    /// The message of the next `new_message`.
    pub(crate) async fn next_message(&mut self) -> Value {
        let mut data = self.next_event("new_message").await;
        assert_eq!(
            data["conversation_id"], data["message"]["conversation_id"],
            "{data}"
        );
        data["message"].take()
    }

    /// The next reply, whatever it answers: id and envelope.
    pub(crate) async fn next_reply(&mut self) -> (Value, Value) {
        match self
            .take("a reply", |arrival| {
                matches!(arrival, Arrival::Reply { .. })
            })
            .await
        {
            Arrival::Reply { id, body } => (id, body),
            other => panic!("a reply: {other:?}"),
        }
    }

    /// The next reply, or how the server ended the connection first.
    pub(crate) async fn next_reply_or_end(&mut self) -> Result<(Value, Value), End> {
        let either = |arrival: &Arrival| matches!(arrival, Arrival::Reply { .. } | Arrival::End(_));
        match self.take("a reply or the end", either).await {
            Arrival::Reply { id, body } => Ok((id, body)),
            Arrival::End(end) => Err(end),
            other => panic!("a reply or the end: {other:?}"),
        }
    }

    /// The reply to one command.
    pub(crate) async fn reply(&mut self, wanted: u64) -> Reply {
        let what = format!("the reply {wanted}");
        let is_it =
            |arrival: &Arrival| matches!(arrival, Arrival::Reply { id, .. } if *id == wanted);
        match self.take(&what, is_it).await {
            Arrival::Reply { body, .. } => Reply { body, asked: what },
            other => panic!("a reply: {other:?}"),
        }
    }

    /// Waits for the marker; an event of one of these names before it is a failure. Whatever else
    /// came before the marker is dropped.
    pub(crate) async fn silent_until(
        &mut self,
        silent: &[&str],
        what: &str,
        mut marker: impl FnMut(&str, &Value) -> bool,
    ) -> Value {
        loop {
            let any = |arrival: &Arrival| matches!(arrival, Arrival::Event { .. });
            let Arrival::Event { name, data, .. } = self.take(what, any).await else {
                continue;
            };
            if marker(&name, &data) {
                return data;
            }
            let expected = !silent.contains(&name.as_str());
            assert!(expected, "{} got {name} {data} before {what}", self.whose);
        }
    }

    /// The same, up to an event of this name, which may be one of those that must not come.
    pub(crate) async fn silent_until_event(&mut self, silent: &[&str], name: &str) -> Value {
        self.silent_until(silent, name, |found, _| found == name)
            .await
    }

    /// The same, up to the event that carries this message.
    pub(crate) async fn silent_until_message(&mut self, silent: &[&str], message: &Value) {
        let what = format!("message {}", message["id"]);
        self.silent_until(silent, &what, |name, data| match name {
            "new_message" => data["message"]["id"] == message["id"],
            "conversation_updated" => data["last_message"]["id"] == message["id"],
            _ => false,
        })
        .await;
    }

    /// Collects the `seq` of every `new_message` of a conversation up to `last`, in their order.
    pub(crate) async fn seqs_until(&mut self, chat: i64, last: i64) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&last) {
            let message = self.next_message().await;
            if message["conversation_id"] == chat {
                seqs.push(number(&message["seq"]));
            }
        }
        seqs
    }

    /// The data of the next event of this name, or how the server ended the connection first.
    pub(crate) async fn next_event_or_end(&mut self, wanted: &str) -> Result<Value, End> {
        let either = |arrival: &Arrival| match arrival {
            Arrival::Event { name, .. } => name == wanted,
            Arrival::End(_) => true,
            _ => false,
        };
        match self.take(&format!("{wanted} or the end"), either).await {
            Arrival::Event { data, .. } => Ok(data),
            Arrival::End(end) => Err(end),
            other => panic!("an event or the end: {other:?}"),
        }
    }

    /// Collects the `seq` of every `new_message` up to the connection's end.
    pub(crate) async fn seqs_until_end(&mut self) -> Vec<i64> {
        let mut seqs = Vec::new();
        while let Ok(data) = self.next_event_or_end("new_message").await {
            seqs.push(number(&data["message"]["seq"]));
        }
        seqs
    }

    /// How the server ended the connection.
    pub(crate) async fn end(&mut self) -> End {
        match self
            .take("the end", |arrival| matches!(arrival, Arrival::End(_)))
            .await
        {
            Arrival::End(end) => end,
            other => panic!("an end: {other:?}"),
        }
    }
}
