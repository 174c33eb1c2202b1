//! Conversations over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::ConversationId;

use super::answer::{Refusal, made, ok, paged};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::wire::body::ConversationBody;
use crate::wire::command;
use crate::wire::params::ListParams;
use crate::wire::reply::{Conversations, CursorPage, Page, Success};
use crate::wire::view::OneConversation;

type Answer = Result<Response, Refusal>;

/// Opens a conversation, or finds the one that is there.
///
/// Two people have one conversation, also when both open it in the same moment.
#[utoipa::path(
    post,
    path = "/api/conversations",
    tag = "conversations",
    operation_id = "open_conversation",
    request_body = ConversationBody,
    responses((status = 201, description = "It was opened now.", body = Success<OneConversation>), (status = 200, description = "It was there.", body = Success<OneConversation>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "forbidden", "rate_limited"]))),
)]
pub(super) async fn create(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let other = command::create_conversation(&body, caller.id())?;
    let (conversation, created) = gateway.chat.create_conversation(&caller, other).await?;
    Ok(made(created, conversation))
}

/// Tells about one conversation.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}",
    tag = "conversations",
    operation_id = "conversation",
    params(("id" = ConversationId, Path, description = "Which conversation.")),
    responses((status = 200, description = "The conversation and its two people.", body = Success<OneConversation>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "not_a_participant", "rate_limited"]))),
)]
pub(super) async fn one(State(gateway): State<Gateway>, caller: Caller, Id(id): Id) -> Answer {
    let id = ConversationId(id);
    Ok(ok(gateway.chat.conversation(&caller, id).await?))
}

/// Lists the caller's conversations.
///
/// Newest activity first, each with what was said last and how much of it is unread.
#[utoipa::path(
    get,
    path = "/api/conversations",
    tag = "conversations",
    operation_id = "conversations",
    params(ListParams),
    responses((status = 200, description = "A page of conversations.", body = Page<Conversations, CursorPage>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["rate_limited"]))),
)]
pub(super) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Params(query): Params,
) -> Answer {
    let (conversations, pagination) = gateway.chat.conversations(&caller, &query).await?;
    Ok(paged(conversations, pagination))
}
