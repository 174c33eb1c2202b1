//! Counts a process's system calls with strace, for as long as it is wanted.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// How long strace may take to take hold of the threads, and to let go and sum up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A count that goes on; dropping it ends strace, and the process runs on.
pub(super) struct Strace {
    child: Child,
    pid: u32,
    /// What it says, which has to be read lest it waits.
    told: Lines<BufReader<ChildStderr>>,
    summary: NamedTempFile,
}

/// Fails at once where there is no strace.
pub(super) async fn look_for() -> Result<()> {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    let found = found.is_ok_and(|status| status.success());
    ensure!(
        found,
        "--syscalls needs strace, which is not installed here"
    );
    Ok(())
}

impl Strace {
    /// Takes hold of all threads of `process`, if there is one to be watched.
    pub(super) async fn attach(process: Option<u32>) -> Result<Option<Self>> {
        let Some(process) = process else {
            return Ok(None);
        };
        let summary = NamedTempFile::new().context("cannot make a file for strace")?;
        let mut child = Command::new("strace")
            .args(["-f", "-c", "-p", &process.to_string(), "-o"])
            .arg(summary.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start strace")?;
        let pid = child.id().context("strace ended at once")?;
        let told = child.stderr.take().context("strace has no output")?;
        let mut told = BufReader::new(told).lines();
        let first = timeout(PATIENCE, told.next_line()).await;
        match first.context("strace does not take hold of the server")?? {
            Some(line) if line.contains("attached") => {}
            Some(line) => bail!("{}", line.trim()),
            None => bail!("strace ended at once"),
        }
        Ok(Some(Self {
            child,
            pid,
            told,
            summary,
        }))
    }

    /// Lets go, and tells how many calls there were.
    pub(super) async fn count(strace: Option<Self>) -> Result<Option<u64>> {
        match strace {
            Some(strace) => strace.sum_up().await.map(Some),
            None => Ok(None),
        }
    }

    async fn sum_up(mut self) -> Result<u64> {
        let sent = Command::new("kill")
            .args(["-INT", &self.pid.to_string()])
            .status()
            .await;
        ensure!(
            sent.context("cannot run `kill`")?.success(),
            "cannot end strace"
        );
        let ending = async {
            while self.told.next_line().await?.is_some() {}
            self.child.wait().await
        };
        let ended = timeout(PATIENCE, ending).await;
        ended.context("strace does not let go of the server")??;
        let summary = std::fs::read_to_string(self.summary.path())?;
        total(&summary).context("strace counted nothing that this program can read")
    }
}

/// The calls in the last line: `100.00    0.123456           2     61728      1234 total`.
fn total(summary: &str) -> Option<u64> {
    let line = summary
        .lines()
        .rfind(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
