//! Whether the process runs, and whether it serves.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::answer::{Refusal, ok};
use crate::error::ChatError;
use crate::transport::Gateway;

#[derive(Serialize)]
struct Health {
    ready: bool,
}

pub(super) async fn live() -> Response {
    ok(serde_json::Map::new())
}

/// 503 while the server drains, and when nothing could be made durable.
pub(super) async fn ready(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    let draining = gateway.life.draining.is_cancelled();
    if draining || !gateway.chat.is_writable().await {
        return Err(Refusal(ChatError::Overloaded));
    }
    Ok(ok(Health { ready: true }))
}
