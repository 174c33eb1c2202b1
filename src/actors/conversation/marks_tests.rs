//! Positions only move forward, and nothing that did not move is told.

use proptest::prelude::*;

use super::*;

fn at(read: i64, delivered: i64) -> Position {
    Position {
        read: Seq(read),
        delivered: Seq(delivered),
    }
}

fn nothing_sent() -> [OwnSends; 2] {
    Default::default()
}

fn read(side: usize, up_to: i64) -> Read<()> {
    Read {
        side,
        up_to: Seq(up_to),
        reply: (),
    }
}

#[test]
fn a_read_moves_both_positions_and_passes_what_the_other_said() {
    let mut marks = Marks::new([at(1, 2), at(5, 5)]);
    marks.read(read(0, 4));
    let [moved, still] = marks.propose(nothing_sent());
    assert_eq!(
        (moved.from, moved.to, moved.passes),
        (at(1, 2), at(4, 4), true)
    );
    assert_eq!(moved.newly_delivered(), None, "the read tells it");
    assert!(!still.is_some() && !still.passes);
    assert_eq!(marks.at(0), at(1, 2), "nothing counts before it is on disk");
    marks.committed();
    assert_eq!(marks.at(0), at(4, 4));
}

#[test]
fn a_read_that_moves_nothing_is_no_move() {
    let mut marks = Marks::new([at(4, 4), at(0, 0)]);
    marks.read(read(0, 4));
    marks.read(read(0, 2));
    let [moved, _] = marks.propose(nothing_sent());
    assert!(!moved.is_some() && !moved.passes);
    assert_eq!(marks.committed().1.len(), 2, "but it is answered");
}

#[test]
fn sending_is_reading() {
    let mut marks = Marks::<()>::new([at(3, 3), at(0, 0)]);
    let sent = |count, last| OwnSends {
        count,
        last: Seq(last),
    };
    // Nothing of the other lay between.
    let [mine, theirs] = marks.propose([sent(2, 5), sent(0, 0)]);
    assert_eq!((mine.to, mine.passes), (at(5, 5), false));
    assert!(!theirs.is_some());
    marks.committed();
    // The other has not read those five, and now answers.
    let [_, theirs] = marks.propose([sent(0, 0), sent(1, 6)]);
    assert_eq!((theirs.to, theirs.passes), (at(6, 6), true));
}

#[test]
fn a_proof_moves_delivered_alone() {
    let mut marks = Marks::<()>::new([at(1, 2), at(9, 9)]);
    marks.received(0, Seq(7));
    marks.received(0, Seq(5));
    let [moved, _] = marks.propose(nothing_sent());
    assert_eq!((moved.to, moved.passes), (at(1, 7), false));
    assert_eq!(moved.newly_delivered(), Some(Seq(7)));
}

#[test]
fn what_was_refused_is_not_done_but_a_proof_stays_true() {
    let mut marks = Marks::new([at(0, 0), at(0, 0)]);
    marks.read(read(0, 3));
    marks.received(1, Seq(3));
    marks.propose(nothing_sent());
    assert_eq!(marks.refused().len(), 1);
    let [reader, receiver] = marks.propose(nothing_sent());
    assert!(!reader.is_some());
    assert_eq!(receiver.to, at(0, 3));
}

#[test]
fn what_is_returned_is_proposed_again_in_order() {
    let mut marks = Marks::new([at(0, 0), at(0, 0)]);
    let ask = |up_to, reply| Read {
        side: 0,
        up_to: Seq(up_to),
        reply,
    };
    marks.read(ask(3, "first"));
    marks.propose(nothing_sent());
    marks.read(ask(2, "second"));
    marks.returned();
    let [moved, _] = marks.propose(nothing_sent());
    assert_eq!(moved.to, at(3, 3));
    let replies: Vec<_> = marks
        .committed()
        .1
        .into_iter()
        .map(|one| one.reply)
        .collect();
    assert_eq!(replies, ["first", "second"]);
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize, i64),
    Received(usize, i64),
    Send(usize),
    Settle(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..2, 0i64..40).prop_map(|(side, up_to)| Step::Read(side, up_to)),
        (0usize..2, 0i64..40).prop_map(|(side, up_to)| Step::Received(side, up_to)),
        (0usize..2).prop_map(Step::Send),
        prop::bool::weighted(0.8).prop_map(Step::Settle),
    ]
}

proptest! {
    /// Beside a model that keeps every message: unread is what the other said beyond the read
    /// position, a move is told exactly when it passes such a message, and nothing goes back.
    #[test]
    fn unread_is_what_the_other_said_after_my_position(
        steps in prop::collection::vec(step(), 0..80)
    ) {
        let mut marks = Marks::new([at(0, 0); 2]);
        let mut senders: Vec<usize> = Vec::new();
        let mut queued: Vec<usize> = Vec::new();
        let theirs = |senders: &[usize], side: usize, from: Seq, to: Seq| {
            let (from, to) = (usize::try_from(from.0).unwrap_or(0), usize::try_from(to.0).unwrap_or(0));
            senders[from..to].iter().filter(|&&sender| sender != side).count()
        };
        for step in steps {
            let head = senders.len() as i64;
            match step {
                Step::Read(side, up_to) => marks.read(read(side, up_to.min(head))),
                Step::Received(side, up_to) => marks.received(side, Seq(up_to.min(head))),
                Step::Send(side) => queued.push(side),
                Step::Settle(commits) => {
                    let mut sent = nothing_sent();
                    for (place, side) in std::mem::take(&mut queued).into_iter().enumerate() {
                        sent[side].count += 1;
                        sent[side].last = Seq(head + place as i64 + 1);
                        if commits {
                            senders.push(side);
                        }
                    }
                    let before = [marks.at(0), marks.at(1)];
                    let moves = marks.propose(sent);
                    if !commits {
                        marks.refused();
                        prop_assert_eq!([marks.at(0), marks.at(1)], before);
                        continue;
                    }
                    marks.committed();
                    for side in [0, 1] {
                        let (from, to) = (before[side], marks.at(side));
                        prop_assert_eq!((moves[side].from, moves[side].to), (from, to));
                        prop_assert!(to.read >= from.read && to.delivered >= from.delivered);
                        prop_assert!(to.delivered >= to.read);
                        let passed = theirs(&senders, side, from.read, to.read);
                        prop_assert_eq!(moves[side].passes, passed > 0);
                        let head = Seq(senders.len() as i64);
                        let unread = theirs(&senders, side, to.read, head);
                        prop_assert_eq!(unread as i64, head.0 - to.read.0);
                    }
                }
            }
        }
    }
}
