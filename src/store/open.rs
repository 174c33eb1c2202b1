//! From a URL to an open store: the two pools, their settings, and the newest schema.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement,
    sqlx::{
        self, Connection,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{OpenError, Store, append::AppendSql, log::Log};

/// The first SQLite without the race that can lose commits in WAL mode.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// What a write-ahead log that had to grow (behind a long read) is cut back to: 96 MiB, more than one has
/// that is moved in time ([`StoreOptions::log_pages`]).
const JOURNAL_SIZE_LIMIT: &str = "100663296";

/// What the writer keeps of the database in memory: 64 MiB, in the negative KiB of SQLite.
const WRITER_CACHE: &str = "-65536";

/// How many of the writer's statements stay prepared: every piece of a batch, and the few others.
const WRITER_STATEMENTS: usize = 320;

/// Where the database is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://<path>`, relative to the working directory or absolute. The path is
    /// percent-decoded, and spaces may stand as they are. `?mode=rwc` is allowed and changes
    /// nothing: the file is made if it is not there.
    pub url: String,
    /// How many connections answer questions; at least 1.
    pub readers: u32,
    /// How long a question or a write waits for a free connection before it is
    /// [`StoreError::Unavailable`](super::StoreError::Unavailable); and how long making a
    /// connection may take.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for a lock that another process holds. Whatever else is to be written
    /// waits behind, so it is well below `acquire_timeout` and what a use case may take.
    pub busy_timeout: Duration,
    /// How many pages of 4 KiB the write-ahead log has when the next writes move it into the database. A
    /// page that changed many times meanwhile is copied once, so a longer log is less work; but
    /// everybody waits for longer while it is copied.
    pub log_pages: u32,
}

impl StoreOptions {
    /// The settings of the server for the database at `url`: 4 readers, 5 s for a connection, 2 s for
    /// a lock, a log of 16,000 pages (64 MiB).
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            readers: 4,
            acquire_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(2),
            log_pages: 16_000,
        }
    }

    /// The database file, for what lies beside it.
    ///
    /// # Errors
    /// [`OpenError::Unsupported`] and [`OpenError::InMemory`].
    pub fn path(&self) -> Result<PathBuf, OpenError> {
        let Some(rest) = self.url.strip_prefix("sqlite:") else {
            return Err(OpenError::Unsupported("other databases are not supported"));
        };
        let (path, options) = rest.split_once('?').unwrap_or((rest, "mode=rwc"));
        match path.strip_prefix("//").unwrap_or(path) {
            "" => return Err(OpenError::Unsupported("the path is missing")),
            ":memory:" => return Err(OpenError::InMemory),
            // SQLite would read such a name as a URL of its own.
            path if path.starts_with("file:") => {
                return Err(OpenError::Unsupported("file: is not a path"));
            }
            _ if options.contains("mode=memory") => return Err(OpenError::InMemory),
            _ if options != "mode=rwc" => {
                return Err(OpenError::Unsupported("it has options"));
            }
            _ => {}
        }
        let parsed: SqliteConnectOptions = self
            .url
            .parse()
            .map_err(|_| OpenError::Unsupported("the path is not UTF-8"))?;
        Ok(parsed.get_filename().to_owned())
    }
}

impl Store {
    /// Opens the database, makes it if it is not there (readable by its owner alone), and brings
    /// its tables to the newest schema.
    ///
    /// # Errors
    /// Each [`OpenError`] is one line for the person who started the server. Nothing is changed
    /// in a database that a newer server made.
    pub async fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        let path = options.path()?;
        refuse_lost(&path)?;
        create_private(&path).map_err(|cause| OpenError::Unreadable {
            path: path.clone(),
            cause: Box::new(cause),
        })?;
        let writer = Database::connect(writer_options(options, &path))
            .await
            .map_err(|cause| OpenError::of(&path, cause))?;
        let readers = match prepare(&writer, &path).await {
            Ok(()) => Database::connect(reader_options(options, &path))
                .await
                .map_err(|cause| OpenError::of(&path, cause)),
            Err(error) => Err(error),
        };
        match readers {
            Ok(readers) => Ok(Self {
                append_sql: Arc::new(AppendSql::new(writer.get_database_backend())),
                writer,
                readers,
                disk: Arc::default(),
                log: Arc::new(Log::new(options.log_pages)),
            }),
            Err(error) => {
                // Closed here, not some time after the caller has its answer. What led here says
                // more than a failure to close.
                writer.close().await.ok();
                Err(error)
            }
        }
    }
}

/// Refuses a database that is gone or empty while its log is not: the log holds what was acknowledged
/// last, perhaps everything, and SQLite deletes it when it makes the database anew.
pub(super) fn refuse_lost(path: &Path) -> Result<(), OpenError> {
    // SQLite follows a link, and keeps the log beside the file that it leads to.
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut log = file.into_os_string();
    log.push("-wal");
    let log = PathBuf::from(log);
    let is_empty = |path: &Path| fs::metadata(path).map_or(0, |found| found.len()) == 0;
    if is_empty(path) && !is_empty(&log) {
        let path = path.to_owned();
        return Err(OpenError::Lost { path, log });
    }
    Ok(())
}

/// Makes the file with access for its owner only, because it holds password hashes. SQLite gives
/// its log files the same rights. An existing file is left as it is, and not even opened:
/// closing it would drop the locks of any other connection of this process.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// What comes before the first reader: the library is fit, the database is not from the future,
/// and its tables are the newest.
async fn prepare(writer: &DatabaseConnection, path: &Path) -> Result<(), OpenError> {
    let unreadable = |cause| OpenError::of(path, cause);
    let found = sqlite_version(writer).await.map_err(unreadable)?;
    if !is_recent_enough(&found) {
        return Err(OpenError::LibraryTooOld { found });
    }
    if let Some(migration) = unknown_migration(writer).await.map_err(unreadable)? {
        let path = path.to_owned();
        return Err(OpenError::Newer { path, migration });
    }
    settle_log(writer).await.map_err(unreadable)?;
    Migrator::up(writer, None)
        .await
        .map_err(|cause| OpenError::of_migration(path, cause))
}

/// Moves what a crash left in the log into the database.
///
/// A batch whose sync failed may stand in the log as if it were on disk, because the system still
/// shows what it could not write. Written behind it, the next batches would go with it when the power
/// does. Once the log is moved, the next batch begins it anew.
async fn settle_log(writer: &DatabaseConnection) -> Result<(), DbErr> {
    // What cannot be moved, because somebody reads from it now, is moved later.
    let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
    writer.execute_unprepared(checkpoint).await.map(drop)
}

async fn sqlite_version(db: &DatabaseConnection) -> Result<String, DbErr> {
    let question = Statement::from_string(db.get_database_backend(), "SELECT sqlite_version()");
    let row = db.query_one_raw(question).await?;
    row.map_or_else(|| Ok(String::new()), |row| row.try_get_by_index(0))
}

pub(super) fn is_recent_enough(version: &str) -> bool {
    let parts: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    parts.is_ok_and(|parts| parts.as_slice() >= OLDEST_SQLITE.as_slice())
}

/// The first step in the database that this binary does not know.
async fn unknown_migration(db: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let applied = Migrator::get_migration_models(db).await?;
    Ok(first_unknown(
        applied.into_iter().map(|applied| applied.version),
    ))
}

/// The first of the steps `applied` that this binary does not know.
pub(super) fn first_unknown(applied: impl IntoIterator<Item = String>) -> Option<String> {
    let known = Migrator::migrations();
    let is_unknown = |applied: &String| !known.iter().any(|known| known.name() == applied);
    applied.into_iter().find(is_unknown)
}

/// One connection, the only one that writes and the only one that moves the log into the
/// database. A commit returns when it is on disk.
fn writer_options(options: &StoreOptions, path: &Path) -> ConnectOptions {
    let (path, busy_timeout) = (path.to_owned(), options.busy_timeout);
    let mut pool = pool_options(options, 1);
    pool.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&path)
            .create_if_missing(true)
            .busy_timeout(busy_timeout)
            .thread_name(|_| "store-writer".to_owned())
            .statement_cache_capacity(WRITER_STATEMENTS)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("temp_store", "MEMORY")
            // It is moved by `store/log.rs`: SQLite by itself would keep quiet about what fails there.
            .pragma("wal_autocheckpoint", "0")
            .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT)
    });
    pool.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(is_fit_for_more(connection)))
    });
    pool
}

/// Whether a connection that was given back may be used again.
///
/// After a full disk or an I/O error SQLite may have ended the transaction by itself. The
/// `ROLLBACK` then fails, sqlx goes on counting one open transaction, and every later `BEGIN`
/// and `COMMIT` becomes a savepoint and its release, which soon commits nothing at all while all
/// looks well. Such a connection is closed; the pool opens another.
async fn is_fit_for_more(connection: &mut sqlx::SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback may still wait for its turn; the answer to a ping comes after it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Connections that only read, and so never wait for the writer. They leave `mmap_size` at 0: to map
/// the database into memory would save a copy of each page, but where the disk cannot read what is
/// mapped, the system ends the process, instead of an error that concerns one question.
pub(super) fn reader_options(options: &StoreOptions, path: &Path) -> ConnectOptions {
    let (path, busy_timeout) = (path.to_owned(), options.busy_timeout);
    let mut pool = pool_options(options, options.readers.max(1));
    pool.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&path)
            .read_only(true)
            .busy_timeout(busy_timeout)
            .thread_name(|n| format!("store-reader-{n}"))
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", "0")
    });
    pool
}

/// What both pools have in common. A file neither goes away nor grows old, so no connection is
/// tested before its use or closed for its age.
fn pool_options(options: &StoreOptions, connections: u32) -> ConnectOptions {
    // The real path is set on the driver's own options: not every path fits into a URL.
    let mut pool = ConnectOptions::new("sqlite://duologue.db");
    pool.max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .record_stmt_in_spans(false)
        .sqlx_logging(false);
    pool
}
