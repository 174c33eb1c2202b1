//! Socket.IO: how a session begins, and what a client needs to come back to it.

use serde_json::{Value, json};

use super::Socket;
use crate::harness::answer::has_keys;
use crate::harness::arrival::Arrival;

/// What a client says when it returns. The default is that of one who comes for the first time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticket {
    /// The secret that names the session.
    pub(crate) pid: Option<String>,
    /// The number of the last event that the client has.
    pub(crate) offset: Option<String>,
}

impl Ticket {
    /// Remembers the offset of what came in.
    pub(super) fn see(&mut self, arrival: &Arrival) {
        if let Arrival::Event { offset, .. } = arrival
            && offset.is_some()
        {
            self.offset.clone_from(offset);
        }
    }

    /// The same of a client that has no event yet.
    pub(crate) fn without_offset(self) -> Self {
        Self {
            offset: None,
            ..self
        }
    }
}

impl Socket {
    /// What this client says when it returns. An event that the test has not met counts as not
    /// received.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    /// The next packet of the protocols below the events.
    pub(crate) async fn next_packet(&mut self) -> String {
        let is_packet = |arrival: &Arrival| matches!(arrival, Arrival::Packet(_));
        match self.take("a packet", is_packet).await {
            Arrival::Packet(text) => text,
            other => panic!("a packet: {other:?}"),
        }
    }

    /// Waits for the handshake's open packet: what it says.
    pub(crate) async fn opened(&mut self) -> Value {
        let packet = self.next_packet().await;
        let open = packet.strip_prefix('0').map(serde_json::from_str::<Value>);
        let Some(Ok(open)) = open else {
            panic!("an open packet: {packet}");
        };
        let keys = [
            "sid",
            "upgrades",
            "pingInterval",
            "pingTimeout",
            "maxPayload",
        ];
        has_keys(&open, &keys);
        open
    }

    /// Enters the main namespace; refused: with what.
    pub(crate) async fn enter(&mut self, token: &str, ticket: &Ticket) -> Result<(), Value> {
        let mut auth = json!({"token": token});
        for (key, value) in [("pid", &ticket.pid), ("offset", &ticket.offset)] {
            if let Some(value) = value {
                auth[key] = json!(value);
            }
        }
        let answer = self.enter_with(&auth.to_string()).await?;
        let pid = answer["pid"].as_str().expect("a private id").to_owned();
        self.recovered = ticket.pid.as_ref() == Some(&pid);
        self.ticket = Ticket {
            pid: Some(pid),
            // A stock client keeps its offset, whatever session it gets.
            offset: ticket.offset.clone(),
        };
        Ok(())
    }

    /// The same with a payload as it stands, which may be none: the answer's payload.
    pub(crate) async fn enter_with(&mut self, auth: &str) -> Result<Value, Value> {
        self.text(&format!("40{auth}"));
        let packet = self.next_packet().await;
        let body = packet
            .get(2..)
            .and_then(|body| serde_json::from_str(body).ok());
        let body: Value = body.unwrap_or_else(|| panic!("an answer to CONNECT: {packet}"));
        match &packet[..2] {
            "40" => {
                has_keys(&body, &["sid", "pid"]);
                Ok(body)
            }
            "44" => Err(body),
            _ => panic!("an answer to CONNECT: {packet}"),
        }
    }
}
