//! The plain WebSocket at `/ws`: who comes in, and how.
//!
//! How its messages travel is a matter of `connection` alone; [`route`] has them travel so for somebody else, who
//! asks nobody for a token.

mod connection;
pub(crate) mod frame;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::caller::{bearer, bearer_protocol};
use super::connection::{Carrier as _, Connection, End, Frame as Written, Handler, Why};
use super::frames::{Frames, Received};
use super::rest::answer::Refusal;
use super::upgrade::Upgrade;
use super::{Gateway, Life};
use crate::chat::{Caller, SocketPlace};
use crate::config::Limits;
use crate::error::ChatError;
use connection::{Plain, PlainSocket};
use frame::{Frame, Id};

/// Opens a plain WebSocket.
///
/// The token comes in `Authorization`, in the subprotocol list (`bearer, <JWT>`), or in the first frame. What
/// is said on it stands in the description of the sockets.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "sockets",
    responses((status = 101, description = "The connection is a WebSocket from here on.")),
    security((), ("token" = [])),
    extensions(("x-codes" = json!(["validation_failed", "unauthenticated", "forbidden", "rate_limited", "overloaded"]))),
)]
pub(super) async fn connect(State(gateway): State<Gateway>, mut request: Request) -> Response {
    match admit(&gateway, &mut request).await {
        Ok((upgrade, admitted, protocol)) => {
            let response = upgrade.response(protocol);
            let tasks = gateway.life.tasks.clone();
            serve(&tasks, open(gateway, upgrade, admitted));
            response
        }
        Err(refusal) => Refusal(refusal).into_response(),
    }
}

/// What answers at an address where whoever comes is let in: `open` makes what the messages of one socket mean. They
/// travel as those of `/ws` do.
pub fn route<H: Handler, T: Clone + Send + Sync + 'static>(
    open: impl Fn() -> H + Clone + Send + Sync + 'static,
    limits: Arc<Limits>,
    life: Life,
) -> MethodRouter<T> {
    any(async move |mut request: Request| {
        let upgrade = match Upgrade::from(&mut request) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return Refusal(refusal).into_response(),
        };
        let response = upgrade.response(None);
        let tasks = life.tasks.clone();
        serve(&tasks, async move {
            let socket = PlainSocket::accept(upgrade, &limits).await?;
            Some(Connection::new(socket, open(), limits, life))
        });
        response
    })
}

/// Serves the connection that is being opened, if it is.
fn serve<H: Handler>(
    tasks: &TaskTracker,
    opening: impl Future<Output = Option<Box<Connection<PlainSocket, H>>>> + Send + 'static,
) {
    // Boxed, to be gone while the connection is served.
    let opening = Box::pin(opening);
    tasks.spawn(async move {
        let connection = opening.await;
        if let Some(connection) = connection {
            connection.run().await;
        }
    });
}

/// Somebody with a place for their socket.
type Admitted = (Caller, SocketPlace);

/// The upgrade, who asks for it if that is known yet, and the subprotocol to name.
async fn admit(
    gateway: &Gateway,
    request: &mut Request,
) -> Result<(Upgrade, Option<Admitted>, Option<&'static str>), ChatError> {
    if !gateway.origins.admit(request.headers()) {
        let why = "Pages of this origin may not connect.";
        return Err(ChatError::Forbidden(why));
    }
    let upgrade = Upgrade::from(request)?;
    let headers = request.headers();
    let in_header = headers.contains_key(header::AUTHORIZATION);
    let in_protocol = bearer_protocol(headers);
    let admitted = match (in_header, in_protocol) {
        (true, _) => {
            let token = bearer(headers).ok_or(ChatError::Unauthenticated)?;
            Some(let_in(gateway, token).await?)
        }
        (false, Some(token)) => Some(let_in(gateway, token).await?),
        (false, None) => None,
    };
    Ok((upgrade, admitted, in_protocol.map(|_| "bearer")))
}

/// Who bears `token`, and a place for their socket.
async fn let_in(gateway: &Gateway, token: &str) -> Result<Admitted, ChatError> {
    let caller = gateway.chat.authenticate(token).await?;
    let place = gateway.chat.place_for(&caller)?;
    Ok((caller, place))
}

/// From an upgrade to a connection, unless the peer is gone or not let in.
async fn open(
    gateway: Gateway,
    upgrade: Upgrade,
    admitted: Option<Admitted>,
) -> Option<Box<Connection<PlainSocket, Plain>>> {
    let mut carrier = PlainSocket::accept(upgrade, &gateway.limits).await?;
    let who = match admitted {
        Some(admitted) => Ok((admitted, None)),
        None => authenticate(&gateway, &mut carrier.frames).await,
    };
    let session = match who {
        Ok(((caller, its_place), id)) => match gateway.chat.open_session(caller, its_place).await {
            Ok(session) => Ok((session, id)),
            Err(refusal) => {
                gateway.chat.refused(&refusal);
                Err(End::Refused(match refusal {
                    ChatError::Unauthenticated => Why::UNAUTHENTICATED,
                    _ => Why::TRY_AGAIN,
                }))
            }
        },
        Err(end) => Err(end),
    };
    match session {
        Ok((session, id)) => {
            let (limits, life) = (Arc::clone(&gateway.limits), gateway.life.clone());
            let handler = Plain::new(gateway, session, id.as_ref());
            Some(Connection::new(carrier, handler, limits, life))
        }
        Err(end) => {
            carrier.close(end).await;
            None
        }
    }
}

/// Waits for the first frame with a token: who it is, and the frame's `id`, if it has one.
async fn authenticate(
    gateway: &Gateway,
    frames: &mut Frames,
) -> Result<(Admitted, Option<Id>), End> {
    let time = gateway.limits.authenticate_timeout;
    tokio::select! {
        who = timeout(time, introduction(gateway, frames)) => {
            who.unwrap_or(Err(End::Refused(Why::TOO_LATE)))
        }
        () = gateway.life.draining.cancelled() => Err(End::Refused(Why::RESTART)),
    }
}

/// Reads frames until one tells who it is.
async fn introduction(
    gateway: &Gateway,
    frames: &mut Frames,
) -> Result<(Admitted, Option<Id>), End> {
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
            Ok(admitted) => return Ok((admitted, id)),
            Err((refusal, event, fatal)) => {
                gateway.chat.refused(&refusal);
                let answer = frame::refusal(id.as_ref(), event.as_deref(), &refusal);
                frames.feed(Written::Text(answer)).await?;
                frames.flush().await?;
                if let Some(why) = fatal {
                    return Err(End::Refused(why));
                }
            }
        }
    }
}

/// Who sends this first frame; else why it is refused, its event, and the end if it is that.
async fn identify(
    gateway: &Gateway,
    frame: Result<Frame<'_>, (frame::Target, ChatError)>,
) -> Result<Admitted, (ChatError, Option<String>, Option<Why>)> {
    let frame = frame.map_err(|(target, refusal)| (refusal, target.event, None))?;
    let event = frame.event.into_owned();
    if event != "authenticate" {
        return Err((ChatError::Unauthenticated, Some(event), None));
    }
    let token = frame.data.get("token").and_then(|token| token.as_str());
    let answer = let_in(gateway, token.unwrap_or_default()).await;
    answer.map_err(|refusal| {
        let fatal = match refusal {
            ChatError::Unauthenticated => Some(Why::UNAUTHENTICATED),
            ChatError::RateLimited(_) => Some(Why::TOO_MANY),
            _ => None,
        };
        (refusal, Some(event), fatal)
    })
}
