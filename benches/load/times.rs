//! When the messages of an open loop are due. No clock here, so that `tests/times.rs` can look at it.

use std::time::Duration;

/// So many messages a second, for so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) rate: f64,
    pub(crate) time: Duration,
}

/// The times of all messages of some phases, one after the other, evenly spaced in each.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    phases: std::vec::IntoIter<Phase>,
    /// The phase that is on, when it started, and how many of its messages are done.
    current: Option<(Phase, Duration, u64)>,
}

impl Times {
    pub(crate) fn new(phases: Vec<Phase>) -> Self {
        let mut phases = phases.into_iter();
        Self {
            current: phases.next().map(|phase| (phase, Duration::ZERO, 0)),
            phases,
        }
    }
}

impl Iterator for Times {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let (phase, started, done) = self.current.as_mut()?;
        let due = *started + Duration::from_secs_f64(*done as f64 / phase.rate);
        *done += 1;
        // Counted, not compared with the phase's end: a sum of fractions is never quite the whole.
        if *done as f64 >= (phase.rate * phase.time.as_secs_f64()).round() {
            let next = *started + phase.time;
            self.current = self.phases.next().map(|phase| (phase, next, 0));
        }
        Some(due)
    }
}
