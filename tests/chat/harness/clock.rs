//! A server whose wall clock the test sets, by libfaketime.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::process::ServerProcess;

/// Where Debian has the library; the dynamic linker knows what `$LIB` is.
const LIBRARY: &str = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/// The wall clock of a server: it runs as every other, away from the right time by what the test says.
/// The clock that only counts what has passed is the system's.
#[derive(Debug)]
pub(crate) struct Clock(PathBuf);

/// How far away.
pub(crate) const RIGHT: &str = "+0";
pub(crate) const A_DAY_AHEAD: &str = "+1d";
pub(crate) const A_DAY_BEHIND: &str = "-1d";

impl Clock {
    /// A clock that is right, for servers in `directory`.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let clock = Self(directory.join("clock"));
        clock.jumps(RIGHT);
        clock
    }

    /// From now on it is so far away.
    pub(crate) fn jumps(&self, away: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, away).expect("a file for the clock");
        fs::rename(&next, &self.0).expect("in the place of the other");
    }

    /// A server with its database in `directory` that goes by this clock.
    pub(crate) async fn start(&self, directory: &Path) -> ServerProcess {
        let server = ServerProcess::start_with(directory, |command| {
            command
                .env("LD_PRELOAD", LIBRARY)
                .env("FAKETIME_TIMESTAMP_FILE", &self.0)
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        })
        .await;
        let log = server.log();
        assert!(!log.contains("LD_PRELOAD"), "faketime is needed: {log}");
        server
    }
}
