//! Room on the disk.

use anyhow::{Context, Result, ensure};

use crate::server::Server;

const GIB: f64 = (1_u64 << 30) as f64;
/// Of a message in a database: its row, its client's id in the index over them, half-filled pages.
const MESSAGE_BYTES: u64 = 400;
/// The log, everything else, and some air.
const SPARE_BYTES: u64 = 1 << 30;

/// Fails in one line when that many messages of `size` bytes do not fit where the server's data are.
pub(crate) fn room_for(messages: u64, size: usize) -> Result<()> {
    let needed = messages * (MESSAGE_BYTES + size as u64) + SPARE_BYTES;
    let root = Server::data_root();
    let found = rustix::fs::statvfs(root);
    let found =
        found.with_context(|| format!("cannot see how much room {} has", root.display()))?;
    let free = found.f_bavail * found.f_frsize;
    ensure!(
        needed <= free,
        "{messages} messages may need {:.1} GiB for a while, and {} has {:.1} GiB: make room, or ask for fewer with \
         --messages",
        needed as f64 / GIB,
        root.display(),
        free as f64 / GIB
    );
    Ok(())
}
