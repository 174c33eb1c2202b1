//! Sending while the server goes away: what was asked, what was acknowledged, and whether the
//! database agrees afterwards.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::number;
use crate::harness::arrival::End;
use crate::harness::door::Carried;
use crate::harness::person::Person;
use crate::harness::socket::Socket;
use crate::harness::wait::until;

/// One send under a `client_message_id` of its own.
#[derive(Debug)]
pub(crate) struct Attempt {
    sender: Person,
    client_id: String,
    /// The message, if the server said that it is stored.
    pub(crate) acknowledged: Option<Value>,
}

/// How many sends all senders together have seen acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<AtomicUsize>);

impl Tally {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until `count` sends are acknowledged.
    pub(crate) async fn reaches(&self, count: usize) {
        until(format!("{count} acknowledged sends"), async || {
            (self.count() >= count).then_some(())
        })
        .await;
    }
}

impl Attempt {
    fn new(sender: &Person, client_id: String) -> Self {
        Self {
            sender: sender.clone(),
            client_id,
            acknowledged: None,
        }
    }

    fn content(&self) -> String {
        format!("content of {}", self.client_id)
    }

    fn body(&self, chat: i64) -> Value {
        json!({"conversation_id": chat, "content": self.content(), "type": "text",
            "client_message_id": self.client_id})
    }

    fn data(&self, chat: i64) -> Value {
        json!({"conversationId": chat, "content": self.content(),
            "clientMessageId": self.client_id})
    }
}

/// Sends over HTTP, one after the other, until the server answers no more.
pub(crate) async fn by_rest(
    sender: Person,
    chat: i64,
    prefix: String,
    tally: Tally,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    loop {
        let mut attempt = Attempt::new(&sender, format!("{prefix}-{}", attempts.len()));
        let body = attempt.body(chat);
        let carried = Carried::json(&body).by(&sender.token);
        let answer = sender
            .door
            .try_call(Method::POST, "/api/messages/send", carried)
            .await;
        let stored = answer.as_ref().filter(|answer| answer.status != 503);
        attempt.acknowledged = stored.map(|answer| answer.created());
        let acknowledged = attempt.acknowledged.is_some();
        attempts.push(attempt);
        if !acknowledged {
            return attempts;
        }
        tally.add();
    }
}

/// Sends over a socket, up to `window` under way at once, until the connection ends.
pub(crate) async fn by_socket(
    sender: Person,
    mut socket: Socket,
    chat: i64,
    prefix: String,
    window: usize,
    tally: Tally,
) -> (Vec<Attempt>, End) {
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut under_way = VecDeque::new();
    loop {
        while under_way.len() < window {
            let attempt = Attempt::new(&sender, format!("{prefix}-{}", attempts.len()));
            under_way.push_back((
                socket.send("send_message", attempt.data(chat)),
                attempts.len(),
            ));
            attempts.push(attempt);
        }
        match socket.next_reply_or_end().await {
            Ok((id, body)) => {
                let (asked, place) = under_way.pop_front().expect("one was under way");
                assert_eq!(id, asked, "replies come in the order asked");
                assert_eq!(body["status"], "success", "{body}");
                attempts[place].acknowledged = Some(body["data"].clone());
                tally.add();
            }
            Err(end) => return (attempts, end),
        }
    }
}

/// Sends over a socket, one after the other, until the server answers no more.
#[cfg(feature = "faults")]
pub(crate) async fn by_socket_until_refused(
    sender: Person,
    mut socket: Socket,
    chat: i64,
    prefix: String,
    tally: Tally,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    loop {
        let mut attempt = Attempt::new(&sender, format!("{prefix}-{}", attempts.len()));
        socket.send("send_message", attempt.data(chat));
        let reply = socket.next_reply_or_end().await.ok();
        let stored = reply.filter(|(_, body)| body["code"] != "overloaded");
        attempt.acknowledged = stored.map(|(_, body)| {
            assert_eq!(body["status"], "success", "{body}");
            body["data"].clone()
        });
        let acknowledged = attempt.acknowledged.is_some();
        attempts.push(attempt);
        if !acknowledged {
            return attempts;
        }
        tally.add();
    }
}

/// The stored messages by `client_message_id`; each must be there once, and no position missing.
async fn stored(reader: &Person, chat: i64) -> HashMap<String, Value> {
    let history = reader.history(chat).await;
    let count = history.len();
    for (seq, message) in (1..).zip(&history) {
        assert_eq!(number(&message["seq"]), seq, "a gap: {message}");
    }
    let by_id: HashMap<String, Value> = history
        .into_iter()
        .map(|message| {
            (
                message["client_message_id"]
                    .as_str()
                    .expect("an id")
                    .to_owned(),
                message,
            )
        })
        .collect();
    assert_eq!(by_id.len(), count, "a client_message_id is there twice");
    by_id
}

fn same(stored: &Value, acknowledged: &Value) {
    for key in ["id", "seq", "sender_id", "content", "created_at"] {
        assert_eq!(
            stored[key], acknowledged[key],
            "acknowledged {acknowledged}, stored {stored}"
        );
    }
}

/// Everything acknowledged is stored as it was acknowledged: how many are stored in all.
pub(crate) async fn all_acknowledged_is_stored(
    reader: &Person,
    chat: i64,
    all: &[Attempt],
) -> usize {
    let stored = stored(reader, chat).await;
    for attempt in all {
        if let Some(acknowledged) = &attempt.acknowledged {
            let found = stored.get(&attempt.client_id);
            same(
                found.unwrap_or_else(|| panic!("{acknowledged} is lost")),
                acknowledged,
            );
        }
    }
    stored.len()
}

/// Repeats what was never acknowledged; then everything is there exactly once.
pub(crate) async fn retried_everything_is_there_once(
    reader: &Person,
    chat: i64,
    all: &mut [Attempt],
) {
    all_acknowledged_is_stored(reader, chat, all).await;
    for attempt in all
        .iter_mut()
        .filter(|attempt| attempt.acknowledged.is_none())
    {
        let answer = attempt
            .sender
            .post_once(chat, &attempt.content(), &attempt.client_id)
            .await;
        assert!([200, 201].contains(&answer.status), "{answer:?}");
        attempt.acknowledged = Some(answer.json()["data"].take());
    }
    let count = all_acknowledged_is_stored(reader, chat, all).await;
    assert_eq!(count, all.len(), "what is stored and what was sent");
}
