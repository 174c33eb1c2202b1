//! Who types in a conversation, and until when. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// Who of the two types, by their side in the pair.
#[derive(Debug)]
pub(crate) struct Typing {
    timeout: Duration,
    until: [Option<Instant>; 2],
    /// Whose clock is set: one each, however often they start and stop.
    clock: [bool; 2],
}

/// What a start means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    /// Whether they did not type before.
    pub(crate) changed: bool,
    /// When a clock is to be set, if none is.
    pub(crate) ring_in: Option<Duration>,
}

impl Typing {
    /// Nobody types. Whoever starts stops by themselves after `timeout` without a renewal.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            until: [None; 2],
            clock: [false; 2],
        }
    }

    /// `side` types, at least until the timeout.
    pub(crate) fn start(&mut self, side: usize, now: Instant) -> Started {
        let set = std::mem::replace(&mut self.clock[side], true);
        Started {
            changed: self.until[side].replace(now + self.timeout).is_none(),
            ring_in: (!set).then_some(self.timeout),
        }
    }

    /// `side` does not type any more. Whether that is a change.
    pub(crate) fn stop(&mut self, side: usize) -> bool {
        self.until[side].take().is_some()
    }

    /// The clock of `side` rings.
    pub(crate) fn rings(&mut self, side: usize, now: Instant) -> Ring {
        self.clock[side] = false;
        match self.until[side] {
            None => Ring::Silent,
            Some(until) if until <= now => {
                self.until[side] = None;
                Ring::Ended
            }
            Some(until) => {
                self.clock[side] = true;
                Ring::Again(until - now)
            }
        }
    }

    /// Whether anybody types.
    pub(crate) fn is_quiet(&self) -> bool {
        self.until == [None; 2]
    }
}

/// What a ringing clock means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    /// The typing had ended before.
    Silent,
    /// It ends now.
    Ended,
    /// It was renewed: ring again after this time.
    Again(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_secs(6);

    #[test]
    fn only_a_change_is_a_change() {
        let mut typing = Typing::new(TIMEOUT);
        let now = Instant::now();
        assert!(typing.start(0, now).changed);
        assert!(!typing.start(0, now).changed);
        assert!(typing.start(1, now).changed, "the two do not share a state");
        assert!(typing.stop(0));
        assert!(!typing.stop(0));
    }

    #[test]
    fn a_renewal_moves_the_end() {
        let mut typing = Typing::new(TIMEOUT);
        let start = Instant::now();
        typing.start(0, start);
        let later = start + TIMEOUT - Duration::from_secs(1);
        typing.start(0, later);
        let left = TIMEOUT - Duration::from_secs(1);
        assert_eq!(typing.rings(0, start + TIMEOUT), Ring::Again(left));
        assert_eq!(typing.rings(0, later + TIMEOUT), Ring::Ended);
        assert_eq!(typing.rings(0, later + TIMEOUT), Ring::Silent);
    }

    proptest! {
        /// Whatever happens: starts and ends take turns, there is one clock at most, and whoever
        /// types has one that rings in time.
        #[test]
        fn starts_and_ends_alternate(steps in prop::collection::vec((0u8..3, 0u64..9), 0..60)) {
            let mut typing = Typing::new(TIMEOUT);
            let mut now = Instant::now();
            let mut shown = false;
            let mut clock: Option<Instant> = None;
            for (what, wait) in steps {
                let until = now + Duration::from_secs(wait);
                while let Some(at) = clock.filter(|&at| at <= until) {
                    clock = None;
                    match typing.rings(0, at) {
                        Ring::Ended => { prop_assert!(shown); shown = false; }
                        Ring::Again(left) => clock = Some(at + left),
                        Ring::Silent => prop_assert!(!shown),
                    }
                }
                now = until;
                match what {
                    0 => {
                        let started = typing.start(0, now);
                        prop_assert_eq!(started.changed, !shown);
                        prop_assert_eq!(started.ring_in.is_some(), clock.is_none(), "one clock");
                        clock = clock.or(started.ring_in.map(|left| now + left));
                        shown = true;
                    }
                    1 => {
                        prop_assert_eq!(typing.stop(0), shown);
                        shown = false;
                    }
                    _ => {}
                }
                prop_assert_eq!(shown, !typing.is_quiet());
                prop_assert!(!shown || clock.is_some_and(|at| at <= now + TIMEOUT));
            }
        }
    }
}
