//! What the generator writes down while it runs: when each message was sent, and everything that came back. Lists only
//! grow at their end, and are sorted out by conversation after the run: a message costs no search.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;

use crate::bins::Bins;
use crate::check::{Evidence, Record};
use crate::message::{Cast, NUMBERS, Seat, Ticket};
use crate::scan::Message;

const LATENCY_MAX: Duration = Duration::from_secs(120);

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Messages(u64),
    Time(Duration),
}

/// What is to be sent, and how what comes back is judged.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// A cast for each conversation.
    pub(crate) casts: Arc<[Cast]>,
    /// Whose turn it is, over and over.
    pub(crate) turns: Arc<[Seat]>,
    /// The number of the first message. A server that was met before knows the smaller ones.
    pub(crate) first_number: u32,
    /// The answers are an echo's: they say that they came, and nothing else.
    pub(crate) echo: bool,
    /// That the server has too much to do is an answer like others.
    pub(crate) refusals: bool,
}

/// A message that was sent. Nanoseconds, since the start.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: u64,
    seat: Seat,
}

/// When a message was due and when that was over, in nanoseconds since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) due: u64,
    pub(crate) at: u64,
    pub(crate) fate: Fate,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Acknowledged,
    Refused,
    /// It could not even be sent.
    NeverMade,
}

/// What one place told, and in which conversation.
#[derive(Clone, Copy, Debug)]
struct Told {
    conversation: u32,
    record: Record,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    plan: Plan,
    limit: Limit,
    /// Nothing more is to be sent.
    exhausted: bool,
    started: Instant,
    sent: Vec<Sent>,
    acked: Vec<Told>,
    echoed: usize,
    shown: [Vec<Told>; 2],
    /// Refused, or never made.
    lost: usize,
    last_ack: Duration,
    /// How many were acknowledged, by the time since the start.
    pub(crate) bins: Bins,
    /// What became of each message in the order of the answers, if that is asked for.
    pub(crate) trace: Option<Vec<Answered>>,
    /// Nanoseconds from a send to its acknowledgement.
    pub(crate) ack_latency: Histogram<u64>,
    /// Nanoseconds from a send to the event on the other person's socket.
    pub(crate) delivery_latency: Histogram<u64>,
    /// Nanoseconds by which sends with a time of their own left too late.
    pub(crate) lag: Histogram<u64>,
}

impl Ledger {
    /// Starts the clock.
    pub(crate) fn start(plan: Plan, limit: Limit) -> Result<Self> {
        Ok(Self {
            plan,
            limit,
            exhausted: false,
            sent: Vec::new(),
            acked: Vec::new(),
            echoed: 0,
            shown: Default::default(),
            lost: 0,
            last_ack: Duration::ZERO,
            bins: Bins::default(),
            trace: None,
            ack_latency: histogram()?,
            delivery_latency: histogram()?,
            lag: histogram()?,
            started: Instant::now(),
        })
    }

    /// Whose message the next is.
    pub(crate) fn next_seat(&self) -> Seat {
        self.plan.turns[self.sent.len() % self.plan.turns.len()]
    }

    /// The next message, sent now; `None` when enough were sent.
    pub(crate) fn take(&mut self) -> Option<Ticket> {
        let now = self.started.elapsed();
        let over = match self.limit {
            Limit::Messages(limit) => self.sent.len() as u64 >= limit,
            Limit::Time(limit) => now >= limit,
        };
        self.exhausted |= over || !self.numbers_left();
        (!self.exhausted).then(|| self.write_down(now))
    }

    /// The next message, which should have been sent at `due`.
    pub(crate) fn take_due(&mut self, due: Duration) -> Result<Ticket> {
        if !self.numbers_left() {
            bail!("these are more messages than can be told apart ({NUMBERS})");
        }
        let late = self.started.elapsed().saturating_sub(due);
        self.lag.saturating_record(late.as_nanos() as u64);
        Ok(self.write_down(due))
    }

    /// Nothing more will be sent.
    pub(crate) fn close(&mut self) {
        self.exhausted = true;
    }

    fn numbers_left(&self) -> bool {
        (self.sent.len() as u64) < u64::from(NUMBERS - self.plan.first_number)
    }

    fn write_down(&mut self, at: Duration) -> Ticket {
        let (seat, number) = (self.next_seat(), self.next_number());
        self.sent.push(Sent {
            at: at.as_nanos() as u64,
            seat,
        });
        Ticket { seat, number }
    }

    /// The number after those of all messages that were sent.
    pub(crate) fn next_number(&self) -> u32 {
        self.plan.first_number + self.sent.len() as u32
    }

    /// The server answered `ticket` with `message`.
    pub(crate) fn acknowledged(&mut self, ticket: Ticket, message: &Message<'_>) -> Result<()> {
        let now = self.started.elapsed();
        let conversation = ticket.seat.conversation();
        if self.plan.echo {
            self.echoed += 1;
        } else {
            let record = self.plan.casts[conversation].record(message)?;
            if (usize::from(record.sender), record.number) != (ticket.seat.person(), ticket.number)
            {
                bail!("the server answered {ticket:?} with another message: {record}");
            }
            self.acked.push(Told {
                conversation: conversation as u32,
                record,
            });
        }
        let sent = self.sent_at(ticket.seat, ticket.number)?;
        self.ack_latency
            .saturating_record((now.as_nanos() as u64).saturating_sub(sent));
        self.follow(sent, now, Fate::Acknowledged);
        self.last_ack = now;
        self.bins.count(now);
        Ok(())
    }

    /// Whether the server may refuse a send with this code, because it has too much to do.
    pub(crate) fn takes(&self, code: &[u8]) -> bool {
        self.plan.refusals && matches!(code, b"overloaded" | b"rate_limited")
    }

    /// `ticket` will have no acknowledgement.
    pub(crate) fn lost(&mut self, ticket: Ticket, fate: Fate) -> Result<()> {
        let now = self.started.elapsed();
        let sent = self.sent_at(ticket.seat, ticket.number)?;
        self.follow(sent, now, fate);
        self.lost += 1;
        Ok(())
    }

    fn follow(&mut self, due: u64, now: Duration, fate: Fate) {
        if let Some(trace) = &mut self.trace {
            let at = now.as_nanos() as u64;
            trace.push(Answered { due, at, fate });
        }
    }

    /// `message` came as an event on the socket of `seat`.
    pub(crate) fn shown(&mut self, seat: Seat, message: &Message<'_>) -> Result<()> {
        let now = self.started.elapsed();
        let conversation = seat.conversation();
        let record = self.plan.casts[conversation].record(message)?;
        let sender = usize::from(record.sender);
        let sent = self.sent_at(Seat::new(conversation, sender), record.number)?;
        if sender != seat.person() {
            self.delivery_latency
                .saturating_record((now.as_nanos() as u64).saturating_sub(sent));
        }
        self.shown[seat.person()].push(Told {
            conversation: conversation as u32,
            record,
        });
        Ok(())
    }

    fn sent_at(&self, seat: Seat, number: u32) -> Result<u64> {
        let place = number.checked_sub(self.plan.first_number);
        let sent = place.and_then(|place| self.sent.get(place as usize));
        let sent = sent.filter(|sent| sent.seat == seat);
        sent.map(|sent| sent.at).with_context(|| {
            format!("the server told message {number} of {seat:?}, which was never sent")
        })
    }

    pub(crate) fn under_way(&self) -> usize {
        self.sent.len() - self.acked_count() - self.lost
    }

    pub(crate) fn acked_count(&self) -> usize {
        self.acked.len() + self.echoed
    }

    /// How much has come back so far; it stands still when the server does.
    pub(crate) fn received_count(&self) -> usize {
        self.acked_count() + self.lost + self.shown.iter().map(Vec::len).sum::<usize>()
    }

    /// Nothing more is to be sent, and every send has its answer.
    pub(crate) fn all_answered(&self) -> bool {
        self.exhausted && self.under_way() == 0
    }

    /// Both sides have seen as much as was acknowledged.
    pub(crate) fn all_shown(&self) -> bool {
        self.shown
            .iter()
            .all(|shown| shown.len() >= self.acked.len())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// From the start to the last acknowledgement.
    pub(crate) fn duration(&self) -> Duration {
        self.last_ack
    }

    /// How far a run is, from 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        match self.limit {
            Limit::Messages(limit) => self.sent.len() as f64 / limit as f64,
            Limit::Time(limit) => self.elapsed().as_secs_f64() / limit.as_secs_f64(),
        }
    }

    /// The evidence of each conversation, but for what the history tells. The lists here are empty afterwards, the
    /// counts of what was acknowledged with them.
    pub(crate) fn evidence(&mut self) -> Vec<Evidence> {
        let mut all = vec![Evidence::default(); self.plan.casts.len()];
        for told in std::mem::take(&mut self.acked) {
            all[told.conversation as usize].acked.push(told.record);
        }
        for (person, shown) in self.shown.iter_mut().enumerate() {
            for told in std::mem::take(shown) {
                all[told.conversation as usize].shown[person].push(told.record);
            }
        }
        all
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1_000, LATENCY_MAX.as_nanos() as u64, 3)
        .context("cannot make a histogram")
}
