//! How long a send waits for its conversation's turn: the measure of too much.
//!
//! A count of what is under way says little of that: a fast machine with a fast disk does in a
//! tenth of the time what a slow one does, and in front of the door waits what was not even read
//! yet. A mailbox is waited for by everything that comes, so what it takes is what a refusal takes too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The last send's wait.
#[derive(Debug, Default)]
pub(crate) struct Pressure(AtomicU64);

impl Pressure {
    /// For a conversation: what it takes up now has waited so long.
    pub(crate) fn note(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }

    /// Whether the last one waited longer than `most`.
    pub(crate) fn is_above(&self, most: Duration) -> bool {
        u128::from(self.0.load(Ordering::Relaxed)) > most.as_micros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_wait_counts() {
        let (pressure, most) = (Pressure::default(), Duration::from_millis(25));
        assert!(!pressure.is_above(most));
        pressure.note(most);
        assert!(!pressure.is_above(most));
        pressure.note(most + Duration::from_micros(1));
        assert!(pressure.is_above(most));
        pressure.note(Duration::from_micros(10));
        assert!(!pressure.is_above(most));
    }
}
