//! All runs of an invocation: each transport, each server, over and over, and then the figures.

use anyhow::{Result, ensure};

use super::args::Measuring;
use super::picture::{Curves, Picture, Titles};
use super::stage::Stage;
use super::strace;
use crate::args::Transport;
use crate::report::{Metrics, Progress, Report};

/// What all runs have in common.
pub(super) struct Campaign<'a> {
    pub(super) measuring: &'a Measuring,
    /// In words, for the heading.
    pub(super) shape: String,
    pub(super) remarks: &'static [&'static str],
    pub(super) conversations: usize,
    /// The servers have this core of the machine, and no other.
    pub(super) core: Option<usize>,
}

/// What one run of a mode does to one server.
pub(super) trait Mode {
    /// What the picture shows.
    const TITLES: Titles;
    /// What `--syscalls` counts.
    const CALLS: &'static str;

    /// Before each round of runs, of which every transport and server has one.
    async fn begin_round(&mut self, _: &Stage) -> Result<()> {
        Ok(())
    }

    /// Fails when what the server did was not correct, or the run proves nothing.
    async fn run(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<(Metrics, Curves)>;

    /// A short run under strace: the server's system calls, for each of what it did.
    async fn calls(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<Option<f64>>;
}

impl Campaign<'_> {
    /// Measures, and prints the figures when every run was correct.
    pub(super) async fn run<M: Mode>(self, mode: &mut M) -> Result<()> {
        let (measuring, common) = (self.measuring, &self.measuring.common);
        let mut stages = self.stages().await?;
        let transports = measuring.transports();
        let names = transports.iter().map(|transport| transport.name());
        let mut report = Report::new(common, self.shape.clone(), names, self.remarks);
        if let Some(url) = &measuring.vs {
            report = report.against(url);
        }
        let mut picture = Picture::new(M::TITLES, transports, measuring.vs.is_some());
        let sides = stages.len();
        // Interleaved, so that a machine that slows down meanwhile slows all of them down.
        for run in 1..=common.runs {
            mode.begin_round(&stages[0]).await?;
            for (at, &transport) in transports.iter().enumerate() {
                for (side, stage) in stages.iter_mut().enumerate() {
                    let label =
                        format!("{} {run}/{}{}", transport.name(), common.runs, whose(side));
                    let (figures, curves) =
                        mode.run(stage, transport, &Progress::new(label)).await?;
                    report.add(at * sides + side, figures);
                    picture.add(at * sides + side, &curves)?;
                }
            }
        }
        if measuring.syscalls {
            self.count_calls(mode, &mut stages, &mut report).await?;
        }
        if let Some(path) = &measuring.plot {
            picture.write(path)?;
        }
        report.print();
        Ok(())
    }

    /// The server, and the other one.
    async fn stages(&self) -> Result<Vec<Stage>> {
        let (measuring, common) = (self.measuring, &self.measuring.common);
        if measuring.syscalls {
            strace::look_for().await?;
            let known = common.url.is_none() || common.pid.is_some();
            ensure!(
                known,
                "--syscalls needs the server's process: name it with --pid"
            );
        }
        let mut stages = Vec::with_capacity(2);
        // The other first: it may not be there, and then nobody has waited.
        if let Some(url) = &measuring.vs {
            let other = Stage::set(Some(url), measuring.vs_pid, self.conversations);
            stages.push(other.await?);
        }
        let own = Stage::set(common.url.as_deref(), common.pid, self.conversations).await?;
        stages.insert(0, own);
        if let Some(core) = self.core {
            for stage in &mut stages {
                stage.keep_on(core).await?;
            }
        }
        Ok(stages)
    }

    /// An extra run for each column whose process is known.
    async fn count_calls<M: Mode>(
        &self,
        mode: &mut M,
        stages: &mut [Stage],
        report: &mut Report,
    ) -> Result<()> {
        let sides = stages.len();
        for (at, &transport) in self.measuring.transports().iter().enumerate() {
            for (side, stage) in stages.iter_mut().enumerate() {
                if !stage.is_known() {
                    continue;
                }
                let progress =
                    Progress::new(format!("{} under strace{}", transport.name(), whose(side)));
                let calls = mode.calls(stage, transport, &progress).await?;
                report.add(at * sides + side, vec![(M::CALLS, calls)]);
            }
        }
        Ok(())
    }
}

fn whose(side: usize) -> &'static str {
    if side == 0 { "" } else { ", the other" }
}
