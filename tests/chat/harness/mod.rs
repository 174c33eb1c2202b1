//! What the tests share: a server each, people who talk to it, and their sockets.

pub(crate) mod answer;
pub(crate) mod arrival;
pub(crate) mod clock;
pub(crate) mod dial;
pub(crate) mod door;
pub(crate) mod exposition;
#[cfg(feature = "faults")]
pub(crate) mod faults;
pub(crate) mod ledger;
pub(crate) mod operator;
pub(crate) mod packets;
pub(crate) mod person;
pub(crate) mod polling;
pub(crate) mod pongs;
pub(crate) mod process;
pub(crate) mod promql;
pub(crate) mod requests;
pub(crate) mod server;
pub(crate) mod socket;
pub(crate) mod strace;
pub(crate) mod token;
pub(crate) mod wait;
