#![doc = include_str!("README.md")]

pub mod app;

pub mod config;

pub mod transport;

pub mod chat;

mod actors;

pub mod store;

pub mod wire;

pub mod error;

pub mod auth;

pub mod telemetry;
