//! What the handlers say of themselves, collected. A test holds the list against the table of
//! routes.

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{accounts, conversations, health, messages};
use crate::transport::{docs, websocket};
use crate::wire::reply::Failure;

/// Every call, as its handler describes it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Duologue",
        description = "One-to-one conversations: accounts, messages, and who is there. Every answer is \
                       `{\"status\":\"success\",\"data\":…}` or `{\"status\":\"error\",\"code\":…,\"message\":…}`. \
                       What sockets say is described in `asyncapi.json`, beside this."
    ),
    servers((url = "..", description = "Where this description was read.")),
    tags(
        (name = "accounts", description = "Registering, signing in, and the end of both."),
        (name = "people", description = "Who there is, and whether they are there."),
        (name = "conversations", description = "Who talks with whom, and what is new."),
        (name = "messages", description = "What is said, and how far it was read."),
        (name = "sockets", description = "Being told."),
        (name = "server", description = "Whether it runs and serves."),
        (name = "documents", description = "This description.")
    ),
    paths(
        accounts::register,
        accounts::login,
        accounts::refresh,
        accounts::log_out,
        accounts::log_out_everywhere,
        accounts::users,
        accounts::me,
        accounts::delete,
        accounts::change_password,
        accounts::set_status,
        accounts::user,
        conversations::create,
        conversations::list,
        conversations::one,
        messages::send,
        messages::unread,
        messages::history,
        messages::read,
        messages::typing,
        websocket::connect,
        health::live,
        health::ready,
        docs::openapi,
        docs::asyncapi,
        docs::page,
        docs::style,
    ),
    components(schemas(Failure<'static>)),
)]
struct Described;

/// The description that the handlers make, before `docs` completes it.
pub(in crate::transport) fn described() -> utoipa::openapi::OpenApi {
    let mut described = Described::openapi();
    let components = described.components.get_or_insert_default();
    let token = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The token of register, login or refresh."))
        .build();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    described
}
