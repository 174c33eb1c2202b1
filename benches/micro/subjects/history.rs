//! How long does a page of 50 messages take to be read from a conversation of 100,000?

use std::path::Path;

use entities::ids::Seq;

use super::archive::Archive;
use crate::store::Message;

const MESSAGES: i64 = 100_000;
const PAGE: u64 = 50;

/// A conversation of 100,000 messages in a database of its own.
pub struct Archived(Archive);

impl std::fmt::Debug for Archived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archived").finish_non_exhaustive()
    }
}

impl Archived {
    /// Makes it, in the new database `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let archive = Archive::new(path, 1);
        let mut talk = archive.talks[0].clone();
        for _ in 0..MESSAGES / 1_000 {
            archive.append(&[talk.next(1_000)]);
        }
        Self(archive)
    }

    /// The newest page, from disk. (A conversation that is awake has it in memory.)
    pub fn newest(&self) -> impl FnMut() -> Vec<Message> {
        || self.page(Seq::MAX)
    }

    /// A page far from the head, each time another.
    pub fn deep(&self) -> impl FnMut() -> Vec<Message> {
        let mut place = 0;
        move || {
            // No divisor in common: it comes by every place before it comes back.
            place = (place + 7_919) % (MESSAGES / 2);
            self.page(Seq(place + 50))
        }
    }

    fn page(&self, up_to: Seq) -> Vec<Message> {
        let Archive {
            store,
            runtime,
            talks,
        } = &self.0;
        let page = runtime.block_on(store.newest(talks[0].id, up_to, PAGE));
        let page = page.expect("a page");
        debug_assert_eq!(page.len() as u64, PAGE, "a full page");
        page
    }
}
