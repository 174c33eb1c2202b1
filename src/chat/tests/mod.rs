//! What the sockets cannot show: actors that fail, and actors that take leave.

mod admission;
mod client;
mod failures;
mod machine;
mod model;
mod recovery;

use std::sync::Arc;
use std::time::Duration;

use entities::ids::{ConversationId, Pair, Seq, UserId};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorRef};
use tempfile::TempDir;

use super::*;
use crate::actors::journal::JournalMsg;
use crate::actors::supervisor::{self, Supervisor};
use crate::actors::wall_clock;
use crate::config::{Config, Limits};
use crate::store::{Append, LastSeen, Message, NewAccount, Store, StoreOptions};
use crate::wire::command::Draft;
use crate::wire::query::Query;
use crate::wire::reply::Sent;

/// A chat with one conversation of two people, without any transport.
struct Lab {
    chat: Chat,
    store: Store,
    ana: Caller,
    ben: Caller,
    id: ConversationId,
    supervisor: ActorRef<SupervisorMsg>,
    _directory: TempDir,
}

impl Lab {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let directory = tempfile::tempdir().expect("a directory");
        let config = Config::for_test(directory.path());
        let options = StoreOptions::new(&config.database_url);
        let store = Store::open(&options).await.expect("a database");
        let start = supervisor::Start {
            store: store.clone(),
            limits: Arc::new(limits),
            metrics: Arc::default(),
        };
        let (supervisor, _) = Actor::spawn(None, Supervisor, start).await.expect("a tree");
        let introduce = |reply| SupervisorMsg::Introduce { reply };
        let Ok(CallResult::Success(neighbours)) = supervisor.call(introduce, None).await else {
            panic!("the supervisor does not answer");
        };
        let secret = Config::TEST_SECRET.as_bytes();
        let tokens = Tokens::new(secret, config.token_ttl);
        let chat = Chat::new(neighbours, tokens, TaskTracker::new(), config.rate_limits);
        let [ana, ben] = [
            account(&store, &chat, "Ana").await,
            account(&store, &chat, "Ben").await,
        ];
        let pair = Pair::of(ana.id(), ben.id());
        let opened = store.create_conversation(pair, ana.id(), 0).await;
        let id = opened.expect("a conversation").0.id;
        Self {
            chat,
            store,
            ana,
            ben,
            id,
            supervisor,
            _directory: directory,
        }
    }

    async fn begin(&self, content: &str) -> Pending<Sent> {
        let draft = Draft {
            content: content.into(),
            client_message_id: None,
        };
        let begun = self.chat.begin_send(&self.ana, self.id, draft).await;
        begun.expect("begun")
    }

    async fn send(&self, content: &str) -> i64 {
        seq(self.begin(content).await.answer().await)
    }

    fn place(&self, person: &Caller) -> SocketPlace {
        self.chat.place_for(person).expect("room for a socket")
    }

    fn actor(&self) -> ActorRef<ConversationMsg> {
        let directory = &self.chat.0.neighbours.directory;
        let at = directory.conversation(self.id).expect("it is awake");
        at.actor().clone()
    }

    /// Gives the journal something to do for a while.
    fn occupy_the_journal(&self) {
        let user = self.ana.id();
        for at in 0..3_000 {
            let seen = JournalMsg::LastSeen(LastSeen { user, at });
            let journal = &self.chat.0.neighbours.journal;
            journal.cast(seen).expect("it lives");
        }
    }

    async fn stored(&self) -> Vec<String> {
        let messages = self
            .store
            .after(self.id, Seq::ZERO, 100)
            .await
            .expect("read");
        messages
            .into_iter()
            .map(|message| message.content.to_string())
            .collect()
    }

    async fn end(self) {
        self.supervisor.stop(None);
        self.store.close().await;
    }
}

async fn account(store: &Store, chat: &Chat, name: &str) -> Caller {
    let new = NewAccount {
        name: name.to_owned(),
        email: format!("{name}@example.org"),
        password_hash: String::new(),
        now: 0,
    };
    let account = store.create(new).await.expect("written").expect("new");
    let person = chat.0.neighbours.people.find(account.id).await;
    let person = person.expect("read").expect("there");
    let bearer = Bearer {
        user: person.id,
        issued_at: 0,
        until: i64::MAX,
        sign_in: None,
    };
    Caller { person, bearer }
}

fn seq(sent: Result<Sent, ChatError>) -> i64 {
    let sent = sent.expect("stored");
    let message: serde_json::Value = serde_json::from_str(sent.message.get()).expect("JSON");
    message["seq"].as_i64().expect("a number")
}

#[tokio::test]
async fn a_conversation_that_panics_is_woken_from_the_database() {
    let lab = Lab::start().await;
    assert_eq!(lab.send("one").await, 1);
    let actor = lab.actor();
    actor.cast(ConversationMsg::Panic).expect("it lives");
    actor.wait(None).await.expect("it ends");
    assert_eq!(lab.send("two").await, 2);
    assert_eq!(lab.stored().await, ["one", "two"]);
    lab.end().await;
}

#[tokio::test]
async fn a_batch_that_is_out_when_its_conversation_panics_keeps_its_place() {
    let lab = Lab::start().await;
    lab.send("one").await;
    // So that the batch is still out when the successor loads.
    lab.occupy_the_journal();
    let actor = lab.actor();
    let lost = lab.begin("two").await;
    actor.cast(ConversationMsg::Panic).expect("it lives");
    assert_eq!(lost.answer().await.err(), Some(ChatError::Overloaded));
    actor.wait(None).await.expect("it ends");
    assert_eq!(lab.send("three").await, 3);
    assert_eq!(lab.stored().await, ["one", "two", "three"]);
    lab.end().await;
}

#[tokio::test]
async fn what_a_retired_conversation_could_not_handle_its_successor_does_in_order() {
    let lab = Lab::start().await;
    lab.send("one").await;
    let actor = lab.actor();
    // All four are accepted before the first is handled: this thread does not yield in between.
    actor.cast(ConversationMsg::RetireIfIdle).expect("it lives");
    let begun: Vec<_> = [lab.begin("two"), lab.begin("three"), lab.begin("four")]
        .into_iter()
        .map(|send| futures_util::FutureExt::now_or_never(send).expect("no wait"))
        .collect();
    let mut numbers = Vec::new();
    for pending in begun {
        numbers.push(seq(pending.answer().await));
    }
    assert_eq!(numbers, [2, 3, 4]);
    assert_ne!(lab.actor().get_id(), actor.get_id(), "another one did it");
    assert_eq!(lab.stored().await, ["one", "two", "three", "four"]);
    lab.end().await;
}

#[tokio::test]
async fn a_conversation_that_is_not_there_is_not_kept_awake() {
    let lab = Lab::start().await;
    let draft = Draft {
        content: "hi".into(),
        client_message_id: None,
    };
    let nowhere = ConversationId(99);
    let sent = lab.chat.send(&lab.ana, nowhere, draft).await;
    assert_eq!(sent.err(), Some(ChatError::NotFound("conversation")));
    // The supervisor hears of its end in the order of its own mailbox: two questions later it has.
    for _ in 0..100 {
        let introduce = |reply| SupervisorMsg::Introduce { reply };
        lab.supervisor
            .call(introduce, None)
            .await
            .expect("it answers");
        if lab
            .chat
            .0
            .neighbours
            .directory
            .conversation(nowhere)
            .is_none()
        {
            return lab.end().await;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is still awake");
}

#[tokio::test]
async fn a_key_older_than_memory_is_known_and_holds_up_nobody() {
    let lab = Lab::start().await;
    let keyed = |content: &str| Draft {
        content: content.into(),
        client_message_id: Some("key".into()),
    };
    let first = lab.chat.send(&lab.ana, lab.id, keyed("first")).await;
    assert_eq!(seq(first), 1);
    let tail = Limits::default().tail_max as i64;
    for n in 0..tail {
        lab.send(&n.to_string()).await;
    }
    // The same key in the middle of a batch, and by somebody else, for whom it is new.
    let (before, again, other, bens, after) = tokio::join!(
        lab.send("before"),
        lab.chat.send(&lab.ana, lab.id, keyed("first")),
        lab.chat.send(&lab.ana, lab.id, keyed("other")),
        lab.chat.send(&lab.ben, lab.id, keyed("Ben's")),
        lab.send("after"),
    );
    let again = again.expect("known");
    assert!(!again.fresh);
    assert_eq!(seq(Ok(again)), 1);
    assert_eq!(other.expect_err("another content").code(), "conflict");
    let mut numbers = [before, seq(bens), after];
    numbers.sort_unstable();
    assert_eq!(numbers, [tail + 2, tail + 3, tail + 4]);
    lab.end().await;
}

#[tokio::test]
async fn a_page_never_runs_ahead_of_its_head() {
    let lab = Lab::start().await;
    // So long that memory holds only the last few of them, and the page is read from the disk.
    let long = "x".repeat(4_000);
    for _ in 0..20 {
        lab.send(&long).await;
    }
    // On disk, but the conversation has not heard of it yet: it will come live.
    let ahead = Message {
        conversation: lab.id,
        seq: Seq(21),
        sender: lab.ana.id(),
        content: "ahead".into(),
        client_message_id: None,
        created_at: 0,
    };
    let append = Append {
        conversation: lab.id,
        messages: vec![Arc::new(ahead)],
        marks: Default::default(),
    };
    lab.store.append(&[&append], &[]).await.expect("written");
    let query = Query::from("after_seq=0&limit=100");
    let page = lab
        .chat
        .history(&lab.ben, lab.id, &query)
        .await
        .expect("read");
    assert_eq!(page.head_seq, Seq(20));
    assert_eq!(page.messages.last().map(|last| last.seq), Some(Seq(20)));
    assert!(!page.pagination.has_more);
    lab.end().await;
}

#[tokio::test]
async fn a_read_behind_a_message_keeps_the_time_of_that_message() {
    let lab = Lab::start().await;
    lab.send("one").await;
    let first = lab.store.newest(lab.id, Seq(1), 1).await.expect("read")[0].created_at;
    while wall_clock() <= first {
        tokio::task::yield_now().await;
    }
    // The journal is busy, so that the second message is out while the read is asked for.
    let user = lab.ana.id();
    for at in 0..3_000 {
        let seen = JournalMsg::LastSeen(LastSeen { user, at });
        lab.chat.0.neighbours.journal.cast(seen).expect("it lives");
    }
    let second = lab.begin("two").await;
    let read = lab
        .chat
        .mark_read(&lab.ben, lab.id, None)
        .await
        .expect("read");
    assert_eq!(read.last_read_seq, Seq(1));
    assert_eq!(seq(second.answer().await), 2);
    let last = lab.store.newest(lab.id, Seq(2), 1).await.expect("read")[0].created_at;
    assert!(last > first);
    for person in [&lab.ana, &lab.ben] {
        let listed = lab.store.list(person.id(), None, 1).await.expect("read");
        assert_eq!(listed[0].mine.active_at, last);
    }
    lab.end().await;
}

/// The next `user_status_changed` that says what is asked for.
async fn status_event(session: &Session, status: &str) -> serde_json::Value {
    loop {
        session.outbox().changed().await;
        for event in session.outbox().take(usize::MAX).events {
            let frame: serde_json::Value = serde_json::from_slice(event.frame()).expect("JSON");
            if frame["event"] == "user_status_changed" && frame["data"]["status"] == status {
                return frame["data"].clone();
            }
        }
    }
}

#[tokio::test]
async fn who_comes_and_goes_at_once_is_told_as_seen() {
    let lab = Lab::start().await;
    let bens = lab
        .chat
        .open_session(lab.ben.clone(), lab.place(&lab.ben))
        .await
        .expect("a session");
    let anas = lab
        .chat
        .open_session(lab.ana.clone(), lab.place(&lab.ana))
        .await
        .expect("a session");
    anas.end(Ending::Goodbye);
    let waiting = status_event(&bens, "offline");
    let told = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    let told = told.expect("told within ten seconds");
    assert_eq!(told["userId"], lab.ana.id().0);
    assert!(told["last_seen_at"].is_string(), "{told}");
    lab.end().await;
}

#[tokio::test]
async fn strangers_wake_nobody_else_and_learn_nothing() {
    let lab = Lab::start().await;
    let eve = account(&lab.store, &lab.chat, "Eve").await;
    assert_eq!(eve.id(), UserId(3));
    let read = lab.chat.mark_read(&eve, lab.id, None).await;
    assert_eq!(read.err(), Some(ChatError::NotAParticipant));
    let typing = lab.chat.set_typing(&eve, lab.id, true).await;
    assert_eq!(typing.err(), Some(ChatError::NotAParticipant));
    lab.end().await;
}
