//! What the bodies of the contract take and refuse.

use serde_json::json;

use super::*;

fn field_at_fault<T: std::fmt::Debug>(answer: Result<T, ChatError>) -> &'static str {
    let refusal = answer.expect_err("refused");
    assert_eq!(refusal.code(), "validation_failed");
    refusal.fields()[0].field
}

#[test]
fn a_send_is_spelled_by_its_door() {
    let draft = Draft {
        content: " hi ".into(),
        client_message_id: Some("m-1".into()),
    };
    let rest = r#"{"conversation_id":3,"content":" hi ","type":"text","client_message_id":"m-1"}"#;
    assert_eq!(send_body(rest), Ok((ConversationId(3), draft.clone())));
    let socket = r#"{"conversationId":3,"content":" hi ","clientMessageId":"m-1"}"#;
    assert_eq!(
        Command::from_event("send_message", json::parse(socket, DATA).expect("JSON")),
        Ok(Command::Send(ConversationId(3), draft))
    );
}

#[test]
fn a_send_is_refused_by_field() {
    let sound = json!({"conversation_id": 3, "content": "hi"});
    for (field, bad) in [
        ("conversation_id", json!("3")),
        ("content", json!("")),
        ("content", json!(7)),
        ("content", json!("x".repeat(4_001))),
        ("type", json!("image")),
        ("client_message_id", json!("")),
        ("client_message_id", json!("x".repeat(65))),
        ("client_message_id", json!("é")),
        ("client_message_id", json!(1)),
    ] {
        let mut body = sound.clone();
        body[field] = bad;
        assert_eq!(field_at_fault(send_body(&body.to_string())), field);
    }
}

#[test]
fn unknown_events_are_unknown_whatever_they_carry() {
    for name in ["", "disconnect", "__proto__", "Send_Message"] {
        let answer = Command::from_event(name, Value::Null);
        assert_eq!(answer, Err(ChatError::UnknownEvent));
    }
}

#[test]
fn the_callers_own_id_is_ignored_and_one_other_must_be_left() {
    let me = UserId(1);
    let create = |ids| {
        let body = json!({"type": "direct", "participant_ids": ids});
        create_conversation(&body.to_string(), me)
    };
    assert_eq!(create(json!([2])), Ok(UserId(2)));
    assert_eq!(create(json!([1, 2, 1, 2])), Ok(UserId(2)));
    for bad in [
        json!([]),
        json!([1]),
        json!([2, 3]),
        json!([2.5]),
        json!(2),
        json!(["2"]),
    ] {
        assert_eq!(field_at_fault(create(bad)), "participant_ids");
    }
    let group = create_conversation(r#"{"type":"group","participant_ids":[2]}"#, me);
    assert_eq!(field_at_fault(group), "type");
}
