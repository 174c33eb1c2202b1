//! The actors: who owns what, who tells whom.
//!
//! ```text
//! Supervisor ─┬─ Journal          durability: one transaction for all who wait
//!             ├─ Presence         who is there
//!             ├─ Conversation …   order, positions, typing of one conversation
//!             └─ Session …        one connection: what it joined, what it has not proven
//! ```
//!
//! Beside them, read by all without waiting: the [`directory`] (who lives), the [`people`]
//! (who they are) and each conversation's [`activity`].
//!
//! # Mailbox rules
//! 1. **Actors tell each other and never wait for each other.** Only [`Chat`](crate::chat::Chat)
//!    awaits a reply. No cycle can deadlock, and no `handle` sits on the database.
//! 2. **`handle` returns `Ok` unless the actor itself is broken.** A refusal is a value in the
//!    reply; an `Err` or a panic ends the actor and drops what was in its mailbox.
//! 3. **One owner per fact.** Order, receipts, typing: conversation. The socket and what it
//!    joined: session. Presence: presence. Durability: journal. Who lives: the directory.
//! 4. **Every queue has a limit.** Mailboxes have none, so the limit stands at the door: a permit
//!    for each command under way, which travels with it ([`Ask`]) until it is answered.
//! 5. **A slow reader costs only itself.** An outbox is bounded in bytes; what can be merged is
//!    merged, and when a message would have to be dropped the session ends at once.

pub(crate) mod supervisor;

pub(crate) mod conversation;

pub(crate) mod session;

pub(crate) mod presence;

pub(crate) mod journal;

pub(crate) mod health;

pub(crate) mod directory;

pub(crate) mod activity;

pub(crate) mod people;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use ractor::{ActorRef, Message, RpcReplyPort};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::config::Limits;
use crate::error::ChatError;
use crate::metrics::Metrics;
use crate::quota::Held;
use crate::store::{Store, StoreError};
use directory::Directory;
use health::Health;
use journal::JournalMsg;
use people::People;
use presence::PresenceMsg;
use supervisor::SupervisorMsg;

/// A question under way: where its answer goes, and its place among the commands that the server
/// admits. The place is free again just before the answer is sent, or when nobody can answer any more.
#[derive(Debug)]
pub(crate) struct Ask<T> {
    port: RpcReplyPort<Result<T, ChatError>>,
    permit: Permit,
}

/// A place among the commands under way: the server's, and the asker's own.
#[derive(Debug)]
pub(crate) struct Permit {
    #[expect(dead_code, reason = "held")]
    server: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held")]
    person: Option<Held>,
}

impl Permit {
    /// `person` is absent for nobody in particular, and where there are no quotas.
    pub(crate) fn new(server: OwnedSemaphorePermit, person: Option<Held>) -> Self {
        Self { server, person }
    }
}

impl<T: Send + 'static> Ask<T> {
    pub(crate) fn new(port: RpcReplyPort<Result<T, ChatError>>, permit: Permit) -> Self {
        Self { port, permit }
    }

    pub(crate) fn answer(self, result: Result<T, ChatError>) {
        // First the place, then the answer: whoever hears it may ask again at once.
        answer(self.leave(), result);
    }

    /// The same question, to which the answer is `lost` if whoever should answer it panics.
    pub(crate) fn or_lost(self, lost: ChatError) -> Self {
        let Self { port, permit } = self;
        let (sender, heard) = oneshot::channel();
        tokio::spawn(async move { answer(port, heard.await.unwrap_or(Err(lost))) });
        Self::new(sender.into(), permit)
    }

    /// Gives up the place before the answer is sent: it is ready, and waits only to be written.
    pub(crate) fn leave(self) -> RpcReplyPort<Result<T, ChatError>> {
        let Self { port, permit } = self;
        drop(permit);
        port
    }
}

/// Answers whoever asked. One who has stopped waiting needs no answer.
pub(crate) fn answer<T: Send + 'static>(port: RpcReplyPort<T>, value: T) {
    drop(port.send(value));
}

/// Tells an actor something. One that has ended has no use for it.
pub(crate) fn tell<M: Message>(actor: &ActorRef<M>, msg: M) {
    drop(actor.cast(msg));
}

/// Does work that would hold up an actor beside it; `done` tells the actor of its end, with
/// `None` if it panicked.
pub(crate) fn beside<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    done: impl FnOnce(Option<T>) + Send + 'static,
) {
    tokio::spawn(async move { done(AssertUnwindSafe(work).catch_unwind().await.ok()) });
}

/// What every actor is given to know its neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    pub(crate) directory: Arc<Directory>,
    pub(crate) people: Arc<People>,
    pub(crate) supervisor: ActorRef<SupervisorMsg>,
    pub(crate) journal: ActorRef<JournalMsg>,
    pub(crate) presence: ActorRef<PresenceMsg>,
    pub(crate) store: Store,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Arc<Limits>,
}

/// The time of the wall clock, in milliseconds since the epoch. It may jump; order never rests
/// on it.
pub(crate) fn wall_clock() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// What a client hears when the database fails. The cause is logged here, once.
impl From<StoreError> for ChatError {
    fn from(error: StoreError) -> Self {
        // Of a disk that failed the store has told.
        if !matches!(error, StoreError::Broken) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the store failed");
        }
        refusal(&error)
    }
}

/// What a client hears of `error`, whose cause is in the log. A write of which nobody knows
/// whether it is on disk is to be tried again too: its key tells.
pub(crate) fn refusal(error: &StoreError) -> ChatError {
    match error {
        StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Broken => {
            ChatError::Overloaded
        }
        StoreError::Failed(_) => ChatError::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use tokio::sync::Semaphore;

    use super::*;

    /// Counts the free places at the moment when an answer comes.
    struct Looks {
        admission: Arc<Semaphore>,
        free: AtomicUsize,
    }

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let free = self.admission.available_permits();
            self.free.store(free, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_has_an_answer_finds_its_place_free_again() {
        let admission = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&admission).try_acquire_owned().expect("a place");
        let (sender, mut answer) = tokio::sync::oneshot::channel();
        let ask = Ask::new(RpcReplyPort::from(sender), Permit::new(permit, None));
        let looks = Arc::new(Looks {
            admission,
            free: AtomicUsize::new(0),
        });
        let waker = Arc::clone(&looks).into();
        assert!(
            answer
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
        ask.answer(Ok(()));
        assert_eq!(looks.free.load(Ordering::Relaxed), 1);
    }
}
