//! Socket.IO packets (protocol 5, "Packet encoding"). Pure.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::wire::reply::encode;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody asks to be let in, or is.
    Connect,
    /// Somebody leaves.
    Disconnect,
    /// An event.
    Event,
    /// The acknowledgement of an event.
    Ack,
    /// Somebody is not let in.
    ConnectError,
    /// An event with attachments.
    BinaryEvent,
    /// An acknowledgement with attachments.
    BinaryAck,
}

/// A packet, without its attachments.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where; `/` if it does not say.
    pub namespace: &'a str,
    /// What its acknowledgement is called.
    pub id: Option<u64>,
    /// How many attachments follow.
    pub attachments: usize,
    /// Its payload.
    pub data: Option<&'a RawValue>,
}

/// What is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Names that clients and servers use among themselves.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The largest number that a JavaScript client holds exactly.
const ID_MAX: u64 = (1 << 53) - 1;

impl<'a> Packet<'a> {
    /// Reads a packet: the text of an Engine.IO message.
    ///
    /// # Errors
    /// [`Malformed`] for everything that the reference implementation's decoder refuses.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let mut rest = Rest(text);
        let kind = rest.kind()?;
        let is_binary = matches!(kind, Kind::BinaryEvent | Kind::BinaryAck);
        let attachments = if is_binary { rest.attachments()? } else { 0 };
        let packet = Self {
            kind,
            attachments,
            namespace: rest.namespace(),
            id: rest.id()?,
            data: rest.data()?,
        };
        match packet.is_valid() {
            true => Ok(packet),
            false => Err(Malformed),
        }
    }

    fn is_valid(&self) -> bool {
        let first = self.data.and_then(|data| data.get().bytes().next());
        match self.kind {
            Kind::Connect => matches!(first, None | Some(b'{')),
            Kind::Disconnect => first.is_none(),
            Kind::Event | Kind::BinaryEvent => {
                self.data.is_some_and(|data| arguments(data).is_ok())
            }
            Kind::Ack | Kind::BinaryAck => first == Some(b'[') && self.id.is_some(),
            Kind::ConnectError => matches!(first, Some(b'{' | b'"')),
        }
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn kind(&mut self) -> Result<Kind, Malformed> {
        let kind = match self.0.bytes().next() {
            Some(b'0') => Kind::Connect,
            Some(b'1') => Kind::Disconnect,
            Some(b'2') => Kind::Event,
            Some(b'3') => Kind::Ack,
            Some(b'4') => Kind::ConnectError,
            Some(b'5') => Kind::BinaryEvent,
            Some(b'6') => Kind::BinaryAck,
            _ => return Err(Malformed),
        };
        self.0 = &self.0[1..];
        Ok(kind)
    }

    fn digits(&mut self) -> &'a str {
        let end = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    fn attachments(&mut self) -> Result<usize, Malformed> {
        let count = self.digits().parse::<u32>().map_err(|_| Malformed)?;
        self.0 = self.0.strip_prefix('-').ok_or(Malformed)?;
        usize::try_from(count).map_err(|_| Malformed)
    }

    fn namespace(&mut self) -> &'a str {
        if !self.0.starts_with('/') {
            return "/";
        }
        let (namespace, rest) = self.0.split_once(',').unwrap_or((self.0, ""));
        self.0 = rest;
        namespace
    }

    fn id(&mut self) -> Result<Option<u64>, Malformed> {
        match self.digits() {
            "" => Ok(None),
            digits => match digits.parse() {
                Ok(id) if id <= ID_MAX => Ok(Some(id)),
                _ => Err(Malformed),
            },
        }
    }

    fn data(&mut self) -> Result<Option<&'a RawValue>, Malformed> {
        match self.0 {
            "" => Ok(None),
            json => serde_json::from_str(json).map(Some).map_err(|_| Malformed),
        }
    }
}

/// An event's payload, split.
#[derive(Debug)]
pub struct Arguments<'a> {
    /// The event's name; a number as it is written.
    pub name: Cow<'a, str>,
    /// What follows it.
    pub rest: Vec<&'a RawValue>,
}

/// Splits an event's payload.
///
/// # Errors
/// [`Malformed`] for what is no array that begins with a name, and for a name that is reserved.
pub fn arguments(data: &RawValue) -> Result<Arguments<'_>, Malformed> {
    let mut rest: Vec<&RawValue> = serde_json::from_str(data.get()).map_err(|_| Malformed)?;
    if rest.is_empty() {
        return Err(Malformed);
    }
    let first = rest.remove(0).get();
    let name = match first.as_bytes().first() {
        Some(b'"') => match plain(first) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(serde_json::from_str(first).map_err(|_| Malformed)?),
        },
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(first),
        _ => return Err(Malformed),
    };
    match RESERVED.contains(&name.as_ref()) {
        true => Err(Malformed),
        false => Ok(Arguments { name, rest }),
    }
}

/// What stands between quotes, if nothing in it is escaped.
fn plain(quoted: &str) -> Option<&str> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

/// `CONNECT`, from a server.
pub fn connect(namespace: &str, payload: &impl Serialize) -> Bytes {
    with_payload("40", namespace, payload)
}

/// `CONNECT_ERROR`
pub fn connect_error(namespace: &str, payload: &impl Serialize) -> Bytes {
    with_payload("44", namespace, payload)
}

fn with_payload(kind: &str, namespace: &str, payload: &impl Serialize) -> Bytes {
    let mut packet = head(kind, 0, namespace, None, 64).into_bytes();
    packet.append(&mut encode(payload));
    packet.into()
}

/// `EVENT` or `BINARY_EVENT`; `array` is its payload, encoded.
#[must_use]
pub fn event(namespace: &str, attachments: usize, id: Option<u64>, array: &str) -> Bytes {
    let kind = if attachments == 0 { "42" } else { "45" };
    (head(kind, attachments, namespace, id, array.len()) + array).into()
}

/// `ACK` or `BINARY_ACK`; `array` is its payload, encoded.
#[must_use]
pub fn ack(namespace: &str, attachments: usize, id: u64, array: &str) -> Bytes {
    let kind = if attachments == 0 { "43" } else { "46" };
    (head(kind, attachments, namespace, Some(id), array.len()) + array).into()
}

/// What stands before the payload, with room for that.
fn head(kind: &str, attachments: usize, namespace: &str, id: Option<u64>, room: usize) -> String {
    /// The longest number and what surrounds it.
    const NUMBERS: usize = 48;
    let mut head = String::with_capacity(NUMBERS + namespace.len() + room);
    head.push_str(kind);
    if attachments > 0 {
        head.push_str(&attachments.to_string());
        head.push('-');
    }
    if namespace != "/" {
        head.push_str(namespace);
        head.push(',');
    }
    if let Some(id) = id {
        head.push_str(&id.to_string());
    }
    head
}
