//! The line of one outbox. Pure.
//!
//! What waits to be taken stands in it and, for a session that can be taken up again, before that
//! what was taken and not yet proven. Entries keep their numbers; `taken` is a cursor between the
//! two. When the client comes back, the cursor goes back to what it has.

use std::collections::hash_map::Entry as Newest;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::outbox::{Answer, MergeKey, Pushed, Taken};
use crate::wire::event::Event;

/// The line.
pub(super) struct Queue {
    /// In the order of their numbers.
    slots: VecDeque<Slot>,
    /// How many of them are empty.
    holes: usize,
    /// The number of the last entry that was put in line.
    last: u64,
    /// The number of the last entry that was taken.
    taken: u64,
    /// The newest waiting event of each key.
    newest: HashMap<MergeKey, u64>,
    /// The bytes of what waits.
    pub(super) waiting: usize,
    /// The bytes of what was taken and is kept.
    pub(super) kept: usize,
    bytes_max: usize,
    pub(super) closed: bool,
    /// What a resumption needs to know of what is no longer in line; `None` if nothing is kept.
    past: Option<Past>,
}

struct Slot {
    number: u64,
    /// `None` where an answer was taken, or a newer event with the same key stands further back.
    entry: Option<Entry>,
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

/// What is no longer in line.
struct Past {
    /// What its client brought from a session before. A client keeps it until it hears an event,
    /// and means by it that it has heard none.
    stale: Option<u64>,
    /// The last event that left the line, and the number of its entry.
    before: Option<(u64, u64)>,
    /// The last entry that is proven.
    proven: u64,
    /// The last entry that was forgotten to make room.
    lost: u64,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("entries", &self.slots.len())
            .field("waiting", &self.waiting)
            .field("kept", &self.kept)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// An empty line; what is taken from it is gone.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            holes: 0,
            last: 0,
            taken: 0,
            newest: HashMap::new(),
            waiting: 0,
            kept: 0,
            bytes_max,
            closed: false,
            past: None,
        }
    }

    /// An empty line that keeps what is taken until it is proven. `stale` is the offset that the
    /// client brought from another session.
    pub(super) fn keeping(bytes_max: usize, stale: Option<u64>) -> Self {
        let past = Some(Past {
            stale,
            before: None,
            proven: 0,
            lost: 0,
        });
        Self {
            past,
            ..Self::new(bytes_max)
        }
    }

    /// Puts `event` last in line. What is kept makes room for it; if that is not enough, the line
    /// closes.
    pub(super) fn push(&mut self, event: Arc<Event>, key: Option<MergeKey>, prove: bool) -> Pushed {
        let merged = key.and_then(|key| self.merge(key));
        let prove = prove || merged.is_some_and(|(_, proves)| proves);
        self.waiting += event.frame().len();
        if self.waiting > self.bytes_max {
            self.close();
        }
        while self.waiting + self.kept > self.bytes_max {
            self.forget(1);
        }
        let number = self.append(Entry::Event { event, key, prove });
        let instead_of = merged.map(|(number, _)| number);
        Pushed { number, instead_of }
    }

    /// Puts `answer` last in line, instead of one that still waits there: a socket asks for one
    /// after the other, so whoever asked for that has given up.
    pub(super) fn place(&mut self, answer: Answer, prove: bool) -> Pushed {
        let instead_of = self.drop_answers();
        let number = self.append(Entry::Answer { answer, prove });
        Pushed { number, instead_of }
    }

    fn append(&mut self, entry: Entry) -> u64 {
        self.last += 1;
        if !self.closed {
            self.slots.push_back(Slot {
                number: self.last,
                entry: Some(entry),
            });
        }
        self.last
    }

    /// Takes out the waiting event that has `key`; the one to come stands for it. Its number, and
    /// whether a ping was to prove it.
    fn merge(&mut self, key: MergeKey) -> Option<(u64, bool)> {
        if self.closed {
            return None;
        }
        let older = self.newest.insert(key, self.last + 1)?;
        let place = self.slots.binary_search_by_key(&older, |slot| slot.number);
        let emptied = self.empty(place.ok()?);
        self.close_ranks();
        let proves = matches!(emptied, Some(Entry::Event { prove: true, .. }));
        Some((older, proves))
    }

    /// Leaves a hole where an event waits, or an answer.
    fn empty(&mut self, place: usize) -> Option<Entry> {
        let entry = self.slots[place].entry.take()?;
        self.waiting -= entry.bytes();
        self.holes += 1;
        Some(entry)
    }

    /// Drops the answers that wait; the number of the last one.
    fn drop_answers(&mut self) -> Option<u64> {
        let mut dropped = None;
        for place in self.cursor()..self.slots.len() {
            if matches!(self.slots[place].entry, Some(Entry::Answer { .. })) {
                drop(self.empty(place));
                dropped = Some(self.slots[place].number);
            }
        }
        self.close_ranks();
        dropped
    }

    /// Takes what waits, about `bytes_max` bytes of it, up to the next answer.
    pub(super) fn take(&mut self, bytes_max: usize) -> Taken {
        let mut taken = Taken::default();
        let (mut place, mut bytes) = (self.cursor(), 0);
        while bytes < bytes_max && taken.answer.is_none() {
            let Some(slot) = self.slots.get_mut(place) else {
                break;
            };
            place += 1;
            self.taken = slot.number;
            match slot.entry.take() {
                None => {}
                Some(Entry::Answer { answer, prove }) => {
                    self.holes += 1;
                    taken.answer = Some(answer);
                    taken.prove |= prove;
                }
                Some(Entry::Event { event, key, prove }) => {
                    bytes += event.frame().len();
                    self.waiting -= event.frame().len();
                    if let Some(Newest::Occupied(newest)) = key.map(|key| self.newest.entry(key))
                        && *newest.get() == slot.number
                    {
                        newest.remove();
                    }
                    taken.prove |= prove;
                    taken.events.push(Arc::clone(&event));
                    if self.past.is_some() {
                        self.kept += event.frame().len();
                        slot.entry = Some(Entry::Event { event, key, prove });
                    } else {
                        self.holes += 1;
                    }
                }
            }
        }
        taken.up_to = self.taken;
        taken.more = place < self.slots.len();
        self.rest();
        taken
    }

    /// Where the first entry stands that waits.
    fn cursor(&self) -> usize {
        self.slots.partition_point(|slot| slot.number <= self.taken)
    }

    /// Everything up to this entry has arrived: it need not be kept any longer.
    pub(super) fn proven(&mut self, up_to: u64) {
        let up_to = up_to.min(self.taken);
        self.forget(self.slots.partition_point(|slot| slot.number <= up_to));
        if let Some(past) = &mut self.past {
            past.proven = past.proven.max(up_to);
        }
        self.rest();
    }

    /// Lets the first `count` slots go, all of them taken.
    fn forget(&mut self, count: usize) {
        for Slot { number, entry } in self.slots.drain(..count) {
            let Some(Entry::Event { event, .. }) = entry else {
                self.holes -= 1;
                continue;
            };
            self.kept -= event.frame().len();
            if let Some(past) = &mut self.past {
                past.before = Some((event.number(), number));
                past.lost = number;
            }
        }
    }

    /// Its socket is gone: nobody waits for the answers in line. The last entry that was taken.
    pub(super) fn detach(&mut self) -> u64 {
        self.drop_answers();
        self.taken
    }

    /// Goes back to the event `offset`, the last that a returning client has, or to the beginning
    /// if it has none. The entry up to which it has everything; `None` if what comes after that
    /// is not known, or not whole.
    ///
    /// What comes after it waits again, but for older states of what has a newer one.
    pub(super) fn rewind(&mut self, offset: Option<u64>) -> Option<u64> {
        let past = self.past.as_ref().filter(|_| !self.closed)?;
        let has_none = offset.is_none() || offset == past.stale;
        let position = match offset.and_then(|offset| self.entry_of(offset)) {
            // The same number from two sessions may mean either.
            Some(_) if has_none => return None,
            Some(entry) => entry,
            None if has_none && past.lost <= past.proven => past.proven,
            None => return None,
        };
        self.detach();
        self.proven(position);
        self.taken = position;
        self.waiting += std::mem::take(&mut self.kept);
        self.merge_again();
        Some(position)
    }

    /// The entry of the event `offset`, if it was taken.
    fn entry_of(&self, offset: u64) -> Option<u64> {
        let kept = self.slots.range(..self.cursor()).rev();
        let mut kept = kept.filter_map(|slot| Some((slot.event()?.number(), slot.number)));
        let before = self.past.as_ref().and_then(|past| past.before);
        let found = kept.find(|&(number, _)| number == offset);
        let (_, entry) = found.or(before.filter(|&(number, _)| number == offset))?;
        Some(entry)
    }

    /// Everything in line waits again. A state that was not heard stands for those before it; what
    /// positions hang on stays.
    fn merge_again(&mut self) {
        self.newest.clear();
        for place in (0..self.slots.len()).rev() {
            let Slot { number, entry } = &self.slots[place];
            let Some(Entry::Event { key: Some(key), .. }) = entry else {
                continue;
            };
            let (number, is_state) = (*number, key.is_state());
            match self.newest.entry(*key) {
                Newest::Vacant(none) => drop(none.insert(number)),
                Newest::Occupied(_) if is_state => drop(self.empty(place)),
                Newest::Occupied(_) => {}
            }
        }
        self.close_ranks();
    }

    /// However much is merged, holes are not most of what is in memory.
    fn close_ranks(&mut self) {
        const FEW: usize = 16;
        if self.holes > FEW + self.slots.len() / 2 {
            self.slots.retain(|slot| slot.entry.is_some());
            self.holes = 0;
        }
    }

    /// An idle session keeps no more memory than it needs.
    fn rest(&mut self) {
        const KEPT: usize = 16;
        while self.slots.front().is_some_and(|slot| slot.entry.is_none()) {
            self.slots.pop_front();
            self.holes -= 1;
        }
        if self.slots.is_empty() && self.slots.capacity() > KEPT {
            self.slots.shrink_to(KEPT);
            self.newest.shrink_to_fit();
        }
    }

    /// Drops everything and takes nothing more in.
    pub(super) fn close(&mut self) {
        let closed = Self {
            last: self.last,
            taken: self.taken,
            closed: true,
            ..Self::new(self.bytes_max)
        };
        *self = closed;
    }
}

impl Slot {
    fn event(&self) -> Option<&Event> {
        match &self.entry {
            Some(Entry::Event { event, .. }) => Some(event),
            Some(Entry::Answer { .. }) | None => None,
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Event { event, .. } => event.frame().len(),
            Self::Answer { .. } => 0,
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod recovery_tests;
