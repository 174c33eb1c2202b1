//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};

use crate::args_scale::{History, Idle, Restart, Storm};

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
    /// Many connections that are open and say nothing: what one of them costs in memory and CPU time.
    Idle(Idle),
    /// Questions and sends in a long conversation and for a person with many, against a short one and one with few.
    History(History),
    /// Many clients lose their connection at once, and come back with the stock client's timing.
    Storm(Storm),
    /// A server with a large database is killed under load: how long until it serves again, and is all there?
    Restart(Restart),
}

#[derive(Debug, Args)]
pub(crate) struct Hot {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How the messages are sent; they are received over /ws, or over Socket.IO when that sends.
    #[arg(long, value_enum, default_value_t = HotTransports::All)]
    transport: HotTransports,
    /// Bytes of content in each message (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
    /// How many sends are under way at any time, of both people together.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) in_flight: u16,
    /// Stop after this many messages.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) messages: Option<u64>,
    /// Stop sending after this many seconds (10 when --messages is not given either).
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HotTransports {
    Rest,
    Ws,
    #[value(name = "socketio")]
    SocketIo,
    All,
}

/// How `hot` sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Rest,
    Ws,
    /// Over a WebSocket from the start.
    SocketIo,
}

impl Hot {
    pub(crate) fn transports(&self) -> &'static [Transport] {
        match self.transport {
            HotTransports::Rest => &[Transport::Rest],
            HotTransports::Ws => &[Transport::Ws],
            HotTransports::SocketIo => &[Transport::SocketIo],
            HotTransports::All => &[Transport::Rest, Transport::Ws, Transport::SocketIo],
        }
    }
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
