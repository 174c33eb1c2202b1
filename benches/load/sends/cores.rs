//! A core for each of two processes, with `taskset`.

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

pub(super) const SERVER: usize = 0;
pub(super) const GENERATOR: usize = 1;

/// Keeps all threads of a process on one core. What it makes later stays there too.
pub(super) async fn pin(pid: u32, core: usize) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(
        cores > GENERATOR || pid != std::process::id(),
        "server and generator need a core each, and there is one"
    );
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &pid.to_string()])
        .output()
        .await
        .context("cannot run `taskset`, which keeps server and generator apart")?;
    ensure!(
        pinned.status.success(),
        "cannot keep process {pid} on core {core}: {}",
        String::from_utf8_lossy(&pinned.stderr).trim()
    );
    Ok(())
}
