//! Long polling request by request, for what a stock client never does.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::{Answer, has_keys};
use crate::harness::arrival::{Arrival, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, Door};
use crate::harness::packets::{self, SEPARATOR, understand};
use crate::harness::person::Person;
use crate::harness::socket::Socket;

/// Where Engine.IO is, with everything that a request names but a session.
pub(crate) const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// A session that polls when the test says so.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    door: Arc<Door>,
    pub(crate) sid: String,
}

impl Requests {
    /// A session that is in no namespace.
    pub(crate) async fn open(door: &Arc<Door>) -> Self {
        let answer = door.get(POLLING).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open: Value = serde_json::from_str(&answer.text[1..]).expect("an open packet");
        Self {
            door: Arc::clone(door),
            sid: open["sid"].as_str().expect("a session id").to_owned(),
        }
    }

    /// A session in which somebody has entered the main namespace.
    pub(crate) async fn of(person: &Person) -> Self {
        let session = Self::open(&person.door).await;
        let connect = format!("40{}", json!({"token": person.token}));
        session.post(connect).await.says_ok();
        // Where pings come often one may have come first, and is nobody's business here.
        let is_no_ping = |packet: &String| packet != packets::PING;
        loop {
            let packets = session.packets().await;
            if let Some(first) = packets.iter().find(|packet| is_no_ping(packet)) {
                assert!(first.starts_with("40{"), "{packets:?}");
                return session;
            }
        }
    }

    /// Its address.
    pub(crate) fn path(&self) -> String {
        format!("{POLLING}&sid={}", self.sid)
    }

    pub(crate) async fn get(&self) -> Answer {
        self.door.get(&self.path()).await
    }

    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        let carried = Carried::raw("text/plain;charset=UTF-8", body);
        self.door.call(Method::POST, &self.path(), carried).await
    }

    /// What the next `GET` brings.
    pub(crate) async fn packets(&self) -> Vec<String> {
        let answer = self.get().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text.split(SEPARATOR).map(str::to_owned).collect()
    }

    /// Polls until the acknowledgement of this command; `6` and events in between are dropped.
    pub(crate) async fn acknowledged(&self, wanted: u64) -> Value {
        loop {
            for packet in self.packets().await {
                match understand(&packet) {
                    Arrival::Reply { id, body } if id == wanted => return body,
                    _ => {}
                }
            }
        }
    }

    /// There and back.
    pub(crate) async fn round_trip(&self) {
        let command = packets::event("no_such_event", "null", Some(999));
        self.post(command).await.says_ok();
        assert_eq!(self.acknowledged(999).await["code"], "unknown_event");
    }

    /// A WebSocket that asks to take the session over.
    pub(crate) async fn candidate(&self) -> Result<Socket, u16> {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        let dial = Dial::to(&self.door).over(Transport::SocketIo);
        dial.path(&path).open().await
    }
}

impl Answer {
    /// The answer to a `POST` that was taken in.
    #[track_caller]
    pub(crate) fn says_ok(&self) {
        assert_eq!((self.status, &*self.text), (200, "ok"), "{self:?}");
    }

    /// A refusal in Engine.IO's own words.
    #[track_caller]
    pub(crate) fn refused_by_engine(&self, status: u16, code: u8, message: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        has_keys(&body, &["code", "message"]);
        let expected = json!({"code": code, "message": message});
        assert_eq!(body, expected, "{self:?}");
    }

    /// The session is no more.
    #[track_caller]
    pub(crate) fn session_is_unknown(&self) {
        self.refused_by_engine(400, 1, "Session ID unknown");
    }
}
