//! Engine.IO: every message comes back.

use axum::http::HeaderMap;
use duologue::chat::Ending;
use duologue::transport::connection::{Frame, Handler, Message, Output, Source, Why};
use duologue::transport::engineio::Service;

use crate::queue::Queue;

#[derive(Debug)]
pub(crate) struct Echo;

#[derive(Debug, Default)]
pub(crate) struct Connection(Queue);

impl Service for Echo {
    type Handler = Connection;

    fn open(&self, _: &HeaderMap) -> Connection {
        Connection::default()
    }
}

impl Handler for Connection {
    fn receive(&mut self, message: Message<'_>) -> Result<(), Why> {
        self.0.push(match message {
            Message::Text(text) => Frame::Text(format!("4{text}").into()),
            Message::Binary(bytes) => Frame::Binary(bytes),
        });
        Ok(())
    }
}

impl Source for Connection {
    fn has_room(&self) -> bool {
        self.0.has_room()
    }

    async fn ready(&mut self) {
        self.0.ready().await;
    }

    fn take(&mut self, output: &mut Output) {
        self.0.take(output);
    }

    fn proven(&mut self, _: u64) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn over(&self) -> Option<Why> {
        None
    }

    async fn changed(&mut self) {
        self.0.changed().await;
    }

    async fn end(self, _: Ending) {}
}
