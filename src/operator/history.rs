//! The last minutes, a sample a second: for whoever comes late.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::figures::{Figures, Sample};

/// Samples that are kept: two minutes.
const KEPT: usize = 120;

/// The newest samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Sample>>);

impl History {
    /// Keeps what `figures` were, `at` so many milliseconds after the start.
    pub(super) fn add(&self, figures: &Figures, at: u64) {
        let mut samples = self.lock();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(Sample::of(figures, at));
    }

    pub(super) fn read(&self) -> Vec<Sample> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_in_order() {
        let history = History::default();
        for at in 0..KEPT as u64 + 5 {
            history.add(&Figures::default(), at);
        }
        let read = history.read();
        let times: Vec<u64> = read.iter().map(|sample| sample.at).collect();
        assert_eq!(times, (5..KEPT as u64 + 5).collect::<Vec<_>>());
    }
}
