//! The memory of a process while something goes on.

use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use anyhow::Result;
use tokio::time::interval;

use crate::ledger::Ledger;
use crate::memory::Memory;

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
            if let Ok(memory) = Memory::of(pid) {
                let bytes = memory.proportional.unwrap_or(memory.resident);
                samples.push((ledger.borrow().elapsed(), bytes));
            }
        }
    };
    tokio::select! {
        done = work => done,
        () = watching => Ok(()),
    }
}
