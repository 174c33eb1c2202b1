//! What a conversation that is awake notes of itself, for whoever looks: the supervisor's sweep and
//! the operator.
//!
//! All but one of the figures are written by the conversation alone, by plain stores, and read by
//! others without waiting. The exception is what its mailbox was given, which everybody counts who
//! gives it something. Times are in milliseconds since the directory was made.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::figures::Lively;

/// After so many milliseconds what a conversation did counts half for how busy it is.
const HALF_LIFE: f32 = 10_000.0;

/// Over so many milliseconds, and those of the window before, the slowest send is remembered.
const WINDOW: u64 = 30_000;

/// The figures of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// When it last had something to do.
    last_work: AtomicU64,
    /// What its mailbox was given.
    told: AtomicU64,
    /// What it has taken from there, of that.
    heard: AtomicU64,
    stored: AtomicU64,
    batches: AtomicU64,
    last_batch: AtomicU64,
    largest_batch: AtomicU64,
    in_line: AtomicU64,
    /// A [`Heat`], packed.
    heat: AtomicU64,
    /// A [`Slowest`], packed.
    slowest: AtomicU64,
}

impl Activity {
    /// That of one that wakes now.
    pub(crate) fn since(now: u64) -> Self {
        Self {
            last_work: AtomicU64::new(now),
            ..Self::default()
        }
    }

    /// Its mailbox is given something.
    pub(crate) fn tell(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    /// Its mailbox did not take it.
    pub(crate) fn take_back(&self) {
        self.told.fetch_sub(1, Ordering::Relaxed);
    }

    /// For the conversation: it has taken something from its mailbox that was counted there.
    pub(crate) fn hear(&self) {
        add(&self.heard, 1);
    }

    /// For the conversation: it has something to do now.
    pub(crate) fn work(&self, now: u64) {
        self.last_work.store(now, Ordering::Relaxed);
    }

    /// For the conversation: so many sends wait in line.
    pub(crate) fn lines_up(&self, sends: usize) {
        self.in_line.store(sends as u64, Ordering::Relaxed);
    }

    /// For the conversation: a batch of so many messages is on disk, none of which took longer
    /// than `slowest` microseconds.
    pub(crate) fn committed(&self, messages: u64, slowest: u64, now: u64) {
        add(&self.stored, messages);
        add(&self.batches, 1);
        self.last_batch.store(messages, Ordering::Relaxed);
        let largest = self.largest_batch.load(Ordering::Relaxed).max(messages);
        self.largest_batch.store(largest, Ordering::Relaxed);
        let heat = Heat::unpack(self.heat.load(Ordering::Relaxed));
        let heat = heat.after(messages, now).pack();
        self.heat.store(heat, Ordering::Relaxed);
        let slow = Slowest::unpack(self.slowest.load(Ordering::Relaxed));
        let slow = slow.after(slowest, now).pack();
        self.slowest.store(slow, Ordering::Relaxed);
    }

    /// When it last had something to do.
    pub(crate) fn last_work(&self) -> u64 {
        self.last_work.load(Ordering::Relaxed)
    }

    /// What waits in its mailbox. (Not counted there: what it tells itself, and the journal's news,
    /// of which there is never more than one.)
    pub(crate) fn mailbox(&self) -> u64 {
        // First what was taken, so that nothing is missed that was given meanwhile.
        let heard = self.heard.load(Ordering::Relaxed);
        self.told.load(Ordering::Relaxed).saturating_sub(heard)
    }

    /// All of it.
    pub(crate) fn read(&self, conversation: i64, now: u64) -> Lively {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Lively {
            conversation,
            per_second: Heat::unpack(read(&self.heat)).per_second(now),
            stored: read(&self.stored),
            batches: read(&self.batches),
            last_batch: read(&self.last_batch),
            largest_batch: read(&self.largest_batch),
            mailbox: self.mailbox(),
            in_line: read(&self.in_line),
            slowest: Slowest::unpack(read(&self.slowest)).at(now),
        }
    }
}

/// Adds to what nobody else writes.
fn add(figure: &AtomicU64, more: u64) {
    figure.store(figure.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

/// How much was done lately, what is older counting less.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Heat {
    much: f32,
    /// As of when, in tenths of a second: enough for 13 years.
    tenths: u32,
}

impl Heat {
    const TENTH: u64 = 100;

    fn pack(self) -> u64 {
        u64::from(self.much.to_bits()) << 32 | u64::from(self.tenths)
    }

    fn unpack(packed: u64) -> Self {
        Self {
            much: f32::from_bits((packed >> 32) as u32),
            tenths: packed as u32,
        }
    }

    /// With so much more, at `now`.
    fn after(self, more: u64, now: u64) -> Self {
        let tenths = u32::try_from(now / Self::TENTH).unwrap_or(u32::MAX);
        Self {
            much: self.left(tenths) + more as f32,
            tenths,
        }
    }

    fn left(self, tenths: u32) -> f32 {
        match tenths.saturating_sub(self.tenths) {
            0 => self.much,
            passed => self.much * (-(passed as f32) * Self::TENTH as f32 / HALF_LIFE).exp2(),
        }
    }

    /// The rate that keeps it so hot.
    fn per_second(self, now: u64) -> f64 {
        let tenths = u32::try_from(now / Self::TENTH).unwrap_or(u32::MAX);
        let of_a_millisecond = f64::from(self.left(tenths)) * std::f64::consts::LN_2;
        of_a_millisecond / f64::from(HALF_LIFE) * 1_000.0
    }
}

/// The slowest send of this window and of the one before, in steps of 10 µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slowest {
    /// Which window, counted in 16 bits: round in 22 days, which one that is awake so long, with
    /// nothing said in between, cannot tell from none.
    window: u16,
    here: u32,
    before: u32,
}

impl Slowest {
    const STEP: u64 = 10;
    /// The most steps that are told apart: 167 s, far more than a command may take.
    const MOST: u64 = (1 << 24) - 1;

    fn pack(self) -> u64 {
        u64::from(self.window) << 48 | u64::from(self.here) << 24 | u64::from(self.before)
    }

    fn unpack(packed: u64) -> Self {
        Self {
            window: (packed >> 48) as u16,
            here: (packed >> 24 & Self::MOST) as u32,
            before: (packed & Self::MOST) as u32,
        }
    }

    /// With a send more that took so many microseconds, at `now`.
    fn after(self, micros: u64, now: u64) -> Self {
        let Self { here, before, .. } = self.seen_at(now);
        let steps = micros.div_ceil(Self::STEP).min(Self::MOST) as u32;
        Self {
            window: Self::window(now),
            here: here.max(steps),
            before,
        }
    }

    /// In microseconds.
    fn at(self, now: u64) -> u64 {
        let Self { here, before, .. } = self.seen_at(now);
        u64::from(here.max(before)) * Self::STEP
    }

    /// The same as of the window of `now`.
    fn seen_at(self, now: u64) -> Self {
        let window = Self::window(now);
        let (here, before) = match window.wrapping_sub(self.window) {
            0 => (self.here, self.before),
            1 => (0, self.here),
            _ => (0, 0),
        };
        Self {
            window,
            here,
            before,
        }
    }

    fn window(now: u64) -> u16 {
        (now / WINDOW) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_holds_what_it_was_given_and_what_was_not_taken() {
        let activity = Activity::since(0);
        activity.tell();
        activity.tell();
        assert_eq!(activity.mailbox(), 2);
        activity.hear();
        activity.tell();
        activity.take_back();
        assert_eq!(activity.mailbox(), 1);
        activity.hear();
        assert_eq!(activity.mailbox(), 0);
    }

    #[test]
    fn a_steady_rate_is_told_as_it_is_and_fades_when_it_ends() {
        let activity = Activity::since(0);
        for tenth in 1..=3_000 {
            activity.committed(2, 0, tenth * 100);
        }
        let rate = |now| activity.read(1, now).per_second;
        assert!((rate(300_000) - 20.0).abs() < 0.5, "{}", rate(300_000));
        assert!((rate(310_000) - 10.0).abs() < 0.3, "{}", rate(310_000));
        assert!(rate(600_000) < 0.001);
    }

    #[test]
    fn the_slowest_send_is_told_for_a_window_or_two() {
        let activity = Activity::since(0);
        let slowest = |now| activity.read(1, now).slowest;
        activity.committed(1, 5_000, WINDOW - 1);
        activity.committed(1, 70, WINDOW + 1);
        assert_eq!(slowest(WINDOW + 2), 5_000);
        assert_eq!(slowest(2 * WINDOW), 70);
        assert_eq!(slowest(3 * WINDOW), 0);
        activity.committed(1, 30, 9 * WINDOW);
        assert_eq!(slowest(9 * WINDOW), 30);
        activity.committed(1, u64::MAX, 9 * WINDOW);
        assert_eq!(slowest(9 * WINDOW), Slowest::MOST * Slowest::STEP);
    }

    #[test]
    fn batches_are_counted() {
        let activity = Activity::since(0);
        for messages in [3, 9, 1] {
            activity.committed(messages, 0, 0);
        }
        activity.lines_up(4);
        let read = activity.read(7, 0);
        assert_eq!((read.conversation, read.stored, read.batches), (7, 13, 3));
        assert_eq!(
            (read.last_batch, read.largest_batch, read.in_line),
            (1, 9, 4)
        );
    }
}
