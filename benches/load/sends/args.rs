//! The command line of the modes that send.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::turns;
use crate::args::{Common, Transport};
use crate::ledger::Limit;
use crate::message::Seat;

const DEFAULT_TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Hot {
    #[command(flatten)]
    pub(crate) sending: Sending,
    #[command(flatten)]
    pub(crate) closed: Closed,
}

#[derive(Debug, Args)]
pub(crate) struct Many {
    #[command(flatten)]
    pub(crate) sending: Sending,
    #[command(flatten)]
    pub(crate) closed: Closed,
    #[command(flatten)]
    pub(crate) crowd: Crowd,
}

#[derive(Debug, Args)]
pub(crate) struct Rate {
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Sends a second.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) crowd: Crowd,
}

#[derive(Debug, Args)]
pub(crate) struct Overload {
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// How many conversations, each of two people of its own.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) conversations: u16,
    /// What the server can serve, in sends a second; without it closed loops find out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) maximum: Option<u32>,
    /// How long twice as many are sent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Over REST, HTTP connections at most, each with one send under way.
    #[arg(long, default_value_t = 18_000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Typing {
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    /// How many conversations, in each of which one of two people types.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=9_000))]
    pub(crate) conversations: u16,
    /// How often each of them begins to type.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) bursts: u8,
    /// Key presses each time.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) keys: u16,
    /// Key presses of each of them in a second.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) keys_per_second: u8,
}

/// What every mode takes that people do something in.
#[derive(Debug, Args)]
pub(crate) struct Measuring {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How people say what they do; they hear of each other over /ws, or over Socket.IO when that says it.
    #[arg(long, value_enum, default_value_t = Transports::All)]
    transport: Transports,
    /// Measure this server too, in turn with the first, and print the ratio of each figure.
    #[arg(long, value_name = "URL")]
    pub(crate) vs: Option<String>,
    /// The process of the server at --vs, when it is on this machine.
    #[arg(long, value_name = "PID", requires = "vs")]
    pub(crate) vs_pid: Option<u32>,
    /// Count the server's system calls in an extra short run under strace, of which nothing else is told.
    #[arg(long)]
    pub(crate) syscalls: bool,
    /// Draw the latencies, and the throughput over time, into this file (SVG).
    #[arg(long, value_name = "FILE", value_parser = writable)]
    pub(crate) plot: Option<PathBuf>,
}

/// What every mode that sends messages takes.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) measuring: Measuring,
    /// Bytes of content in each message (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
}

/// A new send when an answer comes.
#[derive(Debug, Args)]
pub(crate) struct Closed {
    /// How many sends are under way at any time, of all people together.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) in_flight: u16,
    /// Stop after this many messages.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    messages: Option<u64>,
    /// Stop sending after this many seconds (10 when --messages is not given either).
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: Option<u64>,
    /// Do not probe what this machine does at best, and print no ratios to it.
    #[arg(long)]
    pub(crate) no_floors: bool,
}

/// Who talks.
#[derive(Debug, Args)]
pub(crate) struct Crowd {
    /// How many conversations, each of two people of its own.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=9_000))]
    conversations: u16,
    /// Make some conversations busier than others: the n-th gets a share that goes with 1/n^S. Without it all are
    /// served in turn.
    #[arg(long, value_name = "S", value_parser = exponent)]
    zipf: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Transports {
    Rest,
    Ws,
    #[value(name = "socketio")]
    SocketIo,
    All,
}

impl Measuring {
    pub(crate) fn transports(&self) -> &'static [Transport] {
        self.transport.each()
    }
}

impl Transports {
    fn each(self) -> &'static [Transport] {
        match self {
            Self::Rest => &[Transport::Rest],
            Self::Ws => &[Transport::Ws],
            Self::SocketIo => &[Transport::SocketIo],
            Self::All => &[Transport::Rest, Transport::Ws, Transport::SocketIo],
        }
    }
}

impl Crowd {
    pub(crate) fn conversations(&self) -> usize {
        usize::from(self.conversations)
    }

    /// Whose turn it is, over and over.
    pub(crate) fn turns(&self) -> Arc<[Seat]> {
        match self.zipf {
            None => turns::even(self.conversations()),
            Some(exponent) => turns::zipf(self.conversations(), exponent),
        }
    }

    pub(crate) fn name(&self) -> String {
        let how = self.zipf.map_or_else(
            || "in turn".to_owned(),
            |exponent| format!("Zipf {exponent}"),
        );
        format!("{} conversations, {how}", self.conversations)
    }
}

impl Closed {
    pub(crate) fn limit(&self) -> Limit {
        match (self.messages, self.seconds) {
            (Some(count), _) => Limit::Messages(count),
            (None, Some(seconds)) => Limit::Time(Duration::from_secs(seconds)),
            (None, None) => Limit::Time(DEFAULT_TIME),
        }
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=5.0).contains(&exponent) {
        Ok(exponent)
    } else {
        Err("not between 0 and 5".to_owned())
    }
}

/// A file that can be written to: to learn at the end that it cannot would be a pity.
fn writable(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    let new = !path.exists();
    let opened = File::options().create(true).append(true).open(&path);
    opened.map_err(|error| format!("cannot write there: {error}"))?;
    if new {
        fs::remove_file(&path).map_err(|error| format!("cannot write there: {error}"))?;
    }
    Ok(path)
}
