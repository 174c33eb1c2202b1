//! What the generator writes down while it runs: when each message was sent, and everything that came back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;

use crate::check::Record;
use crate::message::{Cast, Ticket};
use crate::scan::Message;

const LATENCY_MAX: Duration = Duration::from_secs(60);

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Messages(u64),
    Time(Duration),
}

#[derive(Debug)]
pub(crate) struct Ledger {
    cast: Cast,
    limit: Limit,
    /// The limit was reached.
    exhausted: bool,
    started: Instant,
    /// When each person's messages were sent, since the start.
    sent: [Vec<Duration>; 2],
    pub(crate) acked: Vec<Record>,
    pub(crate) shown: [Vec<Record>; 2],
    pub(crate) last_ack: Duration,
    /// Nanoseconds from a send to its acknowledgement.
    pub(crate) ack_latency: Histogram<u64>,
    /// Nanoseconds from a send to the event on the other person's socket.
    pub(crate) delivery_latency: Histogram<u64>,
}

impl Ledger {
    /// Starts the clock.
    pub(crate) fn start(cast: Cast, limit: Limit) -> Result<Self> {
        let histogram = || {
            Histogram::new_with_bounds(1_000, LATENCY_MAX.as_nanos() as u64, 3)
                .context("cannot make a histogram")
        };
        Ok(Self {
            cast,
            limit,
            exhausted: false,
            sent: Default::default(),
            acked: Vec::new(),
            shown: Default::default(),
            last_ack: Duration::ZERO,
            ack_latency: histogram()?,
            delivery_latency: histogram()?,
            started: Instant::now(),
        })
    }

    /// The next message, sent now by the person whose turn it is; `None` when enough were sent.
    pub(crate) fn take(&mut self) -> Option<Ticket> {
        let (now, count) = (self.started.elapsed(), self.sent_count());
        let over = match self.limit {
            Limit::Messages(limit) => count as u64 >= limit,
            Limit::Time(limit) => now >= limit,
        };
        if over {
            self.exhausted = true;
            return None;
        }
        let sender = count % 2;
        let number = u32::try_from(self.sent[sender].len()).ok()?;
        self.sent[sender].push(now);
        Some(Ticket {
            sender: sender as u8,
            number,
        })
    }

    /// The server answered `ticket` with `message`.
    pub(crate) fn acknowledged(&mut self, ticket: Ticket, message: &Message<'_>) -> Result<()> {
        let now = self.started.elapsed();
        let record = self.cast.record(message)?;
        if (record.sender, record.number) != (ticket.sender, ticket.number) {
            bail!("the server answered {ticket:?} with another message: {record}");
        }
        let latency = now.saturating_sub(self.sent_at(&record)?);
        self.ack_latency
            .saturating_record(latency.as_nanos() as u64);
        self.last_ack = now;
        self.acked.push(record);
        Ok(())
    }

    /// `message` came as an event on the socket of `person`.
    pub(crate) fn shown(&mut self, person: usize, message: &Message<'_>) -> Result<()> {
        let now = self.started.elapsed();
        let record = self.cast.record(message)?;
        let sent = self.sent_at(&record)?;
        if usize::from(record.sender) != person {
            self.delivery_latency
                .saturating_record(now.saturating_sub(sent).as_nanos() as u64);
        }
        self.shown[person].push(record);
        Ok(())
    }

    fn sent_at(&self, record: &Record) -> Result<Duration> {
        let sent = self.sent[usize::from(record.sender)].get(record.number as usize);
        sent.copied()
            .with_context(|| format!("the server told a message that was never sent: {record}"))
    }

    pub(crate) fn sent_count(&self) -> usize {
        self.sent.iter().map(Vec::len).sum()
    }

    /// How much has come back so far; it stands still when the server does.
    pub(crate) fn received_count(&self) -> usize {
        self.acked.len() + self.shown.iter().map(Vec::len).sum::<usize>()
    }

    /// Nothing more is to be sent, and every send has its answer.
    pub(crate) fn all_answered(&self) -> bool {
        self.exhausted && self.acked.len() >= self.sent_count()
    }

    pub(crate) fn all_shown(&self) -> bool {
        self.shown
            .iter()
            .all(|shown| shown.len() >= self.sent_count())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
