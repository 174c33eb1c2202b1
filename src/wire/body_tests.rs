use jsonschema::Validator;
use serde_json::{Value, json};

use super::*;
use crate::wire::account;
use crate::wire::command::{self, Command, DATA};
use crate::wire::json;

/// What judges JSON by the schema of `T`.
fn judge<T: ToSchema>() -> (Validator, Vec<String>) {
    let mut others = Vec::new();
    T::schemas(&mut others);
    let components: serde_json::Map<_, _> = others
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("JSON")))
        .collect();
    let mut schema = serde_json::to_value(T::schema()).expect("JSON");
    let fields = schema["properties"].as_object().expect("an object");
    let fields = fields.keys().cloned().collect();
    schema["components"] = json!({"schemas": components});
    let judge = jsonschema::options().should_validate_formats(true);
    (judge.build(&schema).expect("a schema"), fields)
}

/// Values at and beyond the edges of what the fields take.
fn values() -> Vec<Value> {
    let long = [
        7, 8, 64, 65, 100, 101, 254, 255, 1_023, 1_024, 1_025, 4_000, 4_001,
    ];
    let long = long.map(|length| Value::from("x".repeat(length)));
    let edge = entities::ids::MAX_SAFE_INTEGER;
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(edge),
        json!(edge + 1),
        json!([]),
        json!([1]),
        json!([1, 1]),
        json!([0]),
        json!(["1"]),
        json!({}),
    ];
    values.extend(long);
    let texts = [
        "",
        " ",
        "x",
        "text",
        "direct",
        "online",
        "Online",
        "a@b.co",
        "a b@b.co",
        "a\0b",
        "<b>",
        "An\u{202e}a",
        "\u{85}",
        " \u{2028}x\u{3000}",
        "a\u{1c}b",
        "tab\tin it",
        "\u{feff}",
        "é",
    ];
    values.extend(texts.map(Value::from));
    for length in [1, 2, 100, 101, 1_000, 4_000, 4_001] {
        values.push("🙂".repeat(length).into());
        values.push(format!(" \n{}\t", "y".repeat(length)).into());
    }
    values
}

/// The schema of `T` and what reads such a body agree about `sound` and everything like it.
#[track_caller]
fn agree<T: ToSchema>(sound: Value, reads: impl Fn(&str) -> bool) {
    let (judge, fields) = judge::<T>();
    let agree = |body: &Value, one_way: bool| {
        let (valid, read) = (judge.is_valid(body), reads(&body.to_string()));
        let agreed = valid == read || one_way && valid;
        let body = body.to_string();
        assert!(agreed, "valid: {valid}, read: {read}: {body:.300}");
        valid
    };
    assert!(agree(&sound, false), "{sound}");
    for body in [
        json!(null),
        json!([]),
        json!(""),
        json!({}),
        json!({"unknown": 1}),
    ] {
        agree(&body, false);
    }
    for field in fields {
        let mut without = sound.clone();
        without.as_object_mut().expect("an object").remove(&field);
        agree(&without, false);
        for value in values() {
            // A schema counts characters, and these limits are bytes.
            let is_text = |text: &str| !text.is_ascii();
            let one_way = field.ends_with("password") && value.as_str().is_some_and(is_text);
            let mut body = sound.clone();
            body[&field] = value;
            agree(&body, one_way);
        }
    }
}

#[test]
fn accounts_are_read_as_their_schemas_say() {
    let account = json!({"name": "Ana", "email": "ana@example.org", "password": "12345678"});
    agree::<RegisterBody>(account, |body| account::register(body).is_ok());
    let login = json!({"email": "ana@example.org", "password": "x", "refresh": true});
    agree::<LoginBody>(login, |body| account::login(body).is_ok());
    agree::<RefreshBody>(json!({"refresh_token": "x"}), |body| {
        account::renewal(body).is_ok()
    });
    let change = json!({"password": "x", "new_password": "12345678"});
    agree::<PasswordBody>(change, |body| account::new_password(body).is_ok());
    agree::<FarewellBody>(json!({"password": "x"}), |body| {
        account::farewell(body).is_ok()
    });
}

#[test]
fn bodies_are_read_as_their_schemas_say() {
    agree::<StatusBody>(json!({"status": "busy"}), |body| {
        command::status(body).is_ok()
    });
    let pair = json!({"type": "direct", "participant_ids": [1]});
    let open = |body: &str| command::create_conversation(body, UserId(9)).is_ok();
    agree::<ConversationBody>(pair, open);
    let message = json!({"conversation_id": 1, "content": "hi", "client_message_id": "a"});
    agree::<SendBody>(message, |body| command::send_body(body).is_ok());
    agree::<ReadBody>(json!({"up_to_seq": 1}), |body| {
        command::read_body(body).is_ok()
    });
    agree::<TypingBody>(json!({"isTyping": true}), |body| {
        command::typing_body(body).is_ok()
    });
}

/// Whether an event takes this data.
fn takes(event: &'static str) -> impl Fn(&str) -> bool {
    move |data| {
        let data = json::parse(data, DATA).expect("JSON");
        Command::from_event(event, data).is_ok()
    }
}

#[test]
fn the_data_of_events_is_read_as_its_schemas_say() {
    let only = json!({"conversationId": 1});
    for event in ["leave_conversation", "typing_start", "typing_stop"] {
        agree::<ConversationData>(only.clone(), takes(event));
    }
    let join = json!({"conversationId": 1, "afterSeq": 0});
    agree::<JoinData>(join, takes("join_conversation"));
    let message = json!({"conversationId": 1, "content": "hi", "clientMessageId": "a"});
    agree::<SendData>(message, takes("send_message"));
    agree::<ReadData>(
        json!({"conversationId": 1, "upToSeq": 1}),
        takes("mark_read"),
    );
    agree::<StatusBody>(json!({"status": "busy"}), takes("status_update"));
}
