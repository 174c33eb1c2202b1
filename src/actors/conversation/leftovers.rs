//! What a conversation that ends leaves to the next one with its id.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entities::ids::Seq;

use super::ConversationMsg;
use super::marks::{Move, Position};
use super::publication::{Published, encode};
use super::room::Room;
use super::suspects::Suspects;
use crate::actors::{Neighbours, wall_clock};
use crate::store::StoreError;
use crate::wire::view::Timestamp;

/// Kept by the supervisor, filled by a conversation that ends, and emptied by the next one, which
/// waits for that.
#[derive(Clone, Default)]
pub(crate) struct Leftovers(Arc<Mutex<Left>>);

/// What is left.
#[derive(Default)]
pub(super) struct Left {
    /// What came when it took leave.
    pub(super) msgs: Vec<ConversationMsg>,
    /// What the two people have been told, if it failed: there may be more on disk.
    pub(super) told: Option<Told>,
    /// The sends at which it panicked, and those before it.
    pub(super) suspects: Suspects,
}

/// What the two people of a conversation have been told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Up to which message.
    pub(super) head: Seq,
    /// How far each has read and received.
    pub(super) marks: [Position; 2],
}

impl Leftovers {
    /// Whether the next one is needed now: somebody waits, or may not have been told something.
    pub(crate) fn are_urgent(&self) -> bool {
        let left = self.lock();
        !left.msgs.is_empty() || left.told.is_some()
    }

    /// Whether nothing is in them that a later one could need.
    pub(crate) fn are_worthless(&self) -> bool {
        !self.are_urgent() && self.lock().suspects.is_empty()
    }

    /// They stay whole if whoever had them panicked.
    pub(super) fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// It panicked at what it has in hand.
    pub(super) fn accuse(&mut self) {
        if let Some(suspect) = self.in_hand.take() {
            self.suspects.accuse(suspect);
        }
    }

    /// Leaves what the next one must know: this one failed.
    pub(super) fn leave(self, left: &Leftovers) {
        let mut left = left.lock();
        left.told = Some(self.told);
        left.suspects = self.suspects;
    }

    /// Takes over what the one before left. If that failed, the batch that was out may be on disk
    /// and not told: whoever was told everything before must not miss it.
    ///
    /// # Errors
    /// Those of [`Store::after`](crate::store::Store::after).
    pub(super) async fn take_over(&mut self, left: &Leftovers) -> Result<(), StoreError> {
        // If it cannot be told, this one fails too, and the next one must not fail again.
        let told = left.lock().told.take();
        if let Some(told) = told.filter(|told| *told != self.told) {
            self.tell_since(told).await?;
        }
        self.suspects = std::mem::take(&mut left.lock().suspects);
        Ok(())
    }

    async fn tell_since(&mut self, told: Told) -> Result<(), StoreError> {
        let Neighbours { store, limits, .. } = &self.neighbours;
        let most = limits.batch_max as u64;
        let messages = store.after(self.id, told.head, most).await?;
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        let (context, sent) = (self.context(), self.own_sends(&messages));
        let mut published = Vec::with_capacity(messages.len());
        let mut last = None;
        for message in &messages {
            #[cfg(feature = "faults")]
            crate::faults::may_panic("conversation.news", &message.content);
            let encoded = encode(message, &context);
            published.push(Published::new(message, &encoded));
            last = Some(encoded);
        }
        let moves = [0, 1].map(|side| {
            let (from, to) = (told.marks[side], self.marks.at(side));
            Move::between(from, to, sent[side])
        });
        self.tally.moved(&moves);
        self.tell(published, last, Vec::new(), moves, Timestamp(wall_clock()));
        Ok(())
    }
}
