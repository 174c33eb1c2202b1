//! Answers: the envelope of success and failure, and what stands in it.

#![expect(
    single_use_lifetimes,
    reason = "a derived schema names a lifetime once more"
)]

use entities::ids::{ConversationId, Seq};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::schema;
use super::view::{ListedConversation, MessageView, Timestamp, UserView};
use crate::error::{ChatError, FieldError};

/// `{"status":"success","data":…}`
#[derive(Debug, Serialize, ToSchema)]
pub struct Success<T> {
    /// Always `success`.
    #[schema(schema_with = schema::success)]
    status: &'static str,
    /// What was asked for.
    data: T,
}

/// A [`Success`] with one page of a list, and how to go on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T, P> {
    /// Always `success`.
    #[schema(schema_with = schema::success)]
    status: &'static str,
    /// What was asked for.
    data: T,
    /// How to go on.
    pagination: P,
}

/// A success with `data`.
pub fn success<T>(data: T) -> Success<T> {
    let status = "success";
    Success { status, data }
}

/// A success with one page of a list.
pub fn page<T, P>(data: T, pagination: P) -> Page<T, P> {
    Page {
        status: "success",
        data,
        pagination,
    }
}

/// `data` where there is nothing to tell: `{}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(max_properties = 0)]
pub struct Nothing {}

/// `{"status":"error","code":…,"message":…}`, with `errors` for input that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure<'a> {
    /// Always `error`.
    #[schema(schema_with = schema::error)]
    status: &'static str,
    /// What it is, for a program.
    #[schema(schema_with = schema::code)]
    code: &'static str,
    /// One sentence for a person.
    #[schema(min_length = 1)]
    message: String,
    /// What is wrong with each field: of `validation_failed` alone.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false, min_items = 1)]
    errors: &'a [FieldError],
}

impl<'a> From<&'a ChatError> for Failure<'a> {
    fn from(error: &'a ChatError) -> Self {
        Self {
            status: "error",
            code: error.code(),
            message: error.to_string(),
            errors: error.fields(),
        }
    }
}

/// Encodes an answer.
///
/// # Panics
/// Never for the answers of this module: they have string keys and no fallible parts.
pub fn encode(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("answers can be encoded")
}

/// `pagination` of the list of people.
#[derive(Debug, Serialize, ToSchema)]
pub struct NumberedPage {
    /// Which page this is, from 1.
    #[schema(minimum = 1, example = 1)]
    pub page: i64,
    /// How many entries a page has at most.
    #[schema(minimum = 1, maximum = 100, example = 50)]
    pub limit: i64,
    /// Whether more follow.
    #[schema(example = false)]
    pub has_more: bool,
}

/// `pagination` of the list of conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct CursorPage {
    /// How many entries a page has at most.
    #[schema(minimum = 1, maximum = 100, example = 50)]
    pub limit: i64,
    /// What to ask for next; nothing at the end.
    #[schema(required, example = "1769847300123-7")]
    pub next_cursor: Option<String>,
}

/// `data` of the list of conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conversations {
    /// Newest activity first.
    pub conversations: Vec<ListedConversation>,
}

/// A page of people and how to go on.
pub type People = (Vec<UserView>, NumberedPage);

/// `data` of a page of history.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// In the order that was asked for.
    pub messages: Vec<MessageView<'static>>,
    /// The conversation's last position.
    pub head_seq: Seq,
    /// How to go on.
    pub pagination: NumberedPage,
}

/// A message that is on disk.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The message, encoded.
    pub message: std::sync::Arc<RawValue>,
    /// Whether it was stored now, rather than known by its `client_message_id`.
    pub fresh: bool,
}

/// `data` of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReadMark {
    /// Where.
    pub conversation_id: ConversationId,
    /// How far the caller has read.
    pub last_read_seq: Seq,
    /// How many messages of the other are left.
    #[schema(minimum = 0, example = 3)]
    pub unread_count: i64,
    /// When.
    pub read_at: Timestamp,
}

/// `data` of the total of unread messages.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct UnreadCount {
    /// Over all conversations.
    #[schema(minimum = 0, example = 3)]
    pub unread_count: i64,
}

/// The acknowledgement of typing.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Typing {
    /// Where.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// What was set.
    #[serde(rename = "isTyping")]
    #[schema(example = true)]
    pub is_typing: bool,
}

/// The acknowledgement of a status.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct StatusSet {
    /// What was chosen.
    pub status: super::view::Status,
}

/// The acknowledgement of a join; [`JoinedForm`] is its schema.
#[derive(Debug, Serialize)]
pub struct Joined {
    /// Where.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// The last position; everything after it arrives live.
    pub head_seq: Seq,
    /// What came after `afterSeq`, if that was given.
    #[serde(flatten)]
    pub missed: Option<Missed>,
}

/// The acknowledgement of a join. With `afterSeq` it has `messages` and `has_more` too.
// Derived for `Joined` itself it would say that these are always there.
#[derive(Debug, ToSchema)]
#[schema(as = Joined)]
pub struct JoinedForm {
    /// Where.
    #[schema(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// The last position; everything after it arrives live.
    pub head_seq: Seq,
    /// What came after `afterSeq`, oldest first, at most 100.
    #[schema(nullable = false, max_items = 100)]
    pub messages: Option<Vec<MessageView<'static>>>,
    /// Whether more follow before `head_seq`.
    #[schema(nullable = false, example = false)]
    pub has_more: Option<bool>,
}

/// What a joining session had missed.
#[derive(Debug, Serialize)]
pub struct Missed {
    /// Oldest first.
    pub messages: Vec<MessageView<'static>>,
    /// Whether more follow before `head_seq`.
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(answer: &impl Serialize) -> String {
        String::from_utf8(encode(answer)).expect("UTF-8")
    }

    #[test]
    fn a_success_has_its_data_and_nothing_else() {
        let answer = success(UnreadCount { unread_count: 3 });
        assert_eq!(
            json(&answer),
            r#"{"status":"success","data":{"unread_count":3}}"#
        );
    }

    #[test]
    fn a_page_says_how_to_go_on_beside_its_data() {
        let pagination = CursorPage {
            limit: 2,
            next_cursor: None,
        };
        assert_eq!(
            json(&page([1, 2], pagination)),
            r#"{"status":"success","data":[1,2],"pagination":{"limit":2,"next_cursor":null}}"#
        );
    }

    #[test]
    fn a_refusal_names_each_field_at_fault() {
        let error = ChatError::field("content", "must be a string");
        assert_eq!(
            json(&Failure::from(&error)),
            r#"{"status":"error","code":"validation_failed","message":"content must be a string.","errors":[{"field":"content","message":"must be a string"}]}"#
        );
        assert_eq!(
            json(&Failure::from(&ChatError::NotFound("user"))),
            r#"{"status":"error","code":"not_found","message":"There is no such user."}"#
        );
    }
}
