//! Moves the write-ahead log into the database now and then.
//!
//! SQLite would do that by itself at the end of a commit, and keep it to itself when it fails
//! (`sqlite3WalDefaultHook`). But what a checkpoint could not move whole, because somebody reads, it has
//! written into the database without a sync. If the system then loses it, only the sync of a later
//! checkpoint is told, once; the one after that succeeds without having written it again, and the log,
//! where it still was, is begun anew. So a checkpoint is a write like any other here: a sync that
//! fails ends them all.

use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::sqlx::{self, Row as _, query, sqlite::SqliteConnection};

use super::{Store, StoreError, append::failed};

/// Pages of 4 KiB in the log that make the writer copy it into the database: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_000;

/// After how many rows the writer looks how long the log is. Each is up to a dozen pages, in the worst
/// case, so that it is not much longer than that.
pub(super) const LOOK_ROWS: u32 = 250;

/// What was written since the writer last looked how long the log is.
#[derive(Debug, Default)]
pub(super) struct Log {
    rows: AtomicU32,
}

impl Log {
    /// So many rows more are in it: whether it is time to look.
    pub(super) fn has_grown(&self, rows: usize) -> bool {
        let rows = u32::try_from(rows).unwrap_or(LOOK_ROWS);
        let before = self.rows.fetch_add(rows, Ordering::Relaxed);
        let is_time = before.saturating_add(rows) >= LOOK_ROWS;
        if is_time {
            self.rows.store(0, Ordering::Relaxed);
        }
        is_time
    }
}

impl Store {
    /// Moves the log into the database if it is long enough. What was committed is durable, however
    /// this goes.
    pub(super) async fn tend_log(&self, writer: &mut SqliteConnection) {
        if let Err(cause) = checkpoint(writer).await {
            let error = self.disk.judge(StoreError::uncommitted(failed(cause)));
            tracing::warn!(%error, "cannot move the log into the database");
        }
    }
}

async fn checkpoint(writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let look = "PRAGMA wal_checkpoint(NOOP)";
    let pages: i64 = query(look).fetch_one(&mut *writer).await?.try_get(1)?;
    if pages >= CHECKPOINT_PAGES {
        let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
        query(checkpoint).execute(writer).await?;
    }
    Ok(())
}
