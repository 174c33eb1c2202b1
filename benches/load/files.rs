//! The limit on open files, which every connection counts against, here and in the server that is started from here.

use anyhow::{Context, Result, ensure};

/// Files that are no connections of the run, and connections that are there for a moment.
const SPARE: u64 = 500;

/// Raises the limit as far as it goes, and fails in one line when `connections` do not fit.
pub(crate) fn room_for(connections: u64) -> Result<()> {
    let allowed = rlimit::increase_nofile_limit(u64::MAX);
    let allowed = allowed.context("cannot ask for more open files")?;
    let needed = connections + SPARE;
    ensure!(
        needed <= allowed,
        "this needs {needed} open files, and the hard limit here is {allowed}: raise it (`ulimit -Hn {needed}` as root, \
         LimitNOFILE= of a systemd unit, `nofile` in limits.conf), or ask for fewer connections"
    );
    Ok(())
}
