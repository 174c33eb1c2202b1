//! All runs of an invocation: each transport, each server, over and over, and then the figures.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::args::Sending;
use super::figures;
use super::floors::{Floors, Shape};
use super::picture::Picture;
use super::run::{self, Order, Outcome, Pace};
use super::stage::Stage;
use super::strace;
use crate::args::Transport;
use crate::message::Seat;
use crate::report::{Progress, Report};

/// How long the server is watched by strace, which makes it several times slower.
const STRACE_TIME: Duration = Duration::from_secs(2);

/// What all runs have in common.
pub(super) struct Campaign<'a> {
    pub(super) sending: &'a Sending,
    /// In words, for the heading.
    pub(super) shape: String,
    pub(super) remarks: &'static [&'static str],
    pub(super) conversations: usize,
    pub(super) turns: Arc<[Seat]>,
    pub(super) pace: Pace,
    pub(super) floors: Wanted,
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

impl Campaign<'_> {
    /// Measures, and prints the figures when every run was correct.
    pub(super) async fn run(self) -> Result<()> {
        let (sending, common) = (self.sending, &self.sending.common);
        let mut stages = self.stages().await?;
        let transports = sending.transports();
        let names = transports.iter().map(|transport| transport.name());
        let mut report = Report::new(common, self.shape.clone(), names, self.remarks);
        if let Some(url) = &sending.vs {
            report = report.against(url);
        }
        let mut picture = Picture::new(transports, sending.vs.is_some());
        let sides = stages.len();
        // Interleaved, so that a machine that slows down meanwhile slows all of them down.
        for run in 1..=common.runs {
            let floors = self.probe(&stages[0]).await?;
            for (at, &transport) in transports.iter().enumerate() {
                for (side, stage) in stages.iter_mut().enumerate() {
                    let label =
                        format!("{} {run}/{}{}", transport.name(), common.runs, whose(side));
                    let order = self.order(transport, self.pace.clone(), false);
                    let outcome = run::run(stage, &order, &Progress::new(label)).await?;
                    (self.sound)(&outcome)?;
                    let mut figures = figures::of(&outcome);
                    if let Some(floors) = &floors {
                        let beside = floors.beside(transport, &figures);
                        figures.extend(beside);
                    }
                    report.add(at * sides + side, figures);
                    picture.add(at * sides + side, &outcome.ledger)?;
                }
            }
        }
        if sending.syscalls {
            self.count_calls(&mut stages, &mut report).await?;
        }
        if let Some(path) = &sending.plot {
            picture.write(path)?;
        }
        report.print();
        Ok(())
    }

    /// The server, and the other one.
    async fn stages(&self) -> Result<Vec<Stage>> {
        let (sending, common) = (self.sending, &self.sending.common);
        if sending.syscalls {
            strace::look_for().await?;
            let known = common.url.is_none() || common.pid.is_some();
            ensure!(
                known,
                "--syscalls needs the server's process: name it with --pid"
            );
        }
        let mut stages = Vec::with_capacity(2);
        // The other first: it may not be there, and then nobody has waited.
        if let Some(url) = &sending.vs {
            stages.push(Stage::set(Some(url), sending.vs_pid, self.conversations).await?);
        }
        let own = Stage::set(common.url.as_deref(), common.pid, self.conversations).await?;
        stages.insert(0, own);
        Ok(stages)
    }

    fn order(&self, transport: Transport, pace: Pace, strace: bool) -> Order {
        Order {
            transport,
            size: usize::from(self.sending.size),
            turns: Arc::clone(&self.turns),
            pace,
            strace,
            watched: false,
        }
    }

    async fn probe(&self, stage: &Stage) -> Result<Option<Floors>> {
        let in_flight = match self.floors {
            Wanted::None => return Ok(None),
            Wanted::Disk => return Floors::probe_disk().await.map(Some),
            Wanted::All { in_flight } => in_flight,
        };
        let shape = Shape {
            couples: &stage.couples,
            turns: &self.turns,
            size: usize::from(self.sending.size),
            in_flight,
        };
        Floors::probe(&shape).await.map(Some)
    }

    /// An extra run for each column whose process is known.
    async fn count_calls(&self, stages: &mut [Stage], report: &mut Report) -> Result<()> {
        let sides = stages.len();
        let pace = self.pace.shortened(STRACE_TIME);
        for (at, &transport) in self.sending.transports().iter().enumerate() {
            for (side, stage) in stages.iter_mut().enumerate() {
                if !stage.is_known() {
                    continue;
                }
                let progress =
                    Progress::new(format!("{} under strace{}", transport.name(), whose(side)));
                let order = self.order(transport, pace.clone(), true);
                let outcome = run::run(stage, &order, &progress).await?;
                let calls = outcome
                    .calls
                    .map(|calls| calls as f64 / outcome.acked as f64);
                report.add(
                    at * sides + side,
                    vec![("server system calls/message", calls)],
                );
            }
        }
        Ok(())
    }
}

fn whose(side: usize) -> &'static str {
    if side == 0 { "" } else { ", the other" }
}
