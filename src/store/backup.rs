//! A copy of the database in one file, made while the server writes.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{ReadOnly, error::innermost};

/// Why a copy was not made. Each is one line for a person; no part of the copy is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup replaces nothing.
    #[error("{} is there already: name another file, or remove it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// SQLite takes file names as text.
    #[error("the name {} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The copy cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The database cannot be read, or the copy not be written: SQLite does both.
    #[error("cannot copy the database to {}: {}", path.display(), innermost(cause))]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: DbErr,
    },
}

impl ReadOnly {
    /// Copies the database as it is at one moment to `file`, and tells its size in bytes. Others may
    /// write meanwhile; their log grows until it is done. The file is its owner's alone, and on disk
    /// when it bears its name: until then it is called `<file>.new`.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn back_up(&self, file: &Path) -> Result<u64, BackupError> {
        let unwritable = |cause| BackupError::Unwritable {
            path: file.to_owned(),
            cause,
        };
        // SQLite could take a relative name for something else: `file:` begins a URL.
        let file = std::path::absolute(file).map_err(unwritable)?;
        refuse_existing(&file)?;
        let mut unfinished = file.clone().into_os_string();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        // Not removed if it is there: it may be another backup that is under way.
        refuse_existing(&unfinished)?;
        create_private(&unfinished).map_err(unwritable)?;
        let copied = match self.copy(&unfinished).await {
            Ok(()) => finish(&unfinished, &file).map_err(unwritable),
            Err(error) => Err(error),
        };
        if copied.is_err() {
            // Why there is no copy says more than why a part of it is left.
            fs::remove_file(&unfinished).ok();
        }
        copied
    }

    async fn copy(&self, file: &Path) -> Result<(), BackupError> {
        let path = file.to_owned();
        let Some(name) = file.to_str() else {
            return Err(BackupError::NotText { path });
        };
        let backend = self.db.get_database_backend();
        let copy = Statement::from_sql_and_values(backend, "VACUUM INTO $1", [name.into()]);
        let copied = self.db.execute_raw(copy).await;
        copied.map_err(|cause| BackupError::Failed { path, cause })?;
        Ok(())
    }
}

fn refuse_existing(path: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(BackupError::Exists {
            path: path.to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

/// Makes the empty file that SQLite fills. The copy holds password hashes, as the database does.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Gives the copy its name once it is on disk, and has the name on disk too.
fn finish(unfinished: &Path, file: &Path) -> io::Result<u64> {
    let copy = File::open(unfinished)?;
    copy.sync_all()?;
    fs::rename(unfinished, file)?;
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(copy.metadata()?.len())
}
