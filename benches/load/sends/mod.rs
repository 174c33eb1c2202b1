//! The modes that send messages: all are one engine with another pace, another number of conversations, or both.

pub(crate) mod args;
pub(crate) mod closed;
pub(crate) mod floors;
pub(crate) mod overload;
pub(crate) mod rate;
pub(crate) mod typing;

mod campaign;
mod cores;
mod cost;
mod figures;
mod keys;
mod loops;
mod memory;
mod picture;
mod run;
mod senders;
mod stage;
mod strace;
mod svg;
mod turns;
