//! How much of something one person or one address may have. Pure: the time is an argument, and
//! what a limit is for is known elsewhere.
//!
//! A [`Rate`] is kept by a [`Bucket`], which is one number and takes one compare-and-swap: the way
//! of a message may pay for it. What is held for a while rather than used up (a socket, a command
//! under way) has a [`Count`].

mod address;
mod bucket;
mod count;

use std::time::Duration;

pub use address::Address;
pub use bucket::Bucket;
pub use count::{Count, Held};

/// How often something may be done: `count` times in each `time`, and `burst` times at once by
/// whoever has not done it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many come back in each `time`. At least 1.
    pub count: u32,
    /// In which time.
    pub time: Duration,
    /// How many may be done at once. At least 1.
    pub burst: u32,
}

impl Rate {
    /// `count` in each `time`, and as many at once.
    #[must_use]
    pub const fn of(count: u32, time: Duration) -> Self {
        Self {
            count,
            time,
            burst: count,
        }
    }

    /// `count` a second, and `burst` at once.
    #[must_use]
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self {
            count,
            time: Duration::from_secs(1),
            burst,
        }
    }

    /// How long one takes to come back.
    fn interval(&self) -> Duration {
        self.time / self.count.max(1)
    }
}

/// A limit that is reached, and when it is so no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// How many may be done, or held, at once.
    pub limit: u32,
    /// How long until one more may be.
    pub retry_after: Duration,
    /// How long until as many may be done at once again as the limit says, if none is meanwhile.
    pub reset: Duration,
}

impl Exceeded {
    /// As many as `limit` are held. When one of them ends cannot be known; it is worth a try in a
    /// second.
    #[must_use]
    pub const fn held(limit: u32) -> Self {
        let soon = Duration::from_secs(1);
        Self {
            limit,
            retry_after: soon,
            reset: soon,
        }
    }
}
