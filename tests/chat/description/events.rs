//! Every event, in the frames of each transport: what is sent, what answers it, and what is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::Document;
use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::door::Door;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

/// Compares whatever travels with what is said of it.
struct Listener {
    document: Document,
    transport: Transport,
    /// Names of messages; of answers with their status.
    met: BTreeSet<String>,
}

impl Listener {
    async fn on(door: &Door, transport: Transport) -> Self {
        let document = Document::at(door, "/api/asyncapi.json").await;
        let met = BTreeSet::new();
        Self {
            document,
            transport,
            met,
        }
    }

    fn channel(&self) -> &'static str {
        match self.transport {
            Transport::WebSocket => "ws",
            Transport::SocketIo | Transport::Polling => "socketio",
        }
    }

    /// Judges the payload of a message.
    #[track_caller]
    fn judge(&mut self, name: &str, payload: &Value) {
        let place = format!("/components/messages/{}.{name}/payload", self.channel());
        let judge = self.document.judge(self.document.at_pointer(&place));
        let judged = judge.validate(payload);
        judged.unwrap_or_else(|error| panic!("{name}: {error}: {payload}"));
        self.met.insert(name.to_owned());
    }

    /// Sends an event and judges it and its answer, which has this status.
    async fn ask(&mut self, socket: &mut Socket, name: &str, data: Value, status: &str) -> Value {
        let sent = match self.transport {
            Transport::WebSocket => json!({"event": name, "data": data, "id": 1}),
            Transport::SocketIo | Transport::Polling => json!([name, data]),
        };
        self.judge(name, &sent);
        self.answer(socket, name, data, status).await
    }

    /// The same with data that need not be as they are described.
    async fn answer(
        &mut self,
        socket: &mut Socket,
        name: &str,
        data: Value,
        status: &str,
    ) -> Value {
        let plain = self.transport == Transport::WebSocket;
        let mut body = socket.request(name, data).await.body;
        let data = body["data"].clone();
        assert_eq!(body["status"], status, "{name}: {body}");
        let reply = format!("{name}.reply");
        if plain {
            body["reply"] = json!(1);
        }
        self.judge(&reply, &if plain { body } else { json!([body]) });
        self.met.insert(format!("{reply} {status}"));
        data
    }

    /// Waits for an event and judges it.
    async fn hear(&mut self, socket: &mut Socket, name: &str) -> Value {
        let data = socket.next_event(name).await;
        // The harness takes nothing that has more in it, or its number missing.
        let told = match (self.transport, name) {
            (Transport::WebSocket, _) => json!({"event": name, "data": data}),
            (_, "error") => json!([name, data]),
            (_, _) => json!([name, data, "41"]),
        };
        self.judge(name, &told);
        data
    }

    /// A socket of this person, whose entrance is judged too.
    async fn enter(&mut self, person: &Person) -> Socket {
        let auth = json!({"token": person.token});
        let dial = Dial::to(&person.door).over(self.transport);
        let mut socket = dial.open().await.expect("a connection");
        if self.transport == Transport::WebSocket {
            self.ask(&mut socket, "authenticate", auth, "success").await;
        } else {
            let open = socket.opened().await;
            self.judge("open", &open);
            self.judge("connect", &auth);
            let connected = socket.enter_with(&auth.to_string()).await.expect("let in");
            self.judge("connected", &connected);
        }
        socket.whose = format!("{}'s socket", person.name);
        socket.round_trip().await;
        socket
    }

    /// Somebody who is not let in.
    async fn turn_away(&mut self, door: &std::sync::Arc<Door>) {
        let auth = json!({"token": "x"});
        let dial = Dial::to(door).over(self.transport);
        let mut socket = dial.open().await.expect("a connection");
        if self.transport == Transport::WebSocket {
            self.ask(&mut socket, "authenticate", auth, "error").await;
        } else {
            socket.opened().await;
            let refused = socket.enter_with(&auth.to_string()).await;
            self.judge("connect_error", &refused.expect_err("refused"));
        }
    }

    /// What is described for this transport and was not met.
    fn unmet(&self) -> Vec<String> {
        let place = format!("/channels/{}/messages", self.channel());
        let messages = self.document.at_pointer(&place).as_object();
        let messages = messages.expect("messages").keys();
        let prefix = format!("{}.", self.channel());
        let wanted = messages.flat_map(|name| {
            let name = name.trim_start_matches(&prefix).to_owned();
            match name.ends_with(".reply") {
                true => vec![format!("{name} success"), format!("{name} error")],
                false => vec![name],
            }
        });
        wanted.filter(|name| !self.met.contains(name)).collect()
    }
}

async fn whatever_travels_is_as_it_is_described(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let mut listener = Listener::on(&server.door, transport).await;
    listener.turn_away(&server.door).await;
    let mut anas = listener.enter(&ana).await;
    let mut bens = listener.enter(&ben).await;
    let chat = ana.chat_with(&ben).await;
    let opened = listener.hear(&mut bens, "conversation_created").await;
    assert_eq!(number(&opened["conversation"]["id"]), chat);
    ana.chat_with(&cleo).await;

    let nobodys = json!({"conversationId": 4711});
    let only = json!({"conversationId": chat});
    for event in ["typing_start", "typing_stop"] {
        listener
            .ask(&mut anas, event, only.clone(), "success")
            .await;
        listener.hear(&mut bens, "user_typing").await;
    }
    let message = json!({"conversationId": chat, "content": " hi 🙂\n", "clientMessageId": "once"});
    listener
        .ask(&mut anas, "send_message", message, "success")
        .await;
    listener.hear(&mut bens, "new_message").await;
    listener.hear(&mut anas, "messages_delivered").await;
    let all = json!({"conversationId": chat, "upToSeq": null});
    listener.ask(&mut bens, "mark_read", all, "success").await;
    listener.hear(&mut anas, "messages_read").await;
    listener.hear(&mut bens, "conversation_updated").await;
    let away = json!({"status": "busy"});
    listener
        .ask(&mut bens, "status_update", away, "success")
        .await;
    listener.hear(&mut anas, "user_status_changed").await;
    let after = json!({"conversationId": chat, "afterSeq": 0});
    for data in [only.clone(), after] {
        listener
            .ask(&mut anas, "join_conversation", data, "success")
            .await;
        listener.hear(&mut anas, "joined_conversation").await;
    }
    listener
        .ask(&mut anas, "leave_conversation", only.clone(), "success")
        .await;
    listener.hear(&mut anas, "left_conversation").await;

    for event in duologue::wire::command::events() {
        let data = match event {
            "send_message" => json!({"conversationId": 4711, "content": "hi"}),
            "status_update" => json!({"status": "asleep"}),
            _ => nobodys.clone(),
        };
        listener
            .answer(&mut anas, event, data.clone(), "error")
            .await;
        anas.emit(event, data);
        let error = listener.hear(&mut anas, "error").await;
        assert_eq!(error["event"], event, "{error}");
    }
    anas.emit_raw("send_message", r#"{"content":"\ud800"}"#);
    let broken = listener.hear(&mut anas, "error").await;
    assert_eq!(broken["code"], "malformed_json", "{broken}");

    let unmet = listener.unmet();
    assert!(unmet.is_empty(), "described, and never met: {unmet:?}");
}

over_every_transport!(whatever_travels_is_as_it_is_described);
