//! Plain WebSockets: every message comes back as it came, text and bytes. (The chat refuses bytes; what carries it
//! does not.)

use duologue::transport::connection::{Frame, Handler, Message, Why};

use crate::queue::Queue;

/// The largest message that the suite wants back, in bytes (its cases 9.1.6 and 9.2.6).
pub(crate) const LARGEST: usize = 16 << 20;

impl Handler for Queue {
    fn receive(&mut self, message: Message<'_>) -> Result<(), Why> {
        self.push(match message {
            Message::Text(text) => Frame::Text(text.to_owned().into()),
            Message::Binary(bytes) => Frame::Binary(bytes),
        });
        Ok(())
    }
}
