//! A server whose wall clock the test sets, by a small library that is loaded before the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::process::ServerProcess;

/// The wall clock of a server: it runs as every other, away from the right time by what the test says.
/// The clock that only counts what has passed is the system's.
///
/// Not libfaketime: it allocates when it is first asked for the time, and the server's allocator asks
/// for the time when it first allocates. So the two wait for each other.
#[derive(Debug)]
pub(crate) struct Clock(PathBuf);

/// How far away, in seconds.
pub(crate) const RIGHT: i64 = 0;
pub(crate) const A_DAY_AHEAD: i64 = 24 * 60 * 60;
pub(crate) const A_DAY_BEHIND: i64 = -A_DAY_AHEAD;

impl Clock {
    /// A clock that is right, for servers in `directory`.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let clock = Self(directory.join("clock"));
        clock.jumps(RIGHT);
        clock
    }

    /// From now on it is so far away.
    pub(crate) fn jumps(&self, away: i64) {
        let next = self.0.with_extension("next");
        fs::write(&next, away.to_string()).expect("a file for the clock");
        fs::rename(&next, &self.0).expect("in the place of the other");
    }

    /// A server with its database in `directory` that goes by this clock.
    pub(crate) async fn start(&self, directory: &Path) -> ServerProcess {
        let server = ServerProcess::start_with(directory, |command| {
            command
                .env("LD_PRELOAD", library())
                .env("WALL_CLOCK", &self.0);
        })
        .await;
        let log = server.log();
        assert!(!log.contains("LD_PRELOAD"), "it was not loaded: {log}");
        server
    }
}

/// Built once by whoever asks first, and put in its place as a whole: other processes do the same.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/harness/clock.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock.so");
        let new = library.with_extension(std::process::id().to_string());
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
            .args([new.as_os_str(), source.as_ref()])
            .output()
            .expect("a C compiler, as for the server itself");
        assert!(built.status.success(), "{built:?}");
        fs::rename(&new, &library).expect("in the place of another");
        library
    })
}
