//! What the operator sees: the server's own figures, read when somebody looks.

use std::cmp::Reverse;
use std::time::{Instant, SystemTime};

use tokio::sync::Semaphore;

use super::Chat;
use crate::actors::Neighbours;
use crate::actors::directory::Seen;
use crate::error::ChatError;
use crate::metrics::figures::{Figures, Lively, Now};

/// The supervisor, the journal and presence: they live as long as the server.
const SERVICES: u64 = 3;

/// When the server started, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    at: Instant,
    on: SystemTime,
}

impl Started {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            on: SystemTime::now(),
        }
    }
}

/// Everybody at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// The figures of the server as a whole.
    pub figures: Figures,
    /// The conversations that are awake, in no order.
    pub conversations: Vec<Lively>,
    /// Milliseconds since the server started.
    pub at: u64,
}

impl Look {
    /// Where most was said lately, the busiest first; `most` at most, and none where nothing was.
    #[must_use]
    pub fn busiest(&self, most: usize) -> Vec<Lively> {
        let said = |one: &&Lively| one.stored > 0;
        let mut found: Vec<_> = self.conversations.iter().filter(said).copied().collect();
        found.sort_by(|one, other| other.per_second.total_cmp(&one.per_second));
        found.truncate(most);
        found
    }

    /// Where a send took longest lately, the slowest first; `most` at most.
    #[must_use]
    pub fn slowest(&self, most: usize) -> Vec<Lively> {
        let slow = |one: &&Lively| one.slowest > 0;
        let mut found: Vec<_> = self.conversations.iter().filter(slow).copied().collect();
        found.sort_by_key(|one| Reverse(one.slowest));
        found.truncate(most);
        found
    }
}

impl Chat {
    /// Somebody is refused something: counts it.
    pub(crate) fn refused(&self, error: &ChatError) {
        self.refused_with(error.code());
    }

    /// The same, by the code that they hear.
    pub(crate) fn refused_with(&self, code: &str) {
        self.0.neighbours.metrics.refusals.count(code);
    }

    /// Looks at everybody. It takes as long as there are many: for an operator, not for a person.
    #[must_use]
    pub fn look(&self) -> Look {
        let Neighbours {
            directory,
            metrics,
            health,
            store,
            limits,
            ..
        } = &self.0.neighbours;
        let Seen {
            conversations,
            sessions_away,
            outboxes,
            fullest,
        } = directory.look();
        let mailboxes = || conversations.iter().map(|one| one.mailbox);
        let taken = |places: &Semaphore, of: usize| of.saturating_sub(places.available_permits());
        let now = Now {
            writable: health.is_good(Instant::now()) && !store.is_broken(),
            conversations: metrics.conversations.get(),
            sessions: metrics.sessions.get(),
            sessions_away: sessions_away as u64,
            services: SERVICES,
            commands_under_way: taken(&self.0.admission, limits.commands_max) as u64,
            sends_under_way: taken(&self.0.sends, limits.sends_max) as u64,
            journal_waiting: metrics.journal_waiting.get(),
            mailboxes: mailboxes().sum(),
            mailbox_deepest: mailboxes().max().unwrap_or(0),
            outbox_waiting: outboxes.waiting as u64,
            outbox_kept: outboxes.kept as u64,
            outbox_fullest: fullest as u64,
        };
        let Started { at, on } = self.0.started;
        let since_epoch = on.duration_since(SystemTime::UNIX_EPOCH);
        let figures = Figures {
            totals: metrics.totals(),
            now,
            started_at: since_epoch.unwrap_or_default().as_secs_f64(),
        };
        let at = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Look {
            figures,
            conversations,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(conversations: &[(i64, f64, u64)]) -> Look {
        let lively = |&(conversation, per_second, slowest)| Lively {
            conversation,
            per_second,
            stored: u64::from(per_second > 0.0),
            batches: 0,
            last_batch: 0,
            largest_batch: 0,
            mailbox: 0,
            in_line: 0,
            slowest,
        };
        Look {
            figures: Figures::default(),
            conversations: conversations.iter().map(lively).collect(),
            at: 0,
        }
    }

    #[test]
    fn the_busiest_and_the_slowest_come_first_and_the_quiet_not_at_all() {
        let look = look(&[(1, 0.5, 70), (2, 8.0, 20), (3, 0.0, 0), (4, 2.0, 900)]);
        let ids = |found: Vec<Lively>| found.iter().map(|one| one.conversation).collect::<Vec<_>>();
        assert_eq!(ids(look.busiest(9)), [2, 4, 1]);
        assert_eq!(ids(look.busiest(2)), [2, 4]);
        assert_eq!(ids(look.slowest(9)), [4, 1, 2]);
        assert_eq!(ids(look.slowest(1)), [4]);
    }
}
