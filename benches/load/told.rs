//! What a Socket.IO server tells a client of mode `storm`, with all that the client has to keep for its return.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A packet of Engine.IO.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Let in, with the private id of the session if it can be taken up again.
    In {
        pid: Option<String>,
    },
    Message(Post),
    /// The answer to a join.
    Joined(Missed),
    /// Any other event or answer.
    Other,
    Ping,
    /// The server ends the connection.
    Goodbye,
    /// Not let in, a command refused, or what no server says.
    Wrong,
}

/// A message of a conversation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) seq: u64,
    pub(crate) conversation_id: u64,
    pub(crate) content: String,
    pub(crate) client_message_id: Option<String>,
}

/// What came after the position that a join named.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) head_seq: u64,
    #[serde(default)]
    pub(crate) messages: Vec<Post>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

#[derive(Deserialize)]
struct Greeting {
    pid: Option<String>,
}

#[derive(Deserialize)]
struct NewMessage {
    message: Post,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Missed,
}

/// Reads a packet; with it the offset that stands last in an event, which says how far the client has come.
pub(crate) fn read(packet: &str) -> (Told, Option<String>) {
    let told = match packet.as_bytes() {
        b"2" => Told::Ping,
        b"6" => Told::Other,
        b"1" | b"41" => Told::Goodbye,
        [b'4', b'0', ..] => greeting(&packet[2..]),
        [b'4', b'2', ..] => return event(&packet[2..]).unwrap_or((Told::Wrong, None)),
        [b'4', b'3', ..] => answer(&packet[2..]).unwrap_or(Told::Wrong),
        _ => Told::Wrong,
    };
    (told, None)
}

fn greeting(data: &str) -> Told {
    match serde_json::from_str(data) {
        Ok(Greeting { pid }) => Told::In { pid },
        Err(_) => Told::Wrong,
    }
}

fn event(array: &str) -> Option<(Told, Option<String>)> {
    let array: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let (name, arguments) = array.split_first()?;
    let name: String = serde_json::from_str(name.get()).ok()?;
    // As the stock client has it: a text that stands last is an offset.
    let offset = arguments
        .last()
        .and_then(|last| serde_json::from_str(last.get()).ok());
    let told = match name.as_str() {
        "new_message" => {
            let NewMessage { message } = serde_json::from_str(arguments.first()?.get()).ok()?;
            Told::Message(message)
        }
        "error" => Told::Wrong,
        _ => Told::Other,
    };
    Some((told, offset))
}

fn answer(text: &str) -> Option<Told> {
    let array = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let array: Vec<Value> = serde_json::from_str(array).ok()?;
    let answer = array.into_iter().next()?;
    let Answer { status, data } = serde_json::from_value(answer).ok()?;
    (status == "success").then_some(Told::Joined(data))
}
