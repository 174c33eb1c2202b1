//! The checker of mode `restart`: whether what was acknowledged before the server was killed is there after it.

use std::collections::{HashMap, HashSet};
use std::fmt;

/// A message at its place in a conversation, and which of all messages of the run it is; `None` when it is not as any
/// was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) number: Option<u64>,
}

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Acknowledged, and not there.
    Absent { seq: u64 },
    /// Another message stands there, or a changed one.
    Altered { seq: u64 },
    /// Two places hold the same message.
    Doubled { seq: u64 },
    /// The history leaves out this position, or has it out of order.
    Gap { seq: u64 },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { seq } => write!(f, "seq {seq} was acknowledged and is not there"),
            Self::Altered { seq } => write!(f, "seq {seq} is not what was sent and acknowledged"),
            Self::Doubled { seq } => write!(f, "seq {seq} repeats an earlier message"),
            Self::Gap { seq } => write!(f, "seq {seq} is missing in the history"),
        }
    }
}

/// What is wrong with one conversation, of which `stored` is everything after the position `from`. What was under way
/// when the server was killed may be there or not: nobody was told.
pub(crate) fn losses(from: u64, acked: &[Place], stored: &[Place]) -> Vec<Loss> {
    let mut losses = Vec::new();
    let (mut numbers, mut there) = (HashSet::new(), HashMap::new());
    for (expected, place) in (from + 1..).zip(stored) {
        if place.seq != expected {
            losses.push(Loss::Gap { seq: expected });
        }
        match place.number {
            None => losses.push(Loss::Altered { seq: place.seq }),
            Some(number) if !numbers.insert(number) => {
                losses.push(Loss::Doubled { seq: place.seq });
            }
            Some(_) => {}
        }
        there.insert(place.seq, place.number);
    }
    for Place { seq, number } in acked {
        match there.get(seq) {
            None => losses.push(Loss::Absent { seq: *seq }),
            Some(None) => {} // told above
            Some(found) if found != number => losses.push(Loss::Altered { seq: *seq }),
            Some(_) => {}
        }
    }
    losses
}
