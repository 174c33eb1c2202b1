//! What clients send, as schemas: the bodies of REST and the data of socket events. They are read
//! field by field ([`super::account`], [`super::command`]), never into these types; a test below holds
//! each of them against what reads it.
//!
//! A field that may be left out may be `null` too, and one that is not named here is passed over.

use entities::ids::{ConversationId, Seq, UserId};
use utoipa::ToSchema;

use super::schema;
use super::view::Status;

/// An account to be made.
#[derive(Debug, ToSchema)]
pub struct RegisterBody {
    /// What others see.
    #[schema(schema_with = schema::name)]
    pub name: String,
    /// What the account is known by.
    #[schema(schema_with = schema::email)]
    pub email: String,
    /// What proves who it is.
    #[schema(schema_with = schema::new_password)]
    pub password: String,
    /// Whether a refresh token is wanted too.
    #[schema(example = true)]
    pub refresh: Option<bool>,
}

/// Somebody who signs in.
#[derive(Debug, ToSchema)]
pub struct LoginBody {
    /// In any letter case.
    #[schema(schema_with = schema::any_email)]
    pub email: String,
    /// As it was chosen.
    #[schema(schema_with = schema::password)]
    pub password: String,
    /// Whether a refresh token is wanted too.
    #[schema(example = true)]
    pub refresh: Option<bool>,
}

/// A refresh token to be exchanged.
#[derive(Debug, ToSchema)]
pub struct RefreshBody {
    /// The newest one.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJyZW5ld3MiOjF9.c2lnbmF0dXJl")]
    pub refresh_token: String,
}

/// Another password.
#[derive(Debug, ToSchema)]
pub struct PasswordBody {
    /// The one so far.
    #[schema(schema_with = schema::password)]
    pub password: String,
    /// The one from now on.
    #[schema(schema_with = schema::new_password)]
    pub new_password: String,
    /// Whether a refresh token is wanted too.
    #[schema(example = true)]
    pub refresh: Option<bool>,
}

/// The end of an account.
#[derive(Debug, ToSchema)]
pub struct FarewellBody {
    /// The password, once more.
    #[schema(schema_with = schema::password)]
    pub password: String,
}

/// What one wants to be seen as.
#[derive(Debug, ToSchema)]
pub struct StatusBody {
    /// `offline` is to look so.
    pub status: Status,
}

/// A conversation to be opened.
#[derive(Debug, ToSchema)]
pub struct ConversationBody {
    /// Always `direct`.
    #[schema(schema_with = schema::direct)]
    pub r#type: String,
    /// The other person. The caller's own id is passed over; without it exactly one must be left.
    #[schema(min_items = 1, example = json!([2]))]
    pub participant_ids: Vec<UserId>,
}

/// A message to be sent.
#[derive(Debug, ToSchema)]
pub struct SendBody {
    /// Where.
    pub conversation_id: ConversationId,
    /// What is said.
    #[schema(schema_with = schema::content)]
    pub content: String,
    /// `text`, which may be left out.
    #[schema(schema_with = schema::optional_text_kind)]
    pub r#type: Option<String>,
    /// What makes it safe to send again.
    #[schema(schema_with = schema::client_message_id)]
    pub client_message_id: Option<String>,
}

/// How far somebody has read.
#[derive(Debug, ToSchema)]
pub struct ReadBody {
    /// The last message that was read; everything so far if it is left out. Beyond the last one it is
    /// the last one.
    pub up_to_seq: Option<Seq>,
}

/// Whether somebody types.
#[derive(Debug, ToSchema)]
pub struct TypingBody {
    /// True for 6 s, if it is not said again or taken back meanwhile.
    #[schema(rename = "isTyping")]
    #[schema(example = true)]
    pub is_typing: bool,
}

/// The token of the frame that authenticates (`/ws`), and of a Socket.IO client's `auth`.
#[derive(Debug, ToSchema)]
pub struct AuthenticateData {
    /// A JWT.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")]
    pub token: String,
}

/// Which conversation an event is about.
#[derive(Debug, ToSchema)]
pub struct ConversationData {
    /// Where.
    #[schema(rename = "conversationId")]
    pub conversation_id: ConversationId,
}

/// A conversation to be joined.
#[derive(Debug, ToSchema)]
pub struct JoinData {
    /// Where.
    #[schema(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// The last position that the client has. The acknowledgement tells what came after it.
    #[schema(rename = "afterSeq")]
    pub after_seq: Option<Seq>,
}

/// A message to be sent over a socket.
#[derive(Debug, ToSchema)]
pub struct SendData {
    /// Where.
    #[schema(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// What is said.
    #[schema(schema_with = schema::content)]
    pub content: String,
    /// `text`, which may be left out.
    #[schema(schema_with = schema::optional_text_kind)]
    pub r#type: Option<String>,
    /// What makes it safe to send again.
    #[schema(rename = "clientMessageId")]
    #[schema(schema_with = schema::client_message_id)]
    pub client_message_id: Option<String>,
}

/// How far somebody has read.
#[derive(Debug, ToSchema)]
pub struct ReadData {
    /// Where.
    #[schema(rename = "conversationId")]
    pub conversation_id: ConversationId,
    /// The last message that was read; everything so far if it is left out.
    #[schema(rename = "upToSeq")]
    pub up_to_seq: Option<Seq>,
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
