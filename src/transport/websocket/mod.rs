//! The plain WebSocket at `/ws`: who comes in, and how.

mod connection;
mod frame;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Gateway;
use super::caller::{bearer, bearer_protocol};
use super::rest::answer::Refusal;
use super::upgrade::{Socket, Upgrade, end};
use crate::chat::Caller;
use crate::error::ChatError;
use connection::Connection;
use frame::{Frame, close};

/// `GET /ws`
pub(super) async fn connect(State(gateway): State<Gateway>, mut request: Request) -> Response {
    match admit(&gateway, &mut request).await {
        Ok((upgrade, caller, protocol)) => {
            let response = upgrade.response(protocol);
            let tasks = gateway.life.tasks.clone();
            tasks.spawn(serve(gateway, upgrade, caller));
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

/// The life of one socket.
async fn serve(gateway: Gateway, mut upgrade: Upgrade, caller: Option<Caller>) {
    let _place = upgrade.place();
    let Some(mut socket) = upgrade.socket(&gateway.limits).await else {
        return;
    };
    let who = match caller {
        Some(caller) => Some((caller, None)),
        None => authenticate(&gateway, &mut socket).await,
    };
    let Some((caller, id)) = who else { return };
    match gateway.chat.open_session(caller).await {
        Ok(session) => {
            let mut connection = Connection::new(gateway, socket, session);
            if let Some(id) = id {
                connection.authenticated(id).await;
            }
            connection.run().await;
        }
        Err(_) => end(&mut socket, close::TRY_AGAIN.into(), &gateway.limits).await,
    }
}

/// Waits for the first frame with a token. Who it is and the frame's `id`, if it has one; `None`
/// when the socket is closed.
async fn authenticate(
    gateway: &Gateway,
    socket: &mut Socket,
) -> Option<(Caller, Option<serde_json::Value>)> {
    let time = gateway.limits.authenticate_timeout;
    let answer = tokio::select! {
        answer = timeout(time, introduction(gateway, socket)) => answer,
        () = gateway.life.draining.cancelled() => Ok(Err(Some(close::RESTART))),
    };
    let why = match answer {
        Ok(Ok(who)) => return Some(who),
        Ok(Err(why)) => why,
        Err(_) => Some(close::TOO_LATE),
    };
    if let Some(why) = why {
        end(socket, why.into(), &gateway.limits).await;
    }
    None
}

/// Reads frames until one tells who it is; else why the socket is to be closed, if it is open.
async fn introduction(
    gateway: &Gateway,
    socket: &mut Socket,
) -> Result<(Caller, Option<serde_json::Value>), Option<close::Why>> {
    loop {
        let text = match socket.next().await {
            Some(Ok(Message::Text(text))) if text.len() <= gateway.limits.body_bytes => text,
            Some(Ok(Message::Text(_)) | Err(Error::Capacity(_))) => {
                return Err(Some(close::TOO_BIG));
            }
            Some(Ok(Message::Binary(_))) => return Err(Some(close::NO_BINARY)),
            Some(Err(Error::Utf8(_))) => return Err(Some(close::NOT_UTF8)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                drop(socket.close(None).await);
                return Err(None);
            }
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
                drop(socket.send(Message::text(answer)).await);
                if fatal {
                    return Err(Some(close::UNAUTHENTICATED));
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
