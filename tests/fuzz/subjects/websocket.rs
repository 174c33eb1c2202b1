//! A frame of `/ws`, from its text to the command.

use serde_json::{Value, json};

use super::{Input, commands, has_tree, judge, refused};
use crate::error::ChatError;
use crate::transport::websocket::frame::{self, Frame, Id};
use crate::wire::command::Command;

/// What becomes of a frame: what its client calls it, its event, and what that asks for.
type Read = (Option<Id>, Option<String>, Result<Command, ChatError>);

pub(super) fn frame(input: &Input<'_>) {
    let Some(text) = input.text() else {
        return;
    };
    let (id, event, command) = input.read(|| read(text));
    if !has_tree(text) {
        return;
    }
    let told: Option<Value> = id.as_ref().map(written);
    if let (Ok(tree), Some(told)) = (serde_json::from_str::<Value>(text), &told) {
        assert_eq!(tree.get("id"), Some(told));
    }
    match &command {
        Ok(command) => {
            judge::<()>(text, &Ok(()));
            let (event, data) = commands::event(command);
            let again = json!({"event": event, "data": data, "id": told}).to_string();
            assert_eq!(read(&again).2.as_ref(), Ok(command));
        }
        Err(ChatError::UnknownEvent) => {
            judge::<()>(text, &Ok(()));
            refused(&ChatError::UnknownEvent, &["unknown_event"]);
        }
        Err(refusal) => judge::<()>(text, &Err(refusal.clone())),
    }
    if let Err(refusal) = &command {
        let answer = frame::refusal(id.as_ref(), event.as_deref(), refusal);
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        match told {
            Some(id) => assert_eq!(
                (&answer["reply"], &answer["status"]),
                (&id, &"error".into())
            ),
            None => assert_eq!(answer["data"]["event"].as_str(), event.as_deref()),
        }
    }
}

fn read(text: &str) -> Read {
    match Frame::parse(text) {
        Ok(Frame { event, data, id }) => {
            let command = Command::from_event(&event, data);
            (id, Some(event.into_owned()), command)
        }
        Err((target, refusal)) => (target.id, target.event, Err(refusal)),
    }
}

fn written(id: &Id) -> Value {
    serde_json::to_value(id).expect("an id is JSON")
}
