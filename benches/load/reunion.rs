//! The checker of mode `storm`: whether a client that lost its connection and came back was told every message of its
//! conversation once and in order, and when it had caught up.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

/// A message that the server acknowledged; times are from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) seq: u64,
    /// Which of all messages of the run it is.
    pub(crate) number: u64,
    pub(crate) at: Duration,
}

/// A message that a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) seq: u64,
    /// `None` when it is not what was sent.
    pub(crate) number: Option<u64>,
    pub(crate) at: Duration,
}

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// Acknowledged, and never told.
    Absent {
        seq: u64,
        number: u64,
    },
    Doubled {
        seq: u64,
    },
    /// Told after a later one.
    Late {
        seq: u64,
        after: u64,
    },
    /// Told, and not as it was acknowledged, or not acknowledged at all.
    Strange {
        seq: u64,
    },
    /// Two messages were acknowledged with one position, or a position was left out.
    Misnumbered {
        seq: u64,
    },
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { seq, number } => write!(
                f,
                "seq {seq} (message {number}) was acknowledged and never told"
            ),
            Self::Doubled { seq } => write!(f, "seq {seq} was told twice"),
            Self::Late { seq, after } => write!(f, "seq {seq} was told after seq {after}"),
            Self::Strange { seq } => write!(f, "seq {seq} was told, but not so acknowledged"),
            Self::Misnumbered { seq } => {
                write!(f, "the acknowledgements have seq {seq} twice or not at all")
            }
        }
    }
}

/// What is wrong with what one client was told of a conversation that began with the run.
pub(crate) fn misses(acked: &[Acked], seen: &[Seen]) -> Vec<Miss> {
    let mut misses = Vec::new();
    let numbers: HashMap<u64, u64> = acked
        .iter()
        .map(|acked| (acked.seq, acked.number))
        .collect();
    let unnumbered = (1..=acked.len() as u64).filter(|seq| !numbers.contains_key(seq));
    misses.extend(unnumbered.map(|seq| Miss::Misnumbered { seq }));
    let (mut told, mut last) = (HashSet::new(), 0);
    for Seen { seq, number, .. } in seen {
        let seq = *seq;
        if !told.insert(seq) {
            misses.push(Miss::Doubled { seq });
        } else if seq < last {
            misses.push(Miss::Late { seq, after: last });
        }
        last = last.max(seq);
        if number.is_none() || *number != numbers.get(&seq).copied() {
            misses.push(Miss::Strange { seq });
        }
    }
    let absent = acked.iter().filter(|acked| !told.contains(&acked.seq));
    misses.extend(absent.map(|acked| Miss::Absent {
        seq: acked.seq,
        number: acked.number,
    }));
    misses
}

/// When a client that had `joined` again had also been told everything that was acknowledged before that.
pub(crate) fn caught_up(joined: Duration, acked: &[Acked], seen: &[Seen]) -> Duration {
    let owed: HashSet<_> = acked
        .iter()
        .filter(|acked| acked.at <= joined)
        .map(|acked| acked.seq)
        .collect();
    let told = seen.iter().filter(|seen| owed.contains(&seen.seq));
    told.map(|seen| seen.at)
        .max()
        .unwrap_or_default()
        .max(joined)
}
