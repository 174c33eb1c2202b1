//! What sockets say, in AsyncAPI 3.0: made of the tables of `wire`, in the frames of both transports.
//!
//! The schemas of frames are of JSON Schema's draft 7, as AsyncAPI's own are: a list with places is
//! `items` and `additionalItems`.

use serde_json::{Map, Value, json, to_value};

use super::example;
use super::openapi::meaning;
use crate::error::ChatError;
use crate::transport::connection::Why;
use crate::transport::engineio::packet::Handshake;
use crate::wire::body::AuthenticateData;
use crate::wire::command::{Asked, EVENTS};
use crate::wire::event::{About, ErrorEvent, Told as _, told};
use crate::wire::reply::{Failure, Nothing};
use crate::wire::schema::Form;

/// The two ways in which the same events travel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    WebSocket,
    SocketIo,
}

use Transport::{SocketIo, WebSocket};

impl Transport {
    /// Stands before the names of its messages.
    const fn name(self) -> &'static str {
        match self {
            WebSocket => "ws",
            SocketIo => "socketio",
        }
    }

    /// An event of a client. Its data may only be left out where there is nothing to say.
    fn asks(self, name: &str, data: &Value) -> Value {
        match self {
            WebSocket => object(
                &[
                    ("event", word(name)),
                    ("data", data.clone()),
                    ("id", any_id()),
                ],
                &["event", "data"],
            ),
            SocketIo => list(&[word(name), data.clone()], 2),
        }
    }

    /// An event of the server. Over Socket.IO it has its number, if it can be missed.
    fn tells(self, name: &str, data: &Value) -> Value {
        match self {
            WebSocket => object(
                &[("event", word(name)), ("data", data.clone())],
                &["event", "data"],
            ),
            SocketIo if name == ErrorEvent::NAME => list(&[word(name), data.clone()], 2),
            SocketIo => list(&[word(name), data.clone(), offset()], 3),
        }
    }

    /// An acknowledgement with this `data`, or a refusal with one of these codes.
    fn answers(self, data: &Value, codes: &[&str]) -> Value {
        let success = [("status", word("success")), ("data", data.clone())];
        let refused = json!({"type": "string", "enum": codes});
        let parts = |extra: Value| json!({"allOf": [reference("Failure"), extra]});
        match self {
            WebSocket => {
                let reply = ("reply", any_id());
                let [status, data] = success;
                let success = object(&[reply.clone(), status, data], &["reply", "status", "data"]);
                let failure = parts(object(&[reply, ("code", refused)], &["reply"]));
                json!({"oneOf": [success, failure]})
            }
            SocketIo => {
                let success = object(&success, &["status", "data"]);
                let failure = parts(object(&[("code", refused)], &[]));
                list(&[json!({"oneOf": [success, failure]})], 1)
            }
        }
    }
}

fn word(word: &str) -> Value {
    json!({"type": "string", "const": word, "examples": [word]})
}

/// What a client calls its frame.
fn any_id() -> Value {
    json!({"description": "Any JSON. What has one is answered; the answer repeats it.", "examples": [7]})
}

fn offset() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+$", "examples": ["41"], "description":
        "The event's number: the `offset` of a client that comes back."})
}

fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let fields = fields
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()));
    let fields: Map<String, Value> = fields.collect();
    json!({"type": "object", "properties": fields, "required": required})
}

fn list(items: &[Value], least: usize) -> Value {
    json!({"type": "array", "items": items, "additionalItems": false, "minItems": least})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// The document as it grows.
#[derive(Default)]
struct Draft {
    schemas: Map<String, Value>,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
}

impl Draft {
    /// Takes a schema and those that it names: a reference to it.
    fn schema(&mut self, form: Form) -> Value {
        self.schemas.extend(form.schemas);
        reference(&form.name)
    }

    /// Adds a message; `text` is how it stands on the wire, with `{}` for its payload.
    fn message(&mut self, name: &str, words: &str, text: &str, payload: Value) {
        let message = json!({
            "name": name,
            "summary": words,
            "contentType": "application/json",
            "payload": payload,
            "x-text": text,
        });
        self.messages.insert(name.to_owned(), message);
    }

    fn operation(&mut self, name: &str, transport: Transport, action: &str, words: &str) {
        let channel = json!({"$ref": format!("#/channels/{}", transport.name())});
        let message = format!("#/channels/{}/messages/{name}", transport.name());
        let operation = json!({
            "action": action,
            "summary": words,
            "channel": channel,
            "messages": [{"$ref": message}],
        });
        self.operations.insert(name.to_owned(), operation);
    }

    /// An event of a client, with its acknowledgement.
    fn asked(&mut self, transport: Transport, event: &Asked) {
        let codes = codes(event);
        let (data, answer) = (self.schema((event.data)()), self.schema((event.answer)()));
        self.ask(transport, event.name, event.words, &data, &answer, &codes);
    }

    fn ask(
        &mut self,
        transport: Transport,
        event: &str,
        words: &str,
        data: &Value,
        answer: &Value,
        codes: &[&str],
    ) {
        let channel = transport.name();
        let name = format!("{channel}.{event}");
        let reply = format!("{name}.reply");
        let (asks, answers) = match transport {
            WebSocket => ("{}", "{}"),
            SocketIo => ("42<id>{}", "43<id>{}"),
        };
        self.message(&name, words, asks, transport.asks(event, data));
        let what = format!("Answers `{event}`, if that asked for an answer.");
        self.message(&reply, &what, answers, transport.answers(answer, codes));
        self.operation(&name, transport, "receive", words);
        self.operations[&name]["reply"] = json!({
            "channel": {"$ref": format!("#/channels/{channel}")},
            "messages": [{"$ref": format!("#/channels/{channel}/messages/{reply}")}],
        });
    }

    /// An event of the server.
    fn told(&mut self, transport: Transport, about: About) {
        let name = format!("{}.{}", transport.name(), about.name);
        let data = self.schema(about.data);
        let text = match transport {
            WebSocket => "{}",
            SocketIo => "42{}",
        };
        self.message(&name, about.words, text, transport.tells(about.name, &data));
        self.operation(&name, transport, "send", about.words);
    }

    /// How a plain WebSocket begins, if no header says who it is.
    fn plain_entrance(&mut self) {
        let words = "Says who it is: the first frame, within 10 s, where neither `Authorization` nor the \
                     subprotocol list did. A token that does not count is answered, and ends the connection.";
        let data = self.schema(Form::of::<AuthenticateData>());
        let nothing = self.schema(Form::of::<Nothing>());
        let codes = ["unauthenticated", "rate_limited", "overloaded", "internal"];
        self.ask(WebSocket, "authenticate", words, &data, &nothing, &codes);
    }

    /// How a Socket.IO connection begins and lives.
    fn socketio_entrance(&mut self) {
        let text = |schema: &str| json!({"type": "string", "examples": [schema]});
        let handshake = self.schema(Form::of::<Handshake<'_>>());
        let (sid, pid) = (text("qGcFn1Vb8yZpmA2kWd4J"), text("Rt5_dm0xQ3uLh9sYcE7w"));
        let auth = [
            (
                "token",
                text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
            ),
            ("pid", pid.clone()),
            ("offset", offset()),
        ];
        let code = object(
            &[("code", json!({"type": "string", "enum": REFUSED}))],
            &["code"],
        );
        let refused = [
            (
                "message",
                json!({"type": "string", "minLength": 1,
            "examples": ["Please sign in: the token is missing, expired or not valid."]}),
            ),
            ("data", code),
        ];
        let packets = [
            (
                "open",
                "send",
                "0{}",
                "The first packet of Engine.IO: how the connection is called, and \
              the times of its heartbeat.",
                handshake,
            ),
            (
                "connect",
                "receive",
                "40{}",
                "Enters: a stock client's `auth`. The token may stand in an \
              `Authorization` header instead. With the `pid` that an earlier entrance was told, and the last \
              `offset`, a client that was cut off for at most 2 minutes gets its session back.",
                object(&auth, &[]),
            ),
            (
                "connected",
                "send",
                "40{}",
                "Is in. The same `pid` as before says that the session was found.",
                object(&[("sid", sid), ("pid", pid)], &["sid", "pid"]),
            ),
            (
                "connect_error",
                "send",
                "44{}",
                "Is not let in: a stock client's `connect_error`.",
                object(&refused, &["message", "data"]),
            ),
        ];
        for (name, action, text, words, payload) in packets {
            let name = format!("{}.{name}", SocketIo.name());
            self.message(&name, words, text, payload);
            self.operation(&name, SocketIo, action, words);
        }
    }

    fn channel(&self, transport: Transport, address: &str, words: &str) -> Value {
        let prefix = format!("{}.", transport.name());
        let own = self
            .messages
            .keys()
            .filter(|name| name.starts_with(&prefix));
        let messages = own.map(|name| {
            let message = json!({"$ref": format!("#/components/messages/{name}")});
            (name.clone(), message)
        });
        let messages: Map<String, Value> = messages.collect();
        json!({"address": address, "description": words, "messages": messages})
    }
}

/// What a Socket.IO client can be told that is not let in.
const REFUSED: [&str; 4] = [
    "unauthenticated",
    "malformed_json",
    "rate_limited",
    "not_found",
];

/// Every code with which an event can be refused.
fn codes(event: &Asked) -> Vec<&'static str> {
    let general = [
        "validation_failed",
        "malformed_json",
        "unauthenticated",
        "rate_limited",
        "overloaded",
        "internal",
    ];
    let may = |code: &&str| general.contains(code) || event.codes.contains(code);
    ChatError::CODES.into_iter().filter(may).collect()
}

/// The whole description.
pub(super) fn complete() -> Value {
    let mut draft = Draft::default();
    draft.schema(Form::of::<Failure<'_>>());
    draft.plain_entrance();
    draft.socketio_entrance();
    for transport in [WebSocket, SocketIo] {
        for event in &EVENTS {
            draft.asked(transport, event);
        }
        for about in told() {
            draft.told(transport, about);
        }
    }
    let plain = draft.channel(WebSocket, "/ws", PLAIN);
    let socketio = draft.channel(SocketIo, "/socket.io/", SOCKETIO);
    let codes = Why::ALL.map(|Why(code, words)| json!({"code": code, "reason": words}));
    let refusals: Vec<_> = ChatError::samples().iter().map(meaning).collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Duologue", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {"here": {
            "host": "{host}",
            "protocol": "ws",
            "description": "Where this description was read; `wss` where that was `https`.",
            "variables": {"host": {"default": "127.0.0.1:3000"}},
        }},
        "channels": {"ws": plain, "socketio": socketio},
        "operations": draft.operations,
        "components": {"schemas": draft.schemas, "messages": draft.messages},
        "x-close-codes": codes,
        "x-codes": refusals,
    });
    add_examples(&mut document);
    document
}

/// An example of every message.
fn add_examples(document: &mut Value) {
    let whole = document.clone();
    let messages = document
        .pointer_mut("/components/messages")
        .and_then(Value::as_object_mut);
    for message in messages.into_iter().flat_map(Map::values_mut) {
        let payload = example::of(&message["payload"], &whole);
        message["examples"] = to_value([json!({"payload": payload})]).unwrap_or_default();
    }
}

const ABOUT: &str = "What is said over sockets: the same events over a plain WebSocket and over Socket.IO. \
     What one socket sends is handled and answered in the order in which it was sent. Whatever is refused \
     leaves the connection open, unless a close code says otherwise. `x-text` is a message as it stands on the \
     wire, with `{}` for its payload and `<id>` for a number that the client chooses, or nothing if it wants no \
     answer. A frame has at most 64 KiB.";

const PLAIN: &str = "A WebSocket with JSON in text frames. The token comes in `Authorization`, in the \
     subprotocol list (`bearer, <JWT>`), or in the first frame. A frame with an `id` is answered by one with the \
     same as `reply`; what is refused without an `id` is told by an `error` event. Binary frames close it. Its \
     pings and pongs are those of RFC 6455.";

const SOCKETIO: &str = "Socket.IO 4.x (protocol 5 over Engine.IO 4), over long polling \
     (`?EIO=4&transport=polling`), over a WebSocket (`?EIO=4&transport=websocket`), or from the one to the other; \
     any stock client. A message is a text frame, or stands in a poll's body with U+001E between two. `2` is a \
     ping, which is answered by `3` within 20 s; `41` is a client's goodbye; `1` ends a poll. An event with a \
     number is acknowledged; what is refused without one is told by an `error` event.";

#[cfg(test)]
#[path = "asyncapi_tests.rs"]
mod tests;
