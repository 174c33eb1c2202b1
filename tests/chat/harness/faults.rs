//! A server with faults on purpose: the points where something may go wrong are in `src/faults.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::harness::process::ServerProcess;

/// What goes wrong in a server, from one moment to another.
#[derive(Debug)]
pub(crate) struct Faults(PathBuf);

/// A server with its database in `directory` in which nothing goes wrong yet.
pub(crate) async fn faulty(directory: &Path) -> (ServerProcess, Faults) {
    faulty_with(directory, |_| {}).await
}

/// The same with a change to its command line or environment.
pub(crate) async fn faulty_with(
    directory: &Path,
    change: impl Fn(&mut Command),
) -> (ServerProcess, Faults) {
    let file = directory.join("faults");
    let server = ServerProcess::start_with(directory, |command| {
        command.env("DUOLOGUE_FAULTS", format!("@{}", file.display()));
        change(command);
    });
    (server.await, Faults(file))
}

impl Faults {
    /// From now on these go wrong, and nothing else: `point=action`, `@n` for the n-th time alone.
    pub(crate) fn are(&self, rules: &str) {
        let before = fs::read_to_string(&self.0).unwrap_or_default();
        assert_ne!(rules, before, "the server would go on counting");
        let next = self.0.with_extension("next");
        fs::write(&next, rules).expect("a file of faults");
        fs::rename(&next, &self.0).expect("in the place of the other");
    }
}
