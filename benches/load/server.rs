//! The server under load as a process of its own, so that its CPU time and its writes can be told apart from ours.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::http::{Connection, Target};

const BINARY: &str = env!("CARGO_BIN_EXE_duologue");
/// The build directory rather than `/tmp`, which is often in memory, where a sync to disk costs nothing.
const DATA_ROOT: &str = env!("CARGO_TARGET_TMPDIR");
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LAST_LINES: usize = 10;

/// A running server with an empty database of its own; dropping it kills the process and removes the data.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    pub(crate) target: Target,
    pub(crate) pid: u32,
    /// From just before the process was made to its first answer that it is ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_on(Self::new_data()?).await
    }

    /// A new directory for a server's data, removed when it is dropped.
    pub(crate) fn new_data() -> Result<TempDir> {
        tempfile::tempdir_in(DATA_ROOT).context("cannot make a directory for the server's data")
    }

    /// Where a server that is started on `data` has its database.
    pub(crate) fn database(data: &TempDir) -> PathBuf {
        data.path().join("load.db")
    }

    /// Starts on a copy of what a server that was stopped left behind, on one core alone if that is given.
    pub(crate) async fn start_from(stopped: &TempDir, core: Option<usize>) -> Result<Self> {
        let data = Self::new_data()?;
        for entry in fs::read_dir(stopped.path()).context("cannot read the prepared data")? {
            let entry = entry.context("cannot read the prepared data")?;
            fs::copy(entry.path(), data.path().join(entry.file_name()))
                .context("cannot copy the prepared data")?;
        }
        Self::start_with(data, core).await
    }

    /// Stops the server, and leaves its data for others.
    pub(crate) async fn into_data(mut self) -> Result<TempDir> {
        self.stop().await?;
        Ok(self.data)
    }

    pub(crate) async fn start_on(data: TempDir) -> Result<Self> {
        Self::start_with(data, None).await
    }

    async fn start_with(data: TempDir, core: Option<usize>) -> Result<Self> {
        let address = free_port()?;
        let log =
            File::create(data.path().join("output")).context("cannot keep the server's output")?;
        let started = Instant::now();
        let child = on_core(core)
            .current_dir(data.path())
            .env("LISTEN", address.to_string())
            .env(
                "DATABASE_URL",
                format!("sqlite://{}", Self::database(&data).display()),
            )
            .env("RATE_LIMITS", "off")
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot keep the server's output")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the server")?;
        let pid = child.id().context("the server ended as it started")?;
        let mut server = Self {
            child,
            data,
            target: Target::local(address),
            pid,
            ready_after: Duration::ZERO,
        };
        server.wait_until_ready().await?;
        server.ready_after = started.elapsed();
        Ok(server)
    }

    /// The type of the file system under the database.
    pub(crate) fn data_root() -> &'static Path {
        Path::new(DATA_ROOT)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().context("cannot watch the server")? {
                return Err(self.ended(status, "before it was ready"));
            }
            let answer = async {
                Connection::open(&self.target)
                    .await?
                    .call("GET", "/health/ready", None, None)
                    .await
            };
            let Err(error) = answer.await else {
                return Ok(());
            };
            if Instant::now() > deadline {
                return Err(error.context(format!(
                    "the server was not ready after {START_TIMEOUT:?}{}",
                    self.last_lines()
                )));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the server in the way an operator would, and holds it to its word that this is clean.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let sent = Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await;
        ensure!(
            sent.context("cannot run `kill`")?.success(),
            "cannot send SIGTERM to the server"
        );
        match timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) => {
                let status = status.context("cannot watch the server")?;
                if status.success() {
                    Ok(())
                } else {
                    Err(self.ended(status, "after SIGTERM"))
                }
            }
            Err(_) => bail!(
                "the server still ran {STOP_TIMEOUT:?} after SIGTERM{}",
                self.last_lines()
            ),
        }
    }

    /// Ends the server as a crash would, without a word. What it leaves behind is returned.
    pub(crate) async fn kill(mut self) -> Result<TempDir> {
        self.child.kill().await.context("cannot kill the server")?;
        Ok(self.data)
    }

    /// When the server has died, that is the reason of every other error.
    pub(crate) async fn explain(mut self, error: Error) -> Error {
        // A broken connection can be seen a moment before the end of the process.
        match timeout(Duration::from_millis(500), self.child.wait()).await {
            Ok(Ok(status)) => self.ended(status, "in the middle of the run"),
            Ok(Err(_)) | Err(_) => error,
        }
    }

    fn ended(&self, status: ExitStatus, when: &str) -> Error {
        anyhow!("the server ended {when} ({status}){}", self.last_lines())
    }

    fn last_lines(&self) -> String {
        let output = fs::read(self.data.path().join("output")).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<_> = output.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        if last.is_empty() {
            "; it printed nothing".to_owned()
        } else {
            format!("; its last lines:\n  {}", last.join("\n  "))
        }
    }
}

/// The server's command. On one core it sees that it has no more, and makes as many threads as fit.
fn on_core(core: Option<usize>) -> Command {
    match core {
        None => Command::new(BINARY),
        Some(core) => {
            let mut command = Command::new("taskset");
            // It becomes the server: the process stays the same.
            command.args(["-c", &core.to_string(), BINARY]);
            command
        }
    }
}

/// A port that nobody listens on now. Somebody may take it before the server does; then the server says so.
fn free_port() -> Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    listener.local_addr().context("cannot find a free port")
}
