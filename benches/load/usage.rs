//! What a process has used so far, and what kind of machine this is: read from `/proc`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel shows CPU time in 1/100 s on every architecture that Rust's Linux targets name (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// Totals of a process since its start, all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) written: Option<Written>,
}

/// Bytes written, as `/proc/PID/io` counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// What was handed to the storage layer.
    pub(crate) write_bytes: u64,
    /// What was handed to `write` calls, of files and sockets alike.
    pub(crate) wchar: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        let stat = stat.with_context(|| format!("cannot read the CPU time of process {pid}"))?;
        let cpu =
            cpu_of(&stat).with_context(|| format!("/proc/{pid}/stat is not in the known form"))?;
        // Another user's process shows its CPU time, but not this.
        let written = fs::read_to_string(format!("/proc/{pid}/io"))
            .ok()
            .and_then(|io| {
                let field = |name: &str| {
                    io.lines()
                        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
                };
                Some(Written {
                    write_bytes: field("write_bytes:")?,
                    wchar: field("wchar:")?,
                })
            });
        Ok(Self { cpu, written })
    }
}

fn cpu_of(stat: &str) -> Option<Duration> {
    // The second field is the name in brackets, which may hold anything; utime and stime are the 14th and 15th.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(
        (ticks()? + ticks()?) * 1000 / TICKS_PER_SECOND,
    ))
}

/// Cores, processor, and how busy the machine was before the run.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split(' ')
        .next()
        .filter(|load| !load.is_empty())
        .unwrap_or("unknown");
    format!(
        "{cores} cores shared by server and generator ({model}), load average {load} before the start"
    )
}

/// The type of the file system that holds `directory`.
pub(crate) fn file_system(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let holding = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        directory.starts_with(point).then_some((point.len(), kind))
    });
    // Of two mounts at the same point the later one is in sight, and `max_by_key` returns the last of equals.
    holding
        .max_by_key(|(length, _)| *length)
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}
