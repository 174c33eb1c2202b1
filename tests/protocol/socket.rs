//! Socket.IO: two namespaces that greet with `auth`, and send back what they hear.

use std::sync::Arc;

use axum::http::HeaderMap;
use duologue::chat::Ending;
use duologue::config::Limits;
use duologue::transport::connection::{Frame, Output, Source, Why, Work};
use duologue::transport::engineio::Service;
use duologue::transport::socketio::{
    Admission, Connection, Denial, Event, Namespaces, Refusal, packet,
};
use serde_json::json;
use serde_json::value::RawValue;

use crate::queue::Queue;

#[derive(Debug)]
pub(crate) struct Echo(pub(crate) Arc<Limits>);

impl Service for Echo {
    type Handler = Connection<Rooms>;

    fn open(&self, _: &HeaderMap) -> Connection<Rooms> {
        Connection::new(Rooms::default(), Arc::clone(&self.0))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Rooms(Queue);

impl Namespaces for Rooms {
    /// What they brought.
    type Client = String;

    fn admit(&self, namespace: &str, auth: Option<&RawValue>) -> Work<Admission<String>> {
        let is_known = matches!(namespace, "/" | "/custom");
        let auth = auth.map_or("{}", RawValue::get).to_owned();
        Box::pin(async move {
            if is_known {
                return Ok((json!({"sid": duologue::wire::id::random()}), auth));
            }
            Err(Denial::Refused(Refusal {
                message: "Invalid namespace".to_owned(),
                data: None,
            }))
        })
    }

    fn enter(&mut self, namespace: &str, auth: String) {
        let greeting = format!(r#"["auth",{auth}]"#);
        let packet = packet::event(namespace, 0, None, &greeting);
        self.0.push(Frame::Text(packet));
    }

    fn receive(&mut self, namespace: &str, event: Event<'_>) {
        let arguments: Vec<&str> = event.arguments.iter().map(|one| one.get()).collect();
        let arguments = arguments.join(",");
        let count = event.attachments.len();
        let packet = match (event.name.as_ref(), event.id) {
            ("message", _) => {
                let back = format!(r#"["message-back",{arguments}]"#);
                packet::event(namespace, count, None, &back)
            }
            ("message-with-ack", Some(id)) => {
                packet::ack(namespace, count, id, &format!("[{arguments}]"))
            }
            _ => return,
        };
        self.0.push(Frame::Text(packet));
        for attachment in event.attachments {
            self.0.push(Frame::Binary(attachment));
        }
    }

    fn leave(&mut self, _: &str) {}
}

impl Source for Rooms {
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
