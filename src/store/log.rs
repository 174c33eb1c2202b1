//! Moves the write-ahead log into the database now and then.
//!
//! SQLite would do that by itself at the end of a commit, and keep it to itself when it fails
//! (`sqlite3WalDefaultHook`). But what a checkpoint could not move whole, because somebody reads, it has
//! written into the database without a sync. If the system then loses it, only the sync of a later
//! checkpoint is told, once; the one after that succeeds without having written it again, and the log,
//! where it still was, is begun anew. So a checkpoint is a write like any other here: a sync that
//! fails ends them all.

use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::sqlx::{self, AssertSqlSafe, Row as _, query, sqlite::SqliteConnection};

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
        self.judge(checkpoint(writer).await);
    }

    /// For a time in which nobody writes: moves the whole log into the database and cuts it off, unless
    /// somebody reads just now; and gives back what the writer keeps of the database in memory, which
    /// is up to 64 MiB. Whoever writes next reads again what it needs.
    pub async fn rest(&self) {
        let writer = self.writer.get_sqlite_connection_pool();
        let Ok(mut writer) = writer.acquire().await else {
            return;
        };
        if self.disk.is_broken() {
            return;
        }
        self.judge(empty(&mut writer).await);
        let shrink = query("PRAGMA shrink_memory").execute(&mut *writer).await;
        if let Err(error) = shrink {
            tracing::debug!(%error, "the writer keeps its memory");
        }
    }

    fn judge(&self, moved: Result<(), sqlx::Error>) {
        if let Err(cause) = moved {
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

/// Waits for nobody who reads: whoever wants to write meanwhile would wait too.
async fn empty(writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let look = query("PRAGMA busy_timeout").fetch_one(&mut *writer);
    let patience: i64 = look.await?.try_get(0)?;
    set_patience(writer, 0).await?;
    let moved = query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut *writer)
        .await;
    let restored = set_patience(writer, patience).await;
    moved.map(drop).and(restored)
}

/// How long the writer waits for locks, in milliseconds.
async fn set_patience(writer: &mut SqliteConnection, time: i64) -> Result<(), sqlx::Error> {
    let set = AssertSqlSafe(format!("PRAGMA busy_timeout = {time}"));
    query(set).persistent(false).execute(writer).await.map(drop)
}
