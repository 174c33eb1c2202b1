//! The packets of Socket.IO, protocol 5, as the messages of Engine.IO carry them. Pure.
//!
//! A packet is `<kind>[<attachments>-][<namespace>,][<id>][<JSON>]`; the attachments of a binary one
//! follow as binary messages of their own. Valid is what the parser of the stock server takes
//! (`socket.io-parser` 4.2), except that it lets an event or an acknowledgement pass that has no
//! payload at all, which the specification forbids.
//!
//! JSON is checked for its syntax and kept as it stands. The check does not recurse, so depth costs
//! a byte a level; what the texts contain (lone surrogates, say) is judged by who reads them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

pub use crate::transport::engineio::packet::Malformed;

/// The namespace that is meant where none is named.
pub const MAIN: &str = "/";

/// The largest number of an acknowledgement, 2^53 − 1: clients hold it in a JavaScript number.
pub const ID_MAX: u64 = (1 << 53) - 1;

/// How many arguments an event may have after its name. Generous; it bounds what a split event
/// costs to 4 KiB.
pub const ARGUMENTS_MAX: usize = 256;

/// Names that clients and servers use for events of their own: on the wire they are forgeries.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `0`: into a namespace; its data is what the client offers to prove who it is.
    Connect,
    /// `1`: out of a namespace.
    Disconnect,
    /// `2`: an event.
    Event,
    /// `3`: the answer to an event that asked for one.
    Ack,
    /// `4`: belongs to the server.
    ConnectError,
    /// `5`: an event with attachments.
    BinaryEvent,
    /// `6`: an answer with attachments.
    BinaryAck,
}

impl Kind {
    fn of(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// A packet from a client; everything points into the text that it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where it belongs, with its slash; [`MAIN`] if none was named.
    pub namespace: &'a str,
    /// The number under which an answer is expected or given, at most [`ID_MAX`]. An
    /// acknowledgement always has one.
    pub id: Option<u64>,
    /// How many binary messages belong to it: at least one for the binary kinds, none for others,
    /// and as many as fit in 32 bits. The layer above sets a limit.
    pub attachments: usize,
    /// Its payload: for events an array that [`arguments`] can split, for acknowledgements an
    /// array, for CONNECT an object if there is one.
    pub data: Option<&'a RawValue>,
}

impl<'a> Packet<'a> {
    /// Reads a packet from the text of an Engine.IO message.
    ///
    /// # Errors
    /// Everything that is not of the form above with the payload that its kind asks for. An event
    /// must have a name, a number or a text that is not reserved.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let digit = text.as_bytes().first().ok_or(Malformed("empty packet"))?;
        let kind = Kind::of(*digit).ok_or(Malformed("unknown kind of packet"))?;
        let (attachments, rest) = attachments(kind, &text[1..])?;
        let (namespace, rest) = namespace(rest);
        let (id, rest) = number(rest, ID_MAX)?;
        let data = match rest {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| Malformed("broken JSON"))?),
        };
        let packet = Self {
            kind,
            namespace,
            id,
            attachments,
            data,
        };
        if packet.is_sound() {
            Ok(packet)
        } else {
            Err(Malformed("payload that its packet cannot have"))
        }
    }

    fn is_sound(&self) -> bool {
        let data = self.data.map(RawValue::get);
        match self.kind {
            Kind::Connect => data.is_none_or(|json| json.starts_with('{')),
            Kind::Disconnect => data.is_none(),
            Kind::Event | Kind::BinaryEvent => data.and_then(name).is_some(),
            Kind::Ack | Kind::BinaryAck => {
                self.id.is_some() && data.is_some_and(|json| json.starts_with('['))
            }
            Kind::ConnectError => data.is_none_or(|json| json.starts_with(['{', '"'])),
        }
    }
}

/// `<attachments>-`, which the binary kinds must have and the others cannot.
fn attachments(kind: Kind, text: &str) -> Result<(usize, &str), Malformed> {
    if !kind.is_binary() {
        return Ok((0, text));
    }
    let wrong = Malformed("wrong number of attachments");
    let (count, rest) = number(text, u32::MAX.into())?;
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(wrong)?;
    Ok((count, rest.strip_prefix('-').ok_or(wrong)?))
}

/// `/<namespace>,`; the comma may be missing where nothing follows.
fn namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') {
        text.split_once(',').unwrap_or((text, ""))
    } else {
        (MAIN, text)
    }
}

/// The digits that `text` begins with, as a number of at most `max`, and what follows them.
fn number(text: &str, max: u64) -> Result<(Option<u64>, &str), Malformed> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    match digits.parse() {
        Ok(number) if number <= max => Ok((Some(number), rest)),
        _ => Err(Malformed("number that is too large")),
    }
}

/// The name at the head of an event's array: sound JSON, so its ends are easy to find. `None` if
/// there is none, or a reserved one.
fn name(array: &str) -> Option<Cow<'_, str>> {
    let blank = |c: char| c.is_ascii_whitespace();
    let first = array.strip_prefix('[')?.trim_start_matches(blank);
    if first.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        let end = first.find(|c: char| c == ',' || c == ']' || blank(c))?;
        return Some(Cow::Borrowed(&first[..end]));
    }
    let text = first.strip_prefix('"')?;
    let name = unescape(&text[..end_of_string(text)?]);
    Some(name).filter(|name| !RESERVED.contains(&name.as_ref()))
}

/// Where the string ends whose content `text` begins with.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The text that the content of a JSON string stands for. A lone surrogate stands for none: such a
/// content is left as it is written, and its backslashes set it apart from every known name.
fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    match serde_json::from_str(&format!("\"{content}\"")) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(content),
    }
}

/// The array of an event, split.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    /// Its name, unescaped; of a number, its text.
    pub name: Cow<'a, str>,
    /// What follows the name, at most [`ARGUMENTS_MAX`] values.
    pub rest: SmallVec<[&'a RawValue; 2]>,
}

/// Splits the payload of an event.
///
/// # Errors
/// An array without a name of its own, and one with too many arguments.
pub fn arguments(data: &RawValue) -> Result<Arguments<'_>, Malformed> {
    let name = name(data.get()).ok_or(Malformed("event without a name"))?;
    let mut json = serde_json::Deserializer::from_str(data.get());
    let rest = json.deserialize_seq(AfterName);
    let rest = rest.map_err(|_| Malformed("too many arguments"))?;
    Ok(Arguments { name, rest })
}

/// Collects all elements of an array but the first.
struct AfterName;

impl<'a> Visitor<'a> for AfterName {
    type Value = SmallVec<[&'a RawValue; 2]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name and at most {ARGUMENTS_MAX} arguments")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut rest = SmallVec::new();
        array.next_element::<IgnoredAny>()?;
        while let Some(argument) = array.next_element()? {
            if rest.len() == ARGUMENTS_MAX {
                return Err(serde::de::Error::invalid_length(rest.len() + 2, &self));
            }
            rest.push(argument);
        }
        Ok(rest)
    }
}

/// The packet that lets a client into `namespace`: `40{"sid":…}`, `40/custom,{"sid":…}`.
///
/// This and the functions below give whole packets of Engine.IO, the `4` of a message in front. A
/// namespace has its slash in front and no comma in it.
///
/// # Panics
/// If `payload` cannot be encoded, which its type decides: string keys, no fallible parts.
#[must_use]
pub fn connect(namespace: &str, payload: &impl Serialize) -> Bytes {
    with_payload(b'0', namespace, payload)
}

/// The packet that keeps a client out of `namespace`: `44{"message":…}`.
///
/// # Panics
/// If `payload` cannot be encoded, as above.
#[must_use]
pub fn connect_error(namespace: &str, payload: &impl Serialize) -> Bytes {
    with_payload(b'4', namespace, payload)
}

/// An event, whose `array` is the JSON of its name and arguments: `42["name",…]`. With
/// `attachments`, of which `array` has the placeholders, `452-["name",…]`; with an `id` the client is
/// asked for an acknowledgement.
#[must_use]
pub fn event(namespace: &str, attachments: usize, id: Option<u64>, array: &str) -> Bytes {
    with_array((b'2', b'5'), namespace, attachments, id, array)
}

/// The acknowledgement of the event that had `id`, whose `array` is the JSON of its arguments:
/// `437[…]`, with `attachments` `461-7[…]`.
#[must_use]
pub fn ack(namespace: &str, attachments: usize, id: u64, array: &str) -> Bytes {
    with_array((b'3', b'6'), namespace, attachments, Some(id), array)
}

fn with_payload(kind: u8, namespace: &str, payload: &impl Serialize) -> Bytes {
    let mut packet = vec![b'4', kind];
    push_namespace(&mut packet, namespace);
    serde_json::to_writer(&mut packet, payload).expect("payloads can be encoded");
    Bytes::from(packet)
}

fn with_array(
    (plain, binary): (u8, u8),
    namespace: &str,
    attachments: usize,
    id: Option<u64>,
    array: &str,
) -> Bytes {
    // Room for the numbers too, so that the array is copied once.
    let mut packet = Vec::with_capacity(array.len() + namespace.len() + 44);
    packet.push(b'4');
    if attachments == 0 {
        packet.push(plain);
    } else {
        packet.push(binary);
        packet.extend_from_slice(attachments.to_string().as_bytes());
        packet.push(b'-');
    }
    push_namespace(&mut packet, namespace);
    if let Some(id) = id {
        packet.extend_from_slice(id.to_string().as_bytes());
    }
    packet.extend_from_slice(array.as_bytes());
    Bytes::from(packet)
}

fn push_namespace(packet: &mut Vec<u8>, namespace: &str) {
    if namespace != MAIN {
        packet.extend_from_slice(namespace.as_bytes());
        packet.push(b',');
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
