//! No gap and no double, under any mix of commits, refusals, retries and crashes.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;

const ME: UserId = UserId(1);
const CONVERSATION: ConversationId = ConversationId(7);
const LIMITS: TailLimits = TailLimits {
    messages_max: 4,
    bytes: 1_000,
};

fn at_most(messages_max: usize) -> BatchLimits {
    let bytes = usize::MAX;
    BatchLimits {
        messages_max,
        bytes,
    }
}

fn timeline() -> Timeline<u32> {
    Timeline::new(CONVERSATION, Seq::ZERO, Vec::new(), LIMITS)
}

fn draft(content: &str, id: Option<&str>) -> Draft {
    Draft {
        content: content.into(),
        client_message_id: id.map(Into::into),
    }
}

/// Sends and commits one message.
fn store(timeline: &mut Timeline<u32>, content: &str, id: Option<&str>) -> Arc<Message> {
    assert_eq!(timeline.ask(ME, draft(content, id), 0), None);
    timeline.number(at_most(1), 0);
    match timeline.committed().pop() {
        Some((_, Verdict::Stored(message))) => message,
        other => panic!("not stored: {other:?}"),
    }
}

#[test]
fn numbers_start_at_one_and_follow_the_order_of_asking() {
    let mut timeline = timeline();
    for reply in 0..3 {
        timeline.ask(ME, draft("hi", None), reply);
    }
    let batch = timeline.number(at_most(2), 5);
    let numbers: Vec<_> = batch.iter().map(|message| message.seq.0).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(
        timeline.head(),
        Seq::ZERO,
        "nothing counts before it is on disk"
    );
    let replies: Vec<_> = timeline
        .committed()
        .into_iter()
        .map(|(reply, _)| reply)
        .collect();
    assert_eq!(replies, [0, 1]);
    assert_eq!(timeline.head(), Seq(2));
    assert_eq!(timeline.number(at_most(2), 6)[0].seq, Seq(3));
}

#[test]
fn a_batch_is_bounded_in_bytes_but_holds_at_least_one_message() {
    let mut timeline = timeline();
    for reply in 0..4 {
        timeline.ask(ME, draft("12345678", None), reply);
    }
    let limits = |bytes| BatchLimits {
        messages_max: 9,
        bytes,
    };
    assert_eq!(timeline.number(limits(1), 0).len(), 1);
    timeline.committed();
    assert_eq!(timeline.number(limits(9), 0).len(), 2);
    timeline.committed();
    assert_eq!(timeline.number(limits(100), 0).len(), 1);
}

#[test]
fn a_known_key_is_answered_at_once() {
    let mut timeline = timeline();
    let first = store(&mut timeline, "hi", Some("m-1"));
    let again = timeline.ask(ME, draft("hi", Some("m-1")), 1);
    assert_eq!(again, Some((1, Verdict::Known(first))));
    let other = timeline.ask(ME, draft("ho", Some("m-1")), 2);
    assert_eq!(other, Some((2, Verdict::Clash)));
    let somebody_else = timeline.ask(UserId(2), draft("ho", Some("m-1")), 3);
    assert_eq!(somebody_else, None, "keys are the sender's own");
}

#[test]
fn repeats_of_a_pending_send_share_its_fate() {
    let mut timeline = timeline();
    timeline.ask(ME, draft("hi", Some("m-1")), 0);
    timeline.number(at_most(9), 0);
    assert_eq!(timeline.ask(ME, draft("hi", Some("m-1")), 1), None);
    assert_eq!(timeline.ask(ME, draft("ho", Some("m-1")), 2), None);
    let mut answers = timeline.committed();
    answers.sort_by_key(|(reply, _)| *reply);
    let verdicts: Vec<_> = answers.into_iter().map(|(_, verdict)| verdict).collect();
    assert!(matches!(
        &verdicts[..],
        [Verdict::Stored(_), Verdict::Known(_), Verdict::Clash]
    ));
    assert!(timeline.is_quiet());
}

#[test]
fn a_refused_batch_leaves_no_gap_and_its_keys_are_free_again() {
    let mut timeline = timeline();
    timeline.ask(ME, draft("hi", Some("m-1")), 0);
    timeline.number(at_most(9), 0);
    timeline.ask(ME, draft("hi", Some("m-1")), 1);
    let mut refused = timeline.refused();
    refused.sort_unstable();
    assert_eq!(refused, [0, 1]);
    assert_eq!(store(&mut timeline, "hi", Some("m-1")).seq, Seq(1));
}

#[test]
fn a_key_older_than_memory_is_answered_from_the_disk_and_the_rest_goes_on() {
    let mut timeline = timeline();
    let old = store(&mut timeline, "old", Some("m-0"));
    for _ in 0..LIMITS.messages_max {
        store(&mut timeline, "x", None);
    }
    timeline.ask(ME, draft("before", None), 1);
    timeline.ask(ME, draft("old", Some("m-0")), 2);
    timeline.ask(ME, draft("after", None), 3);
    timeline.number(at_most(9), 0);
    let answers = timeline.clashed(vec![Message::clone(&old)]);
    assert_eq!(answers, [(2, Verdict::Known(old))]);
    let batch = timeline.number(at_most(9), 0);
    let said: Vec<_> = batch.iter().map(|one| (one.seq.0, &*one.content)).collect();
    assert_eq!(said, [(6, "before"), (7, "after")]);
}

#[test]
fn history_comes_from_memory_as_far_as_it_reaches() {
    let mut timeline = timeline();
    for _ in 0..6 {
        store(&mut timeline, "x", None);
    }
    let numbers = |messages: Option<Vec<Arc<Message>>>| {
        messages.map(|all| all.iter().map(|one| one.seq.0).collect::<Vec<_>>())
    };
    assert_eq!(numbers(timeline.newest(Seq(6), 2)), Some(vec![6, 5]));
    assert_eq!(numbers(timeline.newest(Seq(99), 4)), Some(vec![6, 5, 4, 3]));
    assert_eq!(numbers(timeline.newest(Seq(6), 5)), None);
    assert_eq!(numbers(timeline.newest(Seq(0), 5)), Some(vec![]));
    assert_eq!(numbers(timeline.after(Seq(2), 3)), Some(vec![3, 4, 5]));
    assert_eq!(numbers(timeline.after(Seq(1), 3)), None);
    assert_eq!(numbers(timeline.after(Seq(6), 3)), Some(vec![]));
    assert_eq!(numbers(timeline.after(Seq(99), 3)), Some(vec![]));
}

#[test]
fn the_tail_is_bounded_in_bytes_but_never_empty() {
    let mut timeline = timeline();
    store(&mut timeline, &"x".repeat(600), None);
    store(&mut timeline, &"x".repeat(600), None);
    assert!(timeline.newest(Seq(2), 1).is_some());
    assert!(timeline.newest(Seq(2), 2).is_none());
    store(&mut timeline, &"x".repeat(5_000), None);
    assert!(timeline.newest(Seq(3), 1).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Ask {
        sender: i64,
        key: Option<u8>,
        content: u8,
    },
    Number(usize),
    Commit,
    Refuse,
    /// The process dies; if a batch is out, the flag says whether it reached the disk.
    Crash {
        written: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop::option::weighted(0.8, 0u8..8);
    prop_oneof![
        6 => (1i64..3, key, 0u8..2)
            .prop_map(|(sender, key, content)| Step::Ask { sender, key, content }),
        3 => (1usize..6).prop_map(Step::Number),
        3 => Just(Step::Commit),
        1 => Just(Step::Refuse),
        1 => any::<bool>().prop_map(|written| Step::Crash { written }),
    ]
}

/// A disk with the two unique keys, and a world that retries and crashes around the timeline.
struct World {
    timeline: Timeline<u32>,
    disk: BTreeMap<Seq, Message>,
    out: Vec<Arc<Message>>,
    asked: HashMap<u32, (UserId, Draft)>,
    next: u32,
}

impl World {
    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask {
                sender,
                key,
                content,
            } => {
                let key = key.map(|key| format!("k{key}"));
                let draft = draft(&format!("c{content}"), key.as_deref());
                self.next += 1;
                self.asked
                    .insert(self.next, (UserId(sender), draft.clone()));
                let answer = self.timeline.ask(UserId(sender), draft, self.next);
                self.answered(answer.into_iter().collect())?;
            }
            Step::Number(most) if self.out.is_empty() => {
                self.out = self.timeline.number(at_most(most), 0)
            }
            Step::Number(_) => {}
            Step::Commit => self.commit()?,
            Step::Refuse => {
                self.out.clear();
                for reply in self.timeline.refused() {
                    prop_assert!(self.asked.remove(&reply).is_some());
                }
            }
            Step::Crash { written } => {
                let out = std::mem::take(&mut self.out);
                if written && self.taken(&out).is_empty() {
                    self.write(&out);
                }
                self.asked.clear();
                let head = self.disk.keys().last().copied().unwrap_or_default();
                let tail: Vec<_> = self.disk.values().rev().take(3).rev().cloned().collect();
                self.timeline = Timeline::new(CONVERSATION, head, tail, LIMITS);
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), TestCaseError> {
        let out = std::mem::take(&mut self.out);
        let taken = self.taken(&out);
        let answers = if taken.is_empty() {
            self.write(&out);
            self.timeline.committed()
        } else {
            self.timeline.clashed(taken)
        };
        self.answered(answers)
    }

    /// The stored messages whose keys stand in the batch too.
    fn taken(&self, out: &[Arc<Message>]) -> Vec<Message> {
        let keys: Vec<_> = out.iter().filter_map(|message| key(message)).collect();
        let stored = self.disk.values();
        stored
            .filter(|one| key(one).is_some_and(|key| keys.contains(&key)))
            .cloned()
            .collect()
    }

    fn write(&mut self, out: &[Arc<Message>]) {
        for message in out {
            let before = self.disk.insert(message.seq, Message::clone(message));
            assert!(before.is_none(), "{:?} was given twice", message.seq);
        }
    }

    fn answered(&mut self, answers: Vec<(u32, Verdict)>) -> Result<(), TestCaseError> {
        for (reply, verdict) in answers {
            let asked = self.asked.remove(&reply);
            prop_assert!(asked.is_some(), "answered twice");
            let Some((sender, draft)) = asked else {
                continue;
            };
            match verdict {
                Verdict::Stored(message) | Verdict::Known(message) => {
                    let stored = self.disk.get(&message.seq);
                    prop_assert_eq!(stored, Some(&*message), "answered before it was on disk");
                    prop_assert_eq!(message.sender, sender);
                    prop_assert_eq!(&message.content, &draft.content);
                    prop_assert_eq!(&message.client_message_id, &draft.client_message_id);
                }
                Verdict::Clash => {
                    let other = self.disk.values().any(|one| {
                        one.sender == sender
                            && one.client_message_id == draft.client_message_id
                            && one.content != draft.content
                    });
                    prop_assert!(other, "no such key with another content");
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_gap_and_no_double_whatever_happens(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World {
            timeline: timeline(),
            disk: BTreeMap::new(),
            out: Vec::new(),
            asked: HashMap::new(),
            next: 0,
        };
        for step in steps {
            world.run(step)?;
        }
        while !world.timeline.is_quiet() {
            world.run(Step::Number(3))?;
            world.commit()?;
        }
        prop_assert!(world.asked.is_empty(), "everybody is answered: {:?}", world.asked);
        for (place, seq) in world.disk.keys().enumerate() {
            prop_assert_eq!(seq.0, place as i64 + 1, "a gap");
        }
        let mut keys: Vec<_> = world.disk.values().filter_map(key).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(keys.len(), all, "a double");
    }
}
