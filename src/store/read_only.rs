//! The database as one finds it: to be looked at, not served from.

use std::path::PathBuf;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};

use super::{
    OpenError, StoreOptions,
    open::{first_unknown, reader_options, refuse_lost},
};

/// A database that is only read: it is not made, not migrated, and may be a running server's.
#[derive(Debug)]
pub struct ReadOnly {
    /// One connection, so that a transaction on it is all there is.
    pub(super) db: DatabaseConnection,
    pub(super) path: PathBuf,
}

impl ReadOnly {
    /// Opens the database, which must be there.
    ///
    /// # Errors
    /// Each [`OpenError`] is one line for a person.
    pub async fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        let path = options.path()?;
        refuse_lost(&path)?;
        if !path.exists() {
            return Err(OpenError::Missing { path });
        }
        let options = StoreOptions {
            readers: 1,
            ..options.clone()
        };
        let db = Database::connect(reader_options(&options, &path)).await;
        let db = db.map_err(|cause| OpenError::of(&path, cause))?;
        let opened = Self { db, path };
        // SQLite looks at the file only when it is asked something.
        match opened.texts("PRAGMA schema_version").await {
            Ok(_) => Ok(opened),
            Err(cause) => {
                let why = OpenError::of(&opened.path, cause);
                opened.close().await;
                Err(why)
            }
        }
    }

    /// Ends the connection. A failure is only logged: nothing was written.
    pub async fn close(self) {
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "cannot close the database");
        }
    }

    /// Whether the tables are those that this binary knows.
    pub(super) async fn is_of_this_version(&self) -> Result<(), OpenError> {
        let applied = self.texts("SELECT version FROM seaql_migrations").await;
        let applied = applied.map_err(|cause| OpenError::of(&self.path, cause))?;
        let is_older = applied.len() < Migrator::migrations().len();
        let path = self.path.clone();
        match first_unknown(applied) {
            Some(migration) => Err(OpenError::Newer { path, migration }),
            None if is_older => Err(OpenError::Older { path }),
            None => Ok(()),
        }
    }

    /// The first column of what `sql` answers, as text.
    async fn texts(&self, sql: &str) -> Result<Vec<String>, DbErr> {
        texts(&self.db, sql).await
    }
}

/// The first column of what `sql` answers, which is text, or a number.
pub(super) async fn texts(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let question = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(question).await?;
    let text = |row: &sea_orm::QueryResult| {
        let number = |_| {
            row.try_get_by_index(0)
                .map(|number: i64| number.to_string())
        };
        row.try_get_by_index(0).or_else(number)
    };
    rows.iter().map(text).collect()
}
