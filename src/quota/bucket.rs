//! The generic cell rate algorithm (ITU-T I.371), which is a token bucket that stores one number:
//! when the bucket will be full again. What is in it follows from that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Exceeded, Rate};

/// What is left of a [`Rate`]. A new one is full.
#[derive(Debug, Default)]
pub struct Bucket {
    /// When it is full again, in nanoseconds after a moment that is the caller's affair; in the
    /// past, if it is.
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one at `now`, a time since the caller's own beginning.
    ///
    /// # Errors
    /// [`Exceeded`] if none is left. Nothing is taken then: whoever asks again and again waits no
    /// longer for that.
    pub fn take(&self, rate: &Rate, now: Duration) -> Result<(), Exceeded> {
        let (now, interval) = (nanos(now), nanos(rate.interval()));
        // How far from full it may be, and still have one left.
        let slack = interval.saturating_mul(u64::from(rate.burst.saturating_sub(1)));
        let taken = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let missing = full_at.saturating_sub(now);
                let full_at = full_at.max(now).saturating_add(interval);
                (missing <= slack).then_some(full_at)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let missing = full_at.saturating_sub(now);
                Err(Exceeded {
                    limit: rate.burst,
                    retry_after: Duration::from_nanos(missing - slack),
                    reset: Duration::from_nanos(missing),
                })
            }
        }
    }
}

/// Enough for five centuries.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// Ten a second, three at once.
    const RATE: Rate = Rate::per_second(10, 3);

    #[test]
    fn a_burst_and_then_one_after_the_other() {
        let bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(&RATE, ms(5_000)), Ok(()));
        }
        let exceeded = |retry_after, reset| Exceeded {
            limit: 3,
            retry_after: ms(retry_after),
            reset: ms(reset),
        };
        assert_eq!(bucket.take(&RATE, ms(5_000)), Err(exceeded(100, 300)));
        assert_eq!(bucket.take(&RATE, ms(5_099)), Err(exceeded(1, 201)));
        assert_eq!(bucket.take(&RATE, ms(5_100)), Ok(()));
        assert_eq!(bucket.take(&RATE, ms(5_100)), Err(exceeded(100, 300)));
        for _ in 0..3 {
            assert_eq!(bucket.take(&RATE, ms(5_400)), Ok(()));
        }
        assert!(bucket.take(&RATE, ms(5_400)).is_err());
    }

    #[test]
    fn a_clock_that_is_read_late_gives_nothing_away() {
        let bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(&RATE, ms(1_000)), Ok(()));
        }
        assert!(bucket.take(&RATE, ms(900)).is_err());
    }

    #[test]
    fn many_at_the_same_moment_get_no_more_than_there_are() {
        let (bucket, rate) = (Bucket::default(), Rate::of(1_000, ms(3_600_000)));
        let took = std::thread::scope(|scope| {
            let threads = (0..4).map(|_| {
                let take = || (0..500).filter(|_| bucket.take(&rate, ms(1)).is_ok());
                scope.spawn(move || take().count())
            });
            let threads: Vec<_> = threads.collect();
            let counts = threads.into_iter().map(|one| one.join().expect("a count"));
            counts.sum::<usize>()
        });
        assert_eq!(took, 1_000);
    }

    /// The plain token bucket: tokens and the time of the last look, in nanoseconds' worth.
    struct Naive {
        tokens: u128,
        at: u128,
    }

    impl Naive {
        fn take(&mut self, rate: &Rate, now: u128) -> bool {
            let interval = rate.interval().as_nanos();
            let most = u128::from(rate.burst) * interval;
            self.tokens = most.min(self.tokens + (now - self.at));
            self.at = now;
            let enough = self.tokens >= interval;
            if enough {
                self.tokens -= interval;
            }
            enough
        }
    }

    fn rates() -> impl Strategy<Value = Rate> {
        (1..1_000u32, 1..100_000u64, 1..50u32).prop_map(|(count, time, burst)| Rate {
            count,
            time: ms(time),
            burst,
        })
    }

    proptest! {
        #[test]
        fn it_is_a_token_bucket(
            rate in rates(),
            // Much is asked at once, and much just when one is back, or just before.
            waits in prop::collection::vec((prop::sample::select(&[0_u32, 0, 0, 1, 2]), 0..2_u64), 1..300),
        ) {
            let (bucket, mut now) = (Bucket::default(), Duration::ZERO);
            let full = u128::from(rate.burst) * rate.interval().as_nanos();
            let mut naive = Naive { tokens: full, at: 0 };
            for (halves, more) in waits {
                now += rate.interval() * halves / 2 + Duration::from_nanos(more);
                let taken = bucket.take(&rate, now);
                prop_assert_eq!(taken.is_ok(), naive.take(&rate, now.as_nanos()));
            }
        }

        #[test]
        fn who_waits_as_told_gets_one_and_not_a_moment_before(rate in rates(), more in 0..50u32) {
            let (bucket, now) = (Bucket::default(), ms(7));
            let mut refused = None;
            for _ in 0..rate.burst + more {
                refused = bucket.take(&rate, now).err();
            }
            let Some(Exceeded { limit, retry_after, reset }) = refused else {
                prop_assert_eq!(more, 0);
                return Ok(());
            };
            prop_assert_eq!(limit, rate.burst);
            prop_assert!(retry_after <= reset);
            let early = now + retry_after - Duration::from_nanos(1);
            prop_assert!(bucket.take(&rate, early).is_err());
            prop_assert!(bucket.take(&rate, now + retry_after).is_ok());
        }

        #[test]
        fn who_waits_for_the_reset_has_all_of_it(rate in rates()) {
            let bucket = Bucket::default();
            let reset = loop {
                if let Err(exceeded) = bucket.take(&rate, ms(0)) {
                    break exceeded.reset;
                }
            };
            for _ in 0..rate.burst {
                prop_assert!(bucket.take(&rate, reset).is_ok());
            }
            prop_assert!(bucket.take(&rate, reset).is_err());
        }
    }
}
