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

/// No shorter than this is a wait: messages that are due more often leave together.
const NAP: Duration = Duration::from_micros(100);

/// The times, and a clock that wakes for them. The runtime's own timers are exact to a millisecond, which is what the
/// generator may be late at most; so this is one of the kernel's.
pub(crate) struct Schedule {
    times: Peekable<Box<dyn Iterator<Item = Duration>>>,
    started: Instant,
    timer: AsyncFd<OwnedFd>,
    /// The clock will wake.
    set: bool,
}

impl Schedule {
    /// Times in their order, which count from `started`.
    #[expect(
        deprecated,
        reason = "what replaces it is not safe for every type; a descriptor that is owned stays what it is"
    )]
    pub(crate) fn start(
        times: impl Iterator<Item = Duration> + 'static,
        started: Instant,
    ) -> Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK);
        let timer = AsyncFd::new(timer.context("cannot make a timer")?);
        Ok(Self {
            times: (Box::new(times) as Box<dyn Iterator<Item = Duration>>).peekable(),
            started,
            timer: timer.context("cannot wait for a timer")?,
            set: false,
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
        loop {
            let early = due.saturating_sub(self.started.elapsed());
            if early.is_zero() {
                return Poll::Ready(Ok(self.times.next()));
            }
            if !self.set {
                self.wake_in(early.max(NAP))?;
            }
            let mut ready = ready!(self.timer.poll_read_ready(task))?;
            let mut expirations = [0; 8];
            let read =
                ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut expirations)?));
            // Otherwise it was not the timer, which will wake yet.
            if let Ok(read) = read {
                read.context("cannot read a timer")?;
                self.set = false;
            }
        }
    }

    fn wake_in(&mut self, time: Duration) -> Result<()> {
        let timespec = |time: Duration| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        };
        let once = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(time),
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)
            .context("cannot set a timer")?;
        self.set = true;
        Ok(())
    }
}
