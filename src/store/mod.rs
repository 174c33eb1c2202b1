//! Everything that is kept on disk: a function for each question and each write.
//!
//! This is the only module that names SeaORM. Questions go to a small pool of readers, which see
//! what was committed when they began and never wait for a write. All writes go through one
//! connection: the journal's [`Store::append`], and now and then a new account, conversation or
//! status.

mod accounts;
mod append;
mod conversations;
mod error;
mod messages;
mod open;
mod sign_ins;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use append::AppendSql;

pub use accounts::{Account, DELETED_NAME, NewAccount};
pub use append::{Append, LastSeen, MarksRow};
pub use conversations::{Conversation, Listed, Marks};
pub use error::{OpenError, StoreError};
pub use messages::{Loaded, Message};
pub use open::StoreOptions;
pub use sign_ins::SignIn;

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer, and so nobody waits for a lock inside SQLite.
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    append_sql: Arc<AppendSql>,
}

impl Store {
    /// Ends every connection of this store and its clones, and moves the whole log into the
    /// database, so that its file alone is complete. Waits for what is under way. A failure is
    /// only logged: all that was acknowledged is on disk before.
    pub async fn close(self) {
        // The readers first: the log cannot be emptied while somebody reads from it.
        if let Err(error) = self.readers.close().await {
            tracing::warn!(%error, "cannot close the store's readers");
        }
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(error) = self.writer.execute_unprepared(checkpoint).await {
            tracing::warn!(%error, "cannot empty the store's log");
        }
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "cannot close the store's writer");
        }
    }

    /// Writes something that changes nothing, through to the disk. It waits in line behind writes
    /// under way.
    ///
    /// # Errors
    /// Why nothing could be made durable now.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let touch = "UPDATE seaql_migrations SET applied_at = applied_at";
        let touched = transaction.execute_unprepared(touch).await;
        touched.map_err(StoreError::uncommitted)?;
        commit(transaction).await
    }

    /// Begins a write. The lock is taken at once: a transaction that only then wants to write
    /// can find that it may not.
    async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        self.writer
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
            .map_err(StoreError::uncommitted)
    }
}

/// Makes a write durable. When that fails the transaction is also rolled back (by being dropped),
/// and a connection that cannot even do that is replaced.
async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    transaction.commit().await.map_err(StoreError::Unknown)
}
