//! What waits to be written to one session: bounded in bytes, and merged where only the newest
//! counts.
//!
//! The session fills it, the task that owns the socket drains it. Every entry has a number, so
//! that the task can say up to which one the peer has proven to have received. The line of a session
//! that can be taken up again keeps what was taken until then, and moves to a new outbox for
//! each new socket.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entities::ids::{ConversationId, UserId};
use tokio::sync::Notify;

use super::queue::Queue;
use crate::wire::event::Event;

/// The way from a session to its socket.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
    /// Whether it was closed because the token of its client has ended.
    revoked: AtomicBool,
}

/// Of events with the same key only the newest counts, as long as none is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MergeKey {
    Typing(ConversationId, UserId),
    Status(UserId),
    Updated(ConversationId),
    Read(ConversationId, UserId),
    Delivered(ConversationId, UserId),
}

impl MergeKey {
    /// Whether only the last state is of interest, also to a client that heard none of them.
    pub(super) fn is_state(self) -> bool {
        matches!(self, Self::Typing(..) | Self::Status(_))
    }
}

/// How many bytes of frames outboxes hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Not written yet.
    pub(crate) waiting: usize,
    /// Written, and kept until they are proven.
    pub(crate) kept: usize,
}

impl std::ops::AddAssign for Held {
    fn add_assign(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.kept += other.kept;
    }
}

/// What the socket's task writes next.
#[derive(Default)]
pub struct Taken {
    /// In this order.
    pub events: Vec<Arc<Event>>,
    /// Then an answer takes its place among them: call this, write the answer that it lets go,
    /// and come back for more.
    pub answer: Option<Answer>,
    /// The number of the last entry taken so far.
    pub up_to: u64,
    /// Whether the session asks for a ping soon that proves what was taken.
    pub prove: bool,
    /// Whether more waits than was asked for.
    pub more: bool,
}

/// Lets go of an answer that was held back until everything before it was taken; told its number.
pub(crate) type Answer = Box<dyn FnOnce(u64) + Send>;

/// Where an event or an answer stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Its number.
    pub(crate) number: u64,
    /// The number of the event with the same key that it stands for, if that was not taken yet;
    /// of an answer, the number of the one that it replaced.
    pub(crate) instead_of: Option<u64>,
}

impl Outbox {
    /// An outbox for at most `bytes_max` bytes of frames.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Self::with(Queue::new(bytes_max))
    }

    /// The outbox of a session that can be taken up again: what is taken is kept until it is
    /// proven, as far as there is room beside what waits. `stale` is the offset that its client
    /// brought from another session.
    pub(crate) fn keeping(bytes_max: usize, stale: Option<u64>) -> Arc<Self> {
        Self::with(Queue::keeping(bytes_max, stale))
    }

    fn with(queue: Queue) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(queue),
            changed: Notify::new(),
            revoked: AtomicBool::new(false),
        })
    }

    /// Puts `event` last in line. If `bytes_max` would be passed, the outbox is closed instead: to
    /// drop an event and go on would be a gap.
    pub(crate) fn push(&self, event: Arc<Event>, key: Option<MergeKey>, prove: bool) -> Pushed {
        let pushed = self.lock().push(event, key, prove);
        self.changed.notify_one();
        pushed
    }

    /// Gives an answer its place in line, so that it comes after what was pushed before it and
    /// before what comes later. It is the only one there: an older one that still waits is dropped.
    pub(crate) fn place(&self, answer: Answer, prove: bool) -> Pushed {
        let pushed = self.lock().place(answer, prove);
        self.changed.notify_one();
        pushed
    }

    /// Ends the session: what waits is dropped and nothing more is taken in.
    pub(crate) fn close(&self) {
        self.lock().close();
        self.changed.notify_one();
    }

    /// [`Outbox::close`], because the token of its client has ended.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.close();
    }

    /// Whether it was closed because the token of its client has ended.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Everything up to this entry has arrived.
    pub(crate) fn proven(&self, up_to: u64) {
        self.lock().proven(up_to);
    }

    /// Drops the answers in line: nobody waits for them. The number of the last entry taken.
    pub(crate) fn detach(&self) -> u64 {
        self.lock().detach()
    }

    /// Moves the line to a new outbox, for a client that is back and has heard everything up to
    /// the event `offset`; this one is left closed. Also the entry up to which it needs nothing
    /// more. `None` if what it missed is not known, or not whole.
    pub(crate) fn resume(&self, offset: Option<u64>) -> Option<(Arc<Self>, u64)> {
        let mut queue = self.lock();
        let position = queue.rewind(offset)?;
        let mut line = Queue::new(0);
        line.close();
        std::mem::swap(&mut *queue, &mut line);
        drop(queue);
        self.changed.notify_one();
        Some((Self::with(line), position))
    }

    /// Takes what waits, about `bytes_max` bytes of it, up to the next answer.
    pub fn take(&self, bytes_max: usize) -> Taken {
        self.lock().take(bytes_max)
    }

    /// Whether the session is over, because it was too slow or has ended.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How much it holds.
    pub(crate) fn held(&self) -> Held {
        let queue = self.lock();
        Held {
            waiting: queue.waiting,
            kept: queue.kept,
        }
    }

    /// Waits until there may be something to take. For one task at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::event;

    fn event() -> Arc<Event> {
        let conversation_id = ConversationId(1);
        let payload = event::JoinedConversation { conversation_id };
        Arc::new(Event::new(&payload))
    }

    #[tokio::test]
    async fn a_push_wakes_the_one_who_waits() {
        let outbox = Outbox::new(1_000);
        let waiting = Arc::clone(&outbox);
        let woken = tokio::spawn(async move { waiting.changed().await });
        outbox.push(event(), None, false);
        woken.await.expect("woken");
    }

    #[tokio::test]
    async fn a_resumption_wakes_the_old_socket_and_leaves_it_nothing() {
        let old = Outbox::keeping(1_000, None);
        let waiting = Arc::clone(&old);
        let woken = tokio::spawn(async move { waiting.changed().await });
        old.push(event(), None, false);
        assert_eq!(old.take(1_000).events.len(), 1);
        let (new, position) = old.resume(None).expect("everything is there");
        woken.await.expect("woken");
        assert!(old.is_closed() && old.take(1_000).events.is_empty());
        old.push(event(), None, false);
        assert_eq!((new.take(1_000).events.len(), position), (1, 0));
        assert!(!new.is_closed());
    }
}
