//! Modes `hot` and `many`: a fixed number of sends is under way at any time, in one conversation or in many.

use std::sync::Arc;

use anyhow::Result;

use super::args::{Closed, Hot, Many, Sending};
use super::figures;
use super::floors::{Floors, Shape};
use super::run::{self, Order, Pace};
use super::stage::Stage;
use super::turns;
use crate::files;
use crate::ledger::Limit;
use crate::message::Seat;
use crate::report::{Progress, Report};

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap.",
    "A closed loop: the next send waits for an answer, so a stall delays the sends that would have met it, and",
    "the latencies tell less than a user would feel.",
];

pub(crate) async fn hot(options: &Hot) -> Result<()> {
    let shape = "hot: one conversation, both people send";
    run(shape, &options.sending, &options.closed, &turns::even(1), 1).await
}

pub(crate) async fn many(options: &Many) -> Result<()> {
    let crowd = &options.crowd;
    let shape = format!("many: {}, both people of each send", crowd.name());
    let (sending, closed) = (&options.sending, &options.closed);
    run(
        &shape,
        sending,
        closed,
        &crowd.turns(),
        crowd.conversations(),
    )
    .await
}

/// Measures, and prints the figures when every run was correct.
async fn run(
    shape: &str,
    sending: &Sending,
    closed: &Closed,
    turns: &Arc<[Seat]>,
    conversations: usize,
) -> Result<()> {
    let in_flight = usize::from(closed.in_flight);
    files::allow(2 * conversations + in_flight)?;
    let length = match closed.limit() {
        Limit::Messages(count) => format!("{count} messages"),
        Limit::Time(time) => format!("{} s", time.as_secs()),
    };
    let shape = format!(
        "{shape}, {in_flight} under way in a closed loop, {} bytes of content, {length}",
        sending.size
    );
    let (common, transports) = (&sending.common, sending.transports());
    let names = transports.iter().map(|transport| transport.name());
    let mut report = Report::new(common, shape, names, REMARKS);
    let mut stage = Stage::set(common.url.as_deref(), common.pid, conversations).await?;
    // Interleaved, so that a machine that slows down meanwhile slows all of them down.
    for run in 1..=common.runs {
        let floors = if closed.no_floors {
            None
        } else {
            let shape = Shape {
                couples: &stage.couples,
                turns,
                size: usize::from(sending.size),
                in_flight,
            };
            Some(Floors::probe(&shape).await?)
        };
        for (column, &transport) in transports.iter().enumerate() {
            let label = format!("{} {run}/{}", transport.name(), common.runs);
            let progress = Progress::new(label);
            let order = Order {
                transport,
                size: usize::from(sending.size),
                turns: Arc::clone(turns),
                pace: Pace::Closed {
                    in_flight,
                    limit: closed.limit(),
                },
            };
            let outcome = run::run(&mut stage, &order, &progress).await?;
            let mut figures = figures::of(&outcome);
            if let Some(floors) = &floors {
                let beside = floors.beside(transport, &figures);
                figures.extend(beside);
            }
            report.add(column, figures);
        }
    }
    report.print();
    Ok(())
}
