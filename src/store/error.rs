//! How the store fails: what a caller must know is whether anything was written.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why a question or a write failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written, and the same may succeed later: no free connection, a busy or full
    /// disk, an I/O error.
    #[error("the database is not available now")]
    Unavailable(#[source] DbErr),
    /// Nothing was written, and the same would fail again: a broken constraint, or a bug.
    #[error("the database refused the statement")]
    Failed(#[source] DbErr),
    /// The write reached the point where it becomes durable and failed there: it may or may not
    /// be on disk. Only a read from the database can tell.
    #[error("the outcome of the commit is not known")]
    Unknown(#[source] DbErr),
    /// Nothing was written, and nothing will be until the process is started again: what the disk
    /// said earlier, which is in the log, leaves nothing to rely on.
    #[error("the disk failed earlier, and nothing is written any more")]
    Broken,
}

impl StoreError {
    /// A database that is not available, for tests of those who ask it.
    #[cfg(test)]
    pub(crate) fn out_of_reach() -> Self {
        Self::Unavailable(DbErr::Custom("a test took it away".to_owned()))
    }

    /// Whether a unique key was hit: a message's place, or a client's id for it, is taken.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let Self::Failed(cause) = self else {
            return false;
        };
        matches!(cause.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    }

    /// Sorts an error that came before anything was committed: nothing was written.
    pub(super) fn uncommitted(cause: DbErr) -> Self {
        match may_pass(&cause) {
            true => Self::Unavailable(cause),
            false => Self::Failed(cause),
        }
    }

    /// Whether SQLite met with something after which no later success can be relied on: a sync that
    /// failed, or a database that is damaged.
    pub(super) fn breaks_the_disk(&self) -> bool {
        let (Self::Unavailable(cause) | Self::Failed(cause) | Self::Unknown(cause)) = self else {
            return false;
        };
        matches!(sqlite_code(cause), Some(FSYNC | DIRECTORY_FSYNC)) || is_damage(cause)
    }
}

/// Whether SQLite found that the database is not as it must be.
pub(super) fn is_damage(cause: &DbErr) -> bool {
    let class = sqlite_code(cause).map(|code| code & 0xff);
    matches!(class, Some(CORRUPT | NOT_A_DATABASE))
}

/// Whether another try may succeed: the write was never begun, or it broke on the way to the disk.
fn may_pass(cause: &DbErr) -> bool {
    // The low byte of SQLite's code is the class (sqlite.org/rescode.html).
    match (cause, sqlite_code(cause).map(|code| code & 0xff)) {
        (DbErr::ConnectionAcquire(_) | DbErr::Conn(_), _) => true,
        // Busy, locked, out of memory, read-only, interrupted, I/O; full, cannot open, locking protocol.
        (_, Some(class)) => matches!(class, 5..=10 | 13..=15),
        (DbErr::Exec(RuntimeErr::SqlxError(error)), None)
        | (DbErr::Query(RuntimeErr::SqlxError(error)), None) => matches!(
            error.as_ref(),
            sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Io(_)
                | sqlx::Error::WorkerCrashed
        ),
        _ => false,
    }
}

/// "Database disk image is malformed", `SQLITE_CORRUPT`.
const CORRUPT: i32 = 11;

/// "File is not a database", `SQLITE_NOTADB`.
const NOT_A_DATABASE: i32 = 26;

/// "Disk I/O error", because a file could not be synced: `SQLITE_IOERR_FSYNC`.
const FSYNC: i32 = 1034;

/// The same of a folder: `SQLITE_IOERR_DIR_FSYNC`.
const DIRECTORY_FSYNC: i32 = 1290;

/// How every database of SQLite begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Why a database could not be opened: each is one line for the person who started the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another kind of database, or an option that Duologue does not know. The URL itself is not
    /// told, because it may hold a password.
    #[error("the database URL must be sqlite://<path>, without options; {0}")]
    Unsupported(&'static str),
    /// A database that only one connection could see.
    #[error(
        "an in-memory database cannot be used, because each connection would see another one: \
         name a file, as in sqlite://duologue.db"
    )]
    InMemory,
    /// The file or its folder cannot be read or written.
    #[error("cannot open the database {}: {}", path.display(), innermost(cause.as_ref()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or SQLite said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file holds something else.
    #[error(
        "{} is not an SQLite database: name another file, or restore a backup",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// It was a database once: something overwrote a part of it, or cut it off.
    #[error("the database {} is damaged or cut off: restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is left of it but its log. Made anew, that would go too.
    #[error(
        "the database {} is gone or empty, but its log {} is not, and holds what was stored last: \
         put the database back or restore a backup, and only to begin anew remove the log",
        path.display(),
        log.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The log that lies beside it.
        log: PathBuf,
    },
    /// The database has tables that this binary does not know.
    #[error(
        "the database {} was made by a newer Duologue (it has {migration:?}): update the server, \
         or use another database",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first step that the binary does not know.
        migration: String,
    },
    /// The database lacks tables that this binary knows, and is not to be changed now.
    #[error(
        "the database {} was made by an older Duologue: start the server once, which brings it up to date",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to be looked at.
    #[error("there is no database {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The tables could not be made or brought up to date.
    #[error("cannot update the tables of {}: {}", path.display(), innermost(cause))]
    Migration {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: DbErr,
    },
    /// SQLite before 3.51.3 can lose commits in WAL mode (sqlite.org/wal.html#walresetbug).
    #[error("SQLite {found} can lose committed data: this server needs 3.51.3 or newer")]
    LibraryTooOld {
        /// The version in use.
        found: String,
    },
}

impl OpenError {
    /// Sorts what SQLite said while `path` was being opened.
    pub(super) fn of(path: &Path, cause: DbErr) -> Self {
        Self::of_damage(path, &cause).unwrap_or_else(|| Self::Unreadable {
            path: path.to_owned(),
            cause: Box::new(cause),
        })
    }

    /// Sorts what SQLite said while the tables of `path` were brought up to date.
    pub(super) fn of_migration(path: &Path, cause: DbErr) -> Self {
        Self::of_damage(path, &cause).unwrap_or_else(|| Self::Migration {
            path: path.to_owned(),
            cause,
        })
    }

    fn of_damage(path: &Path, cause: &DbErr) -> Option<Self> {
        let path = path.to_owned();
        match sqlite_code(cause)? & 0xff {
            CORRUPT => Some(Self::Damaged { path }),
            NOT_A_DATABASE if begins_as_a_database(&path) => Some(Self::Damaged { path }),
            NOT_A_DATABASE => Some(Self::NotADatabase { path }),
            _ => None,
        }
    }
}

fn begins_as_a_database(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == MAGIC
}

/// SQLite's extended result code, when the error came from SQLite.
fn sqlite_code(cause: &DbErr) -> Option<i32> {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = cause
    else {
        return None;
    };
    error.as_database_error()?.code()?.parse().ok()
}

/// The text of the error at the bottom, in one line: the layers above only repeat it.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().replace(['\r', '\n'], " ")
}
