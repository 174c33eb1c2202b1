//! Reads the command line, starts the [`App`], waits for a signal, drains; or does what a command asks.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use duologue::app::App;
use duologue::command_line::{Command, CommandLine};
use duologue::config::Config;
use duologue::operator::inspect;
use duologue::transport::probe::probe;
use duologue::transport::server::listen;
use duologue::{demo, telemetry, upkeep};
use tikv_jemallocator::Jemalloc;
use tokio::signal::unix::{SignalKind, signal};

/// Messages are allocated on one thread and freed on another, all the time: the allocator of the C
/// library spends a tenth of the server's time on that. This one is within a few hundredths of the
/// fastest that we tried, and has a thread that gives the system back what was not used for some
/// seconds. It takes the place of the C library's for SQLite too.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let CommandLine { command, config } = CommandLine::parse();
    telemetry::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = async {
        match command {
            None => serve(config).await,
            Some(Command::Demo) => demonstrate(config).await,
            Some(Command::Health) => health(&config).await,
            Some(Command::Backup { file }) => upkeep::back_up(&config.database_url, &file).await,
            Some(Command::Check) => upkeep::check(&config.database_url).await,
            Some(Command::Inspect(question)) => inspect::run(&question).await,
        }
    };
    let ended = runtime
        .context("cannot start the async runtime")
        .and_then(|runtime| runtime.block_on(done));
    match ended {
        Ok(code) => code,
        Err(error) => {
            telemetry::last_words(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = listen(&config.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
    let mut app = App::start(config, listener).await?;
    let code = tokio::select! {
        _ = terminate.recv() => ExitCode::SUCCESS,
        _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
        () = app.failed() => ExitCode::FAILURE,
    };
    app.drain().await;
    Ok(code)
}

/// From the first line on no signal ends it before it has tidied up; that of a terminal that is closed
/// neither.
async fn demonstrate(config: Config) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let told_to_end = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    demo::run(config, told_to_end).await?;
    Ok(ExitCode::SUCCESS)
}

async fn health(config: &Config) -> anyhow::Result<ExitCode> {
    probe(&config.listen).await.map_err(anyhow::Error::msg)?;
    Ok(ExitCode::SUCCESS)
}
