//! Whether what is to be written gets to the disk.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Whether the last write went to the disk, and in time. The journal notes it, `/health/ready` tells it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// When a write last failed, if none has succeeded since.
    failed: Mutex<Option<Instant>>,
    /// Since when a transaction runs, if one does.
    running: Mutex<Option<Instant>>,
}

impl Health {
    /// After a failure the server counts as sick for so long, also if a small write would
    /// succeed: what failed was somebody's message.
    const REST: Duration = Duration::from_secs(5);

    pub(crate) fn note(&self, written: Result<(), &StoreError>) {
        match written {
            Ok(()) => *self.failed() = None,
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Broken) => {
                *self.failed() = Some(Instant::now());
            }
            // A refused statement says nothing of the disk.
            Err(StoreError::Failed(_)) => {}
        }
    }

    /// A transaction runs from now on, or none does any more.
    pub(crate) fn runs(&self, since: Option<Instant>) {
        *lock(&self.running) = since;
    }

    /// A transaction that takes so long is as bad as one that failed.
    pub(crate) fn is_good(&self, now: Instant) -> bool {
        let since = *lock(&self.running);
        let hangs = since.is_some_and(|at| now.saturating_duration_since(at) >= Self::REST);
        self.failed().is_none() && !hangs
    }

    /// Whether it is time for somebody to try a write, for want of others. Whoever asks does.
    pub(crate) fn wants_a_try(&self, now: Instant) -> bool {
        let mut failed = self.failed();
        let due = failed.is_some_and(|at| now.saturating_duration_since(at) >= Self::REST);
        if due {
            *failed = Some(now);
        }
        due
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        lock(&self.failed)
    }
}

fn lock(at: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_failed_to_write_is_sick_until_a_write_succeeds() {
        let health = Health::default();
        let now = Instant::now();
        assert!(health.is_good(now) && !health.wants_a_try(now));
        health.note(Err(&StoreError::out_of_reach()));
        assert!(!health.is_good(now) && !health.wants_a_try(now));
        let later = Instant::now() + Health::REST;
        assert!(health.wants_a_try(later), "when nobody else writes");
        assert!(!health.wants_a_try(later), "and by one at a time");
        health.note(Ok(()));
        assert!(health.is_good(later));
    }

    #[test]
    fn who_waits_long_for_the_disk_is_sick_until_it_answers() {
        let health = Health::default();
        let now = Instant::now();
        health.runs(Some(now));
        assert!(health.is_good(now + Health::REST / 2));
        assert!(!health.is_good(now + Health::REST));
        health.runs(None);
        assert!(health.is_good(now + Health::REST));
    }
}
