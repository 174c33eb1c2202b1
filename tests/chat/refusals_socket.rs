//! Bad input over a socket: each event gets the contract's error, the connection stays up, and
//! nothing is stored.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::answer::each;
use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::refusals_fields::{no_integers, no_texts};

/// Every event with data that are good for conversation 1.
const EVENTS: [(&str, &[&str]); 6] = [
    ("join_conversation", &["afterSeq"]),
    ("leave_conversation", &[]),
    ("typing_start", &[]),
    ("typing_stop", &[]),
    ("mark_read", &["upToSeq"]),
    ("send_message", &[]),
];

fn good() -> Value {
    json!({"conversationId": 1, "content": "hi"})
}

/// Ana with a session, Ben with another who must hear nothing, and conversation 1.
async fn two(server: &TestServer, transport: Transport) -> (Person, Socket, Socket) {
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    let anas = ana.connect(transport).await;
    (ana, anas, ben.connect(transport).await)
}

/// Nothing was stored and nothing was told, and both connections are up.
async fn nothing_happened(ana: &Person, anas: &mut Socket, bens: &mut Socket) {
    anas.round_trip().await;
    bens.round_trip().await;
    let first = ana.send(1, "the first of all").await;
    assert_eq!(first["seq"], 1);
    let silent = [
        "new_message",
        "user_typing",
        "messages_read",
        "conversation_updated",
    ];
    let is_first = |name: &str, data: &Value| name == "new_message" && data["message"] == first;
    bens.silent_until(&silent, "the first message", is_first)
        .await;
    anas.silent_until(&silent, "the first message", is_first)
        .await;
    assert_eq!(ana.history(1).await, [first]);
}

async fn wrong_types_are_refused_by_field(transport: Transport) {
    let server = TestServer::start().await;
    let (ana, mut anas, mut bens) = two(&server, transport).await;
    let numbers = no_integers();
    let no_ids = [json!(0), Value::Null];
    for (event, positions) in EVENTS {
        for bad in numbers.iter().chain(&no_ids) {
            let mut data = good();
            data["conversationId"] = bad.clone();
            anas.request(event, data).await.invalid("conversationId");
        }
        for field in positions {
            for bad in &numbers {
                let mut data = good();
                data[*field] = bad.clone();
                anas.request(event, data).await.invalid(field);
            }
        }
        anas.request(event, json!({"content": "hi"}))
            .await
            .invalid("conversationId");
    }
    for field in ["content", "type", "clientMessageId"] {
        for bad in each(&no_texts()) {
            let mut data = good();
            data[field] = bad.clone();
            anas.request("send_message", data).await.invalid(field);
        }
    }
    for data in [
        json!({"conversationId": 1}),
        json!({"conversationId": 1, "content": null}),
    ] {
        anas.request("send_message", data).await.invalid("content");
    }
    nothing_happened(&ana, &mut anas, &mut bens).await;
}

async fn data_that_are_no_object_are_refused(transport: Transport) {
    let server = TestServer::start().await;
    let (ana, mut anas, mut bens) = two(&server, transport).await;
    let names = EVENTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["status_update"]);
    for event in names {
        for data in [
            json!([]),
            json!([good()]),
            json!("text"),
            json!(1),
            json!(true),
            Value::Null,
        ] {
            anas.request(event, data).await.refused("validation_failed");
        }
    }
    nothing_happened(&ana, &mut anas, &mut bens).await;
}

#[tokio::test]
async fn a_frame_without_data_is_refused() {
    let server = TestServer::start().await;
    let (ana, mut anas, mut bens) = two(&server, Transport::WebSocket).await;
    for (id, (event, _)) in (1000..).zip(EVENTS) {
        anas.text(&json!({"event": event, "id": id}).to_string());
        anas.reply(id).await.refused("validation_failed");
    }
    nothing_happened(&ana, &mut anas, &mut bens).await;
}

/// Any value of a field, good or bad.
fn any_field() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(1)),
        Just(json!([1])),
        Just(json!({"conversationId": 1})),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

async fn no_frame_whatever_brings_the_connection_down(transport: Transport) {
    let server = TestServer::start().await;
    let (_ana, mut anas, mut bens) = two(&server, transport).await;
    let mut runner = TestRunner::deterministic();
    let names: Vec<&str> = EVENTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["status_update"])
        .collect();
    let fields: &[_] = &[
        "conversationId",
        "content",
        "type",
        "clientMessageId",
        "afterSeq",
        "upToSeq",
        "status",
    ];
    let datum = prop::collection::hash_map(prop::sample::select(fields), any_field(), 0..5);
    let frames = (prop::sample::select(names), datum);

    let mut asked = Vec::new();
    for _ in 0..1500 {
        let (event, data) = frames.new_tree(&mut runner).expect("a frame").current();
        asked.push(anas.send(event, json!(data)));
    }
    for id in asked {
        let reply = anas.reply(id).await;
        let code = reply.body["code"].as_str().unwrap_or("none");
        let known = [
            "none",
            "validation_failed",
            "not_found",
            "not_a_participant",
            "conflict",
            "unknown_event",
            "unauthenticated",
            "forbidden",
        ];
        assert!(known.contains(&code), "{reply:?}");
    }
    anas.round_trip().await;
    bens.round_trip().await;
}

over_every_transport!(
    wrong_types_are_refused_by_field,
    data_that_are_no_object_are_refused,
    no_frame_whatever_brings_the_connection_down,
);
