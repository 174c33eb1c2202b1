//! Conversations over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::ConversationId;

use super::answer::{Refusal, made, ok, paged};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::wire::command;

type Answer = Result<Response, Refusal>;

pub(super) async fn create(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let other = command::create_conversation(&body, caller.id())?;
    let (conversation, created) = gateway.chat.create_conversation(&caller, other).await?;
    Ok(made(created, conversation))
}

pub(super) async fn one(State(gateway): State<Gateway>, caller: Caller, Id(id): Id) -> Answer {
    let id = ConversationId(id);
    Ok(ok(gateway.chat.conversation(&caller, id).await?))
}

pub(super) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Params(query): Params,
) -> Answer {
    let (conversations, pagination) = gateway.chat.conversations(&caller, &query).await?;
    Ok(paged(conversations, pagination))
}
