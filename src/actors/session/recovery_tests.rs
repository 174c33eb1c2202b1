//! A client that comes back gets what it missed, once and in order, or is told that it cannot.

use std::collections::HashSet;

use entities::ids::{ConversationId, UserId};
use proptest::prelude::*;

use super::*;
use crate::wire::event;

fn event() -> Arc<Event> {
    let payload = event::JoinedConversation {
        conversation_id: ConversationId(1),
    };
    Arc::new(Event::new(&payload))
}

fn push(queue: &mut Queue, key: Option<MergeKey>) -> u64 {
    let event = event();
    let number = event.number();
    queue.push(event, key, false);
    number
}

fn take(queue: &mut Queue) -> Vec<u64> {
    let taken = queue.take(usize::MAX);
    taken.events.iter().map(|event| event.number()).collect()
}

/// A line from which three events were taken.
fn taken() -> (Queue, [u64; 3]) {
    let mut queue = Queue::keeping(10_000, None);
    let events = [(); 3].map(|()| push(&mut queue, None));
    assert_eq!(take(&mut queue), events);
    (queue, events)
}

const STATUS: MergeKey = MergeKey::Status(UserId(1));
const UPDATED: MergeKey = MergeKey::Updated(ConversationId(1));

#[test]
fn what_comes_after_the_offset_is_sent_again_before_what_is_new() {
    let (mut queue, [_, second, third]) = taken();
    let new = push(&mut queue, None);
    assert_eq!(queue.rewind(Some(second)), Some(2));
    assert_eq!(take(&mut queue), [third, new]);
    assert_eq!(queue.rewind(Some(new)), Some(4));
    assert_eq!((take(&mut queue), queue.kept), (vec![], 0));
}

#[test]
fn the_last_proven_event_is_a_place_to_go_back_to_and_older_ones_are_not() {
    let (mut queue, [first, second, third]) = taken();
    queue.proven(2);
    assert_eq!(queue.rewind(Some(first)), None);
    assert_eq!(queue.rewind(Some(second)), Some(2));
    assert_eq!(take(&mut queue), [third]);
}

#[test]
fn what_was_never_taken_cannot_have_been_heard() {
    let (mut queue, _) = taken();
    let waits = push(&mut queue, None);
    assert_eq!(queue.rewind(Some(waits)), None);
}

#[test]
fn without_an_offset_everything_unproven_is_sent_again() {
    let (mut queue, events) = taken();
    assert_eq!(queue.rewind(None), Some(0));
    assert_eq!(take(&mut queue), events);
    queue.proven(1);
    assert_eq!(queue.rewind(None), Some(1));
    assert_eq!(take(&mut queue), events[1..]);
}

#[test]
fn an_offset_of_a_session_before_means_none() {
    let mut queue = Queue::keeping(1_000, Some(0));
    let sent = push(&mut queue, None);
    assert_eq!(take(&mut queue), [sent]);
    assert_eq!(queue.rewind(Some(0)), Some(0));
    assert_eq!(take(&mut queue), [sent]);
    assert_eq!(queue.rewind(Some(sent)), Some(1));
    assert_eq!(take(&mut queue), [0u64; 0]);
}

#[test]
fn an_offset_that_may_be_of_this_session_or_of_one_before_means_nothing() {
    let event = event();
    let mut queue = Queue::keeping(1_000, Some(event.number()));
    queue.push(Arc::clone(&event), None, false);
    take(&mut queue);
    assert_eq!(queue.rewind(Some(event.number())), None);
}

#[test]
fn what_is_kept_makes_room_for_what_waits_and_is_missed_only_by_who_lacks_it() {
    let size = event().frame().len();
    let start = |events: u64| {
        let mut queue = Queue::keeping(3 * size, None);
        let sent: Vec<u64> = (0..events).map(|_| push(&mut queue, None)).collect();
        take(&mut queue);
        for _ in 0..2 {
            push(&mut queue, None);
            assert!(queue.waiting + queue.kept <= 3 * size);
        }
        (queue, sent)
    };
    let (mut queue, sent) = start(3);
    assert_eq!((queue.kept, queue.waiting), (size, 2 * size));
    assert_eq!(queue.rewind(None), None, "two events are missing");
    assert_eq!(queue.rewind(Some(sent[0])), None, "one is");
    assert_eq!(queue.rewind(Some(sent[1])), Some(2), "it has both");
    let (mut queue, sent) = start(3);
    assert_eq!(queue.rewind(Some(sent[2])), Some(3));
    assert_eq!(take(&mut queue).len(), 2);
    let (mut queue, _) = start(3);
    queue.proven(2);
    assert_eq!(queue.rewind(None), Some(2), "they were there");
    for _ in 0..4 {
        push(&mut queue, None);
    }
    assert!(queue.closed, "what waits is not dropped");
    assert_eq!(queue.rewind(None), None);
}

#[test]
fn of_states_only_the_last_is_sent_again() {
    let mut queue = Queue::keeping(10_000, None);
    let mut old = Vec::new();
    for key in [STATUS, UPDATED, STATUS, UPDATED] {
        old.push(push(&mut queue, Some(key)));
        take(&mut queue);
    }
    let newest = push(&mut queue, Some(STATUS));
    assert_eq!(queue.rewind(None), Some(0));
    assert_eq!(take(&mut queue), [old[1], old[3], newest]);
}

#[test]
fn what_waits_again_is_merged_again() {
    let mut queue = Queue::keeping(10_000, None);
    push(&mut queue, Some(UPDATED));
    take(&mut queue);
    queue.rewind(None);
    let pushed = queue.push(event(), Some(UPDATED), false);
    assert_eq!((pushed.number, pushed.instead_of), (2, Some(1)));
    assert_eq!(take(&mut queue).len(), 1);
}

#[test]
fn an_answer_is_never_sent_again() {
    let mut queue = Queue::keeping(10_000, None);
    let first = push(&mut queue, None);
    queue.place(Box::new(|_| {}), true);
    assert!(queue.take(usize::MAX).answer.is_some());
    let second = push(&mut queue, None);
    let waits = queue.place(Box::new(|_| {}), true).number;
    assert_eq!(take(&mut queue), [second]);
    let (mut calls, third) = (0, push(&mut queue, None));
    assert_eq!(queue.rewind(Some(first)), Some(1));
    while queue.taken < queue.last {
        calls += usize::from(queue.take(1).answer.is_some());
    }
    assert_eq!((calls, queue.taken), (0, waits + 1));
    assert_eq!(queue.rewind(Some(second)), Some(3));
    assert_eq!(take(&mut queue), [third]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// With a key, if it is not zero.
    Push(u8),
    Place,
    Take(usize),
    /// The client hears so many of the events under way.
    Hear(usize),
    /// A pong for everything taken comes, if the client has heard it all.
    Prove,
    /// The connection breaks off; the client comes back.
    Return,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..5).prop_map(Step::Push),
        1 => Just(Step::Place),
        3 => (1usize..400).prop_map(Step::Take),
        3 => (0usize..5).prop_map(Step::Hear),
        2 => Just(Step::Prove),
        1 => Just(Step::Return),
    ]
}

fn key(key: u8) -> Option<MergeKey> {
    match key {
        0 | 1 => None,
        2 => Some(STATUS),
        3 => Some(MergeKey::Typing(ConversationId(1), UserId(2))),
        _ => Some(UPDATED),
    }
}

/// A line and its client.
struct Model {
    queue: Queue,
    stale: Option<u64>,
    pushed: Vec<(u64, Option<MergeKey>)>,
    /// Entries, and the events at them, that were merged while they waited.
    entries: Vec<u64>,
    merged: HashSet<u64>,
    under_way: VecDeque<u64>,
    heard: Vec<u64>,
}

impl Model {
    fn new(bytes_max: usize, stale: Option<u64>) -> Self {
        Self {
            queue: Queue::keeping(bytes_max, stale),
            stale,
            pushed: Vec::new(),
            entries: vec![0],
            merged: HashSet::new(),
            under_way: VecDeque::new(),
            heard: Vec::new(),
        }
    }

    /// Whether the session goes on.
    fn run(&mut self, step: Step) -> bool {
        match step {
            Step::Push(n) => {
                let event = event();
                let number = event.number();
                let pushed = self.queue.push(event, key(n), false);
                self.pushed.push((number, key(n)));
                self.entries.push(number);
                assert_eq!(pushed.number as usize + 1, self.entries.len());
                let instead_of = pushed.instead_of.map(|entry| self.entries[entry as usize]);
                self.merged.extend(instead_of);
            }
            Step::Place => {
                self.queue.place(Box::new(|_| {}), false);
                self.entries.push(0);
            }
            Step::Take(bytes) => {
                let taken = self.queue.take(bytes);
                let events = taken.events.iter().map(|event| event.number());
                self.under_way.extend(events);
            }
            Step::Hear(most) => {
                let most = most.min(self.under_way.len());
                self.heard.extend(self.under_way.drain(..most));
            }
            Step::Prove if self.under_way.is_empty() => self.queue.proven(self.queue.taken),
            Step::Prove => {}
            Step::Return => {
                self.under_way.clear();
                let offset = self.heard.last().copied().or(self.stale);
                return self.queue.rewind(offset).is_some();
            }
        }
        true
    }

    /// What is counted is so.
    fn check(&self, bytes_max: usize) {
        let queue = &self.queue;
        let bytes = |slot: &Slot| slot.entry.as_ref().map_or(0, Entry::bytes);
        let (kept, waiting) = (queue.slots.iter()).partition(|slot| slot.number <= queue.taken);
        let sum = |slots: Vec<&Slot>| slots.into_iter().map(bytes).sum::<usize>();
        assert_eq!((sum(kept), sum(waiting)), (queue.kept, queue.waiting));
        assert!(queue.kept + queue.waiting <= bytes_max);
        let holes = queue.slots.iter().filter(|slot| slot.entry.is_none());
        assert_eq!(holes.count(), queue.holes);
    }

    /// Now nothing is in the way of what waits.
    fn finish(&mut self) {
        // An answer ends a take; there are no more of them than entries.
        for _ in 0..self.entries.len() {
            self.run(Step::Take(usize::MAX));
        }
        self.run(Step::Hear(usize::MAX));
    }

    /// Everything was heard, but for what something newer stands for.
    fn is_whole(&self) {
        let heard: HashSet<_> = self.heard.iter().collect();
        for (place, (number, key)) in self.pushed.iter().enumerate() {
            let newer = |key: &MergeKey| {
                let later = &self.pushed[place + 1..];
                key.is_state() && later.iter().any(|(_, later)| later.as_ref() == Some(key))
            };
            let stood_for = self.merged.contains(number) || key.as_ref().is_some_and(newer);
            assert!(heard.contains(number) || stood_for, "{number} is missing");
        }
    }
}

proptest! {
    #[test]
    fn a_client_that_comes_back_any_number_of_times_hears_everything_once_and_in_order(
        steps in prop::collection::vec(step(), 0..150),
        bytes_max in prop_oneof![Just(1_000_000usize), 300usize..1_000],
        stale in prop_oneof![Just(None), Just(Some(0))],
    ) {
        let mut model = Model::new(bytes_max, stale);
        let mut goes_on = true;
        for step in steps {
            goes_on = goes_on && model.run(step) && !model.queue.closed;
            model.check(bytes_max);
        }
        if goes_on {
            model.finish();
            model.is_whole();
        }
        prop_assert!(goes_on || bytes_max < 1_000_000, "refused for no reason");
        prop_assert!(model.heard.is_sorted_by(|one, other| one < other), "{:?}", model.heard);
    }
}
