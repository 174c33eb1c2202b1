//! What a conversation counts of its work, for the operator: at hand while a batch is out, and
//! told to all who look when that is settled.

use std::sync::Arc;
use std::time::Instant;

use super::marks::Move;
use super::timeline::Verdict;
use crate::actors::activity::Activity;
use crate::metrics::{Metrics, micros};

/// The counts of one conversation that were not told yet.
pub(super) struct Tally {
    metrics: Arc<Metrics>,
    activity: Arc<Activity>,
    sends: u64,
    stored: u64,
    known: u64,
}

impl Tally {
    pub(super) fn new(metrics: Arc<Metrics>, activity: Arc<Activity>) -> Self {
        Self {
            metrics,
            activity,
            sends: 0,
            stored: 0,
            known: 0,
        }
    }

    /// A send came in.
    pub(super) fn send(&mut self) {
        self.sends += 1;
    }

    /// So many sends are in line.
    pub(super) fn lines_up(&self, sends: usize) {
        self.activity.lines_up(sends);
    }

    /// A send is answered, outside a batch's news.
    pub(super) fn judged(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Stored(_) => self.stored += 1,
            Verdict::Known(_) => self.known += 1,
            Verdict::Clash => {}
        }
    }

    /// A batch is on disk: its sends, with the times of their admission.
    pub(super) fn committed<'a, I>(&mut self, sends: I, now: Instant, clock: u64)
    where
        I: Iterator<Item = (Instant, &'a Verdict)> + Clone,
    {
        let before = self.stored;
        for (_, verdict) in sends.clone() {
            self.judged(verdict);
        }
        let mut slowest = 0;
        let stored = sends.filter(|(_, verdict)| matches!(verdict, Verdict::Stored(_)));
        let times = stored.map(|(since, _)| {
            let took = micros(now.saturating_duration_since(since));
            slowest = slowest.max(took);
            took
        });
        self.metrics.send_time.record_all(times);
        let stored = self.stored - before;
        if stored > 0 {
            self.activity.committed(stored, slowest, clock);
        }
        self.tell();
    }

    /// Positions moved, on disk.
    pub(super) fn moved(&self, moves: &[Move; 2]) {
        let received = moves.iter().map(|moved| moved.received).sum();
        self.metrics.deliveries.add(received);
    }

    /// Tells what was counted since the last time.
    pub(super) fn tell(&mut self) {
        self.metrics.sends.add(std::mem::take(&mut self.sends));
        self.metrics.stored.add(std::mem::take(&mut self.stored));
        self.metrics.known.add(std::mem::take(&mut self.known));
    }
}

impl Drop for Tally {
    /// A conversation that failed has counted too.
    fn drop(&mut self) {
        self.tell();
    }
}
