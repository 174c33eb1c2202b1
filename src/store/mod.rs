//! Everything that is kept on disk: a function for each question and each write.
//!
//! This is the only module that names SeaORM. Questions go to a small pool of readers, which see
//! what was committed when they began and never wait for a write. All writes go through one
//! connection: the journal's [`Store::append`], and now and then a new account, conversation or
//! status. Looking after the database, beside a server or without one, has a way of its own:
//! [`ReadOnly`].

mod accounts;
mod append;
mod backup;
mod check;
mod conversations;
mod disk;
mod error;
mod log;
mod messages;
mod open;
mod read_only;
mod sign_ins;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, UpdateMany,
};

use append::AppendSql;
use disk::Disk;
use log::Log;

pub use accounts::{Account, DELETED_NAME, NewAccount};
pub use append::{Append, LastSeen, MarksRow};
pub use backup::BackupError;
pub use check::Report;
pub use conversations::{Conversation, Listed, Marks};
pub use error::{OpenError, StoreError};
pub use messages::{Loaded, Message};
pub use open::StoreOptions;
pub use read_only::ReadOnly;
pub use sign_ins::SignIn;

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer, and so nobody waits for a lock inside SQLite.
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    append_sql: Arc<AppendSql>,
    disk: Arc<Disk>,
    log: Arc<Log>,
}

impl Store {
    /// Ends every connection of this store and its clones, and moves the whole log into the
    /// database, so that its file alone is complete. Waits for what is under way. A failure is
    /// only logged: all that was acknowledged is on disk before.
    ///
    /// On a disk that failed everything stays as it is instead, and the connections stay open until
    /// the process ends: to close the last one would move the log.
    pub async fn close(self) {
        if self.disk.is_broken() {
            return self.abandon();
        }
        // The readers first: the log cannot be emptied while somebody reads from it.
        if let Err(error) = self.readers.clone().close().await {
            tracing::warn!(%error, "cannot close the store's readers");
        }
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(cause) = self.writer.execute_unprepared(checkpoint).await {
            let error = self.unwritten(cause);
            tracing::warn!(%error, "cannot empty the store's log");
            if self.disk.is_broken() {
                return self.abandon();
            }
        }
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "cannot close the store's writer");
        }
    }

    /// Leaves the writer's connection open until the process ends.
    fn abandon(self) {
        std::mem::forget(self);
    }

    /// Whether the disk has failed in a way that ends writing for good: every write is
    /// [`StoreError::Broken`].
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.disk.is_broken()
    }

    /// Writes something that changes nothing, through to the disk. It waits in line behind writes
    /// under way.
    ///
    /// # Errors
    /// Why nothing could be made durable now.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        // A row that comes and goes: of an update that changes nothing SQLite writes nothing.
        let touch = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('trial', 0); \
            DELETE FROM seaql_migrations WHERE version = 'trial'";
        let touched = transaction.execute_unprepared(touch).await;
        touched.map_err(|cause| self.unwritten(cause))?;
        self.commit(transaction).await
    }

    /// Begins a write. The lock is taken at once: a transaction that only then wants to write
    /// can find that it may not.
    async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await;
        let transaction = transaction.map_err(|cause| self.unwritten(cause))?;
        self.disk.rely()?;
        Ok(transaction)
    }

    /// Makes an update that is a write of its own durable, and tells how many rows it changed.
    async fn update<E: EntityTrait>(&self, update: UpdateMany<E>) -> Result<u64, StoreError> {
        let transaction = self.begin().await?;
        let updated = update.exec(&transaction).await;
        let updated = updated.map_err(|cause| self.unwritten(cause))?;
        self.commit(transaction).await?;
        Ok(updated.rows_affected)
    }

    /// Sorts an error of a statement of a write: nothing was written.
    fn unwritten(&self, cause: DbErr) -> StoreError {
        self.disk.judge(StoreError::uncommitted(cause))
    }

    /// Makes a write durable. When that fails the transaction is also rolled back (by being dropped),
    /// and a connection that cannot even do that is replaced.
    async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        // Once more: the connection of a commit that failed is free a moment before that is judged.
        self.disk.rely()?;
        let committed = transaction.commit().await;
        committed.map_err(|cause| self.disk.judge(StoreError::Unknown(cause)))?;
        if self.log.has_grown(1) {
            let writer = self.writer.get_sqlite_connection_pool();
            if let Ok(mut writer) = writer.acquire().await {
                self.tend_log(&mut writer).await;
            }
        }
        Ok(())
    }
}
