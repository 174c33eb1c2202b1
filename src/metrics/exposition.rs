//! The figures for Prometheus: every metric by its name, with what it means, once.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::Distribution;
use super::figures::Figures;

/// What the body of [`encode`] is called.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// What every name begins with.
const PREFIX: &str = "duologue";

/// Microseconds in a second, the unit of the exposition.
const MICROS: f64 = 1e6;

/// `figures`, in Prometheus's text format.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn encode(figures: Figures) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("memory takes it");
    text
}

/// Values by what one label says.
type Labelled<'a> = (&'static str, Vec<(&'a str, u64)>);

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.write_totals(&mut page)?;
        self.write_now(&mut page)
    }
}

impl Figures {
    fn write_totals(&self, page: &mut Page<'_>) -> fmt::Result {
        let totals = &self.totals;
        page.counter(
            "sends",
            "Sends that reached their conversation. What was refused before is among the refusals",
            totals.sends,
        )?;
        page.counters(
            "acknowledgements",
            "Sends that were acknowledged: stored now, or known already by their client_message_id",
            &(
                "kind",
                vec![("stored", totals.stored), ("known", totals.known)],
            ),
        )?;
        page.counter(
            "deliveries",
            "Messages that reached the other person: proven by a device, read, or replied to",
            totals.deliveries,
        )?;
        let refusals = totals.refusals.iter();
        page.counters(
            "refusals",
            "What clients were refused, over HTTP and sockets, by the code that they heard",
            &(
                "code",
                refusals.map(|(code, n)| (code.as_str(), *n)).collect(),
            ),
        )?;
        let batches = &totals.batches;
        page.counters(
            "batches",
            "Batches that conversations handed to the journal, by what became of them",
            &(
                "outcome",
                vec![
                    ("committed", batches.committed),
                    ("clashed", batches.clashed),
                    ("refused", batches.refused),
                    ("unknown", batches.unknown),
                ],
            ),
        )?;
        page.histogram(
            "send_seconds",
            "From a send's admission until it is on disk and its acknowledgement is let go",
            &totals.send_time,
            MICROS,
        )?;
        page.histogram(
            "commit_seconds",
            "What one transaction took, with its sync",
            &totals.commit_time,
            MICROS,
        )?;
        page.histogram(
            "commit_messages",
            "Messages of one transaction; none in one of positions alone",
            &totals.commit_messages,
            1.0,
        )?;
        page.histogram(
            "commit_batches",
            "Batches of one transaction, each of another conversation",
            &totals.commit_batches,
            1.0,
        )
    }

    fn write_now(&self, page: &mut Page<'_>) -> fmt::Result {
        let now = &self.now;
        page.gauges(
            "actors",
            "Actors alive",
            &(
                "kind",
                vec![
                    ("conversation", now.conversations),
                    ("session", now.sessions),
                    ("service", now.services),
                ],
            ),
        )?;
        let attached = now.sessions.saturating_sub(now.sessions_away);
        page.gauges(
            "sessions",
            "Sessions alive: with a socket, or away and waiting for their client",
            &(
                "socket",
                vec![("attached", attached), ("away", now.sessions_away)],
            ),
        )?;
        page.gauges(
            "queue_depth",
            "What waits: commands and sends under way, in conversations' mailboxes, for the journal",
            &(
                "queue",
                vec![
                    ("commands", now.commands_under_way),
                    ("sends", now.sends_under_way),
                    ("mailboxes", now.mailboxes),
                    ("journal", now.journal_waiting),
                ],
            ),
        )?;
        page.gauge(
            "mailbox_deepest",
            "What waits in the fullest mailbox of a conversation",
            now.mailbox_deepest,
        )?;
        page.gauges(
            "outbox_bytes",
            "Bytes in the outboxes of all sessions: not written yet, or kept until they are proven",
            &(
                "state",
                vec![("waiting", now.outbox_waiting), ("kept", now.outbox_kept)],
            ),
        )?;
        page.gauge(
            "outbox_fullest_bytes",
            "Bytes in the fullest outbox, of both kinds",
            now.outbox_fullest,
        )?;
        page.gauge(
            "writable",
            "Whether the last write went to the disk",
            u64::from(now.writable),
        )?;
        page.gauges(
            "build_info",
            "The version that runs",
            &("version", vec![(env!("CARGO_PKG_VERSION"), 1)]),
        )?;
        page.seconds(
            "start_time_seconds",
            "When the server started, in seconds since the epoch",
            self.started_at,
        )
    }
}

/// Where metrics are written, one after the other.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters(&mut self, name: &str, help: &str, (label, values): &Labelled<'_>) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, count) in values {
            let labels = [(*label, *value)];
            let mut one = metric.encode_family(&labels)?;
            one.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(&value)
    }

    fn gauges(&mut self, name: &str, help: &str, (label, values): &Labelled<'_>) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, much) in values {
            metric
                .encode_family(&[(*label, *value)])?
                .encode_gauge(much)?;
        }
        Ok(())
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(&value)
    }

    /// In units of which `scale` of the histogram's make one.
    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        found: &Distribution,
        scale: f64,
    ) -> fmt::Result {
        let kind = MetricType::Histogram;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        let bounds = found.bounds.iter().map(|bound| *bound as f64 / scale);
        let bounds = bounds.chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(found.counts.iter().copied()).collect();
        let sum = found.sum as f64 / scale;
        metric.encode_histogram::<NoLabelSet>(sum, found.count(), &buckets, None)
    }
}
