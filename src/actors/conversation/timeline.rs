//! Orders one conversation's messages. Pure: no clock, no disk, no mailbox.
//!
//! A message is *queued* when it is asked for, *out* when it has a number and is with the journal,
//! and *committed* when it is on disk. At most one batch is out, and numbers are given when it
//! goes: nothing behind it has one, so a refused batch leaves no gap and needs no renumbering.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};

use crate::store::Message;
use crate::wire::command::Draft;

/// The messages of one conversation, in order. `R` is where an answer goes.
#[derive(Debug)]
pub(crate) struct Timeline<R> {
    conversation: ConversationId,
    /// The last committed position.
    head: Seq,
    queue: VecDeque<Queued<R>>,
    out: Vec<(Arc<Message>, R)>,
    /// Sends that came while the first with the same key was still queued or out.
    repeats: Vec<Repeat<R>>,
    places: HashMap<Key, Place>,
    tail: Tail,
}

#[derive(Debug)]
struct Queued<R> {
    sender: UserId,
    draft: Draft,
    reply: R,
}

#[derive(Debug)]
struct Repeat<R> {
    key: Key,
    content: Arc<str>,
    reply: R,
}

/// What makes a send the same send: who says so, and by which `client_message_id`.
type Key = (UserId, Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Queued or out.
    Pending,
    /// Committed, and in the tail.
    Committed(Seq),
}

/// What became of a send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Stored now.
    Stored(Arc<Message>),
    /// Stored before, by the same key with the same content.
    Known(Arc<Message>),
    /// The key was used for another content.
    Clash,
}

/// How much of the newest history is kept in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TailLimits {
    /// Messages.
    pub(crate) messages_max: usize,
    /// Bytes of their contents.
    pub(crate) bytes: usize,
}

/// How much one batch may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Messages.
    pub(crate) messages_max: usize,
    /// Bytes of their contents; the last message may go beyond.
    pub(crate) bytes: usize,
}

impl<R> Timeline<R> {
    /// The timeline of `conversation`, whose last position is `head` and whose newest messages
    /// are `tail`, oldest first.
    pub(crate) fn new(
        conversation: ConversationId,
        head: Seq,
        tail: Vec<Message>,
        limits: TailLimits,
    ) -> Self {
        let mut timeline = Self {
            conversation,
            head,
            queue: VecDeque::new(),
            out: Vec::new(),
            repeats: Vec::new(),
            places: HashMap::new(),
            tail: Tail::new(limits),
        };
        for message in tail {
            timeline.remember(Arc::new(message));
        }
        timeline
    }

    /// The last committed position.
    pub(crate) fn head(&self) -> Seq {
        self.head
    }

    /// The last committed message.
    pub(crate) fn last(&self) -> Option<&Arc<Message>> {
        self.tail.messages.back()
    }

    /// How many sends wait in line.
    pub(crate) fn in_line(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is queued and nothing is out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.out.is_empty()
    }

    /// Takes a send. Answers at once when its key is known; else it waits in line.
    pub(crate) fn ask(&mut self, sender: UserId, draft: Draft, reply: R) -> Option<(R, Verdict)> {
        if let Some(id) = &draft.client_message_id {
            let key = (sender, Arc::clone(id));
            match self.places.get(&key) {
                Some(Place::Committed(seq)) => {
                    let verdict = match self.tail.get(*seq) {
                        Some(first) if first.content == draft.content => {
                            Verdict::Known(Arc::clone(first))
                        }
                        _ => Verdict::Clash,
                    };
                    return Some((reply, verdict));
                }
                Some(Place::Pending) => {
                    let content = draft.content;
                    self.repeats.push(Repeat {
                        key,
                        content,
                        reply,
                    });
                    return None;
                }
                None => {
                    self.places.insert(key, Place::Pending);
                }
            }
        }
        self.queue.push_back(Queued {
            sender,
            draft,
            reply,
        });
        None
    }

    /// Numbers what is queued, within `limits` but at least one message, and gives it out to be
    /// committed. Must not be called while a batch is out.
    pub(crate) fn number(&mut self, limits: BatchLimits, now: i64) -> Vec<Arc<Message>> {
        debug_assert!(self.out.is_empty(), "one batch at a time");
        let mut seq = self.head;
        let mut bytes = 0;
        while self.out.len() < limits.messages_max && bytes < limits.bytes {
            let Some(queued) = self.queue.pop_front() else {
                break;
            };
            seq = seq.next();
            bytes += queued.draft.content.len();
            let message = Message {
                conversation: self.conversation,
                seq,
                sender: queued.sender,
                content: queued.draft.content,
                client_message_id: queued.draft.client_message_id,
                created_at: now,
            };
            self.out.push((Arc::new(message), queued.reply));
        }
        self.out
            .iter()
            .map(|(message, _)| Arc::clone(message))
            .collect()
    }

    /// The batch is on disk: what each of its sends, and each repeat of one, is answered.
    pub(crate) fn committed(&mut self) -> Vec<(R, Verdict)> {
        let mut answers = Vec::with_capacity(self.out.len());
        for (message, reply) in std::mem::take(&mut self.out) {
            self.head = message.seq;
            self.answer_repeats(&message, &mut answers);
            self.remember(Arc::clone(&message));
            answers.push((reply, Verdict::Stored(message)));
        }
        answers
    }

    /// The batch is not on disk and never will be: those who wait for it, and for a repeat.
    pub(crate) fn refused(&mut self) -> Vec<R> {
        let mut waiting = Vec::with_capacity(self.out.len());
        for (message, reply) in std::mem::take(&mut self.out) {
            if let Some(key) = key(&message) {
                self.places.remove(&key);
                let same = |repeat: &mut Repeat<R>| repeat.key == key;
                waiting.extend(self.repeats.extract_if(.., same).map(|repeat| repeat.reply));
            }
            waiting.push(reply);
        }
        waiting
    }

    /// The batch was refused because the keys of `stored` are taken, by messages that had left
    /// the tail. Answers the sends of those; the others go back to the front of the line.
    pub(crate) fn clashed(&mut self, stored: Vec<Message>) -> Vec<(R, Verdict)> {
        let mut answers = Vec::new();
        let mut stored: HashMap<Key, Arc<Message>> = stored
            .into_iter()
            .filter_map(|message| Some((key(&message)?, Arc::new(message))))
            .collect();
        for (message, reply) in std::mem::take(&mut self.out).into_iter().rev() {
            let first = key(&message).and_then(|key| stored.remove(&key));
            let Some(first) = first else {
                self.queue.push_front(Queued {
                    sender: message.sender,
                    draft: Draft {
                        content: message.content.clone(),
                        client_message_id: message.client_message_id.clone(),
                    },
                    reply,
                });
                continue;
            };
            if let Some(key) = key(&first) {
                self.places.remove(&key);
            }
            self.answer_repeats(&first, &mut answers);
            answers.push((reply, judge(&first, &message.content)));
        }
        answers
    }

    /// The newest messages up to `up_to`, at most `most`, newest first; `None` if memory does
    /// not reach that far.
    pub(crate) fn newest(&self, up_to: Seq, most: usize) -> Option<Vec<Arc<Message>>> {
        let up_to = up_to.min(self.head);
        let reach = i64::try_from(most).unwrap_or(i64::MAX);
        let from = Seq((up_to.0.saturating_sub(reach) + 1).max(1));
        self.tail
            .range(from, up_to)
            .map(|messages| messages.rev().cloned().collect())
    }

    /// The messages after `after`, at most `most`, oldest first; `None` if memory does not reach
    /// back that far.
    pub(crate) fn after(&self, after: Seq, most: usize) -> Option<Vec<Arc<Message>>> {
        self.tail
            .range(after.next(), self.head)
            .map(|messages| messages.take(most).cloned().collect())
    }

    fn answer_repeats(&mut self, first: &Arc<Message>, answers: &mut Vec<(R, Verdict)>) {
        if self.repeats.is_empty() {
            return;
        }
        let Some(key) = key(first) else { return };
        let same = |repeat: &mut Repeat<R>| repeat.key == key;
        for repeat in self.repeats.extract_if(.., same) {
            answers.push((repeat.reply, judge(first, &repeat.content)));
        }
    }

    fn remember(&mut self, message: Arc<Message>) {
        if let Some(key) = key(&message) {
            self.places.insert(key, Place::Committed(message.seq));
        }
        self.tail.push(message);
        while let Some(old) = self.tail.evict() {
            if let Some(key) = key(&old) {
                self.places.remove(&key);
            }
        }
    }
}

fn key(message: &Message) -> Option<Key> {
    let id = message.client_message_id.as_ref()?;
    Some((message.sender, Arc::clone(id)))
}

fn judge(first: &Arc<Message>, content: &str) -> Verdict {
    if *first.content == *content {
        Verdict::Known(Arc::clone(first))
    } else {
        Verdict::Clash
    }
}

/// The newest committed messages, without a gap, bounded in number and bytes.
#[derive(Debug)]
struct Tail {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
    limits: TailLimits,
}

impl Tail {
    fn new(limits: TailLimits) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    fn push(&mut self, message: Arc<Message>) {
        self.bytes += message.content.len();
        self.messages.push_back(message);
    }

    /// Lets go of the oldest message if there is more than the limits allow. The newest stays.
    fn evict(&mut self) -> Option<Arc<Message>> {
        let over = self.messages.len() > self.limits.messages_max || self.bytes > self.limits.bytes;
        if !over || self.messages.len() == 1 {
            return None;
        }
        let old = self.messages.pop_front()?;
        self.bytes -= old.content.len();
        Some(old)
    }

    fn get(&self, seq: Seq) -> Option<&Arc<Message>> {
        let first = self.messages.front()?.seq;
        self.messages.get(usize::try_from(seq.0 - first.0).ok()?)
    }

    /// The messages `from` to `to`, both included; `None` if some are not here.
    fn range(&self, from: Seq, to: Seq) -> Option<impl DoubleEndedIterator<Item = &Arc<Message>>> {
        let (start, end) = if from > to {
            (0, 0)
        } else {
            let first = self.messages.front()?.seq;
            let start = usize::try_from(from.0 - first.0).ok()?;
            (start, usize::try_from(to.0 - first.0 + 1).ok()?)
        };
        (end <= self.messages.len()).then(|| self.messages.range(start..end))
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
