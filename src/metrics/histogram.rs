//! How often something had which size. Without a lock: two additions for one observation.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counts observations by the smallest of its bounds that is not below them.
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds, each included, ascending.
    bounds: &'static [u64],
    /// One for each bound, and one for what is above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Upper bounds, each included, ascending.
    pub bounds: Vec<u64>,
    /// How many were observed between each bound and the one before, and above the last.
    pub counts: Vec<u64>,
    /// The sum of all that was observed.
    pub sum: u64,
}

impl Histogram {
    /// One with these upper bounds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts one observation.
    pub fn record(&self, value: u64) {
        self.record_all([value]);
    }

    /// Counts many. Those that stand together and are alike cost as much as one.
    pub fn record_all(&self, values: impl IntoIterator<Item = u64>) {
        let (mut place, mut count, mut sum) = (0, 0, 0_u64);
        for value in values {
            let found = self.bounds.partition_point(|bound| *bound < value);
            if found != place {
                self.add(place, count);
                (place, count) = (found, 0);
            }
            count += 1;
            sum = sum.saturating_add(value);
        }
        self.add(place, count);
        if sum > 0 {
            self.sum.fetch_add(sum, Ordering::Relaxed);
        }
    }

    fn add(&self, place: usize, count: u64) {
        if count > 0 {
            self.counts[place].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Distribution {
            bounds: self.bounds.to_vec(),
            counts: self.counts.iter().map(read).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Distribution {
    /// How many were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound below which this share of the observations lies, such as 0.99: what is told is not
    /// less than the truth, and at most one bound more. `None` if there are none, or it lies above
    /// the last bound.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        self.bounds.get(place?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[u64] = &[1, 10, 100];

    #[test]
    fn a_bound_is_included_and_what_is_above_all_counts_too() {
        let histogram = Histogram::new(BOUNDS);
        histogram.record_all([0, 1, 2, 10, 11, 100, 101, 1]);
        let read = histogram.read();
        assert_eq!(read.counts, [3, 2, 2, 1]);
        assert_eq!((read.sum, read.count()), (226, 8));
    }

    #[test]
    fn many_at_once_are_as_one_after_the_other() {
        let (together, apart) = (Histogram::new(BOUNDS), Histogram::new(BOUNDS));
        let values = [5, 5, 5, 500, 1, 1, 5];
        together.record_all(values);
        values.into_iter().for_each(|value| apart.record(value));
        assert_eq!(together.read(), apart.read());
    }

    #[test]
    fn a_quantile_is_the_bound_that_so_many_do_not_pass() {
        let histogram = Histogram::new(BOUNDS);
        assert_eq!(histogram.read().quantile(0.5), None);
        histogram.record_all([1, 1, 1, 9, 50]);
        let read = histogram.read();
        assert_eq!(read.quantile(0.0), Some(1));
        assert_eq!(read.quantile(0.6), Some(1));
        assert_eq!(read.quantile(0.61), Some(10));
        assert_eq!(read.quantile(1.0), Some(100));
        histogram.record(1_000);
        assert_eq!(histogram.read().quantile(1.0), None);
    }
}
