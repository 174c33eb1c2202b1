//! What the server counts of itself: for the operator, by no person and no conversation.
//!
//! A [`Metrics`] belongs to one server. Whoever does the work counts in it, with relaxed atomics, and
//! for a whole batch at once where there is one; nothing here locks, waits or allocates. What can
//! be seen by looking (queues, sessions, outboxes) is not counted at all: whoever asks looks.
//! [`figures`] has what was read at one moment, [`exposition`] writes it down for Prometheus, and
//! names every metric.

pub mod exposition;

pub mod figures;

mod histogram;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::ChatError;
use figures::{Batches, Totals};
pub use histogram::{Distribution, Histogram};

/// Upper bounds for what takes time, in microseconds: a send, a commit.
const TIMES: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Upper bounds for how much goes together. The first is for what carries none.
const SIZES: &[u64] = &[0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// The counts of one server, since its start.
#[derive(Debug)]
pub struct Metrics {
    /// Sends that reached their conversation.
    pub(crate) sends: Counter,
    /// Sends that were acknowledged as stored now.
    pub(crate) stored: Counter,
    /// Sends that were acknowledged as known already, by their key.
    pub(crate) known: Counter,
    /// Messages that reached the other person: proven, read or replied to.
    pub(crate) deliveries: Counter,
    /// What clients were refused.
    pub(crate) refusals: Refusals,
    /// From a send's admission to its acknowledgement, in microseconds.
    pub(crate) send_time: Histogram,
    /// What one transaction took, in microseconds.
    pub(crate) commit_time: Histogram,
    /// The messages of one transaction. Some hold only positions, and none.
    pub(crate) commit_messages: Histogram,
    /// The batches of one transaction, each of another conversation.
    pub(crate) commit_batches: Histogram,
    /// Batches that are on disk.
    pub(crate) batches_committed: Counter,
    /// Batches that held a key that was stored before.
    pub(crate) batches_clashed: Counter,
    /// Batches that are not on disk.
    pub(crate) batches_refused: Counter,
    /// Batches of which nobody can tell.
    pub(crate) batches_unknown: Counter,
    /// What waits for the journal, behind the transaction under way.
    pub(crate) journal_waiting: Gauge,
    /// Actors of conversations.
    pub(crate) conversations: Gauge,
    /// Actors of sessions.
    pub(crate) sessions: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            sends: Counter::default(),
            stored: Counter::default(),
            known: Counter::default(),
            deliveries: Counter::default(),
            refusals: Refusals::default(),
            send_time: Histogram::new(TIMES),
            commit_time: Histogram::new(TIMES),
            commit_messages: Histogram::new(SIZES),
            commit_batches: Histogram::new(SIZES),
            batches_committed: Counter::default(),
            batches_clashed: Counter::default(),
            batches_refused: Counter::default(),
            batches_unknown: Counter::default(),
            journal_waiting: Gauge::default(),
            conversations: Gauge::default(),
            sessions: Gauge::default(),
        }
    }
}

impl Metrics {
    /// What was counted so far. Each count is right; they are read one after the other.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            sends: self.sends.get(),
            stored: self.stored.get(),
            known: self.known.get(),
            deliveries: self.deliveries.get(),
            refusals: self.refusals.read(),
            batches: Batches {
                committed: self.batches_committed.get(),
                clashed: self.batches_clashed.get(),
                refused: self.batches_refused.get(),
                unknown: self.batches_unknown.get(),
            },
            send_time: self.send_time.read(),
            commit_time: self.commit_time.read(),
            commit_messages: self.commit_messages.read(),
            commit_batches: self.commit_batches.read(),
        }
    }
}

/// A count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`; for nothing if that is none.
    pub(crate) fn add(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much of something there is.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub(crate) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less, of those that were counted.
    pub(crate) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// As much as this; for a gauge that one alone sets.
    pub(crate) fn set(&self, to: usize) {
        self.0.store(to as u64, Ordering::Relaxed);
    }

    /// How much it is now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What clients were refused, by the code that they heard.
#[derive(Debug, Default)]
pub(crate) struct Refusals([Counter; CODES.len()]);

/// The codes of the contract, and what Engine.IO refuses in words of its own.
const CODES: [&str; ChatError::CODES.len() + 1] = {
    let mut codes = [Refusals::ENGINE; ChatError::CODES.len() + 1];
    let mut at = 0;
    while at < ChatError::CODES.len() {
        codes[at] = ChatError::CODES[at];
        at += 1;
    }
    codes
};

impl Refusals {
    /// What stands for a request that is none of Engine.IO's.
    pub(crate) const ENGINE: &'static str = "engineio";

    /// Somebody hears `code`.
    pub(crate) fn count(&self, code: &str) {
        if let Some(at) = CODES.iter().position(|known| *known == code) {
            self.0[at].add(1);
        }
    }

    fn read(&self) -> Vec<(String, u64)> {
        let counts = self.0.iter().map(Counter::get);
        let codes = CODES.iter().map(|code| (*code).to_owned());
        codes.zip(counts).collect()
    }
}

/// In microseconds, as histograms of times count.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_under_its_code_and_no_other() {
        let refusals = Refusals::default();
        refusals.count(ChatError::Overloaded.code());
        refusals.count(ChatError::Overloaded.code());
        refusals.count(Refusals::ENGINE);
        refusals.count("no_such_code");
        for (code, count) in refusals.read() {
            let expected = match &*code {
                "overloaded" => 2,
                Refusals::ENGINE => 1,
                _ => 0,
            };
            assert_eq!(count, expected, "{code}");
        }
    }
}
