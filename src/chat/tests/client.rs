//! A client without a socket: it hears events one by one, and comes back.

use serde_json::Value;

use super::*;
use crate::actors::session::SessionMsg;
use crate::wire::event::Event;

/// A client of a session that can be taken up again.
pub(super) struct Client {
    pub(super) caller: Caller,
    pub(super) session: Session,
    /// The last event that it has, of this session or of one before.
    pub(super) offset: Option<u64>,
    /// The last entry that was written to it.
    written: u64,
}

/// Waits for what should come at once, but not for ever.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    let wait = tokio::time::timeout(Duration::from_secs(10), what);
    wait.await.expect("within ten seconds")
}

impl Lab {
    pub(super) async fn connect(&self, caller: &Caller, comeback: Option<Comeback>) -> Client {
        let offset = comeback.as_ref().and_then(|comeback| comeback.offset);
        let session = self.chat.open_recoverable(caller.clone(), comeback).await;
        Client {
            caller: caller.clone(),
            session: session.expect("a session"),
            offset,
            written: 0,
        }
    }

    /// What becomes of `client` when it comes back; whether its session went on.
    pub(super) async fn back(&self, client: Client) -> (Client, bool) {
        let Client {
            caller,
            session,
            offset,
            ..
        } = client;
        session.end(Ending::BrokenOff);
        let pid = session.key().expect("a key").pid.clone();
        let comeback = Comeback {
            pid: pid.clone(),
            offset,
        };
        let client = self.connect(&caller, Some(comeback)).await;
        let same = client.pid() == pid;
        (client, same)
    }

    pub(super) async fn type_in(&self, client: &Client) {
        let typing = self.chat.type_in(&client.session, self.id, true);
        typing.await.expect("they type");
    }

    /// Somebody who shares a conversation with `other`.
    pub(super) async fn friend_of(&self, other: &Caller, name: &str) -> (Caller, ConversationId) {
        let friend = account(&self.store, &self.chat, name).await;
        let pair = Pair::of(friend.id(), other.id());
        let opened = self.store.create_conversation(pair, other.id(), 0).await;
        (friend, opened.expect("a conversation").0.id)
    }

    pub(super) async fn say(&self, by: &Caller, conversation: ConversationId, content: &str) {
        let draft = Draft {
            content: content.into(),
            client_message_id: None,
        };
        let sent = self.chat.send(by, conversation, draft).await;
        sent.expect("stored");
    }

    pub(super) fn session(&self, pid: &str) -> Option<ActorRef<SessionMsg>> {
        self.chat.0.neighbours.directory.resumable(pid)
    }

    pub(super) async fn until_gone(&self, pid: &str) {
        let gone = async {
            while self.session(pid).is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon(gone).await;
    }
}

impl Client {
    pub(super) fn pid(&self) -> String {
        self.session.key().expect("a key").pid.clone()
    }

    pub(super) fn comeback(&self) -> Comeback {
        Comeback {
            pid: self.pid(),
            offset: self.offset,
        }
    }

    /// The next event: its name and its data.
    pub(super) async fn hear(&mut self) -> (String, Value) {
        let event = soon(async {
            loop {
                let taken = self.session.outbox().take(1);
                self.written = taken.up_to;
                if let Some(let_go) = taken.answer {
                    let_go(taken.up_to);
                }
                match taken.events.into_iter().next() {
                    Some(event) => return event,
                    None => self.session.outbox().changed().await,
                }
            }
        });
        let event = event.await;
        self.note(&event)
    }

    /// Has an event: its name and its data.
    fn note(&mut self, event: &Event) -> (String, Value) {
        self.offset = Some(event.number());
        let mut frame: Value = serde_json::from_slice(event.frame()).expect("JSON");
        let name = frame["event"].as_str().expect("a name").to_owned();
        (name, frame["data"].take())
    }

    pub(super) async fn hear_message(&mut self) -> String {
        loop {
            let (name, data) = self.hear().await;
            if name == "new_message" {
                let content = data["message"]["content"].as_str();
                return content.expect("text").to_owned();
            }
        }
    }

    /// The next event `name`; none of `without` comes before.
    pub(super) async fn hear_only(
        &mut self,
        name: &str,
        without: impl Fn(&Value) -> bool,
    ) -> Value {
        loop {
            let (heard, data) = self.hear().await;
            assert!(!without(&data), "{heard}: {data}");
            if heard == name {
                return data;
            }
        }
    }

    /// The news that `of` is `status` now; none that somebody else went offline comes before.
    pub(super) async fn hear_status(&mut self, of: &Caller, status: &str) {
        let of = of.id().0;
        let someone_else = |data: &Value| data["userId"] != of && data["status"] == "offline";
        loop {
            let told = self.hear_only("user_status_changed", someone_else).await;
            if told["userId"] == of && told["status"] == status {
                return;
            }
        }
    }

    /// Joins, and hears everything up to that.
    pub(super) async fn join(&mut self, lab: &Lab) {
        self.join_at(lab, lab.id).await;
        while self.hear().await.0 != "joined_conversation" {}
    }

    /// Joins: the events that came before the answer.
    pub(super) async fn join_at(&mut self, lab: &Lab, id: ConversationId) -> Vec<(String, Value)> {
        let join =
            async |session: &Session| drop(lab.chat.join(session, id, None).await.expect("joined"));
        self.hearing(join).await
    }

    /// Leaves: the events that came before the answer.
    pub(super) async fn leave_at(&mut self, lab: &Lab, id: ConversationId) -> Vec<(String, Value)> {
        let leave = async |session: &Session| lab.chat.leave(session, id).await.expect("left");
        self.hearing(leave).await
    }

    /// Asks what is answered in the order of events: those that came before the answer.
    async fn hearing(&mut self, ask: impl AsyncFnOnce(&Session)) -> Vec<(String, Value)> {
        let session = &self.session;
        let (mut events, mut written) = (Vec::new(), 0);
        let hearing = async {
            loop {
                let taken = session.outbox().take(usize::MAX);
                written = taken.up_to;
                events.extend(taken.events);
                if let Some(let_go) = taken.answer {
                    return let_go(written);
                }
                session.outbox().changed().await;
            }
        };
        soon(async { tokio::join!(ask(session), hearing) }).await;
        self.written = written;
        events.iter().map(|event| self.note(event)).collect()
    }

    pub(super) fn prove(&self) {
        self.session.proven(self.written);
    }
}
