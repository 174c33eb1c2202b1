#![doc = include_str!("README.md")]

pub mod app;

pub mod upkeep;

pub mod demo;

pub mod operator;

pub mod command_line;

pub mod config;

pub mod transport;

pub mod chat;

mod actors;

pub mod store;

pub mod wire;

pub mod error;

pub mod quota;

pub mod auth;

pub mod metrics;

pub mod telemetry;

#[cfg(feature = "faults")]
mod faults;

/// What the micro-benches time. It stands beside them, and here because it is not public.
#[cfg(feature = "micro")]
#[doc(hidden)]
#[path = "../benches/micro/subjects/mod.rs"]
pub mod subjects;

/// What the fuzz targets try. It stands beside them, and here because it is not public; its tests
/// try what is kept in their corpus.
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
#[path = "../tests/fuzz/subjects/mod.rs"]
pub mod fuzz;
