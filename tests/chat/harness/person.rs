//! Somebody with an account, and everything that they can do.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::answer::{Answer, number};
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, Door};
use crate::harness::socket::{Socket, Ticket};
use crate::harness::wait::until;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) door: Arc<Door>,
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) token: String,
}

impl Person {
    /// Whoever the server says that this is: `{user, token}`.
    #[track_caller]
    pub(crate) fn new(door: &Arc<Door>, data: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            door: Arc::clone(door),
            id: number(&data["user"]["id"]),
            name: text(&data["user"]["name"]),
            token: text(&data["token"]),
        }
    }

    /// The same person, who takes another door.
    pub(crate) fn at(&self, door: &Arc<Door>) -> Self {
        Self {
            door: Arc::clone(door),
            ..self.clone()
        }
    }

    /// One call, with this person's token.
    pub(crate) async fn call(&self, method: Method, path: &str, carried: Carried<'_>) -> Answer {
        self.door.call(method, path, carried.by(&self.token)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Carried::default()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Carried::json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Carried::json(&body)).await
    }

    /// Asks for a conversation with these people.
    pub(crate) async fn create(&self, participant_ids: Value) -> Answer {
        let body = json!({"type": "direct", "participant_ids": participant_ids});
        self.post("/api/conversations", body).await
    }

    /// The id of the conversation with `other`, made if need be.
    pub(crate) async fn chat_with(&self, other: &Self) -> i64 {
        let answer = self.create(json!([other.id])).await;
        assert!([200, 201].contains(&answer.status), "{answer:?}");
        number(&answer.json()["data"]["conversation"]["id"])
    }

    /// `{conversation, participants}`.
    pub(crate) async fn conversation(&self, chat: i64) -> Value {
        self.get(&format!("/api/conversations/{chat}")).await.ok()
    }

    /// How `whom` stands in a conversation: the entry of `participants`.
    pub(crate) async fn participant(&self, chat: i64, whom: &Self) -> Value {
        let data = self.conversation(chat).await;
        let people = data["participants"].as_array().expect("participants");
        let found = people.iter().find(|person| person["id"] == whom.id);
        found.expect("a participant").clone()
    }

    /// The entries of the conversation list.
    pub(crate) async fn list(&self) -> Vec<Value> {
        let mut data = self.get("/api/conversations").await.ok();
        let list = data["conversations"].take();
        serde_json::from_value(list).expect("a list of conversations")
    }

    /// Asks to send a message.
    pub(crate) async fn post_message(&self, chat: i64, content: &str) -> Answer {
        let body = json!({"conversation_id": chat, "content": content, "type": "text"});
        self.post("/api/messages/send", body).await
    }

    /// Asks for so many messages at the same moment: the answers to come.
    pub(crate) fn post_at_once(&self, chat: i64, count: usize) -> Vec<JoinHandle<Answer>> {
        let post = |_| {
            let person = self.clone();
            tokio::spawn(async move { person.post_message(chat, "hi").await })
        };
        (0..count).map(post).collect()
    }

    /// Asks to send a message under a `client_message_id`.
    pub(crate) async fn post_once(&self, chat: i64, content: &str, client_id: &str) -> Answer {
        let body = json!({"conversation_id": chat, "content": content, "type": "text",
            "client_message_id": client_id});
        self.post("/api/messages/send", body).await
    }

    /// Sends a message: the stored one.
    pub(crate) async fn send(&self, chat: i64, content: &str) -> Value {
        self.post_message(chat, content).await.created()
    }

    /// Sends `1`, `2` … `count`: the last one.
    pub(crate) async fn send_many(&self, chat: i64, count: usize) -> Value {
        let mut last = Value::Null;
        for i in 1..=count {
            last = self.send(chat, &i.to_string()).await;
        }
        last
    }

    /// Asks for a page: `query` as it stands in the URL.
    pub(crate) async fn page(&self, chat: i64, query: &str) -> Answer {
        self.get(&format!("/api/messages/conversation/{chat}?{query}"))
            .await
    }

    /// The whole history, oldest first.
    pub(crate) async fn history(&self, chat: i64) -> Vec<Value> {
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let after = messages.last().map_or(0, |message| number(&message["seq"]));
            let page = self
                .page(chat, &format!("after_seq={after}&limit=100"))
                .await
                .ok();
            let more = page["messages"].as_array().expect("messages");
            messages.extend(more.iter().cloned());
            if page["pagination"]["has_more"] == false {
                assert_eq!(number(&page["head_seq"]), messages.len() as i64);
                return messages;
            }
            assert!(
                !more.is_empty(),
                "an empty page says that there is more: {page}"
            );
        }
    }

    /// Reads all (no body), or up to a position.
    pub(crate) async fn read(&self, chat: i64, up_to_seq: Option<i64>) -> Value {
        let path = format!("/api/messages/conversation/{chat}/read");
        let carried = match up_to_seq {
            Some(seq) => Carried::json(&json!({"up_to_seq": seq})),
            None => Carried::default(),
        };
        self.call(Method::PUT, &path, carried).await.ok()
    }

    /// The unread messages over all conversations.
    pub(crate) async fn unread(&self) -> i64 {
        number(&self.get("/api/messages/unread/count").await.ok()["unread_count"])
    }

    /// The REST twin of `typing_start` and `typing_stop`.
    pub(crate) async fn typing(&self, chat: i64, is_typing: bool) -> Value {
        let path = format!("/api/messages/conversation/{chat}/typing");
        self.post(&path, json!({"isTyping": is_typing})).await.ok()
    }

    /// Chooses a status: `user`.
    pub(crate) async fn choose(&self, status: &str) -> Value {
        let answer = self
            .put("/api/users/me/status", json!({"status": status}))
            .await;
        answer.ok()["user"].take()
    }

    /// What this person sees of `other`.
    pub(crate) async fn sees(&self, other: &Self) -> Value {
        self.get(&format!("/api/users/{}", other.id)).await.ok()["user"].take()
    }

    /// Waits until this person sees `other` with a status.
    pub(crate) async fn sees_as(&self, other: &Self, status: &str) -> Value {
        until(
            format!("{} to see {} as {status}", self.name, other.name),
            async || {
                let user = self.sees(other).await;
                (user["status"] == status).then_some(user)
            },
        )
        .await
    }

    /// A live session: connected, authenticated, and known to the server.
    pub(crate) async fn connect(&self, transport: Transport) -> Socket {
        self.connect_by(transport, Dial::to(&self.door)).await
    }

    /// A live session over a connection of a special kind.
    pub(crate) async fn connect_by(&self, transport: Transport, dial: Dial) -> Socket {
        self.enter_by(transport, dial, &Ticket::default()).await
    }

    /// A client that returns: `recovered` tells whether it found its session again.
    pub(crate) async fn come_back(&self, transport: Transport, ticket: &Ticket) -> Socket {
        let dial = Dial::to(&self.door);
        self.enter_by(transport, dial, ticket).await
    }

    /// The same over a connection of a special kind.
    pub(crate) async fn enter_by(
        &self,
        transport: Transport,
        dial: Dial,
        ticket: &Ticket,
    ) -> Socket {
        let dial = dial.over(transport);
        let mut socket = match transport {
            Transport::WebSocket => dial.bearer(&self.token).open().await,
            Transport::SocketIo | Transport::Polling => dial.open().await,
        }
        .unwrap_or_else(|status| panic!("{} could not connect: {status}", self.name));
        socket.whose = format!("{}'s socket", self.name);
        if transport != Transport::WebSocket {
            socket.opened().await;
            let entered = socket.enter(&self.token, ticket).await;
            entered.unwrap_or_else(|refusal| panic!("{} was refused: {refusal}", self.name));
        }
        socket.round_trip().await;
        socket
    }
}
