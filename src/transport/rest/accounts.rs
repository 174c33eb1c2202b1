//! Accounts over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::UserId;

use super::answer::{Refusal, made, ok, paged};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::transport::address::ComesFrom;
use crate::wire::{account, command};

type Answer = Result<Response, Refusal>;

pub(super) async fn register(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    Json(body): Json,
) -> Answer {
    let register = account::register(&body)?;
    gateway.chat.may_register(address)?;
    Ok(made(true, gateway.chat.register(register).await?))
}

pub(super) async fn login(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    Json(body): Json,
) -> Answer {
    let login = account::login(&body)?;
    gateway.chat.may_login(address, &login.email)?;
    Ok(ok(gateway.chat.login(login).await?))
}

pub(super) async fn refresh(State(gateway): State<Gateway>, Json(body): Json) -> Answer {
    let token = account::renewal(&body)?;
    Ok(ok(gateway.chat.refresh(&token).await?))
}

pub(super) async fn log_out(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    gateway.chat.log_out(&caller).await?;
    Ok(nothing())
}

pub(super) async fn log_out_everywhere(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    gateway.chat.log_out_everywhere(&caller).await?;
    Ok(nothing())
}

pub(super) async fn change_password(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let change = account::new_password(&body)?;
    gateway.chat.may_confirm(address, &caller)?;
    Ok(ok(gateway.chat.change_password(&caller, change).await?))
}

pub(super) async fn delete(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let password = account::farewell(&body)?;
    gateway.chat.may_confirm(address, &caller)?;
    gateway.chat.delete_account(&caller, password).await?;
    Ok(nothing())
}

/// A success that has nothing to tell.
fn nothing() -> Response {
    ok(serde_json::Map::new())
}

pub(super) async fn me(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    Ok(ok(gateway.chat.me(&caller).await?))
}

pub(super) async fn user(State(gateway): State<Gateway>, caller: Caller, Id(id): Id) -> Answer {
    Ok(ok(gateway.chat.user(&caller, UserId(id)).await?))
}

pub(super) async fn users(
    State(gateway): State<Gateway>,
    caller: Caller,
    Params(query): Params,
) -> Answer {
    let (people, pagination) = gateway.chat.users(&caller, &query).await?;
    Ok(paged(people, pagination))
}

pub(super) async fn set_status(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let chosen = command::status(&body)?;
    Ok(ok(gateway.chat.set_status(&caller, chosen).await?))
}
