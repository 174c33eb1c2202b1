//! Whether what is to be written gets to the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// Whether the last write went to the disk, and in time. The journal notes it, `/health/ready` tells it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// When a write last failed, if none has succeeded since.
    failed: Mutex<Option<Instant>>,
    /// Since when a transaction runs, if one does.
    running: Mutex<Option<Instant>>,
    /// The last write that was tried.
    trial: Mutex<Option<Trial>>,
}

/// A write that is tried for want of others. It runs beside whoever asked for it: a disk that hangs
/// holds up the trial alone.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    since: Instant,
    ended: CancellationToken,
}

impl Trial {
    /// Waits for its end, until `time` has passed since its beginning.
    pub(crate) async fn wait(self, time: Duration) {
        let ended = self.ended.cancelled();
        // One that takes longer goes on, and what came of it is noted when it ends.
        let _in_time = tokio::time::timeout_at((self.since + time).into(), ended).await;
    }
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

    /// The trial that is under way, if one is; else, if it is time for one, it begins, and `write` is
    /// what is tried. So there is one at a time, however many ask and however long the disk takes.
    pub(crate) fn trial(
        self: &Arc<Self>,
        now: Instant,
        write: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) -> Option<Trial> {
        let mut last = lock(&self.trial);
        if let Some(under_way) = last.as_ref().filter(|one| !one.ended.is_cancelled()) {
            return Some(under_way.clone());
        }
        if !self.wants_a_try(now) {
            return None;
        }
        let ended = CancellationToken::new();
        let (health, end) = (Arc::clone(self), ended.clone().drop_guard());
        tokio::spawn(async move {
            let written = write.await;
            health.note(written.as_ref().copied());
            drop(end);
        });
        let begun = Trial { since: now, ended };
        *last = Some(begun.clone());
        Some(begun)
    }

    /// Whether it is time for somebody to try a write, for want of others. Whoever asks does.
    fn wants_a_try(&self, now: Instant) -> bool {
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

fn lock<T>(at: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

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

    #[tokio::test]
    async fn one_write_is_tried_at_a_time_and_nobody_waits_for_it_for_longer_than_they_would() {
        const HOUR: Duration = Duration::from_secs(3_600);
        let health = Arc::new(Health::default());
        let tried = Arc::new(AtomicU32::new(0));
        let disk = Arc::new(Semaphore::new(0));
        let trial = |now| {
            let (tried, disk) = (Arc::clone(&tried), Arc::clone(&disk));
            let write = async move {
                tried.fetch_add(1, Ordering::Relaxed);
                let answers = disk.acquire().await;
                answers.map(drop).map_err(|_| StoreError::out_of_reach())
            };
            health.trial(now, write)
        };
        assert!(trial(Instant::now()).is_none(), "nothing is wrong");
        let failed_before = |time| *health.failed() = Instant::now().checked_sub(time);
        failed_before(Health::REST);
        let now = Instant::now();
        let askers = [now, now, now + HOUR].map(|now| trial(now).expect("a trial"));
        for asker in askers.clone() {
            asker.wait(Duration::ZERO).await;
            assert!(!health.is_good(now));
        }
        disk.add_permits(1);
        for asker in askers {
            asker.wait(HOUR).await;
            assert!(health.is_good(now), "the disk is back");
        }
        assert_eq!(tried.load(Ordering::Relaxed), 1);

        failed_before(Health::REST);
        disk.close();
        let again = trial(Instant::now()).expect("another trial");
        again.wait(HOUR).await;
        assert!(!health.is_good(Instant::now()));
        assert_eq!(tried.load(Ordering::Relaxed), 2);
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
