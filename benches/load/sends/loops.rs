//! The runs of those modes whose figure is the messages: closed loops, and the open one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::campaign::Mode;
use super::figures;
use super::floors::{Floors, Shape};
use super::picture::{Curves, Titles};
use super::run::{self, Order, Outcome, Pace};
use super::stage::Stage;
use crate::args::Transport;
use crate::message::Seat;
use crate::report::{Metrics, Progress};

/// How long the server is watched by strace, which makes it several times slower.
pub(super) const STRACE_TIME: Duration = Duration::from_secs(2);

/// Sends at a pace.
pub(super) struct Loop {
    /// Bytes of content.
    pub(super) size: usize,
    pub(super) turns: Arc<[Seat]>,
    pub(super) pace: Pace,
    pub(super) wanted: Wanted,
    /// Of this round.
    pub(super) floors: Option<Floors>,
    /// Fails when a run proves nothing, also if it was correct.
    pub(super) sound: fn(&Outcome) -> Result<()>,
}

/// Which floors are to be probed.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    None,
    Disk,
    /// The echoes with so many sends under way.
    All {
        in_flight: usize,
    },
}

impl Loop {
    fn order(&self, transport: Transport, pace: Pace, strace: bool) -> Order {
        Order {
            transport,
            size: self.size,
            turns: Arc::clone(&self.turns),
            pace,
            strace,
            watched: false,
        }
    }
}

impl Mode for Loop {
    const TITLES: Titles = Titles::SENDS;
    const CALLS: &'static str = "server system calls/message";

    async fn begin_round(&mut self, stage: &Stage) -> Result<()> {
        self.floors = match self.wanted {
            Wanted::None => None,
            Wanted::Disk => Some(Floors::probe_disk().await?),
            Wanted::All { in_flight } => {
                let shape = Shape {
                    couples: &stage.couples,
                    turns: &self.turns,
                    size: self.size,
                    in_flight,
                };
                Some(Floors::probe(&shape).await?)
            }
        };
        Ok(())
    }

    async fn run(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<(Metrics, Curves)> {
        let order = self.order(transport, self.pace.clone(), false);
        let outcome = run::run(stage, &order, progress).await?;
        (self.sound)(&outcome)?;
        let mut figures = figures::of(&outcome);
        if let Some(floors) = &self.floors {
            let beside = floors.beside(transport, &figures);
            figures.extend(beside);
        }
        Ok((figures, Curves::of(&outcome.ledger)))
    }

    async fn calls(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<Option<f64>> {
        let order = self.order(transport, self.pace.shortened(STRACE_TIME), true);
        let outcome = run::run(stage, &order, progress).await?;
        Ok(outcome.calls_per_message())
    }
}
