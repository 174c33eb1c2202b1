//! Moves the write-ahead log into the database now and then.
//!
//! SQLite would do that by itself at the end of a commit, and keep it to itself when it fails
//! (`sqlite3WalDefaultHook`). But what a checkpoint could not move whole, because somebody reads, it has
//! written into the database without a sync. If the system then loses it, only the sync of a later
//! checkpoint is told, once; the one after that succeeds without having written it again, and the log,
//! where it still was, is begun anew. So a checkpoint is a write like any other here: a sync that
//! fails ends them all.

use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::sqlx::{self, AssertSqlSafe, Row as _, query, sqlite::SqliteConnection};

use super::{Store, StoreError, append::failed};

/// After how many rows the writer looks how long the log is. Each is up to a dozen pages, in the worst
/// case, so that it is not much longer than that.
pub(super) const LOOK_ROWS: u32 = 250;

/// How many rows had been written since the store was opened: by now, when the log was last swept, and when
/// it was last emptied.
#[derive(Debug)]
pub(super) struct Log {
    /// [`StoreOptions::log_pages`](super::StoreOptions::log_pages).
    pages_max: u32,
    rows: AtomicU64,
    swept: AtomicU64,
    emptied: AtomicU64,
}

impl Log {
    /// One row more than was swept, for what opening the store has written.
    pub(super) fn new(pages_max: u32) -> Self {
        Self {
            pages_max,
            rows: AtomicU64::new(1),
            swept: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
        }
    }

    /// So many rows more are in it: whether it is time to look.
    pub(super) fn has_grown(&self, rows: usize) -> bool {
        let rows = rows as u64;
        let before = self.rows.fetch_add(rows, Ordering::Relaxed);
        let looks = |rows| rows / u64::from(LOOK_ROWS);
        looks(before + rows) > looks(before)
    }

    /// The rows that were written by now, if none came since the last sweep and the log was not emptied
    /// of them yet.
    pub(super) fn idle_rows(&self) -> Option<u64> {
        let rows = self.rows();
        let is_quiet = self.swept.swap(rows, Ordering::Relaxed) == rows;
        (is_quiet && self.emptied.load(Ordering::Relaxed) != rows).then_some(rows)
    }

    /// It was emptied when so many rows had been written.
    pub(super) fn emptied_of(&self, rows: u64) {
        self.emptied.store(rows, Ordering::Relaxed);
    }

    fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

impl Store {
    /// Moves the log into the database if it is long enough. What was committed is durable, however
    /// this goes.
    pub(super) async fn tend_log(&self, writer: &mut SqliteConnection) {
        self.judge(checkpoint(writer, self.log.pages_max).await);
    }

    /// For a server to call now and then. Once nothing was written since the call before: moves the whole
    /// log into the database and cuts it off, and gives back what the writer keeps of the database in
    /// memory, which is up to 64 MiB. Whoever writes next reads again what it needs. While somebody
    /// reads, nothing is cut off; the next call tries again.
    pub async fn sweep(&self) {
        let Some(rows) = self.log.idle_rows() else {
            return;
        };
        let writer = self.writer.get_sqlite_connection_pool();
        let Ok(mut writer) = writer.acquire().await else {
            return;
        };
        // Whoever had the connection until now may have written, and others may wait behind.
        if self.disk.is_broken() || self.log.rows() != rows {
            return;
        }
        let emptied = empty(&mut writer).await;
        // What failed is tried again when there is more to move: the same would be told over and over.
        if !matches!(emptied, Ok(false)) {
            self.log.emptied_of(rows);
        }
        self.judge(emptied.map(drop));
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

async fn checkpoint(writer: &mut SqliteConnection, pages_max: u32) -> Result<(), sqlx::Error> {
    let look = "PRAGMA wal_checkpoint(NOOP)";
    let pages: i64 = query(look).fetch_one(&mut *writer).await?.try_get(1)?;
    if pages >= i64::from(pages_max) {
        let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
        query(checkpoint).execute(writer).await?;
    }
    Ok(())
}

/// Moves the log and cuts it off; `false` if somebody reads from it. Waits for nobody who does: whoever
/// wants to write meanwhile would wait too.
async fn empty(writer: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let look = query("PRAGMA busy_timeout").fetch_one(&mut *writer);
    let patience: i64 = look.await?.try_get(0)?;
    set_patience(writer, 0).await?;
    let moved = query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut *writer)
        .await;
    let restored = set_patience(writer, patience).await;
    // First what became of the log: a sync that failed must not get lost.
    let is_read: i64 = moved?.try_get(0)?;
    restored.map(|()| is_read == 0)
}

/// How long the writer waits for locks, in milliseconds.
async fn set_patience(writer: &mut SqliteConnection, time: i64) -> Result<(), sqlx::Error> {
    let set = AssertSqlSafe(format!("PRAGMA busy_timeout = {time}"));
    query(set).persistent(false).execute(writer).await.map(drop)
}
