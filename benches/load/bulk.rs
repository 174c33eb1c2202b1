//! Fills conversations with messages, many in a transaction.

use std::sync::Arc;

use anyhow::{Context, Result};
use duologue::store::{Append, Marks, MarksRow, Message};
use entities::ids::{ConversationId, Seq, UserId};

use crate::seed::{Between, Seed};

/// Messages for one conversation: those at `from + 1` to `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(crate) between: Between,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// How many of the newest the first person has not read; the second wrote those.
    pub(crate) unread: u64,
}

impl Seed {
    /// Writes messages of `size` bytes of content in one transaction. No conversation may be named twice.
    pub(crate) async fn messages(&self, bulks: &[Bulk], size: usize) -> Result<()> {
        let appends: Vec<_> = bulks.iter().map(|bulk| self.append(bulk, size)).collect();
        let appends: Vec<_> = appends.iter().collect();
        let written = self.store.append(&appends, &[]).await;
        written.context("cannot write messages")
    }

    fn append(&self, bulk: &Bulk, size: usize) -> Append {
        let conversation = ConversationId(bulk.between.conversation as i64);
        let read = bulk.to.saturating_sub(bulk.unread);
        let messages = (bulk.from + 1..=bulk.to).map(|seq| {
            // In turns, but nobody has unread messages of their own.
            let side = if seq > read { 1 } else { (seq % 2) as usize };
            Arc::new(Message {
                conversation,
                seq: Seq(seq as i64),
                sender: UserId(bulk.between.people[side] as i64),
                content: content(seq, size).into(),
                client_message_id: Some(client_id(bulk.between.conversation, seq).into()),
                created_at: self.now_ms(),
            })
        });
        let marks = |side: usize, read: u64| MarksRow {
            marks: Marks {
                user: UserId(bulk.between.people[side] as i64),
                head: Seq(bulk.to as i64),
                read: Seq(read as i64),
                delivered: Seq(bulk.to as i64),
                active_at: self.now_ms(),
            },
            other: UserId(bulk.between.people[1 - side] as i64),
        };
        Append {
            conversation,
            messages: messages.collect(),
            marks: [marks(0, read), marks(1, bulk.to)].into_iter().collect(),
        }
    }
}

/// What the message at `seq`, or the one of that number, says.
pub(crate) fn content(seq: u64, size: usize) -> String {
    let start = format!("{seq} ");
    let text = start.chars().chain(('a'..='z').cycle());
    text.take(size).collect()
}

/// As scattered as the random ids of real clients, which is what the index over them has to cope with.
pub(crate) fn client_id(conversation: u64, seq: u64) -> String {
    let high = scatter(conversation << 32 | seq);
    format!("{high:016x}{:016x}", scatter(high))
}

/// The finalizer of `SplitMix64`: a different and random-looking number for each.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
