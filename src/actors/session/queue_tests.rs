//! The line keeps its order, merges only what may be merged, and stays within its bytes.

use entities::ids::{ConversationId, UserId};
use proptest::prelude::*;

use super::*;
use crate::wire::event;

fn event(n: i64) -> Arc<Event> {
    let conversation_id = ConversationId(n);
    Arc::new(Event::new(&event::JoinedConversation { conversation_id }))
}

fn numbers(taken: &Taken) -> Vec<i64> {
    let frames = taken.events.iter().map(|event| event.frame());
    frames
        .map(|frame| {
            let frame: serde_json::Value = serde_json::from_slice(frame).expect("JSON");
            frame["data"]["conversationId"].as_i64().expect("a number")
        })
        .collect()
}

fn queue() -> Queue {
    Queue::new(10_000)
}

const STATUS: Option<MergeKey> = Some(MergeKey::Status(UserId(1)));

#[test]
fn events_leave_in_the_order_in_which_they_came() {
    let mut queue = queue();
    for n in 1..=3 {
        assert_eq!(queue.push(event(n), None, false).number, n.cast_unsigned());
    }
    let taken = queue.take(1_000);
    assert_eq!((numbers(&taken), taken.up_to), (vec![1, 2, 3], 3));
    assert_eq!(queue.waiting, 0);
}

#[test]
fn of_events_with_one_key_the_newest_counts_at_its_own_place() {
    let mut queue = queue();
    queue.push(event(1), STATUS, false);
    queue.push(event(2), None, false);
    assert_eq!(queue.push(event(3), STATUS, false).instead_of, Some(1));
    let taken = queue.take(1_000);
    assert_eq!((numbers(&taken), taken.up_to), (vec![2, 3], 3));
    // What is written is not called back.
    assert_eq!(queue.push(event(4), STATUS, false).instead_of, None);
    assert_eq!(numbers(&queue.take(1_000)), [4]);
}

#[test]
fn an_answer_comes_after_what_was_before_it_and_before_what_comes_later() {
    let mut queue = queue();
    queue.push(event(1), None, false);
    let number = queue.place(Box::new(|_| {}), true).number;
    queue.push(event(2), None, false);
    let first = queue.take(1_000);
    assert_eq!(
        (numbers(&first), first.up_to, first.prove),
        (vec![1], number, true)
    );
    assert!(first.answer.is_some());
    assert_eq!(numbers(&queue.take(1_000)), [2]);
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_makes_room_for_the_next() {
    let mut queue = queue();
    queue.push(event(1), None, false);
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    let older = queue.place(Box::new(move |_| drop(holds)), true);
    assert_eq!(older.instead_of, None);
    let newer = queue.place(Box::new(|_| {}), false);
    assert_eq!(newer.instead_of, Some(older.number));
    assert_eq!(Arc::strong_count(&held), 1, "what it held is let go");
    let taken = queue.take(1_000);
    assert_eq!((taken.up_to, taken.answer.is_some()), (newer.number, true));
    assert!(queue.place(Box::new(|_| {}), false).instead_of.is_none());
}

#[test]
fn an_event_that_stands_for_another_is_proven_as_soon() {
    let mut queue = queue();
    queue.push(event(1), STATUS, true);
    queue.push(event(2), STATUS, false);
    assert!(queue.take(1_000).prove);
    queue.push(event(3), STATUS, false);
    assert!(!queue.take(1_000).prove);
}

#[test]
fn what_is_too_much_closes_the_line_and_frees_its_memory() {
    let mut queue = Queue::new(200);
    for n in 0..100 {
        queue.push(event(n), None, false);
        assert!(queue.waiting <= 200);
    }
    let taken = queue.take(1_000);
    assert!(queue.closed && taken.events.is_empty());
}

#[test]
fn merging_leaves_room() {
    let mut queue = Queue::new(200);
    for n in 0..1_000 {
        queue.push(event(n), STATUS, false);
    }
    let taken = queue.take(1_000);
    assert_eq!((queue.closed, numbers(&taken)), (false, vec![999]));
}

#[test]
fn what_is_merged_leaves_no_holes_without_end() {
    let mut queue = queue();
    queue.push(event(1), None, false);
    for n in 0..10_000 {
        queue.push(event(n), STATUS, false);
        assert!(queue.slots.len() < 50);
    }
    assert_eq!(numbers(&queue.take(1_000)), [1, 9_999]);
}

proptest! {
    /// Without a key nothing is lost; with one, exactly the newest since the last take is there;
    /// numbers count every push.
    #[test]
    fn nothing_is_lost_but_what_is_merged(
        steps in prop::collection::vec(prop_oneof![
            (0u8..4).prop_map(Some),
            Just(None),
        ], 0..100)
    ) {
        let mut queue = Queue::new(1_000_000);
        let (mut pushed, mut expected) = (0u64, Vec::new());
        for step in steps {
            match step {
                Some(key) => {
                    pushed += 1;
                    let n = pushed.cast_signed();
                    let user = UserId(i64::from(key));
                    let merge = (key > 0).then_some(MergeKey::Status(user));
                    prop_assert_eq!(queue.push(event(n), merge, false).number, pushed);
                    if key > 0 {
                        expected.retain(|&(_, other)| other != key);
                    }
                    expected.push((n, key));
                }
                None => {
                    let taken = queue.take(usize::MAX);
                    let wanted: Vec<_> = expected.drain(..).map(|(n, _)| n).collect();
                    prop_assert_eq!(numbers(&taken), wanted);
                    prop_assert_eq!(taken.up_to, pushed);
                    prop_assert_eq!(queue.waiting, 0);
                }
            }
        }
    }
}
