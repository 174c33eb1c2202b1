//! Everything that a client may ask, checked: the REST bodies and the socket events.

use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};

use super::body::{ConversationData, JoinData, ReadData, SendData, StatusBody};
use super::check::Fields;
use super::event::LeftConversation;
use super::json::{self, Keep, Names, Value};
use super::reply::{JoinedForm, ReadMark, StatusSet, Typing};
use super::schema::Form;
use super::view::{MessageView, Status};
use crate::error::ChatError;

/// The longest content of a message, in characters without the white space at both ends.
pub const CONTENT_CHARACTERS_MAX: usize = 4_000;
/// The longest `client_message_id`.
pub const CLIENT_MESSAGE_ID_MAX: usize = 64;

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

/// The data of an event, whichever it is.
pub const DATA: Names = &[
    ("conversationId", Keep::Plain),
    ("content", Keep::Plain),
    ("type", Keep::Plain),
    ("clientMessageId", Keep::Plain),
    ("afterSeq", Keep::Plain),
    ("upToSeq", Keep::Plain),
    ("status", Keep::Plain),
    // Of the frame that authenticates.
    ("token", Keep::Plain),
];
const SEND: Names = &[
    ("conversation_id", Keep::Plain),
    ("content", Keep::Plain),
    ("type", Keep::Plain),
    ("client_message_id", Keep::Plain),
];
const READ: Names = &[("up_to_seq", Keep::Plain)];
const TYPING: Names = &[("isTyping", Keep::Plain)];
const STATUS: Names = &[("status", Keep::Plain)];
const CONVERSATION: Names = &[("type", Keep::Plain), ("participant_ids", Keep::Plain)];

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

/// Reads the payload of one event.
type Read = fn(Value<'_>) -> Result<Command, ChatError>;

/// An event of a client: how it is read, and what describes it.
#[derive(Debug)]
pub struct Asked {
    /// What it is called.
    pub name: &'static str,
    /// What it asks for.
    pub words: &'static str,
    /// Its payload.
    pub data: fn() -> Form,
    /// `data` of its acknowledgement.
    pub answer: fn() -> Form,
    /// The codes of refusals that not every event has.
    pub codes: &'static [&'static str],
    read: Read,
}

const STRANGERS: &[&str] = &["not_found", "not_a_participant"];

/// Every event that a client may send, once it is known who it is.
pub const EVENTS: [Asked; 7] = [
    Asked {
        name: "send_message",
        words: "Sends a message. It is acknowledged when it is on disk.",
        data: Form::of::<SendData>,
        answer: Form::of::<MessageView<'_>>,
        codes: &["not_found", "not_a_participant", "conflict", "forbidden"],
        read: |data| send(data, SOCKET).map(|(id, draft)| Command::Send(id, draft)),
    },
    Asked {
        name: "mark_read",
        words: "Says how far one has read; everything so far without a position. Never moves back.",
        data: Form::of::<ReadData>,
        answer: Form::of::<ReadMark>,
        codes: STRANGERS,
        read: mark_read,
    },
    Asked {
        name: "typing_start",
        words: "Says that one types: for 6 s, if it is not said again or taken back.",
        data: Form::of::<ConversationData>,
        answer: Form::of::<Typing>,
        codes: STRANGERS,
        read: |data| typing(data, true),
    },
    Asked {
        name: "typing_stop",
        words: "Says that one types no more.",
        data: Form::of::<ConversationData>,
        answer: Form::of::<Typing>,
        codes: STRANGERS,
        read: |data| typing(data, false),
    },
    Asked {
        name: "join_conversation",
        words: "Joins a conversation: from then on this session hears `new_message` and `user_typing` of \
                those alone that it has joined. With a position the acknowledgement tells what came after it, \
                with no gap to what is told live.",
        data: Form::of::<JoinData>,
        answer: Form::of::<JoinedForm>,
        codes: STRANGERS,
        read: join,
    },
    Asked {
        name: "leave_conversation",
        words: "Leaves a conversation. That ends one's typing there.",
        data: Form::of::<ConversationData>,
        answer: Form::of::<LeftConversation>,
        codes: STRANGERS,
        read: |data| conversation(data).map(Command::Leave),
    },
    Asked {
        name: "status_update",
        words: "Chooses what one is seen as.",
        data: Form::of::<StatusBody>,
        answer: Form::of::<StatusSet>,
        codes: &[],
        read: |data| chosen(data).map(Command::SetStatus),
    },
];

/// The names of every event that a client may send, once it is known who it is.
pub fn events() -> impl Iterator<Item = &'static str> {
    EVENTS.into_iter().map(|event| event.name)
}

impl Command {
    /// The command that a socket event asks for, whose `data` was read by [`DATA`].
    ///
    /// # Errors
    /// [`ChatError::UnknownEvent`] for a name that the contract does not know,
    /// [`ChatError::Invalid`] for a payload that breaks its rules.
    pub fn from_event(event: &str, data: Value<'_>) -> Result<Self, ChatError> {
        let found = EVENTS.iter().find(|asked| asked.name == event);
        (found.ok_or(ChatError::UnknownEvent)?.read)(data)
    }
}

fn join(data: Value<'_>) -> Result<Command, ChatError> {
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

fn mark_read(data: Value<'_>) -> Result<Command, ChatError> {
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

fn typing(data: Value<'_>, typing: bool) -> Result<Command, ChatError> {
    conversation(data).map(|id| Command::SetTyping(id, typing))
}

fn conversation(data: Value<'_>) -> Result<ConversationId, ChatError> {
    let mut fields = Fields::of(data, "data")?;
    match fields.id(SOCKET.conversation) {
        Some(id) => Ok(ConversationId(id)),
        None => Err(fields.refusal()),
    }
}

fn send(body: Value<'_>, spelling: Spelling) -> Result<(ConversationId, Draft), ChatError> {
    let mut fields = Fields::of(body, "body")?;
    let conversation = fields.id(spelling.conversation);
    let content = fields.text("content", CONTENT_CHARACTERS_MAX);
    let kind = match fields.take("type") {
        Some(kind) if kind.as_str() != Some("text") => fields.refuse("type", "must be text"),
        _ => Some(()),
    };
    let client_message_id = match fields.take(spelling.client_message_id) {
        None => Some(None),
        Some(Value::Text(id)) if printable(&id) => Some(Some(Arc::from(id))),
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
/// [`ChatError::MalformedJson`], [`ChatError::Invalid`]; the same holds for the other bodies below.
pub fn send_body(body: &str) -> Result<(ConversationId, Draft), ChatError> {
    send(json::parse(body, SEND)?, REST)
}

/// The body of `PUT …/read`: up to which message, or everything so far.
pub fn read_body(body: &str) -> Result<Option<Seq>, ChatError> {
    let mut fields = Fields::parse(body, READ)?;
    match fields.position(REST.up_to) {
        Some(up_to) => Ok(up_to.map(Seq)),
        None => Err(fields.refusal()),
    }
}

/// The body of `POST …/typing`.
pub fn typing_body(body: &str) -> Result<bool, ChatError> {
    let mut fields = Fields::parse(body, TYPING)?;
    match fields.boolean("isTyping") {
        Some(typing) => Ok(typing),
        None => Err(fields.refusal()),
    }
}

/// The body of `PUT /api/users/me/status`.
pub fn status(body: &str) -> Result<Status, ChatError> {
    chosen(json::parse(body, STATUS)?)
}

fn chosen(body: Value<'_>) -> Result<Status, ChatError> {
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
pub fn create_conversation(body: &str, me: UserId) -> Result<UserId, ChatError> {
    const FIELD: &str = "participant_ids";
    let mut fields = Fields::parse(body, CONVERSATION)?;
    let kind = fields.take("type");
    if kind.as_ref().and_then(Value::as_str) != Some("direct") {
        fields.refuse::<()>("type", "must be direct");
    }
    let Some(Value::List(Some(mut others))) = fields.take(FIELD) else {
        fields.refuse::<()>(FIELD, "must be a list of user ids");
        return Err(fields.refusal());
    };
    others.retain(|id| *id != me.0);
    match others[..] {
        [other] if fields.is_sound() => Ok(UserId(other)),
        [_] => Err(fields.refusal()),
        _ => {
            fields.refuse::<()>(FIELD, "must name exactly one other user");
            Err(fields.refusal())
        }
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
