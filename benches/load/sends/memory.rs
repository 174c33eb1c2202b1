//! The memory of a process while something goes on.

use std::cell::RefCell;
use std::fs;
use std::future::pending;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::interval;

use crate::ledger::Ledger;

/// Reading it stops the process for a moment.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Bytes (the proportional set size), each with its time since the start of the run.
pub(super) type Samples = Vec<(Duration, u64)>;

/// Looks again and again until `work` is done, if there is a process to look at.
pub(super) async fn while_watched(
    work: impl Future<Output = Result<()>>,
    pid: Option<u32>,
    ledger: &RefCell<Ledger>,
    samples: &mut Samples,
) -> Result<()> {
    let watching = async {
        let Some(pid) = pid else {
            return pending().await;
        };
        let mut clock = interval(LOOK_EVERY);
        loop {
            clock.tick().await;
            // Who has died is told by others.
            if let Ok(bytes) = proportional(pid) {
                samples.push((ledger.borrow().elapsed(), bytes));
            }
        }
    };
    tokio::select! {
        done = work => done,
        () = watching => Ok(()),
    }
}

fn proportional(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib: u64 = line
        .and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .context("smaps_rollup is not in the known form")?;
    Ok(kib * 1024)
}
