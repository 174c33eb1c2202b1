//! When a socket goes while the server drains.
//!
//! Were all of them closed in the same moment, all of their clients would be back in the same moment,
//! at a server that has only just started. So they go one after the other, and who has not gone is
//! served as before.

use std::time::Duration;

use super::Life;
use crate::config::Limits;

impl Life {
    /// How long one of the sockets that are there stays on, at random.
    pub(super) fn stay(&self, limits: &Limits) -> Duration {
        // A tracker counts requests too, but when a server drains most that is there is sockets.
        spread(self.tasks.len(), limits).mul_f64(random())
    }
}

/// The time over which so many sockets go.
fn spread(sockets: usize, limits: &Limits) -> Duration {
    let one_by_one = Duration::from_secs(1).mul_f64(sockets as f64 / f64::from(limits.drain_rate));
    limits.drain_spread.min(one_by_one)
}

/// From 0 to 1. Where there is no randomness all go at once, which is no more than a pity.
fn random() -> f64 {
    getrandom::u32().map_or(0.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_go_quickly_and_many_take_no_longer_than_they_may() {
        let limits = Limits {
            drain_spread: Duration::from_secs(3),
            drain_rate: 2_000,
            ..Limits::default()
        };
        assert_eq!(spread(0, &limits), Duration::ZERO);
        assert_eq!(spread(100, &limits), Duration::from_millis(50));
        assert_eq!(spread(6_000, &limits), Duration::from_secs(3));
        assert_eq!(spread(1_000_000, &limits), Duration::from_secs(3));
    }

    #[test]
    fn nobody_stays_longer_than_the_time_for_all() {
        let stays: Vec<f64> = (0..1_000).map(|_| random()).collect();
        assert!(stays.iter().all(|stay| (0.0..=1.0).contains(stay)));
        assert!(stays.iter().any(|stay| *stay < 0.25));
        assert!(stays.iter().any(|stay| *stay > 0.75));
    }
}
