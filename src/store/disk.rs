//! Whether the disk can still be relied on.
//!
//! A sync that fails says so once. The system has then forgotten what it could not write, and the next
//! sync succeeds, of everything but that: nobody can tell any more what is on disk, and what is
//! acknowledged after it may stand on something that is not there. And to write into a damaged
//! database spreads the damage. So the first of either ends writing, until somebody has looked at the
//! disk and starts the server again; reading goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

/// What all writes of a store have in common. There is no way back.
#[derive(Debug, Default)]
pub(super) struct Disk {
    broken: AtomicBool,
}

impl Disk {
    /// Whether nothing may be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// To be asked by every write once it has the writer's connection, and before it commits.
    ///
    /// # Errors
    /// [`StoreError::Broken`].
    pub(super) fn rely(&self) -> Result<(), StoreError> {
        match self.is_broken() {
            true => Err(StoreError::Broken),
            false => Ok(()),
        }
    }

    /// To be told of every write that failed: what its caller is to be told. What was being
    /// committed stays unknown.
    pub(super) fn judge(&self, error: StoreError) -> StoreError {
        if !error.breaks_the_disk() {
            return error;
        }
        if !self.broken.swap(true, Ordering::AcqRel) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(
                cause,
                "the disk failed or the database is damaged: nothing is written any more. Look at the \
                 disk, then start the server again"
            );
        }
        match error {
            StoreError::Unknown(_) => error,
            _ => StoreError::Broken,
        }
    }
}
