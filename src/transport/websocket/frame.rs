//! The frames of the plain WebSocket (contract, "Plain WebSocket"). Pure.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ChatError;
use crate::wire::check::Fields;
use crate::wire::command::DATA;
use crate::wire::event::{ErrorEvent, Event};
use crate::wire::json::{self, Keep, Names, Value};
use crate::wire::reply::{Failure, encode, success};

/// `{"event": …, "data": …, "id": …}`, from a client.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) event: Cow<'a, str>,
    pub(crate) data: Value<'a>,
    pub(crate) id: Option<Id>,
}

const FRAME: Names = &[
    ("event", Keep::Plain),
    ("data", Keep::Fields(DATA)),
    ("id", Keep::Json),
];

/// What a client calls its frame, any JSON at all; the reply repeats it as it was written.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Id(Box<RawValue>);

/// How an answer finds its way back.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) id: Option<Id>,
    pub(crate) event: Option<String>,
}

impl<'a> Frame<'a> {
    /// Reads a frame; if that fails, what can be told of it, so that the refusal finds its way.
    pub(crate) fn parse(text: &'a str) -> Result<Self, (Target, ChatError)> {
        let lost = |refusal| (Target::default(), refusal);
        let value = json::parse(text, FRAME).map_err(lost)?;
        let mut fields = Fields::of(value, "frame").map_err(lost)?;
        // An id that is null is an id: the client sees its own frame answered.
        let id = match fields.take("id") {
            Some(Value::Json(json)) => Some(Id(json.0.to_owned())),
            _ => None,
        };
        match fields.string("event") {
            Some(event) => Ok(Self {
                event,
                data: fields.take("data").unwrap_or_default(),
                id,
            }),
            None => Err((Target { id, event: None }, fields.refusal())),
        }
    }
}

/// `{"reply": …, …envelope…}`
#[derive(Serialize)]
struct Reply<'a, T> {
    reply: &'a Id,
    #[serde(flatten)]
    envelope: T,
}

/// What answers a frame that succeeded; nothing if it had no `id`.
pub(crate) fn answer(id: Option<&Id>, data: &RawValue) -> Option<Bytes> {
    // Written by hand, because a raw value cannot be flattened, and it is most of the frame.
    let (reply, data) = (id?.0.get(), data.get());
    let frame = format!(r#"{{"reply":{reply},"status":"success","data":{data}}}"#);
    Some(frame.into())
}

/// What answers a frame that was refused: its reply, or an `error` event.
pub(crate) fn refusal(id: Option<&Id>, event: Option<&str>, refusal: &ChatError) -> Bytes {
    match id {
        Some(reply) => {
            let envelope = Failure::from(refusal);
            encode(&Reply { reply, envelope }).into()
        }
        None => {
            let payload = ErrorEvent {
                code: refusal.code(),
                message: refusal.to_string(),
                event,
            };
            Event::new(&payload).frame().clone()
        }
    }
}

/// What answers the frame that authenticated.
pub(super) fn authenticated(reply: &Id) -> Bytes {
    let envelope = success(serde_json::Map::new());
    encode(&Reply { reply, envelope }).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    fn id(value: &serde_json::Value) -> Id {
        Id(to_raw_value(value).expect("JSON"))
    }

    fn written(id: Option<&Id>) -> Option<&str> {
        id.map(|id| id.0.get())
    }

    #[test]
    fn a_frame_has_an_event_and_perhaps_data_and_an_id() {
        let text = r#"{"event":"e","data":{"a":1,"content":"hi"},"id":[7, 1e2]}"#;
        let frame = Frame::parse(text).expect("sound");
        assert_eq!(
            (&*frame.event, written(frame.id.as_ref())),
            ("e", Some("[7, 1e2]"))
        );
        let content = ("content", Value::Text("hi".into()));
        assert_eq!(frame.data, Value::Object(vec![content]));
        let frame = Frame::parse(r#"{"event":"e"}"#).expect("sound");
        assert_eq!(
            (&frame.data, written(frame.id.as_ref())),
            (&Value::Null, None)
        );
        let frame = Frame::parse(r#"{"event":"e","id":null}"#).expect("sound");
        assert_eq!(written(frame.id.as_ref()), Some("null"));
    }

    #[test]
    fn the_refusal_of_a_broken_frame_finds_its_way_if_it_can() {
        let (target, refusal) = Frame::parse(r#"{"id":7,"event":3}"#).expect_err("refused");
        assert_eq!(
            (written(target.id.as_ref()), refusal.code()),
            (Some("7"), "validation_failed")
        );
        let (target, refusal) = Frame::parse("{").expect_err("refused");
        assert_eq!(written(target.id.as_ref()), None);
        assert_eq!(refusal.code(), "malformed_json");
    }

    #[test]
    fn answers_repeat_the_id() {
        let data = RawValue::from_string(r#"{"a":1}"#.to_owned()).expect("JSON");
        assert_eq!(
            answer(Some(&id(&json!("x\"y"))), &data).expect("an answer"),
            r#"{"reply":"x\"y","status":"success","data":{"a":1}}"#
        );
        assert_eq!(answer(None, &data), None);
        assert_eq!(
            refusal(
                Some(&id(&json!(7))),
                Some("e"),
                &ChatError::NotFound("user")
            ),
            r#"{"reply":7,"status":"error","code":"not_found","message":"There is no such user."}"#
        );
        assert_eq!(
            refusal(None, Some("e"), &ChatError::UnknownEvent),
            r#"{"event":"error","data":{"code":"unknown_event","message":"There is no such event.","event":"e"}}"#
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            drop(Frame::parse(&text));
        }

        #[test]
        fn what_a_client_encodes_is_read(event in ".{1,40}", data in any::<i64>(), id in any::<u64>()) {
            let text = json!({"event": event, "data": data, "id": id}).to_string();
            let frame = Frame::parse(&text).expect("sound");
            prop_assert_eq!(frame.event, event);
            prop_assert_eq!(frame.data, Value::Integer(data));
            let id = id.to_string();
            prop_assert_eq!(written(frame.id.as_ref()), Some(id.as_str()));
        }
    }
}
