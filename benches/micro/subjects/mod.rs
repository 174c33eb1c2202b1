//! What the micro-benches time: a file for each question, which is its first line.
//!
//! A subject is a function that sets a scene and gives back a closure, one call of which is one
//! step. Where a step uses something up, there are two: the first makes that, and is not timed.
//!
//! These files are part of the library, but only with the feature `micro`, because what they time
//! is not public; they name none of the crates that only benches have.

pub mod counting;
pub mod encode;
pub mod engineio;
pub mod fanout;
pub mod history;
pub mod journal;
pub mod marks;
pub mod socketio;
pub mod timeline;
pub mod tokens;
pub mod websocket;

mod archive;
mod scene;
