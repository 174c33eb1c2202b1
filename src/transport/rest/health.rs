//! Whether the process runs, and whether it serves.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Refusal, ok};
use crate::error::ChatError;
use crate::transport::Gateway;
use crate::wire::reply::{Nothing, Success};

/// `data` of a server that serves.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always true.
    #[schema(example = true)]
    ready: bool,
}

/// Says that the process runs.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "server",
    responses((status = 200, description = "It runs.", body = Success<Nothing>)),
)]
pub(super) async fn live() -> Response {
    ok(Nothing {})
}

/// Says whether the server serves.
///
/// 503 while it drains, and when nothing could be made durable.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "server",
    responses((status = 200, description = "It serves.", body = Success<Health>)),
    extensions(("x-codes" = json!(["overloaded"]))),
)]
pub(super) async fn ready(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    let draining = gateway.life.draining.is_cancelled();
    if draining || !gateway.chat.is_writable().await {
        return Err(Refusal(ChatError::Overloaded));
    }
    Ok(ok(Health { ready: true }))
}
