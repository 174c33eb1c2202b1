//! Mode `overload`: twice as many sends as the server can serve, each at its own time, and what becomes of it.

use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use super::args::Overload;
use super::cores;
use super::run::{self, Order, Outcome, Pace};
use super::stage::Stage;
use super::turns;
use crate::args::Transport;
use crate::files;
use crate::ledger::{Answered, Fate, Limit};
use crate::report::{Metrics, Progress, Report};
use crate::rest::Limits;
use crate::times::Phase;

/// Before and after the load somebody sends now and then, to see what is normal and when it is so again.
const PROBES_PER_SECOND: f64 = 100.0;
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(10);
/// The time after the load is judged in pieces of this length.
const PIECE: Duration = Duration::from_millis(500);
/// Normal is what is no slower than this many times the slowest before.
const NORMAL: u64 = 3;
/// The closed loops of which the fastest is the maximum.
const WINDOWS: [usize; 4] = [64, 128, 256, 512];
const SEARCH_TIME: Duration = Duration::from_secs(3);
/// A maximum counts while 99 of 100 sends are answered in this time, and so is the generator's punctuality judged.
const SOON: Duration = Duration::from_millis(50);

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap;",
    "and nothing that was refused is there. Server and generator had a core each. Latencies count from the time at which",
    "a message was due. Served and refused are counted while the load was on. A send for which no connection was free, of",
    "--connections, or could be opened, was never made. Normal again: no probe is refused or slower than 3 times the p99",
    "from before, to the end; unknown when that did not come within 10 s.",
];

pub(crate) async fn run(options: &Overload) -> Result<()> {
    let common = &options.common;
    ensure!(
        common.url.is_none() || common.pid.is_some(),
        "overload keeps the server on a core and watches its memory: name its process with --pid"
    );
    let (conversations, connections) = (options.conversations.into(), options.connections.into());
    files::room_for((2 * conversations + connections) as u64)?;
    let shape = format!(
        "overload: twice the maximum over REST for {} s, {conversations} conversations, {} bytes of content",
        options.seconds, options.size
    );
    let mut report = Report::new(common, shape, std::iter::once("rest"), REMARKS);
    cores::pin(std::process::id(), cores::GENERATOR).await?;
    if let Some(pid) = common.pid {
        cores::pin(pid, cores::SERVER).await?;
    }
    let mut stage = Stage::set(common.url.as_deref(), common.pid, conversations).await?;
    stage.keep_on(cores::SERVER);
    for number in 1..=common.runs {
        let progress = Progress::new(format!("overload {number}/{}", common.runs));
        let maximum = match options.maximum {
            Some(maximum) => f64::from(maximum),
            None => search(&mut stage, options, &progress).await?,
        };
        let load = Phase {
            rate: 2.0 * maximum,
            time: Duration::from_secs(options.seconds),
        };
        let pace = Pace::Open {
            phases: vec![probes(BEFORE), load, probes(AFTER)],
            limits: Limits {
                connections,
                refusals: true,
            },
        };
        let mut order = order(options, pace);
        order.watched = true;
        let outcome = run::run(&mut stage, &order, &progress).await?;
        let lag = Duration::from_nanos(outcome.ledger.lag.value_at_quantile(0.99));
        ensure!(
            lag <= SOON,
            "the run is void: the generator was {lag:.1?} late (p99), so that it was no load of {:.0} a second",
            load.rate
        );
        report.add(0, figures(&outcome, maximum, load)?);
    }
    report.print();
    Ok(())
}

fn probes(time: Duration) -> Phase {
    Phase {
        rate: PROBES_PER_SECOND,
        time,
    }
}

fn order(options: &Overload, pace: Pace) -> Order {
    Order {
        transport: Transport::Rest,
        size: options.size.into(),
        turns: turns::even(options.conversations.into()),
        pace,
        strace: false,
        watched: false,
    }
}

/// The most durable sends a second that a closed loop gets, with answers that come soon.
async fn search(stage: &mut Stage, options: &Overload, progress: &Progress) -> Result<f64> {
    let mut most = 0.0_f64;
    for in_flight in WINDOWS {
        let pace = Pace::Closed {
            in_flight,
            limit: Limit::Time(SEARCH_TIME),
        };
        let outcome = run::run(stage, &order(options, pace), progress).await?;
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

fn figures(outcome: &Outcome, maximum: f64, load: Phase) -> Result<Metrics> {
    let ledger = &outcome.ledger;
    let trace = ledger.trace.as_deref().unwrap_or_default();
    let end = BEFORE + load.time;
    let during = |time: u64| (nanos(BEFORE)..nanos(end)).contains(&time);
    let offered = (load.rate * load.time.as_secs_f64()).round();
    let of = |fate| {
        let loaded = trace.iter().filter(|it| during(it.due)).copied();
        loaded.filter(move |it| it.fate == fate)
    };
    let in_time = trace
        .iter()
        .filter(|it| it.fate == Fate::Acknowledged && during(it.at));
    let served = in_time.count() as f64 / load.time.as_secs_f64();
    let accepted = histogram(of(Fate::Acknowledged))?;
    let refused = histogram(of(Fate::Refused))?;
    let before = trace.iter().filter(|it| it.due < nanos(BEFORE));
    let before = histogram(before.copied())?;
    let normal = normal_after(trace, before.value_at_quantile(0.99), nanos(end));
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
        ("normal again after, s", normal),
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

/// Seconds from the end of the load to the end of the last piece of time in which a probe was refused or slow.
fn normal_after(trace: &[Answered], before: u64, end: u64) -> Option<f64> {
    let slow = |it: &&Answered| {
        it.due >= end
            && (it.fate != Fate::Acknowledged || it.at.saturating_sub(it.due) > NORMAL * before)
    };
    let last = trace.iter().filter(slow).map(|it| it.due - end).max();
    let pieces = last.map_or(0, |last| last / nanos(PIECE) + 1);
    let whole = nanos(AFTER) / nanos(PIECE);
    (pieces < whole).then(|| pieces as f64 * PIECE.as_secs_f64())
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}
