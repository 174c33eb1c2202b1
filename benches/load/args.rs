//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::args_scale::{Deaf, History, Idle, Restart, Storm};
use crate::sends::args::{Hot, Many, Overload, Rate, Typing};
use crate::sends::floors::echo::ARGUMENT as ECHO;

/// Loads a Duologue server, checks that it kept its promises, and prints what that cost.
#[derive(Debug, Parser)]
#[command(
    name = "load",
    bin_name = "cargo bench --bench load --",
    arg_required_else_help = true
)]
struct CommandLine {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// One conversation, both people send as fast as the acknowledgements come back (a closed loop).
    Hot(Hot),
    /// Many conversations of two people each, otherwise the same.
    Many(Many),
    /// So many sends a second, each at its own time, whatever the server does (an open loop).
    Rate(Rate),
    /// Twice as many sends as the server can serve, on a core of its own: what is served, what is refused, how fast.
    Overload(Overload),
    /// The guide's key presses: what one of them costs, and that the other side hears changes only.
    Typing(Typing),
    /// Many connections that are open and say nothing: what one of them costs in memory and CPU time.
    Idle(Idle),
    /// Questions and sends in a long conversation and for a person with many, against a short one and one with few.
    History(History),
    /// Many clients lose their connection at once, and come back with the stock client's timing.
    Storm(Storm),
    /// Many people stop reading what they are told: what the others notice, and when those are gone.
    Deaf(Deaf),
    /// A server with a large database is killed under load: how long until it serves again, and is all there?
    Restart(Restart),
    /// The server that stores nothing, which other modes start to compare with.
    #[command(name = ECHO, hide = true)]
    Echo,
}

/// What every mode takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Measure the server at this http:// address instead of starting one.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// With --url: that server's process here, to read its CPU time and bytes written.
    #[arg(long, requires = "url")]
    pub(crate) pid: Option<u32>,
    /// Repeat, and print medians and ranges.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub(crate) runs: u16,
    /// Print the figures as JSON, for machines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Rest,
    Ws,
    /// Over a WebSocket from the start.
    SocketIo,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
        }
    }
}

/// Why there is nothing to run.
pub(crate) enum Refusal {
    /// Help was asked for, or nothing at all: `cargo bench` alone and `cargo test --benches` come here.
    Help(String),
    /// One line that says what is wrong.
    Wrong(String),
}

/// Reads the command line; cargo adds a `--bench` of its own, which is dropped.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Mode, Refusal> {
    let ours = args.filter(|arg| arg != "--bench");
    CommandLine::try_parse_from(ours)
        .map(|line| line.mode)
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Refusal::Help(error.to_string())
            }
            _ => {
                // The first paragraph tells what is wrong, the others repeat the usage.
                let text = error.to_string();
                let lines: Vec<_> = text
                    .lines()
                    .take_while(|line| !line.is_empty())
                    .map(str::trim)
                    .collect();
                Refusal::Wrong(lines.join(" ").trim_start_matches("error: ").to_owned())
            }
        })
}
