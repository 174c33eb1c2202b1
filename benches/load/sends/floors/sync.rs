//! How long the disk takes to make 4 KiB durable.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::spawn_blocking;

use crate::server::Server;

const BLOCK_BYTES: usize = 4 * 1024;
const SAMPLES_MAX: usize = 500;
const TIME_MAX: Duration = Duration::from_secs(2);

/// In milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Sync {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Appends to a file where the databases are, and syncs each time.
pub(super) async fn probe() -> Result<Sync> {
    let mut samples = spawn_blocking(sample).await??;
    samples.sort_unstable();
    ensure!(!samples.is_empty(), "no sync to disk came back");
    let at = |share: f64| {
        let sample = samples[((samples.len() - 1) as f64 * share).round() as usize];
        sample.as_secs_f64() * 1e3
    };
    Ok(Sync {
        p50: at(0.5),
        p99: at(0.99),
    })
}

fn sample() -> Result<Vec<Duration>> {
    let file = tempfile::tempfile_in(Server::data_root());
    let mut file = file.context("cannot make a file to sync")?;
    let (block, started) = ([7; BLOCK_BYTES], Instant::now());
    let mut samples = Vec::with_capacity(SAMPLES_MAX);
    while samples.len() < SAMPLES_MAX && started.elapsed() < TIME_MAX {
        let before = Instant::now();
        file.write_all(&block).context("cannot write to a file")?;
        file.sync_data().context("cannot sync a file")?;
        samples.push(before.elapsed());
    }
    Ok(samples)
}
