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
