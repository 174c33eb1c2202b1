//! Sets the scene over REST before a run, and reads the history after it. Nothing here is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use crate::check::Record;
use crate::http::{Connection, Target};
use crate::message::Cast;
use crate::scan::Message;

const PAGE: u64 = 100;
/// How many conversations are opened together, or read back together: enough to keep a server busy.
const TOGETHER: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: u64,
    pub(crate) token: String,
}

/// Two people and their conversation.
#[derive(Clone, Debug)]
pub(crate) struct Couple {
    pub(crate) people: [Person; 2],
    pub(crate) conversation: u64,
}

/// Registers two new people and opens their conversation, so that its `seq` starts at 1.
pub(crate) async fn introduce(target: &Target) -> Result<Couple> {
    let mut connection = Connection::open(target).await?;
    let first = register(&mut connection, "a").await?;
    let second = register(&mut connection, "b").await?;
    let conversation = converse(&mut connection, &first, &second).await?;
    Ok(Couple {
        people: [first, second],
        conversation,
    })
}

/// Opens the conversation of two people.
pub(crate) async fn converse(
    connection: &mut Connection,
    first: &Person,
    second: &Person,
) -> Result<u64> {
    let wanted = json!({"type": "direct", "participant_ids": [second.id]});
    let opened = connection
        .call(
            "POST",
            "/api/conversations",
            Some(&first.token),
            Some(&wanted),
        )
        .await?;
    number(&opened, "/data/conversation/id")
}

/// The same `count` times; `told` hears how many there are.
pub(crate) async fn couples(
    target: &Target,
    count: usize,
    told: impl Fn(usize),
) -> Result<Vec<Couple>> {
    let mut opening = stream::iter(0..count)
        .map(|_| introduce(target))
        .buffer_unordered(TOGETHER);
    let mut couples = Vec::with_capacity(count);
    while let Some(couple) = opening.next().await {
        couples.push(couple?);
        told(couples.len());
    }
    Ok(couples)
}

/// Registers a new person.
pub(crate) async fn register(connection: &mut Connection, who: &str) -> Result<Person> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Unique also when a server is measured again and again.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let email = format!("load-{who}-{process}-{count}-{now}@example.com");
    let account =
        json!({"name": format!("Load {who}"), "email": email, "password": "load generator"});
    let answer = connection
        .call("POST", "/api/auth/register", None, Some(&account))
        .await?;
    let token = answer.pointer("/data/token").and_then(Value::as_str);
    let token = token
        .context("the answer to a registration has no data.token")?
        .to_owned();
    Ok(Person {
        id: number(&answer, "/data/user/id")?,
        token,
    })
}

/// What [`history`] tells of each conversation, in their order.
pub(crate) async fn histories(
    target: &Target,
    couples: &[Couple],
    casts: &[Cast],
    after: &[u64],
    told: impl Fn(usize),
) -> Result<Vec<(Vec<Record>, u64)>> {
    let mut reading = stream::iter(couples.iter().zip(casts).zip(after))
        .map(|((couple, cast), after)| history(target, couple, cast, *after))
        .buffered(TOGETHER);
    let mut histories = Vec::with_capacity(couples.len());
    while let Some(history) = reading.next().await {
        histories.push(history?);
        told(histories.len());
    }
    Ok(histories)
}

/// The conversation after a position, as the server stored it, oldest first, and its `head_seq`.
pub(crate) async fn history(
    target: &Target,
    couple: &Couple,
    cast: &Cast,
    mut after: u64,
) -> Result<(Vec<Record>, u64)> {
    let [reader, _] = &couple.people;
    let mut connection = Connection::open(target).await?;
    let mut stored: Vec<Record> = Vec::new();
    loop {
        let path = format!(
            "/api/messages/conversation/{}?after_seq={after}&limit={PAGE}",
            couple.conversation
        );
        let answer = connection
            .call("GET", &path, Some(&reader.token), None)
            .await?;
        let messages = answer.pointer("/data/messages").and_then(Value::as_array);
        for message in messages.context("a page of the history has no data.messages")? {
            stored.push(cast.record(&parse(message)?)?);
        }
        let more = answer
            .pointer("/data/pagination/has_more")
            .and_then(Value::as_bool);
        if !more.context("a page of the history has no data.pagination.has_more")? {
            return Ok((stored, number(&answer, "/data/head_seq")?));
        }
        let last = stored.last().map_or(after, |record| record.seq);
        ensure!(
            last > after,
            "the history has more after seq {after}, but does not give it"
        );
        after = last;
    }
}

fn parse(message: &Value) -> Result<Message<'_>> {
    let text = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .as_bytes()
    };
    Ok(Message {
        id: number(message, "/id")?,
        seq: number(message, "/seq")?,
        sender_id: number(message, "/sender_id")?,
        conversation_id: number(message, "/conversation_id")?,
        content: text("content"),
        client_message_id: text("client_message_id"),
    })
}

fn number(answer: &Value, pointer: &str) -> Result<u64> {
    let found = answer.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("an answer of the server has no number at {pointer}"))
}
