//! The text of Socket.IO's packets, each with Engine.IO's `4` before it.

use serde_json::Value;
use tokio_tungstenite::tungstenite::Bytes;

use crate::harness::arrival::Arrival;

/// A heartbeat.
pub(crate) const PING: &str = "2";

/// What answers a heartbeat.
pub(crate) const PONG: &str = "3";

/// What stands between two packets of a payload.
pub(crate) const SEPARATOR: char = '\u{1e}';

/// `42["name",data]`, or `42<id>["name",data]` for an acknowledgement; the data as they stand.
pub(crate) fn event(name: &str, data: &str, id: Option<u64>) -> String {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    format!("42{id}[{},{data}]", Value::from(name))
}

/// What the server's packet says; nothing but text packets may come.
pub(crate) fn understand(text: &str) -> Arrival {
    if text == PING {
        return Arrival::Ping(Bytes::new());
    }
    let read = match text.get(..2) {
        Some("42") => read_event(&text[2..]),
        Some("43") => read_acknowledgement(&text[2..]),
        _ => Some(Arrival::Packet(text.to_owned())),
    };
    read.unwrap_or_else(|| Arrival::Strange(text.to_owned()))
}

/// `["name",data,"offset"]`, and `["error",data]`: an error is no part of what can be missed.
fn read_event(array: &str) -> Option<Arrival> {
    let mut array = serde_json::from_str::<Vec<Value>>(array).ok()?.into_iter();
    let (name, data) = (array.next()?.as_str()?.to_owned(), array.next()?);
    let offset = array.next();
    let offset = match offset {
        Some(Value::String(offset)) => Some(offset),
        None => None,
        Some(_) => return None,
    };
    let whole = array.next().is_none() && offset.is_none() == (name == "error");
    whole.then_some(Arrival::Event { name, data, offset })
}

/// `<id>[envelope]`
fn read_acknowledgement(text: &str) -> Option<Arrival> {
    let (id, array) = text.split_at(text.find('[')?);
    let id: u64 = id.parse().ok()?;
    let [body] = serde_json::from_str::<[Value; 1]>(array).ok()?;
    let id = Value::from(id);
    Some(Arrival::Reply { id, body })
}
