//! Who polls: connections by the name that their requests carry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::link::Request;

/// How many requests of one connection may wait; a client has two under way at most.
const REQUESTS_MAX: usize = 4;

/// Connections that poll, or did before they became WebSockets.
#[derive(Default)]
pub(super) struct Table(Mutex<HashMap<String, mpsc::Sender<Request>>>);

/// A connection's entry, as long as this lives.
pub(super) struct Entered {
    table: Arc<Table>,
    sid: String,
}

impl Table {
    /// Enters a connection: where its requests come in. `None` if there are `most` already.
    pub(super) fn enter(
        self: &Arc<Self>,
        sid: &str,
        most: usize,
    ) -> Option<(mpsc::Receiver<Request>, Entered)> {
        let mut entries = self.lock();
        if entries.len() >= most {
            return None;
        }
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        entries.insert(sid.to_owned(), requests);
        let entered = Entered {
            table: Arc::clone(self),
            sid: sid.to_owned(),
        };
        Some((inbox, entered))
    }

    /// Whether `sid` is there.
    pub(super) fn knows(&self, sid: &str) -> bool {
        self.lock().contains_key(sid)
    }

    /// Where the requests of `sid` go. To be kept for no longer than it takes to send one.
    ///
    /// What is sent in the very moment in which a connection ends may come to lie in a channel that
    /// nobody empties any more. It is dropped, and whoever waits for its answer told so, when
    /// nobody has a way into that channel: the table's goes with the connection.
    pub(super) fn find(&self, sid: &str) -> Option<mpsc::Sender<Request>> {
        self.lock().get(sid).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.table.lock().remove(&self.sid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_as_long_as_it_lives() {
        let table = Arc::new(Table::default());
        let (_inbox, entered) = table.enter("a", 2).expect("room");
        assert!(table.find("a").is_some() && table.find("b").is_none());
        assert!(table.knows("a") && !table.knows("b"));
        drop(entered);
        assert!(table.find("a").is_none() && !table.knows("a"));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let table = Arc::new(Table::default());
        let first = table.enter("a", 1);
        assert!(first.is_some() && table.enter("b", 1).is_none());
        drop(first);
        assert!(table.enter("b", 1).is_some());
    }
}
