//! How many messages the database takes in a bare loop, with our schema and our statements, and nothing around them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use duologue::store::{
    Append, Conversation, Marks, MarksRow, Message, NewAccount, Store, StoreOptions,
};
use entities::ids::{Pair, Seq};
use smallvec::smallvec;

use crate::server::Server;

const BATCH: usize = 256;
const TIME: Duration = Duration::from_secs(1);

/// A second.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) batched: f64,
    pub(super) single: f64,
}

/// A conversation, and how many messages it has.
type Talk = (Conversation, i64);

/// Messages of `size` bytes, each batch spread over as many of `conversations` as it can be.
pub(super) async fn probe(conversations: usize, size: usize) -> Result<Rows> {
    let data = tempfile::tempdir_in(Server::data_root()).context("cannot make a directory")?;
    let url = format!("sqlite://{}", data.path().join("rows.db").display());
    let store = Store::open(&StoreOptions::new(url)).await?;
    let mut talks = talks(&store, conversations.min(BATCH)).await?;
    let content = "x".repeat(size);
    let rows = Rows {
        batched: rate(&store, &mut talks, BATCH, &content).await?,
        single: rate(&store, &mut talks, 1, &content).await?,
    };
    store.close().await;
    Ok(rows)
}

async fn talks(store: &Store, count: usize) -> Result<Vec<Talk>> {
    let mut talks = Vec::with_capacity(count);
    let now = now();
    for number in 0..count {
        let mut people = Vec::with_capacity(2);
        for person in ["a", "b"] {
            let account = store.create(NewAccount {
                name: format!("Load {person}"),
                email: format!("{person}{number}@example.com"),
                password_hash: String::new(),
                now,
            });
            people.push(account.await?.context("an e-mail was taken")?.id);
        }
        let pair = Pair::of(people[0], people[1]);
        let (conversation, _) = store.create_conversation(pair, people[0], now).await?;
        talks.push((conversation, 0));
    }
    Ok(talks)
}

/// Messages a second, `batch` of them in each transaction.
async fn rate(store: &Store, talks: &mut [Talk], batch: usize, content: &str) -> Result<f64> {
    let (started, mut written, mut first) = (Instant::now(), 0, 0);
    while started.elapsed() < TIME {
        let count = batch.min(talks.len());
        let mut appends = Vec::with_capacity(count);
        for at in 0..count {
            // What does not divide evenly goes to those that come first.
            let messages = batch / count + usize::from(at < batch % count);
            let talk = (first + at) % talks.len();
            appends.push(append(&mut talks[talk], messages, content));
        }
        first = (first + count) % talks.len();
        store
            .append(&appends.iter().collect::<Vec<_>>(), &[])
            .await?;
        written += batch;
    }
    Ok(written as f64 / started.elapsed().as_secs_f64())
}

/// The next messages of a conversation, and where that leaves its people.
fn append((conversation, head): &mut Talk, count: usize, content: &str) -> Append {
    let (people, now) = (conversation.pair.both(), now());
    let mut messages = Vec::with_capacity(count);
    for _ in 0..count {
        *head += 1;
        messages.push(Arc::new(Message {
            conversation: conversation.id,
            seq: Seq(*head),
            sender: people[(*head % 2) as usize],
            content: content.into(),
            client_message_id: Some(format!("a-{head:08}").into()),
            created_at: now,
        }));
    }
    let row = |me: usize| MarksRow {
        marks: Marks {
            user: people[me],
            head: Seq(*head),
            read: Seq(*head),
            delivered: Seq(*head),
            active_at: now,
        },
        other: people[1 - me],
    };
    Append {
        conversation: conversation.id,
        messages,
        marks: smallvec![row(0), row(1)],
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as i64
}
