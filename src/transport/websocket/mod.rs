//! The plain WebSocket at `/ws`: who comes in, and how.

mod connection;
pub(crate) mod frame;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::Gateway;
use super::caller::{bearer, bearer_protocol};
use super::connection::{Connection, End, Frame as Written, Why};
use super::frames::{Frames, Received};
use super::rest::answer::Refusal;
use super::upgrade::Upgrade;
use crate::chat::Caller;
use crate::error::ChatError;
use connection::{Plain, PlainSocket};
use frame::{Frame, Id};

/// `GET /ws`
pub(super) async fn connect(State(gateway): State<Gateway>, mut request: Request) -> Response {
    match admit(&gateway, &mut request).await {
        Ok((upgrade, caller, protocol)) => {
            let response = upgrade.response(protocol);
            let tasks = gateway.life.tasks.clone();
            // Boxed, to be gone while the connection is served.
            let opening = Box::pin(open(gateway, upgrade, caller));
            tasks.spawn(async move {
                let connection = opening.await;
                if let Some(connection) = connection {
                    connection.run().await;
                }
            });
            response
        }
        Err(refusal) => Refusal(refusal).into_response(),
    }
}

/// The upgrade, who asks for it if that is known yet, and the subprotocol to name.
async fn admit(
    gateway: &Gateway,
    request: &mut Request,
) -> Result<(Upgrade, Option<Caller>, Option<&'static str>), ChatError> {
    if !gateway.origins.admit(request.headers()) {
        let why = "Pages of this origin may not connect.";
        return Err(ChatError::Forbidden(why));
    }
    let upgrade = Upgrade::from(request)?;
    let headers = request.headers();
    let in_header = headers.contains_key(header::AUTHORIZATION);
    let in_protocol = bearer_protocol(headers);
    let caller = match (in_header, in_protocol) {
        (true, _) => {
            let token = bearer(headers).ok_or(ChatError::Unauthenticated)?;
            Some(gateway.chat.authenticate(token).await?)
        }
        (false, Some(token)) => Some(gateway.chat.authenticate(token).await?),
        (false, None) => None,
    };
    Ok((upgrade, caller, in_protocol.map(|_| "bearer")))
}

/// From an upgrade to a connection, unless the peer is gone or not let in.
async fn open(
    gateway: Gateway,
    mut upgrade: Upgrade,
    caller: Option<Caller>,
) -> Option<Box<Connection<PlainSocket, Plain>>> {
    let place = upgrade.place();
    let socket = upgrade.socket(&gateway.limits).await?;
    let mut frames = Frames::new(socket, Arc::clone(&gateway.limits));
    let who = match caller {
        Some(caller) => Ok((caller, None)),
        None => authenticate(&gateway, &mut frames).await,
    };
    let session = match who {
        Ok((caller, id)) => match gateway.chat.open_session(caller).await {
            Ok(session) => Ok((session, id)),
            Err(ChatError::Unauthenticated) => Err(End::Refused(Why::UNAUTHENTICATED)),
            Err(_) => Err(End::Refused(Why::TRY_AGAIN)),
        },
        Err(end) => Err(end),
    };
    match session {
        Ok((session, id)) => {
            let (limits, life) = (Arc::clone(&gateway.limits), gateway.life.clone());
            let handler = Plain::new(gateway, session, id.as_ref());
            let carrier = PlainSocket { frames, place };
            Some(Connection::new(carrier, handler, limits, life))
        }
        Err(end) => {
            frames.close(end).await;
            None
        }
    }
}

/// Waits for the first frame with a token: who it is, and the frame's `id`, if it has one.
async fn authenticate(gateway: &Gateway, frames: &mut Frames) -> Result<(Caller, Option<Id>), End> {
    let time = gateway.limits.authenticate_timeout;
    tokio::select! {
        who = timeout(time, introduction(gateway, frames)) => {
            who.unwrap_or(Err(End::Refused(Why::TOO_LATE)))
        }
        () = gateway.life.draining.cancelled() => Err(End::Refused(Why::RESTART)),
    }
}

/// Reads frames until one tells who it is.
async fn introduction(gateway: &Gateway, frames: &mut Frames) -> Result<(Caller, Option<Id>), End> {
    loop {
        let text = match frames.next().await? {
            Received::Text(text) => text,
            Received::Binary(_) => return Err(End::Refused(Why::NO_BINARY)),
            Received::Pong(_) | Received::Control => continue,
        };
        let frame = Frame::parse(text.as_str());
        let id = match &frame {
            Ok(frame) => frame.id.clone(),
            Err((target, _)) => target.id.clone(),
        };
        match identify(gateway, frame).await {
            Ok(caller) => return Ok((caller, id)),
            Err((refusal, event, fatal)) => {
                let answer = frame::refusal(id.as_ref(), event.as_deref(), &refusal);
                frames.feed(Written::Text(answer)).await?;
                frames.flush().await?;
                if fatal {
                    return Err(End::Refused(Why::UNAUTHENTICATED));
                }
            }
        }
    }
}

/// Who sends this first frame; else why it is refused, its event, and whether that is the end.
async fn identify(
    gateway: &Gateway,
    frame: Result<Frame, (frame::Target, ChatError)>,
) -> Result<Caller, (ChatError, Option<String>, bool)> {
    let frame = frame.map_err(|(target, refusal)| (refusal, target.event, false))?;
    let event = frame.event.clone();
    if frame.event != "authenticate" {
        return Err((ChatError::Unauthenticated, Some(event), false));
    }
    let token = frame.data.get("token").and_then(|token| token.as_str());
    let answer = gateway.chat.authenticate(token.unwrap_or_default()).await;
    answer.map_err(|refusal| {
        let fatal = refusal == ChatError::Unauthenticated;
        (refusal, Some(event), fatal)
    })
}
