//! Messages over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::ConversationId;

use super::answer::{Refusal, made, ok};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::wire::command;

type Answer = Result<Response, Refusal>;

pub(super) async fn send(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let (conversation, draft) = command::send_body(&body)?;
    let sent = gateway.chat.send(&caller, conversation, draft).await?;
    Ok(made(sent.fresh, &*sent.message))
}

pub(super) async fn history(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params,
) -> Answer {
    let id = ConversationId(id);
    Ok(ok(gateway.chat.history(&caller, id, &query).await?))
}

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

pub(super) async fn unread(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    Ok(ok(gateway.chat.total_unread(&caller).await?))
}
