//! Requests to the address of Engine.IO connections: which connection, and what for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::error::ProtocolError;
use super::link::{Reply, Request};
use super::table::Table;
use super::upgrade::Candidate;
use super::{Server, Service};
use crate::error::ChatError;
use crate::transport::body;
use crate::transport::frames::Frames;
use crate::transport::upgrade::Upgrade;

/// What a request's query asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) transport: Transport,
    pub(crate) sid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Polling,
    WebSocket,
}

/// Answers a request, in Engine.IO's own words also where it is refused.
pub(super) async fn answer<S: Service>(server: Arc<Server<S>>, request: HttpRequest) -> Response {
    #[cfg(feature = "faults")]
    crate::faults::may_panic("engineio.handle", request.uri().path());
    match admit(server, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn admit<S: Service>(
    server: Arc<Server<S>>,
    mut request: HttpRequest,
) -> Result<Response, ProtocolError> {
    if !server.origins.admit(request.headers()) {
        return Err(ProtocolError::Forbidden);
    }
    let Query { transport, sid } = Query::parse(request.uri().query().unwrap_or_default())?;
    match (transport, sid) {
        (Transport::WebSocket, sid) => {
            let upgrade = Upgrade::from(&mut request).map_err(|_| ProtocolError::BadRequest)?;
            websocket(server, sid, upgrade, request)
        }
        (Transport::Polling, None) if request.method() != Method::GET => {
            Err(ProtocolError::BadMethod)
        }
        (Transport::Polling, None) => {
            let open = server.open_polling(request.headers());
            open.map(payload).ok_or(ProtocolError::Overloaded)
        }
        (Transport::Polling, Some(sid)) => polling(&server, &sid, request).await,
    }
}

fn websocket<S: Service>(
    server: Arc<Server<S>>,
    sid: Option<String>,
    mut upgrade: Upgrade,
    request: HttpRequest,
) -> Result<Response, ProtocolError> {
    if sid.as_ref().is_some_and(|sid| !server.table.knows(sid)) {
        return Err(ProtocolError::SessionUnknown);
    }
    let response = upgrade.response(None);
    let tasks = server.life.tasks.clone();
    tasks.spawn(async move {
        let place = upgrade.place();
        let Some(socket) = upgrade.socket(&server.limits).await else {
            return;
        };
        let frames = Frames::new(socket, Arc::clone(&server.limits));
        let candidate = Candidate { frames, place };
        match sid {
            Some(sid) => {
                // If the connection is over, so is this socket.
                if let Some(requests) = server.table.find(&sid) {
                    drop(requests.send(Request::Upgrade(Box::new(candidate))).await);
                }
            }
            None => server.open_websocket(candidate, request.headers()),
        }
    });
    Ok(response)
}

/// A request of a connection that polls.
async fn polling<S: Service>(
    server: &Server<S>,
    sid: &str,
    request: HttpRequest,
) -> Result<Response, ProtocolError> {
    if !server.table.knows(sid) {
        return Err(ProtocolError::SessionUnknown);
    }
    let (reply, answer) = oneshot::channel();
    let method = request.method().clone();
    let asked = match method {
        Method::GET => {
            // It may wait for long, and its head would wait with it.
            drop(request);
            Request::Poll(reply)
        }
        Method::POST => post(server, request, reply).await?,
        _ => return Err(ProtocolError::BadRequest),
    };
    let answer = ask(&server.table, sid, asked, answer).await?;
    Ok(match method {
        Method::GET => payload(answer),
        _ => text("text/html", answer),
    })
}

/// Has the connection `sid` answer a request.
async fn ask(
    table: &Table,
    sid: &str,
    asked: Request,
    answer: oneshot::Receiver<Result<Bytes, ProtocolError>>,
) -> Result<Bytes, ProtocolError> {
    let requests = table.find(sid).ok_or(ProtocolError::SessionUnknown)?;
    let sent = requests.try_send(asked);
    drop(requests);
    sent.map_err(|_| ProtocolError::BadRequest)?;
    // Without an answer the connection has ended meanwhile.
    answer.await.unwrap_or(Err(ProtocolError::SessionUnknown))
}

async fn post<S: Service>(
    server: &Server<S>,
    request: HttpRequest,
    reply: Reply,
) -> Result<Request, ProtocolError> {
    let body = body::read(request.into_body(), &server.limits).await;
    let body = body.map_err(|refusal| match refusal {
        ChatError::PayloadTooLarge(_) => ProtocolError::TooLarge,
        _ => ProtocolError::BadRequest,
    })?;
    // What is no text is no payload either: an empty one ends the connection just so.
    let payload = Utf8Bytes::try_from(body).unwrap_or_default();
    Ok(Request::Post(payload, reply))
}

impl Query {
    pub(crate) fn parse(query: &str) -> Result<Self, ProtocolError> {
        let value = |wanted| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(name, value)| (name == wanted).then_some(value))
        };
        let transport = match value("transport").as_deref() {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            _ => return Err(ProtocolError::TransportUnknown),
        };
        if value("EIO").as_deref() != Some("4") {
            return Err(ProtocolError::UnsupportedVersion);
        }
        let sid = value("sid").map(Into::into);
        Ok(Self { transport, sid })
    }
}

fn payload(packets: Bytes) -> Response {
    text("text/plain; charset=UTF-8", packets)
}

fn text(kind: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::pin::pin;

    /// Else a request that came as its connection ended would wait for itself.
    #[test]
    fn who_waits_for_an_answer_keeps_no_way_to_a_connection_that_may_end() {
        let table = Arc::new(Table::default());
        let (inbox, entered) = table.enter("a", 1).expect("room");
        let (reply, answer) = oneshot::channel();
        let mut asking = pin!(ask(&table, "a", Request::Poll(reply), answer));
        assert!(asking.as_mut().now_or_never().is_none(), "it waits");
        assert_eq!(inbox.sender_strong_count(), 1, "the table's");
        drop((inbox, entered));
        let told = asking.now_or_never();
        assert_eq!(told, Some(Err(ProtocolError::SessionUnknown)));
    }
}
