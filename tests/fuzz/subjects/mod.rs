//! What the fuzz targets try: everything that reads what a client sends.
//!
//! A subject takes bytes, whatever they are, and has the server read them as it would read them
//! from a client. It fails if that panics, if it takes too much memory, or if what comes of it
//! breaks a rule: a limit or a code of the contract, or that what is written down and read again is
//! the same.
//!
//! These files are part of the library, but only with the feature `fuzz` and in its own tests,
//! because what they try is not public.

mod accounts;
mod claims;
mod commands;
mod engineio;
mod headers;
mod query;
mod socketio;
mod tokens;
mod websocket;

#[cfg(test)]
mod replay;

use std::sync::LazyLock;

use crate::config::Limits;
use crate::error::ChatError;
use crate::wire::reply::{Failure, encode};

/// To read an input takes at most so many times its own size in memory.
const MEMORY_TIMES: u64 = 10;
/// And so many bytes anyway: names, refusals, what an object has room for.
const MEMORY_ANYWAY: u64 = 4 << 10;

/// Measures how many bytes a piece of work holds at most at one moment, on its own thread.
pub type Measure = fn(&mut dyn FnMut()) -> u64;

/// What one fuzz target tries.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called: in `targets/`, in `corpus/`, and on the command line.
    pub name: &'static str,
    subject: fn(&Input<'_>),
}

const fn on(name: &'static str, subject: fn(&Input<'_>)) -> Target {
    Target { name, subject }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    on("engineio_packet", engineio::packet),
    on("engineio_payload", engineio::payload),
    on("engineio_query", engineio::query),
    on("socketio_packet", socketio::packet),
    on("socketio_connection", socketio::connection),
    on("websocket_frame", websocket::frame),
    on("token", tokens::token),
    on("token_claims", claims::claims),
    on("body_register", accounts::register),
    on("body_login", accounts::login),
    on("body_refresh", accounts::refresh),
    on("body_password", accounts::password),
    on("body_farewell", accounts::farewell),
    on("body_status", commands::status),
    on("body_conversation", commands::conversation),
    on("body_send", commands::send),
    on("body_read", commands::read),
    on("body_typing", commands::typing),
    on("query", query::query),
    on("header", headers::header),
    on("forwarded_for", headers::forwarded_for),
];

/// The target with this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.expect("a target of this name")
}

impl Target {
    /// Tries `bytes`.
    ///
    /// # Panics
    /// If something is wrong with how they are read.
    pub fn try_on(&self, bytes: &[u8], measure: Measure) {
        (self.subject)(&Input { bytes, measure });
    }
}

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// What a client sends, and how to see what it costs to read it.
struct Input<'a> {
    bytes: &'a [u8],
    measure: Measure,
}

impl<'a> Input<'a> {
    /// It as a text, if the server would take it for one and not be over the limit of a body or a
    /// frame.
    fn text(&self) -> Option<&'a str> {
        let bytes = self.bytes;
        let text = (bytes.len() <= LIMITS.body_bytes).then(|| str::from_utf8(bytes));
        text?.ok()
    }

    /// The same for what stands in a request's head.
    fn head(&self) -> Option<&'a [u8]> {
        Some(self.bytes).filter(|bytes| bytes.len() <= LIMITS.header_bytes)
    }

    /// Has `read` read it, within its bounds of memory.
    fn read<T>(&self, read: impl FnOnce() -> T) -> T {
        self.read_as(self.bytes.len(), read)
    }

    /// The same for an input that was made from this one, and has so many bytes.
    fn read_as<T>(&self, bytes: usize, read: impl FnOnce() -> T) -> T {
        let (mut read, mut done) = (Some(read), None);
        let peak = (self.measure)(&mut || done = read.take().map(|read| read()));
        let most = MEMORY_TIMES * bytes as u64 + MEMORY_ANYWAY;
        assert!(
            peak <= most,
            "to read {bytes} bytes took {peak} bytes of memory, and not at most {most}"
        );
        done.expect("what is measured is done")
    }
}

/// Whether a tree shows what `text` says. To the library that makes trees, a name of its own means
/// something; to the server it is a name like any other.
fn has_tree(text: &str) -> bool {
    !text.contains("serde_json")
}

/// Judges the outcome of reading `text` as JSON: malformed is what is malformed, and every refusal
/// can be told.
fn judge<T>(text: &str, outcome: &Result<T, ChatError>) {
    let refusal = outcome.as_ref().err();
    if let Some(refusal) = refusal {
        refused(refusal, &["malformed_json", "validation_failed"]);
    }
    let is_malformed = matches!(refusal, Some(ChatError::MalformedJson(_)));
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => assert!(!is_malformed, "sound JSON was called malformed"),
        Err(_) if !has_tree(text) => {}
        Err(error) => assert!(is_malformed, "malformed JSON was taken for sound: {error}"),
    }
}

/// A refusal has one of these codes, says what is wrong, and can be written down.
fn refused(refusal: &ChatError, codes: &[&str]) {
    assert!(codes.contains(&refusal.code()), "{refusal:?}");
    let fields = refusal.fields();
    assert_eq!(refusal.code() == "validation_failed", !fields.is_empty());
    for field in fields {
        assert!(!field.field.is_empty() && !field.message.is_empty());
    }
    let told: serde_json::Value =
        serde_json::from_slice(&encode(&Failure::from(refusal))).expect("JSON");
    assert_eq!(told["code"], refusal.code());
}

/// A body that was taken, as `parts` of it, is taken again when it is written down by `write`.
/// Gives the parts back, and the body as a tree.
fn body<T, P: PartialEq + std::fmt::Debug>(
    input: &Input<'_>,
    read: impl Fn(&str) -> Result<T, ChatError>,
    parts: impl Fn(T) -> P,
    write: impl Fn(&P) -> serde_json::Value,
) -> Option<(P, serde_json::Value)> {
    let text = input.text()?;
    let outcome = input.read(|| read(text));
    judge(text, &outcome);
    let taken = parts(outcome.ok()?);
    let again = read(&write(&taken).to_string()).expect("what was taken is taken again");
    assert_eq!(parts(again), taken);
    let tree = has_tree(text).then(|| serde_json::from_str(text).expect("a tree"));
    tree.map(|tree| (taken, tree))
}
