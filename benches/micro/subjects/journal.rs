//! How long does a batch of so many messages take until it is on disk?

use std::path::Path;

use super::archive::Archive;
use crate::store::Append;

/// The journal's write, on the new database `path`: batches of `messages` from `conversations`
/// conversations, which take turns, so that as many as can be are in each batch. It is the
/// transaction alone, with neither the journal's mailbox nor the conversations'. The database grows with it,
/// and with that the number of pages that the scattered keys of a batch fall on.
pub fn batch(
    path: &Path,
    messages: usize,
    conversations: usize,
) -> (impl FnMut() -> Vec<Append>, impl FnMut(Vec<Append>)) {
    let archive = Archive::new(path, conversations);
    let mut talks = archive.talks.clone();
    let named = messages.min(conversations);
    let mut turn = 0;
    let batch = move || {
        let talk = |place| (turn + place) % conversations;
        let places: Vec<_> = (0..named).map(talk).collect();
        turn = talk(named);
        let next = |place: usize| talks[place].next(messages / named);
        places.into_iter().map(next).collect()
    };
    (batch, move |appends: Vec<Append>| archive.append(&appends))
}
