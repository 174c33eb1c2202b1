//! What a process holds in memory, and what the kernel holds for its sockets: read from `/proc`.

use std::fs::{self, DirEntry};
use std::io;

use anyhow::{Context, Result};

use crate::slabs::{buffer_bytes, slab_bytes};

/// The kernel counts by the slab, and others open and close sockets meanwhile: fewer connections would be mostly that.
const STANDING_OUT: usize = 500;

/// The memory of one process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident, with its share of what others have mapped too (`Pss`); only the process's owner may see it.
    pub(crate) proportional: Option<u64>,
    /// Resident (`VmRSS`).
    pub(crate) resident: u64,
    /// The most that ever was (`VmHWM`).
    pub(crate) peak: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        let status = status.with_context(|| format!("cannot read the memory of process {pid}"))?;
        let resident = || format!("/proc/{pid}/status is not in the known form");
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
        Ok(Self {
            proportional: rollup.ok().and_then(|rollup| kib(&rollup, "Pss:")),
            resident: kib(&status, "VmRSS:").with_context(resident)?,
            peak: kib(&status, "VmHWM:").with_context(resident)?,
        })
    }
}

/// How many files a process has open; `None` when it is another user's.
pub(crate) fn open_files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// How many of them are sockets.
pub(crate) fn open_sockets(pid: u32) -> Option<usize> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    // One that was closed meanwhile is none.
    let is_socket = |file: io::Result<DirEntry>| {
        let target = fs::read_link(file.ok()?.path()).ok()?;
        target.to_str()?.starts_with("socket:").then_some(())
    };
    Some(files.filter_map(is_socket).count())
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What the kernel holds for all TCP sockets of this machine, and where that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// The caches of sockets (`/proc/slabinfo`, which is root's) and their buffers (`/proc/net/sockstat`).
    Slabs(u64),
    /// `slab` and `sock` of the cgroup (version 2) that server and generator share.
    Group(u64),
    /// Neither can be read.
    Unknown,
}

impl Kernel {
    /// Of the sockets here, which for a connection on this machine are two.
    pub(crate) fn now(pid: u32) -> Self {
        let slabs = || {
            let slabs = fs::read_to_string("/proc/slabinfo").ok()?;
            let buffers = fs::read_to_string("/proc/net/sockstat").ok()?;
            Some(Self::Slabs(slab_bytes(&slabs)? + buffer_bytes(&buffers)?))
        };
        let group = || group_bytes(pid).map(Self::Group);
        slabs().or_else(group).unwrap_or(Self::Unknown)
    }

    /// The bytes that came with each of `connections`, of which both ends are here; `None` when they are too few to
    /// stand out.
    pub(crate) fn grown(self, since: Self, connections: usize) -> Option<f64> {
        let (before, after) = match (since, self) {
            (Self::Slabs(before), Self::Slabs(after))
            | (Self::Group(before), Self::Group(after)) => (before, after),
            _ => return None,
        };
        if connections < STANDING_OUT {
            return None;
        }
        Some((after as f64 - before as f64) / (2 * connections) as f64)
    }
}

fn group_bytes(pid: u32) -> Option<u64> {
    let of = |pid: &str| fs::read_to_string(format!("/proc/{pid}/cgroup")).ok();
    let (theirs, ours) = (of(&pid.to_string())?, of("self")?);
    let path = theirs.lines().find_map(|line| line.strip_prefix("0::"))?;
    // Apart from each other, nobody could tell whose end of a connection is counted.
    ours.lines()
        .find(|line| line.strip_prefix("0::") == Some(path))?;
    let stat = fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.stat")).ok()?;
    let field = |name: &str| {
        let mut fields = stat.lines().filter_map(|line| line.split_once(' '));
        fields.find_map(|(field, value)| (field == name).then(|| value.parse::<u64>().ok())?)
    };
    Some(field("slab")? + field("sock")?)
}
