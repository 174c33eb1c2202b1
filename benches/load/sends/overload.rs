//! Mode `overload`: twice as many sends as the server can serve, each at its own time, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use super::args::Overload;
use super::campaign::{Campaign, Mode};
use super::cores;
use super::loops::STRACE_TIME;
use super::picture::{Curves, Titles};
use super::run::{self, Order, Outcome, Pace};
use super::stage::Stage;
use super::turns;
use crate::args::Transport;
use crate::files;
use crate::ledger::{Answered, Fate, Limit};
use crate::message::Seat;
use crate::recovery::{self, Probe, Recovery};
use crate::report::{Metrics, Progress};
use crate::rest::Limits;
use crate::times::Phase;

/// Before and after the load somebody sends now and then, to see what is normal and when it is so again.
const PROBES_PER_SECOND: f64 = 100.0;
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(10);
/// A probe is normal when it is no slower than this many times the p99 before.
const NORMAL: u64 = 3;
/// The closed loops of which the fastest is the maximum.
const WINDOWS: [usize; 4] = [64, 128, 256, 512];
const SEARCH_TIME: Duration = Duration::from_secs(3);
/// A load of which so much was served was none: what was served is a better maximum, and the load is repeated.
const WHOLE: f64 = 0.95;
/// A maximum counts while 99 of 100 sends are answered in this time, and so is the generator's punctuality judged.
const SOON: Duration = Duration::from_millis(50);

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap;",
    "and nothing that was refused is there. Server and generator had a core each. Latencies count from the time at which",
    "a message was due. Served and refused are counted while the load was on. Over REST a send for which no connection was",
    "free, of --connections, or could be opened, was never made. Over sockets a send that the server does not read yet",
    "waits. A probe is slow that takes more than 3 times the p99 from before. Normal again: from then on to the end none is",
    "refused, and of no half second more than 5 % are slow; unknown when that did not come within 10 s.",
];

pub(crate) async fn run(options: &Overload) -> Result<()> {
    let sending = &options.sending;
    let conversations = usize::from(options.conversations);
    let connections = usize::from(options.connections);
    files::room_for((2 * conversations + connections) as u64)?;
    cores::pin(std::process::id(), cores::GENERATOR).await?;
    let campaign = Campaign {
        measuring: &sending.measuring,
        shape: format!(
            "overload: twice the maximum for {} s, {conversations} conversations, {} bytes of content",
            options.seconds, sending.size
        ),
        remarks: REMARKS,
        conversations,
        core: Some(cores::SERVER),
    };
    let mut mode = Overloading {
        options,
        turns: turns::even(conversations),
    };
    campaign.run(&mut mode).await
}

/// Sends more than can be served.
struct Overloading<'a> {
    options: &'a Overload,
    turns: Arc<[Seat]>,
}

impl Mode for Overloading<'_> {
    const TITLES: Titles = Titles::SENDS;
    const CALLS: &'static str = "server system calls/message";

    async fn run(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<(Metrics, Curves)> {
        let mut maximum = self.maximum(stage, transport, progress).await?;
        loop {
            let load = Phase {
                rate: 2.0 * maximum,
                time: Duration::from_secs(self.options.seconds),
            };
            let outcome = self.overload(stage, transport, load, progress).await?;
            let served = served(&outcome, load);
            if self.options.maximum.is_some() || served < WHOLE * load.rate {
                let figures = figures(&outcome, maximum, load)?;
                return Ok((figures, Curves::of(&outcome.ledger)));
            }
            maximum = served;
        }
    }

    async fn calls(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<Option<f64>> {
        let load = Phase {
            rate: 2.0 * self.maximum(stage, transport, progress).await?,
            time: STRACE_TIME,
        };
        let order = Order {
            strace: true,
            ..self.order(transport, self.load(load).shortened(STRACE_TIME))
        };
        let outcome = run::run(stage, &order, progress).await?;
        Ok(outcome.calls_per_message())
    }
}

impl Overloading<'_> {
    async fn overload(
        &self,
        stage: &mut Stage,
        transport: Transport,
        load: Phase,
        progress: &Progress,
    ) -> Result<Outcome> {
        let order = Order {
            watched: true,
            ..self.order(transport, self.load(load))
        };
        let outcome = run::run(stage, &order, progress).await?;
        let lag = Duration::from_nanos(outcome.ledger.lag.value_at_quantile(0.99));
        ensure!(
            lag <= SOON,
            "the run is void: the generator was {lag:.1?} late (p99), so that it was no load of {:.0} a second",
            load.rate
        );
        Ok(outcome)
    }

    fn load(&self, load: Phase) -> Pace {
        Pace::Open {
            phases: vec![probes(BEFORE), load, probes(AFTER)],
            limits: Limits {
                connections: self.options.connections.into(),
                refusals: true,
            },
        }
    }

    fn order(&self, transport: Transport, pace: Pace) -> Order {
        Order {
            transport,
            size: self.options.sending.size.into(),
            turns: Arc::clone(&self.turns),
            pace,
            strace: false,
            watched: false,
        }
    }

    /// The most durable sends a second that a closed loop gets, with answers that come soon; or what it is said to be.
    async fn maximum(
        &self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<f64> {
        if let Some(maximum) = self.options.maximum {
            return Ok(maximum.into());
        }
        let mut most = 0.0_f64;
        for in_flight in WINDOWS {
            let pace = Pace::Closed {
                in_flight,
                limit: Limit::Time(SEARCH_TIME),
            };
            let outcome = run::run(stage, &self.order(transport, pace), progress).await?;
            let ledger = &outcome.ledger;
            let slow = Duration::from_nanos(ledger.ack_latency.value_at_quantile(0.99)) > SOON;
            // The first counts in any case: twice of something is asked for.
            if slow && most > 0.0 {
                break;
            }
            most = most.max(outcome.acked as f64 / ledger.duration().as_secs_f64());
        }
        Ok(most)
    }
}

fn probes(time: Duration) -> Phase {
    Phase {
        rate: PROBES_PER_SECOND,
        time,
    }
}

/// Sends a second that were acknowledged while the load was on.
fn served(outcome: &Outcome, load: Phase) -> f64 {
    let trace = outcome.ledger.trace.as_deref().unwrap_or_default();
    let in_time = |it: &&Answered| it.fate == Fate::Acknowledged && during(it.at, load);
    trace.iter().filter(in_time).count() as f64 / load.time.as_secs_f64()
}

fn during(time: u64, load: Phase) -> bool {
    (nanos(BEFORE)..nanos(BEFORE + load.time)).contains(&time)
}

fn figures(outcome: &Outcome, maximum: f64, load: Phase) -> Result<Metrics> {
    let ledger = &outcome.ledger;
    let trace = ledger.trace.as_deref().unwrap_or_default();
    let offered = (load.rate * load.time.as_secs_f64()).round();
    let of = |fate| {
        let loaded = trace.iter().filter(|it| during(it.due, load)).copied();
        loaded.filter(move |it| it.fate == fate)
    };
    let served = served(outcome, load);
    let accepted = histogram(of(Fate::Acknowledged))?;
    let refused = histogram(of(Fate::Refused))?;
    let before = trace.iter().filter(|it| it.due < nanos(BEFORE));
    let before = histogram(before.copied())?;
    let recovery = recovered(trace, before.value_at_quantile(0.99), load);
    let milliseconds = |histogram: &Histogram<u64>| {
        let known = !histogram.is_empty();
        known.then(|| histogram.value_at_quantile(0.99) as f64 / 1e6)
    };
    let share = |fate| Some(100.0 * of(fate).count() as f64 / offered);
    let memory = |samples: &mut dyn Iterator<Item = &(Duration, u64)>| {
        let most = samples.map(|(_, bytes)| *bytes).max()?;
        Some(most as f64 / (1024.0 * 1024.0))
    };
    let samples = &outcome.memory;
    let early = samples.iter().take_while(|(at, _)| *at < BEFORE);
    Ok(vec![
        ("maximum, sends/s", Some(maximum)),
        ("offered, sends/s", Some(load.rate)),
        ("served, sends/s", Some(served)),
        ("served, % of the maximum", Some(100.0 * served / maximum)),
        ("refused (503, 429), % of the offered", share(Fate::Refused)),
        ("never made, % of the offered", share(Fate::NeverMade)),
        ("send → refusal p99, ms", milliseconds(&refused)),
        ("send → ack p99 before, ms", milliseconds(&before)),
        ("send → ack p99 under load, ms", milliseconds(&accepted)),
        (
            "normal again after, s",
            recovery.normal_after.map(|it| it.as_secs_f64()),
        ),
        (
            "slow probes since then, %",
            Some(100.0 * recovery.slow_since),
        ),
        (
            "server memory before (PSS), MiB",
            memory(&mut early.clone()),
        ),
        ("server memory at most, MiB", memory(&mut samples.iter())),
        (
            "server memory at the end, MiB",
            memory(&mut samples.last().into_iter()),
        ),
        ("messages sent and checked", Some(outcome.acked as f64)),
        ("generator late p99, ms", milliseconds(&ledger.lag)),
    ])
}

fn histogram(answers: impl Iterator<Item = Answered>) -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    for answer in answers {
        histogram.record(answer.at.saturating_sub(answer.due))?;
    }
    Ok(histogram)
}

/// How the time after the load went, by the probes of it.
fn recovered(trace: &[Answered], before: u64, load: Phase) -> Recovery {
    let end = nanos(BEFORE + load.time);
    let late = trace.iter().filter(|it| it.due >= end);
    let probes = late.map(|it| {
        let probe = match it.fate {
            Fate::Acknowledged if it.at.saturating_sub(it.due) <= NORMAL * before => Probe::Normal,
            Fate::Acknowledged => Probe::Slow,
            Fate::Refused | Fate::NeverMade => Probe::Refused,
        };
        (Duration::from_nanos(it.due - end), probe)
    });
    recovery::judge(&probes.collect::<Vec<_>>(), AFTER)
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}
