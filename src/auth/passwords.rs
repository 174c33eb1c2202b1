//! Passwords, hashed on threads of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{Semaphore, oneshot};

use crate::config::Limits;
use crate::error::ChatError;

/// Hashes and checks passwords with argon2id (19 MiB, two passes, one lane: OWASP's Password
/// Storage sheet), a few at a time.
///
/// Not on the threads that tokio has for such work: those are many, and the allocator keeps what
/// each has used for a hash for some seconds.
#[derive(Clone, Debug)]
pub struct Passwords {
    line: Sender<Job>,
    places: Arc<Semaphore>,
    /// What a login with an unknown e-mail address is checked against, so that it takes as long
    /// as one with a wrong password.
    nobodys: Arc<OnceLock<String>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Passwords {
    /// # Panics
    /// If the operating system has no threads, or no random bytes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let (line, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..limits.hashing_max {
            let jobs = Arc::clone(&jobs);
            let hashing = thread::Builder::new().name("hashing".to_owned());
            hashing.spawn(move || work(&jobs)).expect("a thread");
        }
        let passwords = Self {
            line,
            places: Arc::new(Semaphore::new(
                limits.hashing_queue_max + limits.hashing_max,
            )),
            nobodys: Arc::default(),
        };
        // Ahead of everything that may ask for it.
        let nobodys = Arc::clone(&passwords.nobodys);
        passwords.queue(Box::new(move || {
            hash_of_nobody(&nobodys);
        }));
        passwords
    }

    /// Hashes `password` for keeping.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, ChatError> {
        self.in_line(move || hash(&password)).await?
    }

    /// Whether `password` is the one that `kept` was made of. Takes as long when there is none.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn check(&self, password: String, kept: Option<String>) -> Result<bool, ChatError> {
        let nobodys = Arc::clone(&self.nobodys);
        self.in_line(move || {
            let against = kept.as_deref();
            let against = against.unwrap_or_else(|| hash_of_nobody(&nobodys));
            let right = Argon2::default().verify_password(password.as_bytes(), against);
            kept.is_some() && right.is_ok()
        })
        .await
    }

    /// What `work` comes to, when its turn has come.
    async fn in_line<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ChatError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| ChatError::Overloaded)?;
        let (done, answer) = oneshot::channel();
        self.queue(Box::new(move || {
            // Held here, not by the asker: one who goes away does not end the work.
            let _place = place;
            drop(done.send(work()));
        }));
        answer.await.map_err(|_| ChatError::Internal)
    }

    fn queue(&self, job: Job) {
        if self.line.send(job).is_err() {
            tracing::error!("nobody hashes passwords any more");
        }
    }
}

/// Does one job after the other until nobody can ask for more.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("hashing a password panicked");
        }
    }
}

/// # Panics
/// If the operating system has no random bytes.
fn hash_of_nobody(nobodys: &OnceLock<String>) -> &str {
    nobodys.get_or_init(|| hash("nobody's password").expect("a constant can be hashed"))
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
