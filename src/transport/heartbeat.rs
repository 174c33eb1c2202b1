//! When to ping, and when a peer is dead. Pure: the time is an argument.
//!
//! A ping also proves: what was written before it has arrived when its pong comes (contract,
//! "Delivered is proven").

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The heartbeat of one connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    next_ping: Instant,
    last: u64,
    /// Pings without a pong, oldest first.
    unanswered: VecDeque<Ping>,
}

#[derive(Debug)]
struct Ping {
    number: u64,
    /// The last entry of the outbox that was written before it.
    written: u64,
    /// Until when it must be answered.
    until: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing.
    Rest,
    /// A ping with this number.
    Ping(u64),
    /// The end: a ping was not answered in time.
    Dead,
}

impl Heartbeat {
    /// The first ping is due `interval` after `now`.
    pub(super) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self {
            interval,
            timeout,
            next_ping: now + interval,
            last: 0,
            unanswered: VecDeque::new(),
        }
    }

    /// When to look again at the latest.
    pub(super) fn due(&self) -> Instant {
        let deadline = self.unanswered.front().map(|ping| ping.until);
        deadline.map_or(self.next_ping, |until| until.min(self.next_ping))
    }

    /// A ping is wanted within `delay`; those in between share it.
    pub(super) fn ask(&mut self, now: Instant, delay: Duration) {
        self.next_ping = self.next_ping.min(now + delay);
    }

    /// For so long nobody looked whether a pong came: that is not the peer's fault.
    pub(super) fn excuse(&mut self, time: Duration) {
        for ping in &mut self.unanswered {
            ping.until += time;
        }
    }

    /// What is due at `now`. A ping that is returned counts as sent, after the entry `written`.
    pub(super) fn beat(&mut self, now: Instant, written: u64) -> Beat {
        if self
            .unanswered
            .front()
            .is_some_and(|ping| ping.until <= now)
        {
            return Beat::Dead;
        }
        if now < self.next_ping {
            return Beat::Rest;
        }
        // The peer counts from when the ping was due, and so do we, unless we are far too late.
        let due = match now.duration_since(self.next_ping) {
            late if late < self.timeout / 2 => self.next_ping,
            _ => now,
        };
        self.next_ping = due + self.interval;
        self.last += 1;
        self.unanswered.push_back(Ping {
            number: self.last,
            written,
            until: due + self.timeout,
        });
        Beat::Ping(self.last)
    }

    /// The pong of the ping `number` came, or one that does not say: that is the oldest one's.
    /// The entry up to which it proves, if it is news.
    pub(super) fn pong(&mut self, number: Option<u64>) -> Option<u64> {
        let number = number.or(self.unanswered.front().map(|ping| ping.number))?;
        let mut proven = None;
        while let Some(ping) = self.unanswered.front().filter(|ping| ping.number <= number) {
            if number > self.last {
                return None; // Nobody asked.
            }
            proven = Some(ping.written);
            self.unanswered.pop_front();
        }
        proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);
    const SOON: Duration = Duration::from_millis(200);

    fn heartbeat() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(INTERVAL, TIMEOUT, now), now)
    }

    #[test]
    fn pings_come_at_the_interval_and_are_answered_in_time_or_never() {
        let (mut heart, start) = heartbeat();
        assert_eq!(heart.beat(start, 0), Beat::Rest);
        assert_eq!(heart.due(), start + INTERVAL);
        assert_eq!(heart.beat(start + INTERVAL, 0), Beat::Ping(1));
        assert_eq!(heart.due(), start + INTERVAL + TIMEOUT);
        assert_eq!(heart.beat(start + INTERVAL + TIMEOUT, 0), Beat::Dead);
    }

    #[test]
    fn an_answered_ping_is_no_deadline() {
        let (mut heart, start) = heartbeat();
        heart.beat(start + INTERVAL, 7);
        assert_eq!(heart.pong(Some(1)), Some(7));
        assert_eq!(heart.due(), start + 2 * INTERVAL);
        assert_eq!(heart.pong(Some(1)), None);
    }

    #[test]
    fn an_early_ping_is_shared_and_moves_the_next_one() {
        let (mut heart, start) = heartbeat();
        heart.ask(start, SOON);
        heart.ask(start + SOON / 2, SOON);
        assert_eq!(heart.due(), start + SOON);
        assert_eq!(heart.beat(start + SOON, 3), Beat::Ping(1));
        assert_eq!(heart.pong(Some(1)), Some(3));
        assert_eq!(heart.due(), start + SOON + INTERVAL);
    }

    #[test]
    fn a_deadline_counts_from_when_the_ping_was_due() {
        let (mut heart, start) = heartbeat();
        heart.beat(start + INTERVAL + SOON, 0);
        assert_eq!(heart.due(), start + INTERVAL + TIMEOUT);
        let (mut heart, start) = heartbeat();
        let late = start + INTERVAL + TIMEOUT;
        heart.beat(late, 0);
        assert_eq!(heart.due(), late + TIMEOUT, "the peer had no chance");
    }

    #[test]
    fn a_pong_that_names_no_ping_answers_the_oldest() {
        let (mut heart, start) = heartbeat();
        assert_eq!(heart.pong(None), None);
        for written in [3, 5] {
            heart.ask(start, Duration::ZERO);
            heart.beat(start, written);
        }
        assert_eq!(heart.pong(None), Some(3));
        assert_eq!(heart.pong(None), Some(5));
        assert_eq!(heart.pong(None), None);
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let (mut heart, start) = heartbeat();
        heart.beat(start + INTERVAL, 0);
        heart.excuse(SOON);
        assert_eq!(heart.beat(start + INTERVAL + TIMEOUT, 0), Beat::Rest);
        assert_eq!(heart.beat(start + INTERVAL + TIMEOUT + SOON, 0), Beat::Dead);
    }

    #[test]
    fn a_pong_proves_everything_up_to_its_ping_and_nothing_beyond() {
        let (mut heart, start) = heartbeat();
        for written in [3, 5, 9] {
            heart.ask(start, Duration::ZERO);
            heart.beat(start, written);
        }
        assert_eq!(heart.pong(Some(2)), Some(5));
        assert_eq!(heart.pong(Some(1)), None);
        assert_eq!(
            heart.pong(Some(8)),
            None,
            "a pong that nobody asked for proves nothing"
        );
        assert_eq!(heart.pong(Some(3)), Some(9));
    }
}
