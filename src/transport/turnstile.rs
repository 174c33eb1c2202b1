//! Keeps a crowd from holding up everybody else.
//!
//! When a router fails, thousands of connections end in the same moment, and a second later their
//! clients come back. What has to be done for each is little, but the scheduler serves who is ready in
//! the order of their coming: a message, which takes half a dozen turns from its socket to the other
//! person's, would wait behind the whole crowd in each of them.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Lets a few through in each turn of the scheduler. Clones are the same turnstile.
#[derive(Clone, Debug)]
pub(super) struct Turnstile(Arc<Semaphore>);

/// How many go through in a turn: enough to keep two processors busy with them alone.
const AT_ONCE: usize = 8;

impl Default for Turnstile {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turnstile {
    /// Waits until it is one's turn. Alone, that is once round the scheduler.
    pub(super) async fn pass(&self) {
        let _turn = self.0.acquire().await;
        tokio::task::yield_now().await;
    }
}
