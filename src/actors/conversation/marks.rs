//! How far each of the two has read and received. Pure: positions only move forward.
//!
//! Sending is reading: a send moves the sender's own positions to that message. So what is unread
//! is always `head − read`, with no counter to keep in step, and everything after a person's
//! read position was said by the other.

use entities::ids::Seq;

/// The positions of one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Up to which message they have read.
    pub(crate) read: Seq,
    /// Up to which message a device of theirs has proven to have received; at least `read`.
    pub(crate) delivered: Seq,
}

/// The positions of the two people of a conversation, by their side in the pair. `R` is where
/// the answer of a read goes.
#[derive(Debug)]
pub(crate) struct Marks<R> {
    /// On disk.
    at: [Position; 2],
    /// Proven to be received; may be ahead of the disk.
    received: [Seq; 2],
    /// Asked for and not yet out.
    reads: Vec<Read<R>>,
    /// With the journal.
    out: Option<Out<R>>,
}

/// Somebody asks for their read position to move.
#[derive(Debug)]
pub(crate) struct Read<R> {
    /// Who.
    pub(crate) side: usize,
    /// Up to which message, which must be committed.
    pub(crate) up_to: Seq,
    /// Where the answer goes.
    pub(crate) reply: R,
}

#[derive(Debug)]
struct Out<R> {
    moves: [Move; 2],
    reads: Vec<Read<R>>,
}

/// What one batch of messages does to one side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnSends {
    /// How many of them this side sent.
    pub(crate) count: i64,
    /// The last of those.
    pub(crate) last: Seq,
}

/// From where to where one side's positions move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Move {
    /// Before.
    pub(crate) from: Position,
    /// After.
    pub(crate) to: Position,
    /// Whether the read position passes a message of the other.
    pub(crate) passes: bool,
    /// How many messages of the other the position of what was received passes.
    pub(crate) received: u64,
}

impl Move {
    /// The move of one side, in which it sent so many messages of its own. What lies between the two
    /// positions is those and the other's.
    pub(crate) fn between(from: Position, to: Position, own: OwnSends) -> Self {
        let passes = to.read.0 - from.read.0 > own.count;
        // Whoever sends has received everything before: older sends of their own are not in between.
        let received = to.delivered.0 - from.delivered.0 - own.count;
        Self {
            from,
            to,
            passes,
            received: u64::try_from(received).unwrap_or(0),
        }
    }

    /// Whether anything moves.
    pub(crate) fn is_some(&self) -> bool {
        self.from != self.to
    }

    /// The position to tell the other of as delivered: what moved further than reading tells.
    pub(crate) fn newly_delivered(&self) -> Option<Seq> {
        let told = self.from.delivered.max(self.to.read);
        (self.to.delivered > told).then_some(self.to.delivered)
    }
}

impl<R> Marks<R> {
    /// Marks that stand at `at`.
    pub(crate) fn new(at: [Position; 2]) -> Self {
        Self {
            at,
            received: at.map(|position| position.delivered),
            reads: Vec::new(),
            out: None,
        }
    }

    /// What is on disk for `side`.
    pub(crate) fn at(&self, side: usize) -> Position {
        self.at[side]
    }

    /// Whether nobody waits and nothing is to be written.
    pub(crate) fn is_quiet(&self) -> bool {
        let behind = |side: usize| self.received[side] > self.at[side].delivered;
        self.out.is_none() && self.reads.is_empty() && !behind(0) && !behind(1)
    }

    /// Whether somebody waits for a read to go out.
    pub(crate) fn has_reads(&self) -> bool {
        !self.reads.is_empty()
    }

    /// Takes a read; it is answered when the batch that it goes out with is committed.
    pub(crate) fn read(&mut self, read: Read<R>) {
        self.reads.push(read);
    }

    /// A device of `side` has received everything up to `up_to`, which must be committed.
    pub(crate) fn received(&mut self, side: usize, up_to: Seq) {
        self.received[side] = self.received[side].max(up_to);
    }

    /// Gives out what is to be written together with messages that each side `sent`. Must not be
    /// called while something is out.
    pub(crate) fn propose(&mut self, sent: [OwnSends; 2]) -> [Move; 2] {
        debug_assert!(self.out.is_none(), "one batch at a time");
        let reads = std::mem::take(&mut self.reads);
        let moves = [0, 1].map(|side| {
            let from = self.at[side];
            let asked = reads
                .iter()
                .filter(|read| read.side == side)
                .map(|read| read.up_to);
            let read = asked.fold(from.read.max(sent[side].last), Seq::max);
            let to = Position {
                read,
                delivered: read.max(from.delivered).max(self.received[side]),
            };
            Move::between(from, to, sent[side])
        });
        self.out = Some(Out { moves, reads });
        moves
    }

    /// What was out is on disk: the moves, and those who asked for a read.
    pub(crate) fn committed(&mut self) -> ([Move; 2], Vec<Read<R>>) {
        match self.out.take() {
            Some(Out { moves, reads }) => {
                self.at = moves.map(|moved| moved.to);
                (moves, reads)
            }
            None => Default::default(),
        }
    }

    /// What was out is not on disk: those who asked for a read. What was received stays so, and
    /// the next batch takes it along.
    pub(crate) fn refused(&mut self) -> Vec<Read<R>> {
        self.out.take().map(|out| out.reads).unwrap_or_default()
    }

    /// What was out goes back, to be proposed again.
    pub(crate) fn returned(&mut self) {
        let mut reads = self.refused();
        reads.append(&mut self.reads);
        self.reads = reads;
    }
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
