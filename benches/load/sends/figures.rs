//! The figures of a run, in the order of the table.

use super::cost;
use super::run::Outcome;
use crate::report::{self, Metrics};

/// What every mode that sends tells.
pub(super) fn of(outcome: &Outcome) -> Metrics {
    let (ledger, messages) = (&outcome.ledger, outcome.acked as f64);
    let time = ledger.duration();
    let mut metrics = vec![
        ("messages sent and checked", Some(messages)),
        ("durable sends/s", Some(messages / time.as_secs_f64())),
    ];
    metrics.extend(report::quantiles(&report::ACK_LATENCY, &ledger.ack_latency));
    metrics.extend(report::quantiles(
        &report::DELIVERY_LATENCY,
        &ledger.delivery_latency,
    ));
    if !ledger.lag.is_empty() {
        let lag = ledger.lag.value_at_quantile(0.99) as f64 / 1e6;
        metrics.push(("generator late p99, ms", Some(lag)));
    }
    let (before, after) = (&outcome.before, &outcome.after);
    metrics.extend(cost::metrics(before, after, messages, time));
    metrics
}
