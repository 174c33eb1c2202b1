//! Passwords, hashed off the async threads.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::error::ChatError;

/// Hashes and checks passwords with argon2id (19 MiB, two passes, one lane: OWASP's Password
/// Storage sheet), off the async threads, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What a login with an unknown e-mail address is checked against, so that it takes as long
    /// as one with a wrong password.
    nobodys: Arc<str>,
}

impl Passwords {
    /// # Panics
    /// If the operating system has no random bytes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(limits.hashing_max)),
            waiting: Arc::new(Semaphore::new(
                limits.hashing_queue_max + limits.hashing_max,
            )),
            nobodys: hash("nobody's password")
                .expect("a constant can be hashed")
                .into(),
        }
    }

    /// Hashes `password` for keeping.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, ChatError> {
        self.off_the_async_threads(move || hash(&password)).await?
    }

    /// Whether `password` is the one that `kept` was made of. Takes as long when there is none.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn check(&self, password: String, kept: Option<String>) -> Result<bool, ChatError> {
        let nobodys = Arc::clone(&self.nobodys);
        self.off_the_async_threads(move || {
            let against = kept.as_deref().unwrap_or(&nobodys);
            let right = Argon2::default().verify_password(password.as_bytes(), against);
            kept.is_some() && right.is_ok()
        })
        .await
    }

    async fn off_the_async_threads<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ChatError> {
        let _waiting = self
            .waiting
            .try_acquire()
            .map_err(|_| ChatError::Overloaded)?;
        let permit = Arc::clone(&self.at_once).acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            // Held here, not by the asker: one who goes away does not end the work.
            let _permit = permit;
            work()
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            ChatError::Internal
        })
    }
}

fn hash(password: &str) -> Result<String, ChatError> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "hashing a password failed");
        ChatError::Internal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let passwords = Passwords::new(&Limits::default());
        let kept = passwords
            .hash("correct horse".to_owned())
            .await
            .expect("a hash");
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        for (password, kept, right) in [
            ("correct horse", Some(kept.clone()), true),
            ("wrong horse", Some(kept), false),
            ("nobody's password", None, false),
        ] {
            let answer = passwords.check(password.to_owned(), kept).await;
            assert_eq!(answer, Ok(right), "{password}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let limits = Limits {
            hashing_queue_max: 0,
            hashing_max: 1,
            ..Limits::default()
        };
        let passwords = Passwords::new(&limits);
        let (first, second) = tokio::join!(
            passwords.check("one".to_owned(), None),
            passwords.check("two".to_owned(), None)
        );
        assert_eq!((first, second), (Ok(false), Err(ChatError::Overloaded)));
    }
}
