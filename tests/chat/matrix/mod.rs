//! The authorisation matrix: every call and every event of the server against everybody who may
//! ask, as the contract has it.
//!
//! The rows come from the server's own tables (`duologue::transport::calls` and
//! `duologue::wire::command::events`): what stands there and has no row here is a miss, as is every
//! cell whose answer is another. A run tells all its misses at once.

mod calls;
mod entry;
mod events;
mod world;

use std::collections::BTreeSet;

/// A conversation, or a person, who is not there.
const NOBODY: i64 = 4711;

/// What an answer is in short: its code, after the status if it has one.
type Verdict = String;

/// Every cell of a run that is not as it should be.
#[derive(Debug, Default)]
struct Misses(Vec<String>);

impl Misses {
    fn add(&mut self, row: &str, caller: &str, what: &str) {
        self.0.push(format!("{row} × {caller}: {what}"));
    }

    fn compare(&mut self, row: &str, caller: &str, expected: &str, got: &str) {
        if expected != got {
            let what = format!("expected {expected}, got {got}");
            self.add(row, caller, &what);
        }
    }

    /// Every name of a table of the server has a row, and every row stands for something.
    fn compare_tables(&mut self, server: &[String], rows: &[String]) {
        let lacking = server.iter().filter(|name| !rows.contains(name));
        let mut misses: Vec<_> = lacking
            .map(|name| format!("{name}: no row says who may"))
            .collect();
        let idle = rows.iter().filter(|name| !server.contains(name));
        misses.extend(idle.map(|name| format!("{name}: the server has no such thing")));
        self.0.append(&mut misses);
    }

    /// These answers, all to the same question, are one.
    fn are_one(&mut self, what: &str, words: &BTreeSet<String>) {
        if words.len() != 1 {
            self.0.push(format!("{what} has several words: {words:?}"));
        }
    }

    /// # Panics
    /// With all of them, if there are any.
    fn are_none(self) {
        let Self(misses) = self;
        assert!(
            misses.is_empty(),
            "{} misses:\n{}",
            misses.len(),
            misses.join("\n")
        );
    }
}
