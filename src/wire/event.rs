//! Everything that the server says by itself, each event encoded once for all who hear it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use entities::ids::{ConversationId, Seq, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::view::{Status, Timestamp};

/// An event, encoded. Cheap to share: every session that hears it writes the same bytes.
#[derive(Debug)]
pub struct Event {
    number: u64,
    name: &'static str,
    frame: Bytes,
    socketio: OnceLock<Bytes>,
}

impl Event {
    /// Encodes the event `name` with the payload `data` as a frame of the plain WebSocket,
    /// `{"event": name, "data": data}`, and gives it the next number of this process.
    ///
    /// # Panics
    /// Never for the payloads of this module: they have string keys and no fallible parts.
    pub fn new(name: &'static str, data: &impl Serialize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
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
            let (name, number) = (self.name, self.number);
            // What stands around the payload is as long as it is around none.
            let before = r#"{"event":"","data":"#.len() + name.len();
            let payload = &self.frame[before..self.frame.len() - 1];
            let head = format!(r#"42["{name}","#);
            let tail = format!(r#","{number}"]"#);
            Bytes::from([head.as_bytes(), payload, tail.as_bytes()].concat())
        })
    }

    /// Its place among all events of this process: what a returning client names as the last
    /// that it has (contract, "Coming back").
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

#[derive(Serialize)]
struct Frame<'a, T> {
    event: &'static str,
    data: &'a T,
}

/// `new_message`
#[derive(Debug, Serialize)]
pub struct NewMessage<'a> {
    /// The message, encoded already: the sender's answer is the same bytes.
    pub message: &'a RawValue,
    /// Where.
    pub conversation_id: ConversationId,
}

/// `conversation_updated`
#[derive(Debug, Serialize)]
pub struct ConversationUpdated<'a> {
    /// Where.
    pub conversation_id: ConversationId,
    /// What was said last.
    pub last_message: Option<&'a RawValue>,
    /// How many messages of the other the person has not read.
    pub unread_count: i64,
}

/// `messages_read`
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub struct MessagesDelivered {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who has received.
    pub user_id: UserId,
    /// Up to where.
    pub last_delivered_seq: Seq,
}

/// `user_typing`
#[derive(Debug, Serialize)]
pub struct UserTyping<'a> {
    /// Where.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// Who.
    pub user: TypingUser<'a>,
    /// Whether they type now.
    #[serde(rename = "isTyping")]
    pub is_typing: bool,
}

/// The person of a [`UserTyping`].
#[derive(Debug, Serialize)]
pub struct TypingUser<'a> {
    /// Their account.
    pub id: UserId,
    /// Their name.
    pub name: &'a str,
}

/// `user_status_changed`
#[derive(Debug, Serialize)]
pub struct UserStatusChanged {
    /// Who.
    #[serde(rename = "userId")]
    pub user_id: UserId,
    /// What they are now, as others see it.
    pub status: Status,
    /// When their last session went.
    pub last_seen_at: Option<Timestamp>,
}

/// `joined_conversation`, `left_conversation`, and the acknowledgement of leaving
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Conversation {
    /// Which.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
}

/// `error`: a refusal of something that asked for no answer.
#[derive(Debug, Serialize)]
pub struct ErrorEvent<'a> {
    /// The contract's code.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// The event that was refused, if it had a name.
    pub event: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_frame_with_its_name_and_payload() {
        let event = Event::new(
            "user_typing",
            &UserTyping {
                conversation_id: ConversationId(1),
                user: TypingUser {
                    id: UserId(2),
                    name: "Ana \"A\"",
                },
                is_typing: true,
            },
        );
        assert_eq!(
            event.frame(),
            r#"{"event":"user_typing","data":{"conversationId":1,"user":{"id":2,"name":"Ana \"A\""},"isTyping":true}}"#
        );
    }

    #[test]
    fn a_socketio_message_has_the_name_the_same_payload_and_the_number_as_text() {
        let (conversation_id, last_message) = (ConversationId(7), None);
        let joined = Event::new("joined_conversation", &Conversation { conversation_id });
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
        let events = [
            Event::new("conversation_updated", &updated),
            Event::new("error", &refused),
        ];
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
        let payload = Conversation {
            conversation_id: ConversationId(1),
        };
        let first = Event::new("joined_conversation", &payload);
        let second = Event::new("left_conversation", &payload);
        assert!(second.number() > first.number());
    }
}
