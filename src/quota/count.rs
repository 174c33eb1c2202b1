//! How many of something are held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// So many are held now. Clones are the same count.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU32>);

/// One of those that count, as long as this lives.
#[derive(Debug)]
pub struct Held(Count);

impl Count {
    /// Holds one more; `None` if that would be more than `most`.
    #[must_use]
    pub fn hold(&self, most: u32) -> Option<Held> {
        let Self(count) = self;
        let one_more = |held| (held < most).then_some(held + 1);
        let held = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        held.ok().map(|_| Held(self.clone()))
    }

    /// How many are held.
    #[must_use]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Self(Count(count)) = self;
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_held_and_no_more() {
        let count = Count::default();
        let first = count.hold(2);
        let second = count.hold(2);
        assert!(first.is_some() && second.is_some());
        assert!(count.hold(2).is_none());
        assert_eq!(count.get(), 2);
        drop(first);
        assert_eq!(count.get(), 1);
        assert!(count.hold(2).is_some());
    }
}
