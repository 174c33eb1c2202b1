//! Which entries of the outbox carry which positions, until the peer has proven them. Pure.

use std::collections::VecDeque;

use entities::ids::{ConversationId, Seq};

/// Positions under way to the peer, in the order of the entries that carry them.
#[derive(Debug, Default)]
pub(super) struct Unproven {
    sent: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    /// The entry of the outbox.
    number: u64,
    conversation: ConversationId,
    seq: Seq,
    /// Whether that entry is the answer of a join: it is sent once at most.
    by_answer: bool,
}

impl Unproven {
    /// Beyond this many, a position waits for the proof of a later entry of its conversation.
    const MOST: usize = 4_096;

    /// The event at the entry `number` carries `seq`.
    pub(super) fn sent(&mut self, number: u64, conversation: ConversationId, seq: Seq) {
        self.add(Sent {
            number,
            conversation,
            seq,
            by_answer: false,
        });
    }

    /// The answer at the entry `number` carries `seq`.
    pub(super) fn answered(&mut self, number: u64, conversation: ConversationId, seq: Seq) {
        self.add(Sent {
            number,
            conversation,
            seq,
            by_answer: true,
        });
    }

    fn add(&mut self, sent: Sent) {
        if self.sent.len() >= Self::MOST {
            let kind = |sent: &Sent| (sent.conversation, sent.by_answer);
            let older = self.sent.iter().rposition(|one| kind(one) == kind(&sent));
            older.and_then(|place| self.sent.remove(place));
        }
        self.sent.push_back(sent);
    }

    /// No answer after the entry `number` will be sent, or sent again: what they carried.
    pub(super) fn withdraw_answers(&mut self, number: u64) {
        self.sent
            .retain(|sent| sent.number <= number || !sent.by_answer);
    }

    /// The entry `number` will not be written: the position that it carried.
    pub(super) fn withdraw(&mut self, number: u64) -> Option<(ConversationId, Seq)> {
        let place = self.sent.binary_search_by_key(&number, |sent| sent.number);
        let sent = self.sent.remove(place.ok()?)?;
        Some((sent.conversation, sent.seq))
    }

    /// The highest position of each conversation that is proven by everything up to `up_to`.
    pub(super) fn proven(&mut self, up_to: u64) -> Vec<(ConversationId, Seq)> {
        let mut proven: Vec<(ConversationId, Seq)> = Vec::new();
        let is_proven = |sent: &mut Sent| sent.number <= up_to;
        while let Some(Sent {
            conversation, seq, ..
        }) = self.sent.pop_front_if(is_proven)
        {
            match proven.iter_mut().find(|(known, _)| *known == conversation) {
                Some((_, highest)) => *highest = seq.max(*highest),
                None => proven.push((conversation, seq)),
            }
        }
        if self.sent.is_empty() {
            self.sent.shrink_to(16);
        }
        proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_covers_what_was_sent_before_it_and_nothing_after() {
        let (one, two) = (ConversationId(1), ConversationId(2));
        let mut unproven = Unproven::default();
        unproven.sent(3, one, Seq(10));
        unproven.sent(5, two, Seq(4));
        unproven.sent(7, one, Seq(11));
        assert_eq!(unproven.proven(2), []);
        assert_eq!(unproven.proven(5), [(one, Seq(10)), (two, Seq(4))]);
        assert_eq!(unproven.proven(9), [(one, Seq(11))]);
        assert_eq!(unproven.proven(9), []);
    }

    #[test]
    fn what_was_not_written_proves_nothing() {
        let one = ConversationId(1);
        let mut unproven = Unproven::default();
        unproven.sent(3, one, Seq(10));
        unproven.sent(5, one, Seq(11));
        assert_eq!(unproven.withdraw(4), None);
        assert_eq!(unproven.withdraw(5), Some((one, Seq(11))));
        assert_eq!(unproven.proven(9), [(one, Seq(10))]);
    }

    #[test]
    fn an_answer_that_may_not_have_come_proves_nothing() {
        let one = ConversationId(1);
        let mut unproven = Unproven::default();
        unproven.answered(2, one, Seq(7));
        unproven.sent(3, one, Seq(8));
        unproven.answered(4, one, Seq(9));
        unproven.sent(5, ConversationId(2), Seq(1));
        unproven.withdraw_answers(2);
        assert_eq!(unproven.proven(2), [(one, Seq(7))]);
        let later = [(one, Seq(8)), (ConversationId(2), Seq(1))];
        assert_eq!(unproven.proven(9), later);
    }

    #[test]
    fn a_peer_that_proves_nothing_takes_bounded_memory() {
        let mut unproven = Unproven::default();
        for n in 1..100_000 {
            unproven.sent(n, ConversationId(1), Seq(n.cast_signed()));
        }
        assert_eq!(unproven.sent.len(), Unproven::MOST);
        let proven = unproven.proven(u64::MAX);
        assert_eq!(proven, [(ConversationId(1), Seq(99_999))]);
        for n in 1..20_000_u64 {
            let conversation = ConversationId(n.cast_signed() % 2);
            unproven.sent(n, conversation, Seq(n.cast_signed()));
        }
        assert_eq!(unproven.sent.len(), Unproven::MOST);
        assert_eq!(unproven.proven(u64::MAX).len(), 2);
    }
}
