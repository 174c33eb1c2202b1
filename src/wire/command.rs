//! Everything that a client may ask, checked: the REST bodies and the socket events.

use std::str::FromStr as _;
use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};
use serde_json::Value;

use super::check::{Fields, positive};
use super::view::Status;
use crate::error::ChatError;

/// The longest content of a message, in characters without the white space at both ends.
pub const CONTENT_CHARACTERS_MAX: usize = 4_000;
/// The longest `client_message_id`.
const CLIENT_MESSAGE_ID_MAX: usize = 64;

/// What a socket may ask of the chat, whichever socket it is.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// `join_conversation`
    Join {
        /// Where.
        conversation: ConversationId,
        /// From where on to catch up.
        after: Option<Seq>,
    },
    /// `leave_conversation`
    Leave(ConversationId),
    /// `typing_start`, `typing_stop`
    SetTyping(ConversationId, bool),
    /// `send_message`
    Send(ConversationId, Draft),
    /// `mark_read`
    MarkRead {
        /// Where.
        conversation: ConversationId,
        /// Up to which message; everything so far if absent.
        up_to: Option<Seq>,
    },
    /// `status_update`
    SetStatus(Status),
}

/// A message that has no place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What is said, 1 to 4,000 characters, exactly as sent.
    pub content: Arc<str>,
    /// The sender's own key for it, 1 to 64 printable ASCII characters.
    pub client_message_id: Option<Arc<str>>,
}

/// How a body spells its fields: REST with underscores, sockets in camel case.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    conversation: &'static str,
    client_message_id: &'static str,
    up_to: &'static str,
}

const REST: Spelling = Spelling {
    conversation: "conversation_id",
    client_message_id: "client_message_id",
    up_to: "up_to_seq",
};
const SOCKET: Spelling = Spelling {
    conversation: "conversationId",
    client_message_id: "clientMessageId",
    up_to: "upToSeq",
};

impl Command {
    /// The command that a socket event asks for.
    ///
    /// # Errors
    /// [`ChatError::UnknownEvent`] for a name that the contract does not know,
    /// [`ChatError::Invalid`] for a payload that breaks its rules.
    pub fn from_event(event: &str, data: Value) -> Result<Self, ChatError> {
        match event {
            "join_conversation" => join(data),
            "leave_conversation" => conversation(data).map(Self::Leave),
            "typing_start" => conversation(data).map(|id| Self::SetTyping(id, true)),
            "typing_stop" => conversation(data).map(|id| Self::SetTyping(id, false)),
            "send_message" => send(data, SOCKET).map(|(id, draft)| Self::Send(id, draft)),
            "mark_read" => mark_read(data),
            "status_update" => status(data).map(Self::SetStatus),
            _ => Err(ChatError::UnknownEvent),
        }
    }
}

fn join(data: Value) -> Result<Command, ChatError> {
    let mut fields = Fields::of(data, "data")?;
    let conversation = fields.id(SOCKET.conversation);
    match (conversation, fields.position("afterSeq")) {
        (Some(id), Some(after)) => Ok(Command::Join {
            conversation: ConversationId(id),
            after: after.map(Seq),
        }),
        _ => Err(fields.refusal()),
    }
}

fn mark_read(data: Value) -> Result<Command, ChatError> {
    let mut fields = Fields::of(data, "data")?;
    let conversation = fields.id(SOCKET.conversation);
    match (conversation, fields.position(SOCKET.up_to)) {
        (Some(id), Some(up_to)) => Ok(Command::MarkRead {
            conversation: ConversationId(id),
            up_to: up_to.map(Seq),
        }),
        _ => Err(fields.refusal()),
    }
}

fn conversation(data: Value) -> Result<ConversationId, ChatError> {
    let mut fields = Fields::of(data, "data")?;
    match fields.id(SOCKET.conversation) {
        Some(id) => Ok(ConversationId(id)),
        None => Err(fields.refusal()),
    }
}

fn send(body: Value, spelling: Spelling) -> Result<(ConversationId, Draft), ChatError> {
    let mut fields = Fields::of(body, "body")?;
    let conversation = fields.id(spelling.conversation);
    let content = fields.text("content", CONTENT_CHARACTERS_MAX);
    let kind = match fields.take("type") {
        Some(kind) if kind != "text" => fields.refuse("type", "must be text"),
        _ => Some(()),
    };
    let client_message_id = match fields.take(spelling.client_message_id) {
        None => Some(None),
        Some(Value::String(id)) if printable(&id) => Some(Some(Arc::from(id))),
        Some(_) => fields.refuse(
            spelling.client_message_id,
            "must be 1 to 64 printable ASCII characters",
        ),
    };
    match (conversation, content, kind, client_message_id) {
        (Some(id), Some(content), Some(()), Some(client_message_id)) => Ok((
            ConversationId(id),
            Draft {
                content: content.into(),
                client_message_id,
            },
        )),
        _ => Err(fields.refusal()),
    }
}

fn printable(id: &str) -> bool {
    (1..=CLIENT_MESSAGE_ID_MAX).contains(&id.len()) && id.bytes().all(|b| matches!(b, 0x20..=0x7e))
}

/// The body of `POST /api/messages/send`.
///
/// # Errors
/// [`ChatError::Invalid`]; the same holds for the other bodies below.
pub fn send_body(body: Value) -> Result<(ConversationId, Draft), ChatError> {
    send(body, REST)
}

/// The body of `PUT …/read`: up to which message, or everything so far.
pub fn read_body(body: Value) -> Result<Option<Seq>, ChatError> {
    let mut fields = Fields::of(body, "body")?;
    match fields.position(REST.up_to) {
        Some(up_to) => Ok(up_to.map(Seq)),
        None => Err(fields.refusal()),
    }
}

/// The body of `POST …/typing`.
pub fn typing_body(body: Value) -> Result<bool, ChatError> {
    let mut fields = Fields::of(body, "body")?;
    match fields.boolean("isTyping") {
        Some(typing) => Ok(typing),
        None => Err(fields.refusal()),
    }
}

/// The body of `PUT /api/users/me/status`, and of `status_update`.
pub fn status(body: Value) -> Result<Status, ChatError> {
    let mut fields = Fields::of(body, "body")?;
    let word = fields.take("status");
    match word
        .as_ref()
        .and_then(Value::as_str)
        .and_then(Status::from_word)
    {
        Some(status) => Ok(status),
        None => Err(ChatError::field(
            "status",
            "must be online, busy or offline",
        )),
    }
}

/// The body of `POST /api/conversations`: the one other person. The caller's own id is ignored.
pub fn create_conversation(body: Value, me: UserId) -> Result<UserId, ChatError> {
    const FIELD: &str = "participant_ids";
    let mut fields = Fields::of(body, "body")?;
    if fields.take("type").is_none_or(|kind| kind != "direct") {
        fields.refuse::<()>("type", "must be direct");
    }
    let ids: Option<Vec<i64>> = match fields.take(FIELD) {
        Some(Value::Array(ids)) => ids.iter().map(positive).collect(),
        _ => None,
    };
    let Some(mut others) = ids else {
        fields.refuse::<()>(FIELD, "must be a list of user ids");
        return Err(fields.refusal());
    };
    others.retain(|&id| id != me.0);
    others.dedup();
    match others[..] {
        [other] if fields.is_sound() => Ok(UserId(other)),
        [_] => Err(fields.refusal()),
        _ => {
            fields.refuse::<()>(FIELD, "must name exactly one other user");
            Err(fields.refusal())
        }
    }
}

/// A positive integer in a path, such as a conversation's id.
pub fn path_id(text: &str) -> Result<i64, ChatError> {
    positive(&Value::from(digits(text)))
        .ok_or_else(|| ChatError::field("id", "must be a positive integer"))
}

/// What follows the `?` of a request: the last value of a name counts, an empty one is absent.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `text`, the part after the `?`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The text that `name` has.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The integer that `name` has, which must be in `range`.
    pub fn number(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, ChatError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match digits(text).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (from, to) = (range.start(), range.end());
                let message = format!("must be an integer from {from} to {to}");
                Err(ChatError::field(name, message))
            }
        }
    }
}

/// A plain decimal number: digits alone, as JSON has them (no sign, no blank, no fraction).
#[must_use]
pub fn digits(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        i64::from_str(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
