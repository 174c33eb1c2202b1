//! The checker: judges a run by what the server promised, from the records that the generator kept. A figure
//! without its blessing is not printed. It knows nothing of sockets or HTTP, so that `tests/checker.rs` can
//! show that it bites.

use std::collections::{HashMap, HashSet};
use std::fmt;

/// One message as one place told it: an acknowledgement, an event, or a row of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Which of the two people sent it: 0 or 1.
    pub(crate) sender: u8,
    /// Which message: no other of the run has this number.
    pub(crate) number: u32,
    pub(crate) seq: u64,
    pub(crate) id: u64,
    /// Whether content, sender and conversation were the ones that were sent.
    pub(crate) intact: bool,
}

impl Record {
    fn key(&self) -> (u8, u32) {
        (self.sender, self.number)
    }
}

/// Everything that a run leaves behind of one conversation, each list in the order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The conversation's last `seq` when the run began; 0 for a new one.
    pub(crate) before: u64,
    pub(crate) acked: Vec<Record>,
    /// The `new_message` events on each person's socket.
    pub(crate) shown: [Vec<Record>; 2],
    /// The history from there on, oldest first, read after the run.
    pub(crate) stored: Vec<Record>,
    /// The conversation's last `seq`, as the history tells it.
    pub(crate) head_seq: u64,
}

/// Where a message was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Ack,
    Socket(u8),
    History,
}

/// One broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    NothingAcked,
    Absent {
        place: Place,
        record: Record,
    },
    Doubled {
        place: Place,
        record: Record,
    },
    NeverAcked {
        place: Place,
        record: Record,
    },
    Altered {
        place: Place,
        record: Record,
    },
    OtherSeq {
        place: Place,
        record: Record,
        acked: u64,
    },
    OtherId {
        place: Place,
        record: Record,
        acked: u64,
    },
    Gap {
        place: Place,
        from: u64,
        to: u64,
    },
    OutOfOrder {
        place: Place,
        from: u64,
        to: u64,
    },
    OrdersDiffer {
        position: usize,
        first: Record,
        second: Record,
    },
    OtherHead {
        told: u64,
        stored: u64,
    },
}

/// Every promise that a run broke, with the conversation (by its place in the list) that it was given in; empty when it
/// kept them all. Some conversations may have been quiet, but not all.
pub(crate) fn judge(conversations: &[Evidence]) -> Vec<(usize, Miss)> {
    if conversations.iter().all(|one| one.acked.is_empty()) {
        return vec![(0, Miss::NothingAcked)];
    }
    let found = conversations.iter().enumerate();
    found
        .flat_map(|(at, one)| misses(one).into_iter().map(move |miss| (at, miss)))
        .collect()
}

/// Every promise that was broken in one conversation.
pub(crate) fn misses(evidence: &Evidence) -> Vec<Miss> {
    let mut misses = Vec::new();
    let mut acked = HashMap::with_capacity(evidence.acked.len());
    for record in &evidence.acked {
        if acked.insert(record.key(), *record).is_some() {
            misses.push(Miss::Doubled {
                place: Place::Ack,
                record: *record,
            });
        }
        if !record.intact {
            misses.push(Miss::Altered {
                place: Place::Ack,
                record: *record,
            });
        }
    }
    let [first, second] = &evidence.shown;
    for (place, records) in [
        (Place::Socket(0), first),
        (Place::Socket(1), second),
        (Place::History, &evidence.stored),
    ] {
        exactly_once(place, records, &evidence.acked, &acked, &mut misses);
        in_order(place, evidence.before, records, &mut misses);
    }
    let differing = first
        .iter()
        .zip(second)
        .enumerate()
        .find(|(_, (a, b))| a.key() != b.key());
    if let Some((position, (first, second))) = differing {
        misses.push(Miss::OrdersDiffer {
            position,
            first: *first,
            second: *second,
        });
    }
    let last = evidence
        .stored
        .last()
        .map_or(evidence.before, |record| record.seq);
    if evidence.head_seq != last {
        misses.push(Miss::OtherHead {
            told: evidence.head_seq,
            stored: last,
        });
    }
    misses
}

/// Every acknowledged message is in `records` once, as it was acknowledged, and nothing else is.
fn exactly_once(
    place: Place,
    records: &[Record],
    in_ack_order: &[Record],
    acked: &HashMap<(u8, u32), Record>,
    misses: &mut Vec<Miss>,
) {
    let mut met = HashSet::with_capacity(records.len());
    for &record in records {
        if !met.insert(record.key()) {
            misses.push(Miss::Doubled { place, record });
        }
        if !record.intact {
            misses.push(Miss::Altered { place, record });
        }
        match acked.get(&record.key()) {
            // Nobody's send is left without an answer at the end of a run, so this one was made up.
            None => misses.push(Miss::NeverAcked { place, record }),
            Some(ack) if ack.seq != record.seq => {
                misses.push(Miss::OtherSeq {
                    place,
                    record,
                    acked: ack.seq,
                });
            }
            Some(ack) if ack.id != record.id => {
                misses.push(Miss::OtherId {
                    place,
                    record,
                    acked: ack.id,
                });
            }
            Some(_) => {}
        }
    }
    for &record in in_ack_order {
        if !met.contains(&record.key()) {
            misses.push(Miss::Absent { place, record });
        }
    }
}

/// `seq` goes on from `start` in steps of one, in the order of arrival.
fn in_order(place: Place, start: u64, records: &[Record], misses: &mut Vec<Miss>) {
    let mut before: Option<&Record> = None;
    for record in records {
        let from = before.map_or(start, |record| record.seq);
        let repeated = before.is_some_and(|before| before.key() == record.key());
        if record.seq > from + 1 {
            misses.push(Miss::Gap {
                place,
                from,
                to: record.seq,
            });
        } else if record.seq <= from && !repeated {
            // The same message twice in a row is told as doubled already.
            misses.push(Miss::OutOfOrder {
                place,
                from,
                to: record.seq,
            });
        }
        before = Some(record);
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sender,
            number,
            seq,
            id,
            ..
        } = self;
        write!(
            f,
            "message {number} of person {sender} (seq {seq}, id {id})"
        )
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack => write!(f, "acknowledgements"),
            Self::Socket(person) => write!(f, "socket of person {person}"),
            Self::History => write!(f, "history"),
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingAcked => write!(f, "no message was acknowledged"),
            Self::Absent { place, record } => {
                write!(f, "{place}: {record} was acknowledged but is missing")
            }
            Self::Doubled { place, record } => {
                write!(f, "{place}: {record} is there more than once")
            }
            Self::NeverAcked { place, record } => {
                write!(f, "{place}: {record} was never acknowledged")
            }
            Self::Altered { place, record } => write!(f, "{place}: {record} is not what was sent"),
            Self::OtherSeq {
                place,
                record,
                acked,
            } => write!(f, "{place}: {record} was acknowledged as seq {acked}"),
            Self::OtherId {
                place,
                record,
                acked,
            } => write!(f, "{place}: {record} was acknowledged as id {acked}"),
            Self::Gap { place, from, to } => {
                write!(f, "{place}: a gap, seq {from} is followed by {to}")
            }
            Self::OutOfOrder { place, from, to } => {
                write!(f, "{place}: out of order, seq {from} is followed by {to}")
            }
            Self::OrdersDiffer {
                position,
                first,
                second,
            } => {
                write!(
                    f,
                    "the two sockets differ from position {position} on: {first} against {second}"
                )
            }
            Self::OtherHead { told, stored } => write!(
                f,
                "history: head_seq is {told}, the last message is {stored}"
            ),
        }
    }
}
