//! Duologue, a one-to-one messaging server.

pub mod store;
