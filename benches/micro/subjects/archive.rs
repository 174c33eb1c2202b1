//! A database on disk, with people and their conversations.

use std::path::Path;
use std::sync::Arc;

use entities::ids::{ConversationId, Pair, Seq, UserId};
use tokio::runtime::{Builder, Runtime};

use super::scene::{CONTENT, NOW, client_message_id};
use crate::store::{Append, Marks, MarksRow, Message, NewAccount, Store, StoreOptions};

/// A store with the server's settings, and a runtime of one thread that asks it.
pub(super) struct Archive {
    pub(super) store: Store,
    pub(super) runtime: Runtime,
    pub(super) talks: Vec<Talk>,
}

/// A conversation: what is asked to be written goes on from its head.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) id: ConversationId,
    pair: Pair,
    head: Seq,
}

impl Archive {
    /// Makes the database `path`, with `talks` conversations in which nothing was said yet.
    pub(super) fn new(path: &Path, talks: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (store, talks) = runtime.block_on(async {
            let options = StoreOptions::new(format!("sqlite://{}", path.display()));
            let store = Store::open(&options).await.expect("a database");
            let talks = open(&store, talks).await;
            (store, talks)
        });
        Self {
            store,
            runtime,
            talks,
        }
    }

    /// Writes all of it in one transaction: when this returns, it is on disk.
    pub(super) fn append(&self, appends: &[Append]) {
        let appends: Vec<_> = appends.iter().collect();
        let written = self.store.append(&appends, &[]);
        self.runtime.block_on(written).expect("written");
    }
}

/// Everybody talks to everybody, until there are enough conversations.
async fn open(store: &Store, talks: usize) -> Vec<Talk> {
    let mut open = Vec::with_capacity(talks);
    let mut people: Vec<UserId> = Vec::new();
    while open.len() < talks {
        let newcomer = account(store, people.len()).await;
        for &other in people.iter().take(talks - open.len()) {
            let pair = Pair::of(newcomer, other);
            let made = store.create_conversation(pair, newcomer, NOW).await;
            let (made, _) = made.expect("a conversation");
            let (id, head) = (made.id, Seq::ZERO);
            open.push(Talk { id, pair, head });
        }
        people.push(newcomer);
    }
    open
}

async fn account(store: &Store, number: usize) -> UserId {
    let made = store.create(NewAccount {
        name: format!("Person {number}"),
        email: format!("person{number}@example.org"),
        password_hash: String::new(),
        now: NOW,
    });
    made.await.expect("written").expect("a new account").id
}

impl Talk {
    /// The next `messages`, said in turns; who says something has read everything.
    pub(super) fn next(&mut self, messages: usize) -> Append {
        let said = (0..messages).map(|_| self.say()).collect();
        Append {
            conversation: self.id,
            messages: said,
            marks: [0, 1].into_iter().map(|side| self.marks(side)).collect(),
        }
    }

    fn say(&mut self) -> Arc<Message> {
        self.head = self.head.next();
        Arc::new(Message {
            conversation: self.id,
            seq: self.head,
            sender: self.pair.both()[self.speaker()],
            content: CONTENT.into(),
            client_message_id: Some(client_message_id(self.head.0)),
            created_at: NOW,
        })
    }

    /// Who said the last message.
    fn speaker(&self) -> usize {
        usize::from(self.head.0 % 2 == 0)
    }

    fn marks(&self, side: usize) -> MarksRow {
        let both = self.pair.both();
        let behind = i64::from(side != self.speaker());
        MarksRow {
            marks: Marks {
                user: both[side],
                head: self.head,
                read: Seq(self.head.0 - behind),
                delivered: Seq(self.head.0 - behind),
                active_at: NOW,
            },
            other: both[1 - side],
        }
    }
}
