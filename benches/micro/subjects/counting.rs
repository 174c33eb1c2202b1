//! How long does it take to count a message for the operator, from its mailbox to its delivery?

use std::time::{Duration, Instant};

use crate::actors::activity::Activity;
use crate::metrics::{Metrics, micros};

/// Everything that is counted of a batch of so many messages.
pub fn batch(messages: u64) -> impl FnMut() {
    let (metrics, activity) = (Metrics::default(), Activity::since(0));
    let (begun, mut clock) = (Instant::now(), 0);
    move || {
        for _ in 0..messages {
            activity.tell();
            activity.hear();
        }
        clock += 1;
        activity.work(clock);
        activity.lines_up(0);
        metrics.sends.add(messages);
        metrics.commit_time.record(700);
        metrics.commit_messages.record(messages);
        metrics.commit_batches.record(1);
        metrics.batches_committed.add(1);
        metrics.journal_waiting.set(0);
        let now = begun + Duration::from_millis(2);
        let took = || micros(now.saturating_duration_since(begun));
        metrics.send_time.record_all((0..messages).map(|_| took()));
        activity.committed(messages, took(), clock);
        metrics.stored.add(messages);
        metrics.deliveries.add(messages);
    }
}
