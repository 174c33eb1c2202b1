//! The database of mode `history`: a short conversation and a long one, people with few conversations and with many.

use std::path::Path;

use anyhow::Result;

use crate::bulk::Bulk;
use crate::people::Person;
use crate::report::Progress;
use crate::seed::{Between, Seed};

pub(crate) const FEW_MESSAGES: u64 = 1_000;
pub(crate) const FEW_CONVERSATIONS: usize = 10;
/// Conversations in which somebody who reads most of what they get has something unread.
pub(crate) const UNREAD: usize = 5;
/// One transaction. Client ids are scattered, so each of them touches most of a conversation's index.
const TRANSACTION: u64 = 100_000;

/// The small side first, everywhere.
pub(crate) struct Archive {
    /// Who has the short and the long conversation, with somebody each.
    pub(crate) reader: Person,
    pub(crate) conversations: [u64; 2],
    pub(crate) heads: [u64; 2],
    /// People with few and many conversations, of which they have read all but [`UNREAD`].
    pub(crate) tidy: [Person; 2],
    /// One conversation of each of those.
    pub(crate) theirs: [u64; 2],
    /// The same, but they have read nothing.
    pub(crate) untidy: [Person; 2],
    pub(crate) counts: [usize; 2],
}

impl Archive {
    /// Writes `(messages, conversations)` on the large side.
    pub(crate) async fn write(
        database: &Path,
        (messages, conversations): (u64, usize),
        size: usize,
        progress: &Progress,
    ) -> Result<Self> {
        let seed = Seed::open(database).await?;
        let counts = [FEW_CONVERSATIONS, conversations];
        let others = others(&seed, conversations, progress).await?;
        let reader = seed.person(conversations).await?;
        let people = async |first: usize| {
            anyhow::Ok([seed.person(first).await?, seed.person(first + 1).await?])
        };
        let (tidy, untidy) = (
            people(conversations + 1).await?,
            people(conversations + 3).await?,
        );

        let heads = [FEW_MESSAGES, messages];
        let mut read = [0; 2];
        for (side, head) in heads.into_iter().enumerate() {
            let between = seed.conversation([reader.id, others[side]]).await?;
            fill(&seed, between, head, size, progress).await?;
            read[side] = between.conversation;
        }
        let mut theirs = [0; 2];
        for side in 0..2 {
            let others = &others[..counts[side]];
            theirs[side] = talk(&seed, &tidy[side], others, UNREAD, size, progress).await?;
            talk(&seed, &untidy[side], others, others.len(), size, progress).await?;
        }
        progress.say("closing the database");
        seed.close().await;
        Ok(Self {
            reader,
            conversations: read,
            heads,
            tidy,
            theirs,
            untidy,
            counts,
        })
    }
}

async fn others(seed: &Seed, count: usize, progress: &Progress) -> Result<Vec<u64>> {
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        ids.push(seed.person(number).await?.id);
        progress.say(&format!("{number} people are written"));
    }
    Ok(ids)
}

async fn fill(
    seed: &Seed,
    between: Between,
    head: u64,
    size: usize,
    progress: &Progress,
) -> Result<()> {
    let mut from = 0;
    while from < head {
        let to = head.min(from + TRANSACTION);
        let bulk = Bulk {
            between,
            from,
            to,
            unread: 0,
        };
        seed.messages(&[bulk], size).await?;
        progress.say(&format!("{to} messages are written"));
        from = to;
    }
    Ok(())
}

/// A conversation with each of `others`, with one message of theirs; the first `unread` are not read. Returns the last.
async fn talk(
    seed: &Seed,
    person: &Person,
    others: &[u64],
    unread: usize,
    size: usize,
    progress: &Progress,
) -> Result<u64> {
    let mut bulks = Vec::with_capacity(others.len());
    for (number, other) in others.iter().enumerate() {
        bulks.push(Bulk {
            between: seed.conversation([person.id, *other]).await?,
            from: 0,
            to: 1,
            unread: u64::from(number < unread),
        });
        progress.say(&format!("{number} conversations are written"));
    }
    seed.messages(&bulks, size).await?;
    Ok(bulks.last().map_or(0, |bulk| bulk.between.conversation))
}
