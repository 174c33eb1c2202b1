//! Frames that wait to be written, and the way to wake whoever writes them.

use duologue::chat::Ending;
use duologue::transport::connection::{Frame, Output, Source, Why};
use tokio::sync::Notify;

/// What is said on one connection.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    frames: Vec<Frame>,
    filled: Notify,
}

impl Queue {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.filled.notify_one();
    }
}

impl Source for Queue {
    fn has_room(&self) -> bool {
        self.frames.len() < 256
    }

    async fn ready(&mut self) {
        self.filled.notified().await;
    }

    fn take(&mut self, output: &mut Output) {
        output.frames.append(&mut self.frames);
    }

    fn proven(&mut self, _: u64) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn over(&self) -> Option<Why> {
        None
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn end(self, _: Ending) {}
}
