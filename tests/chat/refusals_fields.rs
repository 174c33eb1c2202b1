//! Bad fields over HTTP: each is refused by its name, and nothing is stored.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::{Answer, each};
use crate::harness::door::Carried;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::refusals_rest::{calls_with_body, nothing_happened, two};

/// Values that are no id and no position, as JSON has them.
pub(crate) fn no_integers() -> Vec<Value> {
    let list = json!(["1", "", 1.5, -1, -0.5, 1_i64 << 53, i64::MAX, u64::MAX, 1e300, true, [1],
        {"id": 1}]);
    each(&list).cloned().collect()
}

/// What no text, and what no flag is.
pub(crate) fn no_texts() -> Value {
    json!([1, 1.5, true, ["hi"], {"a": 1}])
}

fn no_flags() -> Value {
    json!([1, 0, "true", "", [true], {}, null])
}

/// Tries each bad value in the place of a field of a good body.
async fn try_all(person: &Person, call: (Method, &str, &Value), field: &str, bad: &[Value]) {
    let (method, path, good) = call;
    for value in bad {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = person
            .call(method.clone(), path, Carried::json(&body))
            .await;
        answer.invalid(field);
    }
}

#[tokio::test]
async fn wrong_types_in_a_message_are_refused_by_field_and_store_nothing() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let good = json!({"conversation_id": 1, "content": "hi", "type": "text"});
    let call = || (Method::POST, "/api/messages/send", &good);
    let ids = [no_integers(), vec![json!(0), Value::Null]].concat();
    let texts = no_texts();
    let texts = texts.as_array().expect("a list");

    try_all(&ana, call(), "conversation_id", &ids).await;
    for field in ["content", "type", "client_message_id"] {
        try_all(&ana, call(), field, texts).await;
    }
    try_all(&ana, call(), "content", &[Value::Null]).await;
    for field in ["conversation_id", "content"] {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(field);
        ana.post("/api/messages/send", body).await.invalid(field);
    }
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn wrong_types_in_a_read_or_typing_are_refused_by_field_and_change_nothing() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let empty = json!({});
    let path = "/api/messages/conversation/1/read";
    try_all(
        &ana,
        (Method::PUT, path, &empty),
        "up_to_seq",
        &no_integers(),
    )
    .await;
    let path = "/api/messages/conversation/1/typing";
    let flags = no_flags();
    let flags = flags.as_array().expect("a list");
    try_all(&ana, (Method::POST, path, &empty), "isTyping", flags).await;
    ana.post(path, empty).await.invalid("isTyping");
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn wrong_types_in_a_new_conversation_are_refused_by_field_and_make_none() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let good = json!({"type": "direct", "participant_ids": [2]});
    let call = || (Method::POST, "/api/conversations", &good);
    let lists = json!([2, "2", {"0": 2}, true, null]);
    let ids = [no_integers(), vec![json!(0), Value::Null]].concat();
    let in_lists: Vec<Value> = ids.into_iter().map(|id| json!([id])).collect();
    let texts = no_texts();

    try_all(
        &ana,
        call(),
        "participant_ids",
        lists.as_array().expect("a list"),
    )
    .await;
    try_all(&ana, call(), "participant_ids", &in_lists).await;
    try_all(&ana, call(), "type", texts.as_array().expect("a list")).await;
    ana.post("/api/conversations", json!({"type": "direct"}))
        .await
        .invalid("participant_ids");
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn a_path_with_a_bad_id_leads_nowhere() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let bad = [
        "abc",
        "0",
        "-1",
        "1.5",
        "1e0",
        "9007199254740992",
        "99999999999999999999",
        "%31%00",
        "1%20",
        "null",
        "🦊",
    ];
    for id in bad {
        for path in [
            format!("/api/users/{id}"),
            format!("/api/conversations/{id}"),
            format!("/api/messages/conversation/{id}"),
        ] {
            let answer = ana.get(&path).await;
            assert!([400, 404].contains(&answer.status), "{answer:?}");
            assert_eq!(answer.json()["status"], "error", "{answer:?}");
        }
        let read = ana
            .put(&format!("/api/messages/conversation/{id}/read"), json!({}))
            .await;
        let typing = json!({"isTyping": true});
        let typing = ana
            .post(&format!("/api/messages/conversation/{id}/typing"), typing)
            .await;
        for answer in [read, typing] {
            assert!([400, 404].contains(&answer.status), "{answer:?}");
        }
    }
    nothing_happened(&ana).await;
}

/// Any JSON, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("content".to_owned()),
            Just("conversation_id".to_owned()),
            Just("participant_ids".to_owned()),
            Just("type".to_owned()),
            Just("status".to_owned()),
            Just("up_to_seq".to_owned()),
            Just("isTyping".to_owned()),
            Just("email".to_owned()),
            Just("password".to_owned()),
            ".{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[tokio::test]
async fn no_body_whatever_makes_the_server_fail() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let mut runner = TestRunner::deterministic();
    let known = |answer: &Answer| [200, 201, 400, 401, 403, 404, 409].contains(&answer.status);
    for _ in 0..60 {
        let body = any_json().new_tree(&mut runner).expect("a value").current();
        for (method, path, _) in calls_with_body() {
            let answer = ana.call(method, path, Carried::json(&body)).await;
            assert!(known(&answer), "{body}: {answer:?}");
            answer.json();
        }
    }
    ana.get("/api/users/me").await.ok();
}
