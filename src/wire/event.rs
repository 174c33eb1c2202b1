//! Everything that the server says by itself, each event encoded once for all who hear it.

#![expect(
    single_use_lifetimes,
    reason = "a derived schema names a lifetime once more"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use entities::ids::{ConversationId, Seq, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::schema::{self, Form};
use super::view::{MessageView, OneConversation, Status, Timestamp};

/// An event, encoded. Cheap to share: every session that hears it writes the same bytes.
#[derive(Debug)]
pub struct Event {
    number: u64,
    name: &'static str,
    frame: Bytes,
    socketio: OnceLock<Bytes>,
}

impl Event {
    /// Encodes the event that `data` is the payload of as a frame of the plain WebSocket,
    /// `{"event": name, "data": data}`, and gives it the next number of this process.
    ///
    /// # Panics
    /// Never for the payloads of this module: they have string keys and no fallible parts.
    pub fn new<T: Told>(data: &T) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let name = T::NAME;
        let frame = serde_json::to_vec(&Frame { event: name, data });
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            name,
            frame: Bytes::from(frame.expect("payloads of events can be encoded")),
            socketio: OnceLock::new(),
        }
    }

    /// The frame of the plain WebSocket.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The Engine.IO message of Socket.IO, `42[name, data, number]`: made when the first session
    /// needs it, from the payload that is encoded already. The number is a string, last in the
    /// list, because that is where stock clients take their offset from.
    #[must_use]
    pub fn socketio(&self) -> &Bytes {
        self.socketio.get_or_init(|| {
            let (name, number) = (self.name.as_bytes(), self.number.to_string());
            // What stands around the payload is as long as it is around none.
            let before = r#"{"event":"","data":"#.len() + name.len();
            let payload = &self.frame[before..self.frame.len() - 1];
            // Not `format!`, which looks for room as it goes: this is done for every message.
            let parts: [&[u8]; 7] = [
                b"42[\"",
                name,
                b"\",",
                payload,
                b",\"",
                number.as_bytes(),
                b"\"]",
            ];
            Bytes::from(parts.concat())
        })
    }

    /// Its place among all events of this process: what a returning client names as the last
    /// that it has (contract, "Coming back").
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// The payload of an event. Only what stands in the list below is one, so that each is described.
pub trait Told: Serialize + ToSchema {
    /// What the event is called.
    const NAME: &'static str;
}

/// An event of the server, for what describes it.
#[derive(Debug)]
pub struct About {
    /// What it is called.
    pub name: &'static str,
    /// When it is told, and to whom.
    pub words: &'static str,
    /// Its payload.
    pub data: Form,
}

macro_rules! told {
    ($($payload:ty = $name:literal, $words:literal;)+) => {
        $(impl Told for $payload {
            const NAME: &'static str = $name;
        })+

        /// Every event that the server tells.
        #[must_use]
        pub fn told() -> Vec<About> {
            vec![$(About {
                name: $name,
                words: $words,
                data: Form::of::<$payload>(),
            }),+]
        }
    };
}

told! {
    NewMessage<'_> = "new_message",
        "A message is on disk. Told to both people, the sender's own sessions included; a session that has \
         joined conversations hears it of those alone.";
    UserTyping<'_> = "user_typing",
        "The other person types, or does not any more. Told on a change only, by the same rule.";
    MessagesRead = "messages_read",
        "The other person has read up to here. Told when that passes a message of the one who is told.";
    MessagesDelivered = "messages_delivered",
        "A device of the other person has proven to have received everything up to here. Told by the same rule.";
    OneConversation = "conversation_created",
        "A conversation was opened. Told to both people.";
    ConversationUpdated<'_> = "conversation_updated",
        "Something is new in a conversation: told to a session that does not get the `new_message` itself, and to \
         a reader's own sessions when their count of unread messages moves.";
    UserStatusChanged = "user_status_changed",
        "Somebody is there, busy, or gone. Told to whoever shares a conversation with them.";
    JoinedConversation = "joined_conversation",
        "This session has joined a conversation. Told to itself alone.";
    LeftConversation = "left_conversation",
        "This session has left a conversation. Told to itself alone.";
    ErrorEvent<'_> = "error",
        "Something that asked for no answer was refused, or a frame could not be read. The connection stays.";
}

#[derive(Serialize)]
struct Frame<'a, T> {
    event: &'static str,
    data: &'a T,
}

/// `new_message`
#[derive(Debug, Serialize, ToSchema)]
pub struct NewMessage<'a> {
    /// The message, encoded already: the sender's answer is the same bytes.
    #[schema(value_type = MessageView<'_>)]
    pub message: &'a RawValue,
    /// Where.
    pub conversation_id: ConversationId,
}

/// `conversation_updated`
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationUpdated<'a> {
    /// Where.
    pub conversation_id: ConversationId,
    /// What was said last.
    #[schema(required, value_type = Option<MessageView<'_>>)]
    pub last_message: Option<&'a RawValue>,
    /// How many messages of the other the person has not read.
    #[schema(minimum = 0, example = 3)]
    pub unread_count: i64,
}

/// `messages_read`
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagesRead {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who has read.
    pub user_id: UserId,
    /// Up to where.
    pub last_read_seq: Seq,
    /// When.
    pub read_at: Timestamp,
}

/// `messages_delivered`
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagesDelivered {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who has received.
    pub user_id: UserId,
    /// Up to where.
    pub last_delivered_seq: Seq,
}

/// `user_typing`
#[derive(Debug, Serialize, ToSchema)]
pub struct UserTyping<'a> {
    /// Where.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// Who.
    pub user: TypingUser<'a>,
    /// Whether they type now.
    #[serde(rename = "isTyping")]
    #[schema(example = true)]
    pub is_typing: bool,
}

/// The person of a [`UserTyping`].
#[derive(Debug, Serialize, ToSchema)]
pub struct TypingUser<'a> {
    /// Their account.
    pub id: UserId,
    /// Their name.
    #[schema(schema_with = schema::name)]
    pub name: &'a str,
}

/// `user_status_changed`
#[derive(Debug, Serialize, ToSchema)]
pub struct UserStatusChanged {
    /// Who.
    #[serde(rename = "userId")]
    pub user_id: UserId,
    /// What they are now, as others see it.
    pub status: Status,
    /// When their last session went.
    #[schema(required)]
    pub last_seen_at: Option<Timestamp>,
}

/// `joined_conversation`
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct JoinedConversation {
    /// Which.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
}

/// `left_conversation`, and the acknowledgement of leaving
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct LeftConversation {
    /// Which.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
}

/// `error`: a refusal of something that asked for no answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEvent<'a> {
    /// The contract's code.
    #[schema(schema_with = schema::code)]
    pub code: &'static str,
    /// One sentence for a person.
    #[schema(min_length = 1, example = "There is no such conversation.")]
    pub message: String,
    /// The event that was refused, if it had a name.
    #[schema(required, example = "mark_read")]
    pub event: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_frame_with_its_name_and_payload() {
        let event = Event::new(&UserTyping {
            conversation_id: ConversationId(1),
            user: TypingUser {
                id: UserId(2),
                name: "Ana \"A\"",
            },
            is_typing: true,
        });
        assert_eq!(
            event.frame(),
            r#"{"event":"user_typing","data":{"conversationId":1,"user":{"id":2,"name":"Ana \"A\""},"isTyping":true}}"#
        );
    }

    #[test]
    fn a_socketio_message_has_the_name_the_same_payload_and_the_number_as_text() {
        let (conversation_id, last_message) = (ConversationId(7), None);
        let joined = Event::new(&JoinedConversation { conversation_id });
        let number = joined.number();
        let expected = format!(r#"42["joined_conversation",{{"conversationId":7}},"{number}"]"#);
        assert_eq!(joined.socketio(), expected.as_bytes());
        assert!(
            std::ptr::eq(joined.socketio(), joined.socketio()),
            "made once"
        );

        let updated = ConversationUpdated {
            conversation_id,
            last_message,
            unread_count: 1,
        };
        let refused = ErrorEvent {
            code: "unknown_event",
            message: "\"],[\" ends nothing".to_owned(),
            event: Some("__proto__"),
        };
        let events = [Event::new(&updated), Event::new(&refused)];
        for event in events {
            let frame: serde_json::Value = serde_json::from_slice(event.frame()).expect("JSON");
            let text = event
                .socketio()
                .strip_prefix(b"42")
                .expect("a message, an event");
            let list: serde_json::Value = serde_json::from_slice(text).expect("JSON");
            let number = event.number().to_string();
            assert_eq!(
                list,
                serde_json::json!([frame["event"], frame["data"], number])
            );
        }
    }

    #[test]
    fn events_are_numbered_upwards() {
        let payload = JoinedConversation {
            conversation_id: ConversationId(1),
        };
        let first = Event::new(&payload);
        let second = Event::new(&payload);
        assert!(second.number() > first.number());
    }
}
