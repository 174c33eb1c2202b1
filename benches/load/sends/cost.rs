//! What server and generator had used at one moment, and what a stretch between two of them cost.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::report::{self, Metrics};
use crate::usage::Usage;

/// The kernel counts CPU time in steps of 10 ms: less than this would be mostly rounding.
const CPU_TIME_MIN: Duration = Duration::from_millis(100);

pub(super) struct Snapshot {
    server: Option<(Usage, Option<u64>)>,
    generator: Usage,
}

impl Snapshot {
    pub(super) fn take(server: Option<u32>) -> Result<Self> {
        let server = server
            .map(|pid| Ok::<_, anyhow::Error>((Usage::of(pid)?, switches(pid))))
            .transpose()
            .context("the server's process is not there")?;
        Ok(Self {
            server,
            generator: Usage::of(std::process::id())?,
        })
    }
}

/// Times at which the process lost a core or gave it up, all of its threads together.
fn switches(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |status: String| -> u64 {
        let lines = status.lines().filter_map(|line| {
            let (name, count) = line.split_once(':')?;
            name.ends_with("ctxt_switches")
                .then(|| count.trim().parse::<u64>().ok())?
        });
        lines.sum()
    };
    // A thread that has ended meanwhile counts no more.
    let statuses = threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .map(of_thread);
    Some(statuses.sum())
}

/// CPU time of the server between two moments, unless it is too short to be known.
pub(super) fn server_cpu(before: &Snapshot, after: &Snapshot) -> Option<Duration> {
    let ((before, _), (after, _)) = before.server.zip(after.server)?;
    cpu(before, after)
}

/// The share of one core, from 0 to 1, that the generator took over `time`.
pub(super) fn generator_share(before: &Snapshot, after: &Snapshot, time: Duration) -> Option<f64> {
    let cpu = cpu(before.generator, after.generator)?;
    Some(cpu.as_secs_f64() / time.as_secs_f64())
}

fn cpu(before: Usage, after: Usage) -> Option<Duration> {
    Some(after.cpu.saturating_sub(before.cpu)).filter(|cpu| *cpu >= CPU_TIME_MIN)
}

/// The cost of each of `messages`, which took `time` in all.
pub(super) fn metrics(
    before: &Snapshot,
    after: &Snapshot,
    messages: f64,
    time: Duration,
) -> Metrics {
    let per_message = |cpu: Duration| cpu.as_micros() as f64 / messages;
    let server = before.server.zip(after.server);
    let switches = server.and_then(|((_, from), (_, to))| Some(to?.saturating_sub(from?)));
    vec![
        (
            "server CPU µs/message",
            server_cpu(before, after).map(per_message),
        ),
        (
            "generator CPU µs/message",
            cpu(before.generator, after.generator).map(per_message),
        ),
        (
            report::GENERATOR_SHARE,
            generator_share(before, after, time).map(|share| 100.0 * share),
        ),
        (
            "server context switches/message",
            switches.map(|count| count as f64 / messages),
        ),
        written(before, after, messages),
    ]
}

fn written(before: &Snapshot, after: &Snapshot, messages: f64) -> (&'static str, Option<f64>) {
    let server = before.server.zip(after.server);
    match server.and_then(|((from, _), (to, _))| Some((from.written?, to.written?))) {
        // In memory nothing reaches a storage layer.
        Some((from, to)) if to.write_bytes == from.write_bytes => (
            "bytes written/message (wchar)",
            Some(to.wchar.saturating_sub(from.wchar) as f64 / messages),
        ),
        Some((from, to)) => (
            "bytes written/message (write_bytes)",
            Some(to.write_bytes.saturating_sub(from.write_bytes) as f64 / messages),
        ),
        None => ("bytes written/message", None),
    }
}
