//! Messages over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::ConversationId;

use super::answer::{Refusal, made, ok};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::wire::body::{ReadBody, SendBody, TypingBody};
use crate::wire::command;
use crate::wire::params::HistoryParams;
use crate::wire::reply::{History, ReadMark, Success, Typing, UnreadCount};
use crate::wire::view::MessageView;

type Answer = Result<Response, Refusal>;

/// Sends a message.
///
/// The answer comes when the message is on disk. With a `client_message_id` it is safe to send again: the
/// same content gives the first message, other content is a conflict.
#[utoipa::path(
    post,
    path = "/api/messages/send",
    tag = "messages",
    request_body = SendBody,
    responses((status = 201, description = "The message.", body = Success<MessageView<'static>>), (status = 200, description = "The message that was stored under this `client_message_id` before.", body = Success<MessageView<'static>>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "not_a_participant", "conflict", "forbidden", "rate_limited"]))),
)]
pub(super) async fn send(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let (conversation, draft) = command::send_body(&body)?;
    let sent = gateway.chat.send(&caller, conversation, draft).await?;
    Ok(made(sent.fresh, &*sent.message))
}

/// Reads the history of a conversation.
///
/// By page from the last message, or by position: before one, or after one.
#[utoipa::path(
    get,
    path = "/api/messages/conversation/{id}",
    tag = "messages",
    params(("id" = ConversationId, Path, description = "Which conversation."), HistoryParams),
    responses((status = 200, description = "A page of messages.", body = Success<History>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "not_a_participant", "rate_limited"]))),
)]
pub(super) async fn history(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params,
) -> Answer {
    let id = ConversationId(id);
    Ok(ok(gateway.chat.history(&caller, id, &query).await?))
}

/// Says how far the caller has read.
///
/// Never moves back; without a body it is everything so far.
#[utoipa::path(
    put,
    path = "/api/messages/conversation/{id}/read",
    tag = "messages",
    request_body = Option<ReadBody>,
    params(("id" = ConversationId, Path, description = "Which conversation.")),
    responses((status = 200, description = "Where the caller is now.", body = Success<ReadMark>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "not_a_participant", "rate_limited"]))),
)]
pub(super) async fn read(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id,
    Json(body): Json,
) -> Answer {
    let up_to = command::read_body(&body)?;
    let id = ConversationId(id);
    Ok(ok(gateway.chat.mark_read(&caller, id, up_to).await?))
}

/// Says whether the caller types.
///
/// The REST twin of `typing_start` and `typing_stop`.
#[utoipa::path(
    post,
    path = "/api/messages/conversation/{id}/typing",
    tag = "messages",
    request_body = TypingBody,
    params(("id" = ConversationId, Path, description = "Which conversation.")),
    responses((status = 200, description = "What was set.", body = Success<Typing>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "not_a_participant", "rate_limited"]))),
)]
pub(super) async fn typing(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id,
    Json(body): Json,
) -> Answer {
    let typing = command::typing_body(&body)?;
    let id = ConversationId(id);
    Ok(ok(gateway.chat.set_typing(&caller, id, typing).await?))
}

/// Counts what the caller has not read, over all conversations.
#[utoipa::path(
    get,
    path = "/api/messages/unread/count",
    tag = "messages",
    responses((status = 200, description = "The sum.", body = Success<UnreadCount>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["rate_limited"]))),
)]
pub(super) async fn unread(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    Ok(ok(gateway.chat.total_unread(&caller).await?))
}
