//! Duologue, a one-to-one messaging server.

pub mod config;

pub mod chat;

mod actors;

pub mod store;

pub mod wire;

pub mod error;

pub mod auth;

pub mod telemetry;
