//! The command line of the modes that are about size.

use clap::{Args, ValueEnum};

use crate::args::Common;

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    /// What kind of connections.
    #[arg(long, value_enum, default_value_t = IdleTransports::All)]
    transport: IdleTransports,
    /// How many of them, one of each person.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(2..=20_000))]
    pub(crate) connections: u16,
    /// How long each wave is held; a server of the contract pings each connection within 25 s.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How often they are all opened, held and closed again.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=WAVES_MAX as i64))]
    pub(crate) waves: u8,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Messages of the long conversation; the short one has 1,000.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2_000..=10_000_000))]
    pub(crate) messages: u64,
    /// Conversations of the person who has many; the other has 10.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub(crate) conversations: u32,
    /// Bytes of content in each message (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
    /// Each question is asked in this many blocks, of which medians and ranges are printed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) blocks: u16,
    /// How often each side is asked in a block, in turns with the other.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=10_000))]
    pub(crate) repeat: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How the clients connect: a WebSocket from the start, or long polling first, as is the stock default.
    #[arg(long, value_enum, default_value_t = StormTransports::All)]
    transport: StormTransports,
    /// How many clients lose their connection.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(2..=20_000))]
    pub(crate) clients: u16,
    /// People who stay, and write to them over REST.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) steady: u16,
    /// Messages a second, of all of those together.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) rate: u16,
    /// Bytes of content in each message (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
    /// Seconds of sending before the break, to compare with.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) calm: u64,
    /// Seconds after which all must be back.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) patience: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StormTransports {
    #[value(name = "socketio")]
    SocketIo,
    Polling,
    All,
}

/// How a client of Socket.IO connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A WebSocket from the start.
    WebSocket,
    /// Long polling, and a WebSocket as soon as that is open.
    PollingFirst,
}

impl Storm {
    pub(crate) fn ways(&self) -> &'static [Way] {
        match self.transport {
            StormTransports::SocketIo => &[Way::WebSocket],
            StormTransports::Polling => &[Way::PollingFirst],
            StormTransports::All => &[Way::WebSocket, Way::PollingFirst],
        }
    }
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "socketio",
            Self::PollingFirst => "polling",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Deaf {
    #[command(flatten)]
    pub(crate) common: Common,
    /// What is not read: a socket's events, or over REST the largest page of a history.
    #[arg(long, value_enum, default_value_t = DeafTransports::All)]
    transport: DeafTransports,
    /// How many stop reading.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(20..=20_000))]
    pub(crate) readers: u16,
    /// Messages a second to those on sockets, of all together, of 4,000 bytes each.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) flood: u16,
    /// People who are measured meanwhile.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) steady: u16,
    /// Messages a second, of all of those together.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) rate: u16,
    /// Bytes of content in each of theirs (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
    /// Seconds of sending before, to compare with.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) calm: u64,
    /// Seconds after which all must be gone.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) patience: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DeafTransports {
    Rest,
    Ws,
    #[value(name = "socketio")]
    SocketIo,
    All,
}

/// What is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ears {
    Rest,
    Ws,
    /// Over a WebSocket.
    SocketIo,
}

impl Deaf {
    pub(crate) fn kinds(&self) -> &'static [Ears] {
        match self.transport {
            DeafTransports::Rest => &[Ears::Rest],
            DeafTransports::Ws => &[Ears::Ws],
            DeafTransports::SocketIo => &[Ears::SocketIo],
            DeafTransports::All => &[Ears::Rest, Ears::Ws, Ears::SocketIo],
        }
    }
}

impl Ears {
    /// Whether anybody writes to them. Over REST they ask, and it is the answer that they do not read.
    pub(crate) fn are_told(self) -> bool {
        self != Self::Rest
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Messages in the database before the first start.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) messages: u64,
    /// Conversations that they are spread over.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) conversations: u32,
    /// Bytes of content in each message (ASCII).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=4000))]
    pub(crate) size: u16,
    /// How often the server is killed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// Seconds of sending before each kill.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How many sends are under way at any time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) in_flight: u16,
}

pub(crate) const WAVES_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IdleTransports {
    Ws,
    #[value(name = "socketio")]
    SocketIo,
    Polling,
    All,
}

/// What `idle` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Ws,
    /// Over a WebSocket from the start.
    SocketIo,
    /// Socket.IO over long polling.
    Polling,
}

impl Idle {
    pub(crate) fn transports(&self) -> &'static [Held] {
        match self.transport {
            IdleTransports::Ws => &[Held::Ws],
            IdleTransports::SocketIo => &[Held::SocketIo],
            IdleTransports::Polling => &[Held::Polling],
            IdleTransports::All => &[Held::Ws, Held::SocketIo, Held::Polling],
        }
    }
}

impl Held {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
            Self::Polling => "polling",
        }
    }
}
