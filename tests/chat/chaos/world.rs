//! The server of a run, which dies and comes back, and the line to it, which breaks.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::Command;

use super::proxy::Proxy;
use crate::harness::door::Door;
use crate::harness::process::{ServerProcess, check};

/// A server behind a proxy.
pub(super) struct World {
    /// The way through the proxy, as clients take it.
    pub(super) door: Arc<Door>,
    pub(super) proxy: Proxy,
    /// The way past it.
    pub(super) direct: Arc<Door>,
    directory: TempDir,
    server: Option<ServerProcess>,
    faults: String,
    /// What the server wrote before each of its ends.
    logs: Vec<String>,
}

impl World {
    /// A server in which nothing goes wrong by itself, or what `faults` says (`src/faults.rs`).
    pub(super) async fn new(faults: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let server = start(directory.path(), faults).await;
        let proxy = Proxy::before(server.door.address()).await;
        Self {
            door: Door::to(proxy.address),
            direct: Arc::clone(&server.door),
            proxy,
            directory,
            server: Some(server),
            faults: faults.to_owned(),
            logs: Vec::new(),
        }
    }

    pub(super) fn server(&self) -> &ServerProcess {
        self.server.as_ref().expect("a server that runs")
    }

    /// Where its database is.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends it with SIGKILL.
    pub(super) async fn kill(&mut self) {
        let server = self.server.take().expect("a server that runs");
        self.logs.push(server.log());
        server.kill().await;
    }

    /// Asks it to end, which it must do by itself, and well.
    pub(super) async fn terminate(&mut self) {
        let server = self.server.take().expect("a server that runs");
        server.signal("-TERM").await;
        let (status, log) = server.ended().await;
        assert!(status.success(), "{status}: {log}");
        self.logs.push(log);
    }

    /// Starts it again on the same database.
    pub(super) async fn start(&mut self) {
        let server = start(self.directory.path(), &self.faults).await;
        let server = server.behind(&self.direct);
        self.proxy.moved(server.door.address());
        self.server = Some(server);
    }

    /// Ends it for good: its own check of the database, and that it never panicked.
    pub(super) async fn end(mut self) -> String {
        self.terminate().await;
        for log in &self.logs {
            assert!(!log.contains("panicked"), "{log}");
        }
        let checked = check(self.directory.path()).await;
        checked.stdout + &checked.stderr
    }
}

async fn start(directory: &Path, faults: &str) -> ServerProcess {
    ServerProcess::start_with(directory, |command: &mut Command| {
        if !faults.is_empty() {
            command.env("DUOLOGUE_FAULTS", faults);
        }
    })
    .await
}
