//! Mode `rate`: an open loop, in which each message has a time of its own.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::args::Rate;
use super::campaign::Campaign;
use super::cost;
use super::loops::{Loop, Wanted};
use super::run::{Outcome, Pace};
use crate::files;
use crate::report::GENERATOR_SHARE_MAX;
use crate::rest::Limits;
use crate::times::Phase;

/// Sends that may be under way together over REST; a server that lets more pile up does not keep up.
const CONNECTIONS_MAX: usize = 2_000;
/// How late the generator may be at the 99th percentile.
const LAG_MAX: Duration = Duration::from_millis(1);

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap.",
    "An open loop: latencies count from the time at which a message was due, not from when it could be sent.",
];

/// Measures, and prints the figures when every run was correct and on time.
pub(crate) async fn run(options: &Rate) -> Result<()> {
    let (sending, crowd) = (&options.sending, &options.crowd);
    files::room_for((2 * crowd.conversations() + CONNECTIONS_MAX) as u64)?;
    let shape = format!(
        "rate: {}, both people of each send, {} a second in an open loop, {} bytes of content, {} s",
        crowd.name(),
        options.rate,
        sending.size,
        options.seconds
    );
    let campaign = Campaign {
        measuring: &sending.measuring,
        shape,
        remarks: REMARKS,
        conversations: crowd.conversations(),
        core: None,
    };
    let mut mode = Loop {
        size: sending.size.into(),
        turns: crowd.turns(),
        pace: Pace::Open {
            phases: vec![Phase {
                rate: options.rate.into(),
                time: Duration::from_secs(options.seconds),
            }],
            limits: Limits {
                connections: CONNECTIONS_MAX,
                refusals: false,
            },
        },
        wanted: Wanted::Disk,
        floors: None,
        sound: on_time,
    };
    campaign.run(&mut mode).await
}

/// A generator that could not send when it should have has measured itself.
fn on_time(outcome: &Outcome) -> Result<()> {
    let lag = Duration::from_nanos(outcome.ledger.lag.value_at_quantile(0.99));
    ensure!(
        lag <= LAG_MAX,
        "the run is void: the generator was {lag:.1?} late (p99), more than {LAG_MAX:?}; the rate is too high for it, \
         or the machine too busy"
    );
    let (before, after) = (&outcome.before, &outcome.after);
    let share = cost::generator_share(before, after, outcome.ledger.duration());
    let share = share.map_or(0.0, |share| 100.0 * share);
    ensure!(
        share <= GENERATOR_SHARE_MAX,
        "the run is void: the generator took {share:.0} % of its core, more than {GENERATOR_SHARE_MAX:.0} %"
    );
    Ok(())
}
