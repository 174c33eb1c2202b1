//! What the store promises, on a database of its own for each test.

mod accounts;
mod append;
mod backup;
mod check;
mod conversations;
mod faults;
mod history;
mod log;
mod opening;
mod refusals;
mod sign_ins;

use std::{sync::Arc, time::Duration};

use entities::ids::{ConversationId, Pair, Seq, UserId};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use smallvec::smallvec;
use tempfile::TempDir;

use super::{Append, Conversation, Marks, MarksRow, Message, NewAccount, Store, StoreOptions};

/// A store on a file that goes away with it.
struct Lab {
    store: Store,
    folder: TempDir,
}

impl Lab {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&options(&folder)).await.unwrap();
        Self { store, folder }
    }

    /// Closes the store and opens its file again, as a restart of the server does.
    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = Store::open(&options(&self.folder)).await.unwrap();
        Self { store, ..self }
    }

    /// Opens the same file once more, as another process would, with little patience.
    async fn open_another(&self) -> Store {
        let impatient = StoreOptions {
            busy_timeout: Duration::from_millis(10),
            ..options(&self.folder)
        };
        Store::open(&impatient).await.unwrap()
    }

    /// An account with this name, and an e-mail made of its number.
    async fn person(&self, name: &str, number: usize) -> UserId {
        let new = NewAccount {
            name: name.to_owned(),
            email: format!("{number}@example.com"),
            password_hash: "hash".to_owned(),
            now: 1,
        };
        self.store.create(new).await.unwrap().unwrap().id
    }

    /// Two people and their conversation.
    async fn conversation(&self) -> Conversation {
        let (a, b) = (self.person("Ann", 1).await, self.person("Bob", 2).await);
        self.start(a, b, 5).await
    }

    async fn start(&self, by: UserId, other: UserId, now: i64) -> Conversation {
        let pair = Pair::of(by, other);
        self.store
            .create_conversation(pair, by, now)
            .await
            .unwrap()
            .0
    }

    /// Has `sender` say `count` things after `head`, which also marks them as read by the sender.
    async fn say(&self, conversation: &Conversation, sender: UserId, head: i64, count: i64) {
        let append = said(conversation, sender, head, count);
        self.store.append(&[&append], &[]).await.unwrap();
    }

    /// Everything in a conversation, oldest first.
    async fn all(&self, conversation: ConversationId) -> Vec<Message> {
        self.store
            .after(conversation, Seq::ZERO, 10_000)
            .await
            .unwrap()
    }
}

/// Those of the server, but for a log that is soon full.
fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions {
        log_pages: 500,
        ..StoreOptions::new(format!("sqlite://{}/test.db", folder.path().display()))
    }
}

fn message(conversation: ConversationId, seq: i64, sender: UserId) -> Message {
    Message {
        conversation,
        seq: Seq(seq),
        sender,
        content: format!("message {seq}").into(),
        client_message_id: None,
        created_at: 1000 + seq,
    }
}

/// What a conversation writes when `sender` says `count` things after `head`; the other's marks
/// stay at 0.
fn said(conversation: &Conversation, sender: UserId, head: i64, count: i64) -> Append {
    let last = head + count;
    let marks = |user: UserId| Marks {
        user,
        head: Seq(last),
        read: Seq(if user == sender { last } else { 0 }),
        delivered: Seq(if user == sender { last } else { 0 }),
        active_at: 1000 + last,
    };
    let Pair { low, high } = conversation.pair;
    Append {
        conversation: conversation.id,
        messages: (head + 1..=last)
            .map(|seq| Arc::new(message(conversation.id, seq, sender)))
            .collect(),
        marks: smallvec![
            MarksRow {
                marks: marks(low),
                other: high
            },
            MarksRow {
                marks: marks(high),
                other: low
            },
        ],
    }
}

/// The first column of what `sql` answers, as text.
async fn column(db: &DatabaseConnection, sql: &str, position: usize) -> Vec<String> {
    let question = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(question).await.unwrap();
    let text = |row: &sea_orm::QueryResult| {
        row.try_get_by_index(position)
            .or_else(|_| row.try_get_by_index(position).map(|n: i64| n.to_string()))
            .unwrap()
    };
    rows.iter().map(text).collect()
}
