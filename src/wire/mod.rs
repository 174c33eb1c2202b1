//! What crosses the network: the words of the contract as types. No behaviour lives here, and no
//! transport, actor or database is named.

pub mod account;
pub mod body;
pub mod check;
pub mod command;
pub mod json;
pub mod query;

pub mod event;

pub mod id;

pub mod params;
pub mod reply;
pub mod schema;
pub mod view;
