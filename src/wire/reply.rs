//! Answers: the envelope of success and failure, and what stands in it.

use entities::ids::{ConversationId, Seq};
use serde::Serialize;
use serde_json::value::RawValue;

use super::view::{ListedConversation, MessageView, Timestamp, UserView};
use crate::error::{ChatError, FieldError};

/// `{"status":"success","data":…}`, with `pagination` beside `data` where a list is paged.
#[derive(Debug, Serialize)]
pub struct Success<T, P = ()> {
    status: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<P>,
}

/// A success with `data`.
pub fn success<T>(data: T) -> Success<T> {
    Success {
        status: "success",
        data,
        pagination: None,
    }
}

/// A success with one page of a list.
pub fn page<T, P>(data: T, pagination: P) -> Success<T, P> {
    Success {
        status: "success",
        data,
        pagination: Some(pagination),
    }
}

/// `{"status":"error","code":…,"message":…}`, with `errors` for input that breaks a rule.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    status: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
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
#[derive(Debug, Serialize)]
pub struct NumberedPage {
    /// Which page this is, from 1.
    pub page: i64,
    /// How many entries a page has at most.
    pub limit: i64,
    /// Whether more follow.
    pub has_more: bool,
}

/// `pagination` of the list of conversations.
#[derive(Debug, Serialize)]
pub struct CursorPage {
    /// How many entries a page has at most.
    pub limit: i64,
    /// What to ask for next; `None` at the end.
    pub next_cursor: Option<String>,
}

/// `data` of the list of conversations.
#[derive(Debug, Serialize)]
pub struct Conversations {
    /// Newest activity first.
    pub conversations: Vec<ListedConversation>,
}

/// A page of people and how to go on.
pub type People = (Vec<UserView>, NumberedPage);

/// `data` of a page of history.
#[derive(Debug, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReadMark {
    /// Where.
    pub conversation_id: ConversationId,
    /// How far the caller has read.
    pub last_read_seq: Seq,
    /// How many messages of the other are left.
    pub unread_count: i64,
    /// When.
    pub read_at: Timestamp,
}

/// `data` of the total of unread messages.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UnreadCount {
    /// Over all conversations.
    pub unread_count: i64,
}

/// The acknowledgement of typing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Typing {
    /// Where.
    #[serde(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// What was set.
    #[serde(rename = "isTyping")]
    pub is_typing: bool,
}

/// The acknowledgement of a status.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatusSet {
    /// What was chosen.
    pub status: super::view::Status,
}

/// The acknowledgement of a join.
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
