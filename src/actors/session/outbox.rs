//! What waits to be written to one session: bounded in bytes, and merged where only the newest
//! counts.
//!
//! The session fills it, the task that owns the socket drains it. Every entry has a number, so
//! that the task can say up to which one the peer has proven to have received.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entities::ids::{ConversationId, UserId};
use tokio::sync::Notify;

use crate::wire::event::Event;

/// The way from a session to its socket.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
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
    /// Whether the session is over: nothing more will come.
    pub closed: bool,
}

/// Lets go of an answer that was held back until everything before it was taken; told its number.
pub(crate) type Answer = Box<dyn FnOnce(u64) + Send>;

/// Where an event stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Its number.
    pub(crate) number: u64,
    /// The number of the event with the same key that it stands for, if that was not taken yet.
    pub(crate) instead_of: Option<u64>,
}

impl Outbox {
    /// An outbox for at most `bytes_max` bytes of frames.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Queue::new(bytes_max)),
            changed: Notify::new(),
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
    /// before what comes later.
    pub(crate) fn place(&self, answer: Answer, prove: bool) -> u64 {
        let number = self.lock().place(answer, prove);
        self.changed.notify_one();
        number
    }

    /// Ends the session: what waits is dropped and nothing more is taken in.
    pub(crate) fn close(&self) {
        self.lock().close();
        self.changed.notify_one();
    }

    /// Takes what waits, about `bytes_max` bytes of it, up to the next answer.
    pub fn take(&self, bytes_max: usize) -> Taken {
        self.lock().take(bytes_max)
    }

    /// Whether the session is over, because it was too slow or has ended.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until there may be something to take. For one task at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line itself. Pure.
struct Queue {
    /// `None` where a newer event with the same key stands further back.
    entries: VecDeque<Option<Entry>>,
    /// The number of the last entry taken.
    taken: u64,
    newest: HashMap<MergeKey, u64>,
    bytes: usize,
    bytes_max: usize,
    closed: bool,
}

enum Entry {
    Event {
        event: Arc<Event>,
        key: Option<MergeKey>,
        prove: bool,
    },
    Answer {
        answer: Answer,
        prove: bool,
    },
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Queue {
    fn new(bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            taken: 0,
            newest: HashMap::new(),
            bytes: 0,
            bytes_max,
            closed: false,
        }
    }

    fn push(&mut self, event: Arc<Event>, key: Option<MergeKey>, prove: bool) -> Pushed {
        let instead_of = key.and_then(|key| self.merge(key));
        self.bytes += event.frame().len();
        if self.bytes > self.bytes_max {
            self.close();
        }
        let number = self.append(Entry::Event { event, key, prove });
        Pushed { number, instead_of }
    }

    fn place(&mut self, answer: Answer, prove: bool) -> u64 {
        self.append(Entry::Answer { answer, prove })
    }

    fn append(&mut self, entry: Entry) -> u64 {
        if !self.closed {
            self.entries.push_back(Some(entry));
        }
        self.taken + self.entries.len() as u64
    }

    /// Takes out the event that has `key`; the one to come stands for it.
    fn merge(&mut self, key: MergeKey) -> Option<u64> {
        if self.closed {
            return None;
        }
        let next = self.taken + self.entries.len() as u64 + 1;
        let older = self.newest.insert(key, next).filter(|&n| n > self.taken)?;
        let place = usize::try_from(older - self.taken - 1).ok()?;
        if let Some(Entry::Event { event, .. }) = self.entries.get_mut(place)?.take() {
            self.bytes -= event.frame().len();
        }
        Some(older)
    }

    fn take(&mut self, bytes_max: usize) -> Taken {
        let mut taken = Taken {
            closed: self.closed,
            ..Taken::default()
        };
        let mut bytes = 0;
        while bytes < bytes_max && taken.answer.is_none() {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            self.taken += 1;
            match entry {
                None => {}
                Some(Entry::Answer { answer, prove }) => {
                    taken.answer = Some(answer);
                    taken.prove |= prove;
                }
                Some(Entry::Event { event, key, prove }) => {
                    bytes += event.frame().len();
                    self.bytes -= event.frame().len();
                    if let Some(key) = key {
                        self.newest.remove(&key);
                    }
                    taken.prove |= prove;
                    taken.events.push(event);
                }
            }
        }
        if self.entries.is_empty() {
            self.rest();
        }
        taken.up_to = self.taken;
        taken
    }

    /// An idle session keeps no more memory than it needs.
    fn rest(&mut self) {
        const KEPT: usize = 16;
        if self.entries.capacity() > KEPT {
            self.entries.shrink_to(KEPT);
            self.newest.shrink_to_fit();
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.entries = VecDeque::new();
        self.newest = HashMap::new();
        self.bytes = 0;
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
