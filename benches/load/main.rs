//! The load generator. `benches/README.md` says what it measures and how to run it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark's figures go to the terminal"
)]

mod args;
mod args_scale;
mod deaf;
mod history;
mod idle;
mod report;
mod restart;
mod sends;
mod storm;
mod table;

mod archive;
mod backoff;
mod bins;
mod bulk;
mod comeback;
mod dial;
mod ears;
mod engine;
mod http;
mod ledger;
mod lines;
mod message;
mod people;
mod polling;
mod question;
mod recovery;
mod rest;
mod reunion;
mod scan;
mod scene;
mod schedule;
mod seed;
mod socket;
mod steady;
mod survival;
mod times;
mod told;
mod wakes;

mod check;
mod disk;
mod files;
mod memory;
mod server;
mod slabs;
mod stats;
mod usage;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Mode, Refusal};

fn main() -> ExitCode {
    let mode = match args::parse(std::env::args_os()) {
        Ok(mode) => mode,
        Err(Refusal::Help(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Wrong(line)) => return fail(&line),
    };
    match start(&mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("load: {reason}");
    ExitCode::FAILURE
}

/// One thread is all the generator may have: the server needs the rest of the machine. (In a storm, those who stay have
/// another, which does little.)
fn start(mode: &Mode) -> Result<()> {
    if let Mode::Echo = mode {
        return sends::floors::echo::serve();
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .context("cannot start the runtime")?
        .block_on(async {
            let mut terminated =
                signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
            // Dropping the run ends its server and removes its data.
            tokio::select! {
                done = run(mode) => done,
                _ = tokio::signal::ctrl_c() => bail!("interrupted, no figures"),
                _ = terminated.recv() => bail!("terminated, no figures"),
            }
        })
}

async fn run(mode: &Mode) -> Result<()> {
    match mode {
        Mode::Hot(options) => sends::closed::hot(options).await,
        Mode::Many(options) => sends::closed::many(options).await,
        Mode::Rate(options) => sends::rate::run(options).await,
        Mode::Overload(options) => sends::overload::run(options).await,
        Mode::Typing(options) => sends::typing::run(options).await,
        Mode::Idle(options) => idle::run(options).await,
        Mode::History(options) => history::run(options).await,
        Mode::Storm(options) => storm::run(options).await,
        Mode::Deaf(options) => deaf::run(options).await,
        Mode::Restart(options) => restart::run(options).await,
        Mode::Echo => bail!("the echo has threads of its own"),
    }
}
