//! A client as one would write it: it keeps what is not acknowledged and asks again, fills gaps by
//! `afterSeq`, and comes back whenever it breaks off. What it asks next is drawn from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::history::{self, At, Kind, Message, Position, Sent, Session};
use super::line::{Line, PATIENCE};
use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::door::Carried;
use crate::harness::person::Person;
use crate::harness::socket::Ticket;

/// The most sends that are under way at once.
const WINDOW: usize = 8;

/// One client of one person, who is in one conversation.
pub(super) struct Client {
    pub(super) me: Person,
    pub(super) transport: Transport,
    chat: i64,
    rng: fastrand::Rng,
    began: Instant,
    over: watch::Receiver<bool>,
    /// How many sends it has seen acknowledged: whether it gets on.
    progress: Arc<AtomicUsize>,
    log: history::Client,
    /// What was not acknowledged yet, by its place in the log.
    open: VecDeque<usize>,
    holds: BTreeMap<i64, Message>,
    pub(super) ticket: Ticket,
}

/// What all clients of a run share.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) began: Instant,
    pub(super) over: watch::Receiver<bool>,
    pub(super) seed: u64,
}

impl Client {
    pub(super) fn new(me: &Person, transport: Transport, chat: i64, run: &Run) -> Self {
        let name = format!("{} over {transport:?}", me.name);
        let seed = name.bytes().fold(run.seed, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self {
            me: me.clone(),
            transport,
            chat,
            rng: fastrand::Rng::with_seed(seed),
            began: run.began,
            over: run.over.clone(),
            progress: Arc::default(),
            log: history::Client {
                name,
                chat,
                ..history::Client::default()
            },
            open: VecDeque::new(),
            holds: BTreeMap::new(),
            ticket: Ticket::default(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.log.name.clone()
    }

    /// Counts up whenever a send is acknowledged.
    pub(super) fn progress(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.progress)
    }

    /// Lives until the run is over.
    pub(super) async fn run(mut self) -> Self {
        while !*self.over.borrow() {
            if let Some(mut line) = Line::open(&mut self).await {
                self.live_on(&mut line).await;
            }
            self.pause(300).await;
        }
        self
    }

    /// Asks again for all that was not acknowledged; the server has recovered by now.
    pub(super) async fn settle(&mut self) {
        while let Some(place) = self.open.front().copied() {
            if self.send_by_rest(place).await.is_none() {
                self.pause(100).await;
            }
        }
    }

    /// Fetches what it does not hold yet.
    pub(super) async fn catch_up(&mut self) {
        while self.fetch_all().await.is_none() {
            self.pause(100).await;
        }
    }

    /// What it has to tell.
    pub(super) fn into_log(mut self) -> history::Client {
        self.log.holds = self.holds.into_values().collect();
        self.log
    }

    /// Up to where it has everything.
    pub(super) fn last(&self) -> i64 {
        let count = self.holds.len() as i64;
        if self
            .holds
            .last_key_value()
            .is_none_or(|(last, _)| *last == count)
        {
            return count;
        }
        let gap = (1..)
            .zip(self.holds.keys())
            .find(|(expected, found)| expected != *found);
        gap.map_or(count, |(expected, _)| expected - 1)
    }

    pub(super) fn chat(&self) -> i64 {
        self.chat
    }

    pub(super) fn now(&self) -> At {
        self.began.elapsed()
    }

    /// As often as not.
    pub(super) fn either(&mut self) -> bool {
        self.rng.bool()
    }

    pub(super) fn hold(&mut self, message: &Message) {
        self.holds.insert(message.seq, message.clone());
    }

    pub(super) fn strange(&mut self, what: String) {
        self.log.strange.push(what);
    }

    /// Its sessions, of which the last may still live.
    pub(super) fn sessions(&mut self) -> &mut Vec<Session> {
        &mut self.log.sessions
    }

    async fn pause(&mut self, most: u64) {
        let pause = self.rng.u64(5..=most);
        sleep(Duration::from_millis(pause)).await;
    }

    /// Does one thing after the other until the connection ends, or does not answer.
    async fn live_on(&mut self, line: &mut Line) {
        while !*self.over.borrow() {
            let goes_on = match self.rng.u8(0..10) {
                0..=3 => self.send_some(line).await,
                4 => {
                    let place = self.next_send();
                    self.send_by_rest(place).await
                }
                5 => self.read_by_socket(line).await,
                6 => self.read_by_rest().await,
                7 => self.look().await,
                _ => {
                    let moment = self.rng.u64(1..30);
                    line.listen(self, Duration::from_millis(moment)).await
                }
            };
            if goes_on.is_none() {
                return;
            }
        }
    }

    // Sending.

    /// What is sent next: something that was not acknowledged yet, or something new.
    fn next_send(&mut self) -> usize {
        if self.open.len() >= WINDOW || (!self.open.is_empty() && self.rng.bool()) {
            let place = self.open.pop_front().expect("there are some");
            self.open.push_back(place);
            return place;
        }
        let place = self.log.sent.len();
        let key = format!("{}-{:?}-{place}", self.me.id, self.transport);
        self.log.sent.push(Sent {
            content: format!("content of {key}"),
            key,
            by: self.me.id,
            begun: self.now(),
            acknowledged: Vec::new(),
        });
        self.open.push_back(place);
        place
    }

    /// Several at once over the socket; their answers.
    async fn send_some(&mut self, line: &mut Line) -> Option<()> {
        let count = self.rng.usize(1..=WINDOW);
        let mut asked = Vec::new();
        for _ in 0..count {
            let place = self.next_send();
            let sent = &self.log.sent[place];
            let data = json!({"conversationId": self.chat, "content": sent.content,
                "clientMessageId": sent.key});
            asked.push((place, line.send("send_message", data)));
        }
        for (place, id) in asked {
            let stored = line.reply(self, id).await?;
            self.acknowledged(place, stored);
        }
        Some(())
    }

    async fn send_by_rest(&mut self, place: usize) -> Option<()> {
        let sent = &self.log.sent[place];
        let body = json!({"conversation_id": self.chat, "content": sent.content, "type": "text",
            "client_message_id": sent.key});
        let stored = self
            .call(Method::POST, "/api/messages/send", Some(body))
            .await?;
        self.acknowledged(place, stored);
        Some(())
    }

    fn acknowledged(&mut self, place: usize, stored: Value) {
        let Some(message) = self.message(stored) else {
            return;
        };
        let at = self.now();
        self.log.sent[place].acknowledged.push((at, message));
        self.open.retain(|open| *open != place);
        self.progress.fetch_add(1, Ordering::SeqCst);
    }

    /// A message of the contract, which anything else is not.
    pub(super) fn message(&mut self, value: Value) -> Option<Message> {
        let text = value.to_string();
        let message = serde_json::from_value(value).ok();
        if message.is_none() {
            self.strange(format!("{text} in the place of a message"));
        }
        message
    }

    // Positions.

    async fn read_by_socket(&mut self, line: &mut Line) -> Option<()> {
        let up_to = self.some_position();
        let begun = self.now();
        let data = json!({"conversationId": self.chat, "upToSeq": up_to});
        let id = line.send("mark_read", data);
        let answer = line.reply(self, id).await?;
        self.read_is(begun, &answer);
        Some(())
    }

    async fn read_by_rest(&mut self) -> Option<()> {
        let up_to = self.some_position();
        let begun = self.now();
        let path = format!("/api/messages/conversation/{}/read", self.chat);
        let body = json!({"up_to_seq": up_to});
        let answer = self.call(Method::PUT, &path, Some(body)).await?;
        self.read_is(begun, &answer);
        Some(())
    }

    /// Somewhere in what it has: reads overtake each other, and repeat.
    fn some_position(&mut self) -> i64 {
        let last = self.last().max(1);
        self.rng.i64((last - 20).max(1)..=last)
    }

    fn read_is(&mut self, begun: At, answer: &Value) {
        let value = number(&answer["last_read_seq"]);
        self.told(self.me.id, Kind::Read, value, begun);
    }

    fn told(&mut self, user: i64, kind: Kind, value: i64, begun: At) {
        let told = self.now();
        let begun = Some(begun);
        self.log.positions.push(Position {
            user,
            kind,
            value,
            begun,
            told,
        });
    }

    /// Asks how far both are.
    async fn look(&mut self) -> Option<()> {
        let begun = self.now();
        let path = format!("/api/conversations/{}", self.chat);
        let answer = self.call(Method::GET, &path, None).await?;
        for side in answer["participants"].as_array().into_iter().flatten() {
            let user = number(&side["id"]);
            self.told(user, Kind::Read, number(&side["last_read_seq"]), begun);
            self.told(
                user,
                Kind::Delivered,
                number(&side["last_delivered_seq"]),
                begun,
            );
        }
        Some(())
    }

    // Asking.

    /// Every page behind what it has.
    pub(super) async fn fetch_all(&mut self) -> Option<()> {
        let mut after = self.last();
        loop {
            let path = format!(
                "/api/messages/conversation/{}?after_seq={after}&limit=100",
                self.chat
            );
            let mut page = self.call(Method::GET, &path, None).await?;
            for message in page["messages"].take().as_array().into_iter().flatten() {
                let message = self.message(message.clone())?;
                after = after.max(message.seq);
                self.hold(&message);
            }
            if page["pagination"]["has_more"] == false {
                return Some(());
            }
        }
    }

    /// The `data` of an answer; none if there was none in time, or the server was too busy.
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let carried = body.as_ref().map(Carried::json).unwrap_or_default();
        let asked = format!("{method} {path}");
        let door = Arc::clone(&self.me.door);
        let call = door.try_call(method, path, carried.by(&self.me.token));
        let answer = timeout(PATIENCE, call).await.ok()??;
        match answer.status {
            200 | 201 => Some(answer.json()["data"].take()),
            503 => None,
            _ => {
                self.strange(format!("to {asked}: {} {}", answer.status, answer.text));
                None
            }
        }
    }
}
