//! Modes `hot` and `many`: a fixed number of sends is under way at any time, in one conversation or in many.

use std::sync::Arc;

use anyhow::Result;

use super::args::{Closed, Hot, Many, Sending};
use super::campaign::Campaign;
use super::loops::{Loop, Wanted};
use super::run::Pace;
use super::turns;
use crate::files;
use crate::ledger::Limit;
use crate::message::Seat;

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap.",
    "A closed loop: the next send waits for an answer, so a stall delays the sends that would have met it, and",
    "the latencies tell less than a user would feel.",
];

pub(crate) async fn hot(options: &Hot) -> Result<()> {
    let shape = "hot: one conversation, both people send";
    run(shape, &options.sending, &options.closed, turns::even(1), 1).await
}

pub(crate) async fn many(options: &Many) -> Result<()> {
    let crowd = &options.crowd;
    let shape = format!("many: {}, both people of each send", crowd.name());
    let (sending, closed) = (&options.sending, &options.closed);
    run(
        &shape,
        sending,
        closed,
        crowd.turns(),
        crowd.conversations(),
    )
    .await
}

async fn run(
    shape: &str,
    sending: &Sending,
    closed: &Closed,
    turns: Arc<[Seat]>,
    conversations: usize,
) -> Result<()> {
    let in_flight = usize::from(closed.in_flight);
    files::room_for((2 * conversations + in_flight) as u64)?;
    let length = match closed.limit() {
        Limit::Messages(count) => format!("{count} messages"),
        Limit::Time(time) => format!("{} s", time.as_secs()),
    };
    let campaign = Campaign {
        measuring: &sending.measuring,
        shape: format!(
            "{shape}, {in_flight} under way in a closed loop, {} bytes of content, {length}",
            sending.size
        ),
        remarks: REMARKS,
        conversations,
        core: None,
    };
    let mut mode = Loop {
        size: sending.size.into(),
        turns,
        pace: Pace::Closed {
            in_flight,
            limit: closed.limit(),
        },
        wanted: if closed.no_floors {
            Wanted::None
        } else {
            Wanted::All { in_flight }
        },
        floors: None,
        sound: |_| Ok(()),
    };
    campaign.run(&mut mode).await
}
