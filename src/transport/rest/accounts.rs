//! Accounts over REST.

use axum::extract::State;
use axum::response::Response;
use entities::ids::UserId;

use super::answer::{Refusal, made, ok, paged};
use super::body::{Id, Json, Params};
use crate::chat::Caller;
use crate::transport::Gateway;
use crate::transport::address::ComesFrom;
use crate::wire::body::{
    FarewellBody, LoginBody, PasswordBody, RefreshBody, RegisterBody, StatusBody,
};
use crate::wire::params::PeopleParams;
use crate::wire::reply::{Nothing, NumberedPage, Page, Success};
use crate::wire::view::{OneUser, SignedIn, TokenPair, UserView};
use crate::wire::{account, command};

type Answer = Result<Response, Refusal>;

/// Registers an account and signs in.
///
/// The e-mail address is the account's, in any letter case. The token counts for 7 days, if the server is
/// not told otherwise.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    tag = "accounts",
    request_body = RegisterBody,
    responses((status = 201, description = "The account, and a token for it.", body = Success<SignedIn>)),
    extensions(("x-codes" = json!(["conflict", "rate_limited"]))),
)]
pub(super) async fn register(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    Json(body): Json,
) -> Answer {
    let register = account::register(&body)?;
    gateway.chat.may_register(address)?;
    Ok(made(true, gateway.chat.register(register).await?))
}

/// Signs in.
///
/// An unknown e-mail address and a wrong password get the same answer, in the same time.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "accounts",
    request_body = LoginBody,
    responses((status = 200, description = "The account, and a token for it.", body = Success<SignedIn>)),
    extensions(("x-codes" = json!(["invalid_credentials", "rate_limited"]))),
)]
pub(super) async fn login(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    Json(body): Json,
) -> Answer {
    let login = account::login(&body)?;
    gateway.chat.may_login(address, &login.email)?;
    Ok(ok(gateway.chat.login(login).await?))
}

/// Exchanges a refresh token for a new pair.
///
/// Each is exchanged once; one that comes again later than 30 s after that ends its sign-in, because two
/// have it.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    tag = "accounts",
    request_body = RefreshBody,
    responses((status = 200, description = "A new token, and the next refresh token.", body = Success<TokenPair>)),
    extensions(("x-codes" = json!(["unauthenticated", "rate_limited"]))),
)]
pub(super) async fn refresh(
    State(gateway): State<Gateway>,
    ComesFrom(address): ComesFrom,
    Json(body): Json,
) -> Answer {
    let token = account::renewal(&body)?;
    gateway.chat.may_refresh(address)?;
    Ok(ok(gateway.chat.refresh(&token).await?))
}

/// Ends this sign-in.
///
/// Its tokens count no more, and its sockets close.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "accounts",
    responses((status = 200, description = "It is ended.", body = Success<Nothing>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["forbidden"]))),
)]
pub(super) async fn log_out(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    gateway.chat.log_out(&caller).await?;
    Ok(nothing())
}

/// Ends every sign-in of the caller, on all devices.
#[utoipa::path(
    post,
    path = "/api/auth/logout-everywhere",
    tag = "accounts",
    responses((status = 200, description = "They are ended.", body = Success<Nothing>)),
    security(("token" = [])),
)]
pub(super) async fn log_out_everywhere(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    gateway.chat.log_out_everywhere(&caller).await?;
    Ok(nothing())
}

/// Changes the password.
///
/// That ends every token of the caller; this answer has new ones.
#[utoipa::path(
    put,
    path = "/api/users/me/password",
    tag = "accounts",
    request_body = PasswordBody,
    responses((status = 200, description = "The account, and a new token for it.", body = Success<SignedIn>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["invalid_credentials", "rate_limited"]))),
)]
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

/// Deletes the account.
///
/// Name, e-mail address and password are erased; what the caller wrote stays with those it was written to.
#[utoipa::path(
    delete,
    path = "/api/users/me",
    tag = "accounts",
    operation_id = "delete_account",
    request_body = FarewellBody,
    responses((status = 200, description = "It is gone.", body = Success<Nothing>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["invalid_credentials", "rate_limited"]))),
)]
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
    ok(Nothing {})
}

/// Tells who the caller is.
#[utoipa::path(
    get,
    path = "/api/users/me",
    tag = "people",
    responses((status = 200, description = "The caller, with their e-mail address.", body = Success<OneUser>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["rate_limited"]))),
)]
pub(super) async fn me(State(gateway): State<Gateway>, caller: Caller) -> Answer {
    Ok(ok(gateway.chat.me(&caller).await?))
}

/// Tells who somebody is.
#[utoipa::path(
    get,
    path = "/api/users/{id}",
    tag = "people",
    params(("id" = UserId, Path, description = "Who.")),
    responses((status = 200, description = "The person.", body = Success<OneUser>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["not_found", "rate_limited"]))),
)]
pub(super) async fn user(State(gateway): State<Gateway>, caller: Caller, Id(id): Id) -> Answer {
    Ok(ok(gateway.chat.user(&caller, UserId(id)).await?))
}

/// Lists the people whom the caller can message.
///
/// By name, never with the caller.
#[utoipa::path(
    get,
    path = "/api/users",
    tag = "people",
    params(PeopleParams),
    responses((status = 200, description = "A page of people.", body = Page<Vec<UserView>, NumberedPage>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["rate_limited"]))),
)]
pub(super) async fn users(
    State(gateway): State<Gateway>,
    caller: Caller,
    Params(query): Params,
) -> Answer {
    let (people, pagination) = gateway.chat.users(&caller, &query).await?;
    Ok(paged(people, pagination))
}

/// Chooses what the caller is seen as.
///
/// The choice is kept until it is changed. Whoever has no live session is `offline` whatever they chose.
#[utoipa::path(
    put,
    path = "/api/users/me/status",
    tag = "people",
    request_body = StatusBody,
    responses((status = 200, description = "The caller.", body = Success<OneUser>)),
    security(("token" = [])),
    extensions(("x-codes" = json!(["rate_limited"]))),
)]
pub(super) async fn set_status(
    State(gateway): State<Gateway>,
    caller: Caller,
    Json(body): Json,
) -> Answer {
    let chosen = command::status(&body)?;
    Ok(ok(gateway.chat.set_status(&caller, chosen).await?))
}
