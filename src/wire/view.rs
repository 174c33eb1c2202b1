//! What people, conversations and messages look like on the wire.

#![expect(
    single_use_lifetimes,
    reason = "a derived schema names a lifetime once more"
)]

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use entities::ids::{ConversationId, MessageId, Seq, UserId};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::schema;

/// A moment in milliseconds since the epoch; on the wire RFC 3339, UTC, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let since = Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        let moment = SystemTime::UNIX_EPOCH + since;
        serializer.collect_str(&humantime::format_rfc3339_millis(moment))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"))
            .description(Some("A moment: RFC 3339, UTC, milliseconds."))
            .examples(["2026-01-31T08:15:00.123Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}

/// Whether a person is there, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There.
    Online,
    /// There, and does not want to be disturbed.
    Busy,
    /// Not there, or wants to look so.
    Offline,
}

impl Status {
    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }

    /// The status that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Online, Self::Busy, Self::Offline]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A person, as others see them and, with the e-mail address, as they see themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The account.
    pub id: UserId,
    /// The name that the account bears now.
    #[schema(schema_with = schema::name)]
    pub name: String,
    /// Only for oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::email)]
    pub email: Option<String>,
    /// From live sessions.
    pub status: Status,
    /// When the last session went; nothing before the first.
    #[schema(required)]
    pub last_seen_at: Option<Timestamp>,
}

/// `data` of the calls that answer with one person.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneUser {
    /// The person.
    pub user: UserView,
}

/// `data` of register, login and a change of password.
// No debugging shows it: it holds tokens.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// The person.
    pub user: UserView,
    /// What else they get.
    #[serde(flatten)]
    pub tokens: TokenPair,
}

/// `data` of a refresh.
#[derive(Serialize, ToSchema)]
pub struct TokenPair {
    /// A JWT.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")]
    pub token: String,
    /// What is exchanged for the next pair, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "eyJhbGciOiJIUzI1NiJ9.eyJyZW5ld3MiOjF9.c2lnbmF0dXJl"
    )]
    pub refresh_token: Option<String>,
}

/// A conversation.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ConversationView {
    /// Which.
    pub id: ConversationId,
    /// Always `direct`.
    #[schema(schema_with = schema::direct)]
    pub r#type: &'static str,
    /// Who opened it.
    pub created_by: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When something was last said in it, else when it was opened.
    pub updated_at: Timestamp,
    /// When something was last said in it.
    #[schema(required)]
    pub last_message_at: Option<Timestamp>,
}

/// One of the two people of a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParticipantView {
    /// The account.
    pub id: UserId,
    /// Their name.
    #[schema(schema_with = schema::name)]
    pub name: String,
    /// From live sessions.
    pub status: Status,
    /// When their last session went.
    #[schema(required)]
    pub last_seen_at: Option<Timestamp>,
    /// How far they have read.
    pub last_read_seq: Seq,
    /// How far a device of theirs has proven to have received.
    pub last_delivered_seq: Seq,
}

/// An example of both people.
fn both() -> serde_json::Value {
    let seen = "2026-01-31T08:15:00.123Z";
    serde_json::json!([
        {"id": 1, "name": "Ana", "status": "online", "last_seen_at": null,
            "last_read_seq": 12, "last_delivered_seq": 12},
        {"id": 2, "name": "Ben", "status": "offline", "last_seen_at": seen,
            "last_read_seq": 9, "last_delivered_seq": 11},
    ])
}

/// `data` of the calls that answer with one conversation, and of `conversation_created`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OneConversation {
    /// The conversation.
    pub conversation: ConversationView,
    /// Both people.
    #[schema(min_items = 2, max_items = 2, example = both)]
    pub participants: Vec<ParticipantView>,
}

/// A line of the caller's conversation list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedConversation {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// Both people.
    #[schema(min_items = 2, max_items = 2, example = both)]
    pub participants: Vec<ParticipantView>,
    /// What was said last.
    #[schema(required)]
    pub last_message: Option<MessageView<'static>>,
    /// How many messages of the other the caller has not read.
    #[schema(minimum = 0, example = 3)]
    pub unread_count: i64,
}

/// A message.
// It borrows its texts where it is encoded at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageView<'a> {
    /// Unique over all conversations.
    pub id: MessageId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// Who said it.
    pub sender_id: UserId,
    /// Their name.
    #[schema(schema_with = schema::name)]
    pub sender_name: Cow<'a, str>,
    /// What they said, exactly as sent.
    #[schema(schema_with = schema::content)]
    pub content: Cow<'a, str>,
    /// Always `text`.
    #[schema(schema_with = schema::text_kind)]
    pub r#type: &'static str,
    /// The sender's own key for it.
    #[schema(schema_with = schema::client_message_id, required = true)]
    pub client_message_id: Option<Cow<'a, str>>,
    /// Whether the one who did not send it has read it.
    #[schema(example = false)]
    pub is_read: bool,
    /// When the server numbered it.
    pub created_at: Timestamp,
}

impl MessageView<'_> {
    /// The same, with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> MessageView<'static> {
        MessageView {
            sender_name: Cow::Owned(self.sender_name.into_owned()),
            content: Cow::Owned(self.content.into_owned()),
            client_message_id: self.client_message_id.map(|id| Cow::Owned(id.into_owned())),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        let json = serde_json::to_string(&Timestamp(1_700_000_000_007)).expect("json");
        assert_eq!(json, r#""2023-11-14T22:13:20.007Z""#);
        let epoch = serde_json::to_string(&Timestamp(-5)).expect("json");
        assert_eq!(epoch, r#""1970-01-01T00:00:00.000Z""#);
    }

    #[test]
    fn a_status_is_the_same_word_everywhere() {
        for status in [Status::Online, Status::Busy, Status::Offline] {
            assert_eq!(Status::from_word(status.as_str()), Some(status));
            let json = serde_json::to_value(status).expect("json");
            assert_eq!(json, status.as_str());
        }
        assert_eq!(Status::from_word("Online"), None);
    }
}
