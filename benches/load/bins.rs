//! How many came in each stretch of time: what a picture of throughput is drawn from.

use std::time::Duration;

/// The length of a stretch.
pub(crate) const BIN: Duration = Duration::from_millis(250);

/// Counts by the time in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bins(Vec<u32>);

impl Bins {
    /// One more came, at this time since the start.
    pub(crate) fn count(&mut self, at: Duration) {
        let bin = (at.as_nanos() / BIN.as_nanos()) as usize;
        if bin >= self.0.len() {
            self.0.resize(bin + 1, 0);
        }
        self.0[bin] += 1;
    }

    /// How many a second came in each stretch. The last is not a whole one, and left out.
    pub(crate) fn rates(&self) -> Vec<f64> {
        let whole = self.0.len().saturating_sub(1);
        let per_second = |count: &u32| f64::from(*count) / BIN.as_secs_f64();
        self.0[..whole].iter().map(per_second).collect()
    }
}
