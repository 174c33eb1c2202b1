//! When messages are due in an open loop: a time for each, which no server can put off.

use std::iter::Peekable;
use std::os::fd::OwnedFd;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// How often to look at the clock when messages are due more often than this: those of one look leave together.
const TICK: Duration = Duration::from_micros(100);

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

/// The times, and a clock that wakes for them. The runtime's own timers are exact to a millisecond, which is what the
/// generator may be late at most; so this is one of the kernel's.
pub(crate) struct Schedule {
    times: Peekable<Box<dyn Iterator<Item = Duration>>>,
    started: Instant,
    timer: AsyncFd<OwnedFd>,
}

impl Schedule {
    /// The times of some phases, which count from `started`.
    pub(crate) fn start(phases: Vec<Phase>, started: Instant) -> Result<Self> {
        let fastest = phases.iter().map(|phase| phase.rate).fold(1.0, f64::max);
        Self::of(Times::new(phases), 1.0 / fastest, started)
    }

    /// Any times in their order, none of which the clock is later for than `tick` seconds.
    pub(crate) fn of(
        times: impl Iterator<Item = Duration> + 'static,
        tick: f64,
        started: Instant,
    ) -> Result<Self> {
        let tick = Duration::from_secs_f64(tick).max(TICK);
        let tick = Timespec {
            tv_sec: tick.as_secs() as i64,
            tv_nsec: tick.subsec_nanos().into(),
        };
        #[expect(
            deprecated,
            reason = "what replaces it is not safe for every type; a descriptor that is owned stays what it is"
        )]
        let timer = || -> Result<_> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
            let every = Itimerspec {
                it_interval: tick,
                it_value: tick,
            };
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
            Ok(AsyncFd::new(timer)?)
        };
        Ok(Self {
            times: (Box::new(times) as Box<dyn Iterator<Item = Duration>>).peekable(),
            started,
            timer: timer().context("cannot set a timer")?,
        })
    }

    /// The time of the next message once it is due; `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        task: &mut TaskContext<'_>,
    ) -> Poll<Result<Option<Duration>>> {
        let Some(&due) = self.times.peek() else {
            return Poll::Ready(Ok(None));
        };
        while self.started.elapsed() < due {
            let mut ready = ready!(self.timer.poll_read_ready(task))?;
            let mut ticks = [0; 8];
            // How many ticks there were does not matter, and there may be none left: the clock says what is due.
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut ticks)?));
            if let Ok(read) = read {
                read.context("cannot read a timer")?;
            }
        }
        Poll::Ready(Ok(self.times.next()))
    }
}
