//! How many files may be open: each connection is one.

use anyhow::{Context, Result, ensure};

/// Files of the generator that are no connections of a run, and the few that set the scene.
const SPARE: u64 = 100;

/// Sees to it that `connections` may be open, or says what is missing. A server that is started later may open as many.
pub(crate) fn allow(connections: usize) -> Result<()> {
    let allowed =
        rlimit::increase_nofile_limit(u64::MAX).context("cannot ask for more open files")?;
    let needed = connections as u64 + SPARE;
    ensure!(
        allowed >= needed,
        "this takes {needed} open files, and no more than {allowed} are allowed here: raise the limit, as root with \
         `ulimit -Hn {needed}` in the shell that starts this, or ask for less"
    );
    Ok(())
}
