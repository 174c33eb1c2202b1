//! The chat over Socket.IO: the namespace `/`, the contract's events, and coming back.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{Admission, Connection, Denial, Event, Namespaces, Refusal, packet};
use crate::chat::{Chat, Comeback, Ending, Session};
use crate::error::ChatError;
use crate::transport::Gateway;
use crate::transport::caller::bearer;
use crate::transport::connection::{Output, Source, Why, Work};
use crate::transport::dispatch::Answer;
use crate::transport::engineio::Service;
use crate::transport::exchange::{Dialect, Exchange};
use crate::wire::command::{self, Command};
use crate::wire::event::{self, ErrorEvent, Told as _};
use crate::wire::json::{self, Keep, Names, Value};
use crate::wire::reply::{self, Failure};

/// Opens connections to the chat.
impl Service for Gateway {
    type Handler = Connection<Chats>;

    fn open(&self, headers: &HeaderMap) -> Self::Handler {
        let limits = Arc::clone(&self.limits);
        Connection::new(Chats::new(self.clone(), headers), limits)
    }
}

/// The chat on one connection.
pub struct Chats {
    gateway: Gateway,
    /// The token in the header of the request that opened the connection.
    bearer: Option<String>,
    exchange: Option<Exchange<SocketIo>>,
    /// What was written before this session began, on the same connection.
    before: u64,
    written: u64,
}

impl Chats {
    fn new(gateway: Gateway, headers: &HeaderMap) -> Self {
        Self {
            gateway,
            bearer: bearer(headers).map(str::to_owned),
            exchange: None,
            before: 0,
            written: 0,
        }
    }
}

impl Namespaces for Chats {
    type Client = Session;

    fn admit(&self, namespace: &str, auth: Option<&RawValue>) -> Work<Admission<Session>> {
        if namespace != packet::MAIN {
            let code = ChatError::NotFound("namespace").code();
            let refusal = Refusal {
                // The reference implementation's words.
                message: "Invalid namespace".to_owned(),
                data: Some(json!({"code": code})),
            };
            self.gateway.chat.refused_with(code);
            return Box::pin(async { Err(Denial::Refused(refusal)) });
        }
        let chat = self.gateway.chat.clone();
        let auth = Auth::parse(auth, self.bearer.as_deref());
        Box::pin(async move {
            let session = open(&chat, auth).await;
            let session = session.inspect_err(|refusal| chat.refused(refusal))?;
            let key = session.key();
            let greeting = key.map(|key| json!({"sid": key.sid, "pid": key.pid}));
            Ok((greeting.unwrap_or_default(), session))
        })
    }

    fn enter(&mut self, _: &str, session: Session) {
        self.before = self.written;
        self.exchange = Some(Exchange::new(self.gateway.clone(), session));
    }

    fn receive(&mut self, _: &str, event: Event<'_>) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let command = command(&event);
        let to = Target {
            id: event.id,
            event: event.name.into_owned(),
        };
        exchange.push(to, command, event.bytes);
    }

    fn leave(&mut self, _: &str) {
        if let Some(exchange) = self.exchange.take() {
            let rest = timeout(
                self.gateway.limits.command_time,
                exchange.end(Ending::Goodbye),
            );
            self.gateway.life.tasks.spawn(rest);
        }
    }
}

impl Source for Chats {
    fn has_room(&self) -> bool {
        self.exchange.as_ref().is_none_or(Exchange::has_room)
    }

    async fn ready(&mut self) {
        match &mut self.exchange {
            Some(exchange) => exchange.ready().await,
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, output: &mut Output) {
        if let Some(exchange) = &mut self.exchange {
            exchange.take(output);
            output.written += self.before;
            self.written = output.written;
        }
    }

    fn proven(&mut self, up_to: u64) {
        // A ping may be older than the session.
        let written = up_to.checked_sub(self.before);
        if let Some((exchange, written)) = self.exchange.as_mut().zip(written) {
            exchange.proven(written);
        }
    }

    fn is_idle(&self) -> bool {
        self.exchange.as_ref().is_none_or(Exchange::is_idle)
    }

    fn over(&self) -> Option<Why> {
        self.exchange.as_ref().and_then(Exchange::over)
    }

    fn until(&self) -> Option<Instant> {
        self.exchange.as_ref()?.until()
    }

    async fn changed(&mut self) {
        match &mut self.exchange {
            Some(exchange) => exchange.changed().await,
            None => std::future::pending().await,
        }
    }

    async fn end(self, how: Ending) {
        if let Some(exchange) = self.exchange {
            exchange.end(how).await;
        }
    }
}

/// What a client says of itself as it enters.
pub(crate) struct Auth {
    pub(crate) token: String,
    pub(crate) comeback: Option<Comeback>,
}

impl Auth {
    const NAMES: Names = &[
        ("token", Keep::Plain),
        ("pid", Keep::Plain),
        ("offset", Keep::Plain),
    ];

    /// Reads the payload of CONNECT. The token may also stand in `bearer`.
    pub(crate) fn parse(
        payload: Option<&RawValue>,
        bearer: Option<&str>,
    ) -> Result<Self, ChatError> {
        let payload =
            payload.map_or(Ok(Value::Null), |auth| json::parse(auth.get(), Self::NAMES))?;
        let text = |field| payload.get(field).and_then(Value::as_str);
        Ok(Self {
            token: text("token").or(bearer).unwrap_or_default().to_owned(),
            comeback: text("pid").map(|pid| Comeback {
                pid: pid.to_owned(),
                // No event has the number 0, so what is no number matches none.
                offset: text("offset").map(|offset| offset.parse().unwrap_or(0)),
            }),
        })
    }
}

/// The session of whoever `auth` says that they are.
async fn open(chat: &Chat, auth: Result<Auth, ChatError>) -> Result<Session, ChatError> {
    let auth = auth?;
    let caller = chat.authenticate(&auth.token).await?;
    chat.open_recoverable(caller, auth.comeback).await
}

pub(crate) fn command(event: &Event<'_>) -> Result<Command, ChatError> {
    if !event.attachments.is_empty() {
        return Err(ChatError::field("data", "must hold no binary"));
    }
    let data = match event.arguments.first() {
        Some(data) => json::parse(data.get(), command::DATA)?,
        None => Value::Null,
    };
    Command::from_event(&event.name, data)
}

impl From<ChatError> for Denial {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Overloaded | ChatError::Internal => Self::NotNow,
            error => Self::Refused(Refusal {
                message: error.to_string(),
                data: Some(json!({"code": error.code()})),
            }),
        }
    }
}

/// How an answer finds its way back.
pub(super) struct Target {
    id: Option<u64>,
    event: String,
}

/// EVENT and ACK packets.
pub(super) struct SocketIo;

impl Dialect for SocketIo {
    type Target = Target;

    fn event(event: &event::Event) -> Bytes {
        event.socketio().clone()
    }

    fn wants_answer(target: &Target) -> bool {
        target.id.is_some()
    }

    fn answer(target: &Target, answer: Answer) -> Option<Bytes> {
        match (answer, target.id) {
            (Ok(data), Some(id)) => {
                let envelope = [r#"[{"status":"success","data":"#, data.get(), "}]"].concat();
                Some(packet::ack(packet::MAIN, 0, id, &envelope))
            }
            (Ok(_), None) => None,
            (Err(refusal), Some(id)) => {
                let envelope = array(&[Failure::from(&refusal)]);
                Some(packet::ack(packet::MAIN, 0, id, &envelope))
            }
            (Err(refusal), None) => {
                let payload = ErrorEvent {
                    code: refusal.code(),
                    message: refusal.to_string(),
                    event: Some(&target.event),
                };
                // It has no number: it is an answer, and is not repeated to who comes back.
                let event = array(&(ErrorEvent::NAME, payload));
                Some(packet::event(packet::MAIN, 0, None, &event))
            }
        }
    }
}

fn array(values: &impl serde::Serialize) -> String {
    String::from_utf8(reply::encode(values)).unwrap_or_default()
}
