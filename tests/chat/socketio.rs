//! Socket.IO: getting in, and packets that no stock client sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duologue::config::Config;
use serde_json::{Value, json};

use crate::engineio::{answers_others, payload};
use crate::harness::answer::{check_message, has_keys};
use crate::harness::arrival::{End, Transport};
use crate::harness::dial::Dial;
use crate::harness::requests::Requests;
use crate::harness::server::TestServer;
use crate::harness::socket::{Socket, Ticket};
use crate::tokens::bad_tokens;

/// A connection whose client is in no namespace yet.
async fn nobody(server: &TestServer, transport: Transport) -> Socket {
    let dial = Dial::to(&server.door).over(transport);
    let mut socket = dial.open().await.expect("a connection without a token");
    socket.opened().await;
    socket
}

/// Enters the main namespace as somebody for the first time.
async fn enter(socket: &mut Socket, token: &str) {
    let entered = socket.enter(token, &Ticket::default()).await;
    entered.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
}

async fn a_bad_token_is_refused_and_the_connection_stays_for_another(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(transport).await;
    let mut socket = nobody(&server, transport).await;
    let mut bad: Vec<String> = ["", "{}", r#"{"token":null}"#, r#"{"token":7}"#]
        .map(str::to_owned)
        .to_vec();
    bad.extend([r#"{"token":""}"#, r#"{"token":["x"]}"#, r#"{"other":1}"#].map(str::to_owned));
    let minted = bad_tokens(&ana).into_iter();
    bad.extend(minted.map(|(_, token)| json!({"token": token}).to_string()));

    let mut said = Vec::new();
    for auth in bad {
        let refusal = socket.enter_with(&auth).await.expect_err("a refusal");
        has_keys(&refusal, &["message", "data"]);
        assert_eq!(refusal["data"], json!({"code": "unauthenticated"}));
        check_message(&refusal, &auth);
        said.push(refusal);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "a refusal does not say what was wrong");
    enter(&mut socket, &ana.token).await;
    socket.round_trip().await;
    answers_others(&server, &mut bens).await;
}

/// A stock client that is refused in a `CONNECT_ERROR` never tries again.
async fn who_cannot_be_taken_now_is_disconnected_to_come_back(transport: Transport) {
    let commands_max = Arc::new(AtomicUsize::new(1_000));
    let most = Arc::clone(&commands_max);
    let change = move |config: &mut Config| {
        config.limits.commands_max = most.load(Ordering::Relaxed);
    };
    let mut server = TestServer::with(change).await;
    let [ana] = server.people(["Ana"]).await;
    commands_max.store(0, Ordering::Relaxed);
    server.restart().await;

    let mut socket = nobody(&server, transport).await;
    socket.text(&format!("40{}", json!({"token": ana.token})));
    let end = match transport {
        Transport::Polling => End::Packet,
        _ => End::Code(1013),
    };
    assert_eq!(socket.end().await, end);
}

#[tokio::test]
async fn answers_do_not_pile_up_for_who_does_not_poll() {
    let server = TestServer::start().await;
    let session = Requests::open(&server.door).await;
    let connects = (0..100).map(|number| format!("40/{number},"));
    let mut posting = std::pin::pin!(session.post(payload(connects)));
    let others = async {
        for _ in 0..20 {
            assert_eq!(server.door.get("/health/ready").await.status, 200);
        }
    };
    tokio::select! {
        biased;
        answer = &mut posting => panic!("all of it was read: {answer:?}"),
        () = others => {}
    }
    let polling = async {
        let mut refused = 0;
        while refused < 100 {
            let packets = session.packets().await;
            assert!(packets.len() < 50, "{}", packets.len());
            refused += packets.len();
        }
        refused
    };
    let (answer, refused) = tokio::join!(posting, polling);
    answer.says_ok();
    assert_eq!(refused, 100, "none is lost");
}

async fn a_token_may_come_in_the_header(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let dial = Dial::to(&server.door).over(transport).bearer(&ana.token);
    let mut socket = dial.open().await.expect("a connection");
    socket.opened().await;
    socket.enter_with("").await.expect("a greeting");
    assert_eq!(socket.send_message(chat, "hi").await["sender_id"], ana.id);
}

async fn who_does_not_enter_in_time_is_disconnected(transport: Transport) {
    let server =
        TestServer::with(|config| config.limits.authenticate_timeout = Duration::from_secs(1))
            .await;
    let [ana] = server.people(["Ana"]).await;
    let mut silent = nobody(&server, transport).await;
    let mut refused = nobody(&server, transport).await;
    refused.enter_with("{}").await.expect_err("a refusal");
    silent.end().await;
    refused.end().await;

    // Who has entered is left alone: the others' deadlines have passed since.
    let mut anas = ana.connect(transport).await;
    nobody(&server, transport).await.end().await;
    answers_others(&server, &mut anas).await;
}

async fn before_one_has_entered_anything_else_ends_the_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    let mut bens = ben.connect(transport).await;
    for packet in [
        r#"42["send_message",{"conversationId":1,"content":"hi"}]"#,
        r#"421["no_such_event"]"#,
        "41",
        "431[]",
        r#"451-["x",{"_placeholder":true,"num":0}]"#,
        "44{}",
        "40[]",
        "40x",
        r#"40"x""#,
        "40{",
    ] {
        let mut socket = nobody(&server, transport).await;
        socket.text(packet);
        socket.end().await;
    }
    assert_eq!(ana.history(1).await, [Value::Null; 0]);
    answers_others(&server, &mut bens).await;
}

async fn an_unknown_namespace_is_refused_and_the_connection_stays(transport: Transport) {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut socket = nobody(&server, transport).await;
    for has_entered in [false, true] {
        if has_entered {
            enter(&mut socket, &ana.token).await;
            socket.round_trip().await;
        }
        for (asked, name) in [
            ("40/x,".to_owned(), "/x"),
            ("40/x".to_owned(), "/x"),
            (
                format!("40/admin,{{\"token\":\"{}\"}}", ana.token),
                "/admin",
            ),
            ("40/__proto__,".to_owned(), "/__proto__"),
        ] {
            socket.text(&asked);
            let packet = socket.next_packet().await;
            let body = packet.strip_prefix(&format!("44{name},"));
            let body: Value = serde_json::from_str(body.expect(&packet)).expect("JSON");
            let expected = json!({"message": "Invalid namespace", "data": {"code": "not_found"}});
            assert_eq!(body, expected);
        }
    }
    socket.round_trip().await;
}

async fn a_packet_that_is_none_ends_the_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(transport).await;
    let syntax = [
        "4",
        "42",
        "42abc",
        "42{}",
        "42[]",
        "42[1",
        "42null",
        "42\"x\"",
        "42[\"x\"]y",
        "42[{}]",
        "42[null]",
        "42[[\"x\"]]",
        "42[true]",
        "42,[\"x\"]",
        "42-1[\"x\"]",
        "47[\"x\"]",
        "4x",
        "4🦊",
        "42[\"\\x\"]",
        "42['x']",
        "421.5[\"x\"]",
    ];
    let reserved = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ]
    .map(|name| format!("42[\"{name}\"]"));
    let ids = [
        "4218446744073709551616[\"x\"]",
        "42340282366920938463463374607431768211456[\"x\"]",
    ];
    let others = [
        "40",
        "40{}",
        "44{\"message\":\"x\"}",
        "43[]",
        "43x",
        "431{}",
        "41[]",
        "42/x,[\"x\"]",
        "41/x,",
    ];
    let twice = format!("40{{\"token\":\"{}\"}}", ana.token);
    let all = syntax.into_iter().chain(ids).chain(others);
    let all = all
        .chain(reserved.iter().map(String::as_str))
        .chain([&*twice]);
    for packet in all {
        let mut anas = ana.connect(transport).await;
        anas.whose = format!("Ana's socket after {packet}");
        anas.text(packet);
        anas.end().await;
    }
    answers_others(&server, &mut bens).await;
}

async fn attachments_that_do_not_fit_end_the_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(transport).await;
    for packet in [
        "45[\"x\"]",
        "45-[\"x\"]",
        "45x-[\"x\"]",
        "46[]",
        "452[\"x\"]",
    ] {
        let mut anas = ana.connect(transport).await;
        anas.text(packet);
        anas.end().await;
    }
    let mut anas = ana.connect(transport).await;
    anas.binary(b"unasked");
    anas.end().await;

    // A text where an attachment is due.
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let mut anas = ana.connect(transport).await;
    anas.text(&format!("452-[\"x\",{placeholder}]"));
    anas.binary(b"one");
    anas.emit("x", json!(null));
    anas.end().await;

    // Too many, and too much.
    for packet in [
        "45100000-[\"x\"]",
        "454294967296-[\"x\"]",
        "4599999999999999999999-[\"x\"]",
    ] {
        let mut anas = ana.connect(transport).await;
        anas.text(packet);
        anas.end().await;
    }
    let mut anas = ana.connect(transport).await;
    anas.text("453-[\"x\"]");
    for _ in 0..3 {
        anas.binary(&[7; 30 << 10]);
    }
    anas.end().await;
    answers_others(&server, &mut bens).await;
}

async fn an_event_with_attachments_is_refused_and_the_connection_stays(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let array =
        |content: &str| format!(r#"["send_message",{{"conversationId":1,"content":{content}}}]"#);
    let attached = array(r#"{"_placeholder":true,"num":0}"#);
    anas.text(&format!("451-700{attached}"));
    anas.binary(b"\x00\xff");
    anas.reply(700).await.refused("validation_failed");
    anas.text(&format!("451-{attached}"));
    anas.binary(b"");
    let error = anas.next_event("error").await;
    has_keys(&error, &["code", "message", "event"]);
    assert_eq!(error["code"], "validation_failed");
    assert_eq!(error["event"], "send_message");
    anas.round_trip().await;

    // Placeholders that name no attachment: refused like that, or the end.
    let bad = [
        r#""x""#,
        r#"{"_placeholder":true,"num":1}"#,
        r#"{"_placeholder":true,"num":-1}"#,
    ];
    let worse = [
        r#"{"_placeholder":true,"num":1e300}"#,
        r#"{"_placeholder":true}"#,
    ];
    for content in bad.into_iter().chain(worse) {
        let mut anas = ana.connect(transport).await;
        anas.text(&format!("451-700{}", array(content)));
        anas.binary(b"x");
        if let Ok((_, body)) = anas.next_reply_or_end().await {
            assert_eq!(body["code"], "validation_failed", "{content}");
        }
    }
    assert_eq!(ana.history(1).await, [Value::Null; 0]);
    answers_others(&server, &mut bens).await;
}

async fn an_ack_id_of_any_size_that_javascript_counts_with_comes_back(transport: Transport) {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut anas = ana.connect(transport).await;
    for id in [0, 7, 4_294_967_296, 9_007_199_254_740_991] {
        anas.text(&format!("42{id}[\"no_such_event\"]"));
        anas.reply(id).await.refused("unknown_event");
    }
}

async fn who_left_may_enter_again_on_the_same_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let mut anas = nobody(&server, transport).await;
    let mut last = Ticket::default();
    for _ in 0..3 {
        anas.enter(&ana.token, &last).await.expect("a greeting");
        assert!(!anas.recovered, "a goodbye is for good");
        let online = bens.next_event("user_status_changed").await;
        assert_eq!(online["status"], "online");
        let message = ben.send(chat, "hi").await;
        anas.silent_until_message(&[], &message).await;
        last = anas.ticket();
        anas.text("41");
        let offline = bens.next_event("user_status_changed").await;
        assert_eq!(offline["status"], "offline");
        ben.send(chat, "nobody hears this").await;
    }
    answers_others(&server, &mut bens).await;
}

over_socketio!(
    a_bad_token_is_refused_and_the_connection_stays_for_another,
    who_cannot_be_taken_now_is_disconnected_to_come_back,
    a_token_may_come_in_the_header,
    who_does_not_enter_in_time_is_disconnected,
    before_one_has_entered_anything_else_ends_the_connection,
    an_unknown_namespace_is_refused_and_the_connection_stays,
    a_packet_that_is_none_ends_the_connection,
    attachments_that_do_not_fit_end_the_connection,
    an_event_with_attachments_is_refused_and_the_connection_stays,
    an_ack_id_of_any_size_that_javascript_counts_with_comes_back,
    who_left_may_enter_again_on_the_same_connection,
);
