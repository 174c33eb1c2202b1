//! Socket.IO: how a session begins, and what a client needs to come back to it.

use serde_json::{Value, json};

use super::Socket;
use crate::harness::answer::{has_keys, number};
use crate::harness::arrival::{Arrival, End};

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
    /// What this client says when it returns. What came in while the test waited for something
    /// else counts as received; what comes after that does not.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    /// The `seq` of every `new_message` that came in while the test waited for something else.
    pub(crate) async fn seqs_at_hand(&mut self) -> Vec<i64> {
        let mut seqs = Vec::new();
        let is_message = |arrival: &Arrival| matches!(arrival, Arrival::Event { name, .. } if name == "new_message");
        while self.waiting.iter().any(is_message) {
            seqs.push(number(&self.next_message().await["seq"]));
        }
        seqs
    }

    /// The next packet of the protocols below the events.
    pub(crate) async fn next_packet(&mut self) -> String {
        let is_packet = |arrival: &Arrival| matches!(arrival, Arrival::Packet(_));
        match self.take("a packet", is_packet).await {
            Arrival::Packet(text) => text,
            other => panic!("a packet: {other:?}"),
        }
    }

    /// The same, or how the server ended the connection first.
    pub(crate) async fn next_packet_or_end(&mut self) -> Result<String, End> {
        let either = |arrival: &Arrival| matches!(arrival, Arrival::Packet(_) | Arrival::End(_));
        match self.take("a packet or the end", either).await {
            Arrival::Packet(text) => Ok(text),
            Arrival::End(end) => Err(end),
            other => panic!("a packet or the end: {other:?}"),
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
