//! What the operator sees of the server at one moment: numbers, and ids of conversations. No
//! content, no names, no addresses of people.
//!
//! It is written by the operator's listener and read again by `duologue inspect`.

use serde::{Deserialize, Serialize};

use super::Distribution;

/// What was counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Sends that reached their conversation.
    pub sends: u64,
    /// Sends that were acknowledged as stored now.
    pub stored: u64,
    /// Sends that were acknowledged as known already.
    pub known: u64,
    /// Messages that reached the other person: proven, read or replied to.
    pub deliveries: u64,
    /// What clients were refused: the code, and how often.
    pub refusals: Vec<(String, u64)>,
    /// What became of conversations' batches.
    pub batches: Batches,
    /// From a send's admission to its acknowledgement, in microseconds.
    pub send_time: Distribution,
    /// What one transaction took, in microseconds.
    pub commit_time: Distribution,
    /// The messages of one transaction.
    pub commit_messages: Distribution,
    /// The batches of one transaction.
    pub commit_batches: Distribution,
}

/// What became of conversations' batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// On disk.
    pub committed: u64,
    /// Held a key that was stored before, and were put together anew.
    pub clashed: u64,
    /// Not on disk.
    pub refused: u64,
    /// Nobody can tell.
    pub unknown: u64,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Whether a message could become durable, by what the last write told.
    pub writable: bool,
    /// Actors of conversations.
    pub conversations: u64,
    /// Actors of sessions.
    pub sessions: u64,
    /// Those of them that wait for their client, without a socket.
    pub sessions_away: u64,
    /// The supervisor, the journal and presence.
    pub services: u64,
    /// Commands under way, without sends.
    pub commands_under_way: u64,
    /// Sends under way.
    pub sends_under_way: u64,
    /// What waits for the journal, behind the transaction under way.
    pub journal_waiting: u64,
    /// What waits in the mailboxes of all conversations.
    pub mailboxes: u64,
    /// What waits in the fullest of them.
    pub mailbox_deepest: u64,
    /// Bytes that wait in outboxes.
    pub outbox_waiting: u64,
    /// Bytes in outboxes that were written and are kept until they are proven.
    pub outbox_kept: u64,
    /// The bytes of the fullest outbox, both kinds.
    pub outbox_fullest: u64,
}

/// One conversation that is awake.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lively {
    /// Its id.
    pub conversation: i64,
    /// Messages stored in a second, lately: what is 10 s old counts half.
    pub per_second: f64,
    /// Messages stored since it woke.
    pub stored: u64,
    /// Batches committed since it woke.
    pub batches: u64,
    /// The messages of its last batch.
    pub last_batch: u64,
    /// The messages of its largest batch.
    pub largest_batch: u64,
    /// What waits in its mailbox.
    pub mailbox: u64,
    /// Sends that wait in line behind its batch under way.
    pub in_line: u64,
    /// The longest that one of its sends took in the last 30 to 60 s, in microseconds.
    pub slowest: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Since the start.
    pub totals: Totals,
    /// At this moment.
    pub now: Now,
    /// When the server started, in seconds since the epoch.
    pub started_at: f64,
}

/// The server at one moment, for a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// The version of the server.
    pub version: String,
    /// For how many seconds it has run.
    pub uptime: u64,
    /// What it has counted, and how things stand.
    pub figures: Figures,
    /// Where most is said, the busiest first.
    pub busiest: Vec<Lively>,
    /// Where a send took longest, the slowest first.
    pub slowest: Vec<Lively>,
    /// The last minutes, a sample a second, the oldest first.
    pub samples: Vec<Sample>,
}

/// What is kept of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was taken, in milliseconds since the server started.
    pub at: u64,
    /// Sends so far.
    pub sends: u64,
    /// Acknowledgements so far, of both kinds.
    pub acknowledged: u64,
    /// Deliveries so far.
    pub deliveries: u64,
    /// Refusals so far, of all codes.
    pub refused: u64,
    /// Transactions so far that held messages.
    pub commits: u64,
    /// Their messages so far.
    pub messages: u64,
    /// Microseconds of all transactions so far.
    pub commit_micros: u64,
    /// Transactions so far, also those of positions alone.
    pub transactions: u64,
    /// Actors of conversations, then.
    pub conversations: u64,
    /// Actors of sessions, then.
    pub sessions: u64,
    /// What waited in all mailboxes, then.
    pub mailboxes: u64,
    /// What waited for the journal, then.
    pub journal_waiting: u64,
    /// Bytes that waited in outboxes, then.
    pub outbox_waiting: u64,
}

impl Sample {
    /// What is kept of `figures`, taken `at` so many milliseconds after the start.
    #[must_use]
    pub fn of(figures: &Figures, at: u64) -> Self {
        let Figures { totals, now, .. } = figures;
        let messages = &totals.commit_messages;
        Self {
            at,
            sends: totals.sends,
            acknowledged: totals.stored + totals.known,
            deliveries: totals.deliveries,
            refused: totals.refusals.iter().map(|(_, count)| count).sum(),
            // The first bound is for those without any.
            commits: messages.counts.iter().skip(1).sum(),
            messages: messages.sum,
            commit_micros: totals.commit_time.sum,
            transactions: totals.commit_time.count(),
            conversations: now.conversations,
            sessions: now.sessions,
            mailboxes: now.mailboxes,
            journal_waiting: now.journal_waiting,
            outbox_waiting: now.outbox_waiting,
        }
    }
}
