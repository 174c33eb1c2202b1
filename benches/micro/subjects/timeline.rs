//! How long does a send take in the timeline of a conversation whose tail is full?

use std::hint::black_box;

use entities::ids::Seq;

use super::scene::{CONVERSATION, NOW, PEOPLE, draft, message};
use crate::actors::conversation::timeline::{BatchLimits, TailLimits, Timeline};
use crate::config::Limits;
use crate::wire::command::Draft;

/// A timeline with a batch of 64 messages out.
#[derive(Debug)]
pub struct Out(Timeline<()>);

/// A send with a new key: it stands in line, is numbered, alone in its batch, and committed, for
/// which the oldest message leaves the tail.
pub fn new_key() -> (impl FnMut() -> Draft, impl FnMut(Draft)) {
    let limits = Limits::default();
    let mut timeline = full(&limits);
    let mut number = timeline.head().0;
    let draft = move || {
        number += 1;
        draft(number)
    };
    let step = move |draft| {
        black_box(timeline.ask(PEOPLE[0], draft, ()));
        black_box(timeline.number(batch(&limits), NOW));
        black_box(timeline.committed());
    };
    (draft, step)
}

/// A send whose key is that of a message in the middle of the tail.
pub fn known_key() -> (impl FnMut() -> Draft, impl FnMut(Draft)) {
    let mut timeline = full(&Limits::default());
    let known = timeline.head().0 / 2;
    let step = move |draft| {
        let answer = timeline.ask(PEOPLE[0], draft, ());
        debug_assert!(answer.is_some(), "the key is known");
        black_box(answer);
    };
    (move || draft(known), step)
}

/// A batch of 64 is on disk: each of its sends is answered, and remembered instead of the oldest.
pub fn settle() -> (impl FnMut() -> Out, impl FnMut(Out) -> Out) {
    let out = || {
        let limits = Limits::default();
        let mut timeline = full(&limits);
        let head = timeline.head().0;
        for number in head + 1..=head + 64 {
            drop(timeline.ask(PEOPLE[0], draft(number), ()));
        }
        drop(timeline.number(batch(&limits), NOW));
        Out(timeline)
    };
    let step = |mut out: Out| {
        black_box(out.0.committed());
        // Given back, so that its end is not timed.
        out
    };
    (out, step)
}

fn full(limits: &Limits) -> Timeline<()> {
    let head = i64::try_from(limits.tail_max).unwrap_or(i64::MAX);
    let tail = (1..=head).map(message).collect();
    let limits = TailLimits {
        messages_max: limits.tail_max,
        bytes: limits.tail_bytes,
    };
    Timeline::new(CONVERSATION, Seq(head), tail, limits)
}

fn batch(limits: &Limits) -> BatchLimits {
    BatchLimits {
        messages_max: limits.batch_max,
        bytes: limits.batch_bytes,
    }
}
