//! One connection of a client: how it comes in, what it hears, and the answers to what it asks.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::history::{Kind, Message, Position, Session};
use crate::harness::answer::number;
use crate::harness::arrival::{Arrival, Transport};
use crate::harness::dial::Dial;
use crate::harness::socket::Socket;

/// How long a client waits for an answer before it takes the connection for dead.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A connection that has joined.
pub(super) struct Line {
    socket: Socket,
    /// Whether everything that comes from here on belongs to a session of the log.
    joined: bool,
    /// What names this session, once it has joined, when its client comes back.
    pid: Option<String>,
}

impl Line {
    /// Connects, enters and joins; none if any of that does not come about.
    pub(super) async fn open(client: &mut Client) -> Option<Self> {
        let dial = Dial::to(&client.me.door).over(client.transport);
        let dial = match client.transport {
            Transport::WebSocket => dial.bearer(&client.me.token),
            Transport::SocketIo | Transport::Polling => dial,
        };
        let socket = timeout(PATIENCE, dial.try_open()).await.ok()?.ok()?;
        let mut line = Self {
            socket,
            joined: false,
            pid: None,
        };
        if client.transport != Transport::WebSocket && line.enter(client).await? {
            line.joined = true; // What it missed comes by itself.
            return Some(line);
        }
        line.join(client).await?;
        Some(line)
    }

    /// Enters the main namespace: whether its last session was found again.
    async fn enter(&mut self, client: &mut Client) -> Option<bool> {
        self.packet(client, "0").await?;
        let mut auth = json!({"token": client.me.token});
        let comes_back = client.ticket.pid.is_some() && client.either();
        if comes_back {
            auth["pid"] = json!(client.ticket.pid);
            auth["offset"] = json!(client.ticket.offset);
        }
        self.socket.text(&format!("40{auth}"));
        let answer = self.packet(client, "40").await?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        let pid = answer["pid"].as_str().map(str::to_owned);
        if comes_back && pid == client.ticket.pid {
            return Some(true);
        }
        client.ticket.pid = None;
        self.pid = pid;
        Some(false)
    }

    /// The rest of the next packet, which begins so.
    async fn packet(&mut self, client: &mut Client, beginning: &str) -> Option<String> {
        loop {
            match self.socket.arrival_by(Instant::now() + PATIENCE).await? {
                Arrival::Packet(text) => return text.strip_prefix(beginning).map(str::to_owned),
                other => self.take_in(client, other)?,
            }
        }
    }

    async fn join(&mut self, client: &mut Client) -> Option<()> {
        let (begun, after) = (client.now(), client.last());
        let data = json!({"conversationId": client.chat(), "afterSeq": after});
        let id = self.send("join_conversation", data);
        let mut answer = self.reply_with(client, id, Self::has_joined).await?;
        let mut caught = Vec::new();
        for message in answer["messages"].take().as_array().into_iter().flatten() {
            caught.push(client.message(message.clone())?);
        }
        for message in &caught {
            client.hold(message);
        }
        let session = client.sessions().last_mut().expect("the one that begins");
        session.begun = begun;
        session.after = after;
        session.has_more = answer["has_more"] == true;
        session.caught = caught;
        client.fetch_all().await
    }

    /// From the answer to its join on, a session hears everything.
    fn has_joined(&mut self, client: &mut Client, answer: &Value) {
        let head = number(&answer["head_seq"]);
        client.sessions().push(Session {
            head,
            ..Session::default()
        });
        client.ticket.pid = self.pid.take();
        self.joined = true;
    }

    /// Asks something: the id of the answer.
    pub(super) fn send(&mut self, event: &str, data: Value) -> u64 {
        self.socket.send(event, data)
    }

    /// The `data` of the answer; none if it does not come, or the server was too busy.
    pub(super) async fn reply(&mut self, client: &mut Client, id: u64) -> Option<Value> {
        self.reply_with(client, id, |_, _, _| ()).await
    }

    /// The same; `then` comes before whatever follows the answer.
    async fn reply_with(
        &mut self,
        client: &mut Client,
        asked: u64,
        then: fn(&mut Self, &mut Client, &Value),
    ) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.socket.arrival_by(deadline).await? {
                Arrival::Reply { id, mut body } if id == asked => {
                    if body["status"] == "success" {
                        then(self, client, &body["data"]);
                        return Some(body["data"].take());
                    }
                    if body["code"] != "overloaded" {
                        client.strange(body.to_string());
                    }
                    return None;
                }
                other => self.take_in(client, other)?,
            }
        }
    }

    /// Hears what comes for a while.
    pub(super) async fn listen(&mut self, client: &mut Client, time: Duration) -> Option<()> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if let Some(arrival) = self.socket.arrival_by(deadline).await {
                self.take_in(client, arrival)?;
            }
        }
        Some(())
    }

    /// None when the connection is over.
    fn take_in(&mut self, client: &mut Client, arrival: Arrival) -> Option<()> {
        match arrival {
            Arrival::Event { name, data, offset } => {
                if offset.is_some() {
                    client.ticket.offset = offset;
                }
                self.hear(client, &name, data);
            }
            Arrival::End(_) => return None,
            Arrival::Strange(text) => client.strange(text),
            // Of what was asked before and given up.
            Arrival::Reply { .. } | Arrival::Ping(_) | Arrival::Pong(_) | Arrival::Packet(_) => {}
        }
        Some(())
    }

    fn hear(&mut self, client: &mut Client, name: &str, mut data: Value) {
        if !self.joined || data["conversation_id"] != client.chat() {
            return;
        }
        match name {
            "new_message" => {
                if let Some(message) = client.message(data["message"].take()) {
                    self.hear_message(client, message);
                }
            }
            "messages_read" => self.hear_position(client, Kind::Read, &data, "last_read_seq"),
            "messages_delivered" => {
                self.hear_position(client, Kind::Delivered, &data, "last_delivered_seq");
            }
            _ => {}
        }
    }

    fn hear_message(&mut self, client: &mut Client, message: Message) {
        client.hold(&message);
        let session = client.sessions().last_mut().expect("a session");
        session.heard.push(message);
    }

    fn hear_position(&mut self, client: &mut Client, kind: Kind, data: &Value, field: &str) {
        let position = Position {
            user: number(&data["user_id"]),
            kind,
            value: number(&data[field]),
            begun: None,
            told: client.now(),
        };
        let session = client.sessions().last_mut().expect("a session");
        session.positions.push(position);
    }
}
