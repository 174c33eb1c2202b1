//! Frames: what is understood, what is refused, and what ends a plain WebSocket.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::answer::{check_message, has_keys};
use crate::harness::arrival::{End, Transport};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::within;

const KIB_64: usize = 64 * 1024;

/// Ana's socket, and her conversation with Ben.
async fn anas(server: &TestServer) -> (Socket, Person, i64) {
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    (ana.connect(Transport::WebSocket).await, ana, chat)
}

/// A `send_message` whose frame has exactly this many bytes.
fn frame_of(chat: i64, bytes: usize) -> String {
    let empty =
        json!({"event": "send_message", "data": {"conversationId": chat, "content": ""}, "id": 1});
    let padding = " ".repeat(bytes - empty.to_string().len() - 2);
    let content = format!("x{padding}x");
    json!({"event": "send_message", "data": {"conversationId": chat, "content": content}, "id": 1})
        .to_string()
}

#[tokio::test]
async fn a_frame_that_no_client_may_send_closes_with_1002() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    // Not masked; a reserved bit; an opcode that is none.
    for frame in [
        [0x81, 0x01, b'x'].as_slice(),
        &[0xC1, 0x80, 0, 0, 0, 0],
        &[0x83, 0x80, 0, 0, 0, 0],
    ] {
        let mut stream = TcpStream::connect(server.door.address())
            .await
            .expect("a connection");
        let upgrade = format!(
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            ana.token
        );
        stream.write_all(upgrade.as_bytes()).await.expect("written");
        stream.write_all(frame).await.expect("written");
        let mut heard = Vec::new();
        within("the end", stream.read_to_end(&mut heard))
            .await
            .expect("closed in good order");
        let close = heard
            .windows(4)
            .any(|bytes| bytes[0] == 0x88 && bytes[2..] == [0x03, 0xEA]);
        assert!(close, "{frame:?}: {:?}", String::from_utf8_lossy(&heard));
    }
}

#[tokio::test]
async fn a_broken_text_frame_is_an_error_frame_and_the_connection_stays() {
    let server = TestServer::start().await;
    let (mut socket, ana, chat) = anas(&server).await;
    let deep = "[".repeat(20_000);
    let broken = [
        "",
        " ",
        "{",
        "}",
        "hello",
        "{\"event\":\"typing_start\"",
        "{'event':1}",
        "{\"event\":}",
        "\u{feff}{}",
        "nul",
        "[1,",
        "{\"event\":\"send_message\",\"data\":{\"content\":\"\\x\"}}",
        "{}{}",
        &deep,
        "{\"event\":\"a\"\u{0}}",
    ];
    for text in broken {
        socket.text(text);
        let error = socket.next_event("error").await;
        assert_eq!(error["code"], "malformed_json", "{text}");
        check_message(&error, text);
    }
    let no_frames = [
        "[]",
        "[1]",
        "\"typing_start\"",
        "42",
        "null",
        "true",
        "{}",
        "{\"data\":{}}",
        "{\"event\":null}",
        "{\"event\":7}",
        "{\"event\":[\"typing_start\"]}",
        "{\"event\":{}}",
    ];
    for text in no_frames {
        socket.text(text);
        let error = socket.next_event("error").await;
        assert_eq!(error["code"], "validation_failed", "{text}");
        check_message(&error, text);
    }
    socket.round_trip().await;
    assert_eq!(ana.history(chat).await, [Value::Null; 0]);
}

#[tokio::test]
async fn invalid_utf8_stores_nothing_and_harms_nobody() {
    let server = TestServer::start().await;
    let (mut socket, ana, chat) = anas(&server).await;
    socket.text_bytes(
        b"{\"event\":\"send_message\",\"data\":{\"conversationId\":1,\"content\":\"\xff\xfe\"}}",
    );
    // RFC 6455 ends the connection with 1007; the contract's error frame is as good.
    match socket.next_event_or_end("error").await {
        Ok(error) => assert_eq!(error["code"], "malformed_json"),
        Err(end) => assert!(matches!(end, End::Code(1007)), "{end:?}"),
    }
    let mut again = ana.connect(Transport::WebSocket).await;
    again.round_trip().await;
    assert_eq!(ana.history(chat).await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_binary_frame_ends_the_connection_with_1003() {
    let server = TestServer::start().await;
    let (mut socket, ana, chat) = anas(&server).await;
    let frame = json!({"event": "send_message", "data": {"conversationId": chat, "content": "hi"}});
    socket.binary(frame.to_string().as_bytes());
    assert_eq!(socket.end().await, End::Code(1003));
    assert_eq!(ana.history(chat).await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_frame_of_64_kib_is_read_and_one_byte_more_ends_the_connection_with_1009() {
    let server = TestServer::start().await;
    let (mut socket, ana, chat) = anas(&server).await;
    let whole = frame_of(chat, KIB_64);
    assert_eq!(whole.len(), KIB_64);
    socket.text(&whole);
    let (_, refused) = socket.next_reply().await;
    assert_eq!(
        refused["code"], "validation_failed",
        "its content is too long, its frame is not"
    );

    let padded = format!("{}{}", frame_of(chat, 200), " ".repeat(KIB_64 - 200));
    socket.text(&padded);
    socket.next_reply().await;
    socket.text(&frame_of(chat, KIB_64 + 1));
    assert_eq!(socket.end().await, End::Code(1009));

    for size in [KIB_64 + 1, 200 << 10, 3 << 20] {
        let mut socket = ana.connect(Transport::WebSocket).await;
        socket.text(&format!(
            "{}{}",
            frame_of(chat, 200),
            " ".repeat(size - 200)
        ));
        assert_eq!(
            socket.end().await,
            End::Code(1009),
            "a frame of {size} bytes"
        );
    }
    let stored = ana.history(chat).await;
    assert_eq!(
        stored.len(),
        1,
        "only the one in the padded frame: {stored:?}"
    );
}

#[tokio::test]
async fn a_message_in_fragments_is_one_message_and_bounded_as_a_whole() {
    let server = TestServer::start().await;
    let (mut socket, ana, chat) = anas(&server).await;
    let whole = frame_of(chat, 300);
    socket.fragments(&[&whole[..1], &whole[1..100], "", &whole[100..]]);
    assert_eq!(socket.next_reply().await.1["data"]["seq"], 1);

    let part = " ".repeat(KIB_64 / 2);
    socket.fragments(&[&whole, &part, &part, &part]);
    assert_eq!(socket.end().await, End::Code(1009));
    assert_eq!(ana.history(chat).await.len(), 1);
}

async fn an_unknown_event_is_refused_and_the_connection_stays(transport: Transport) {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut socket = ana.connect(transport).await;
    let names = [
        "no_such_event",
        "",
        "SEND_MESSAGE",
        "new_message",
        "error",
        "toString",
        "__proto__",
        "🦊",
    ];
    for name in names {
        socket
            .request(name, json!({}))
            .await
            .refused("unknown_event");
        socket.emit(name, json!({}));
        let error = socket.next_event("error").await;
        has_keys(&error, &["code", "message", "event"]);
        assert_eq!(
            (&error["code"], &error["event"]),
            (&json!("unknown_event"), &json!(name))
        );
    }
    socket.round_trip().await;
}

async fn a_failure_without_an_id_comes_back_as_an_error_event(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let foreign = ben.chat_with(&cleo).await;
    let mut socket = ana.connect(transport).await;
    let failures = [
        (
            "send_message",
            json!({"conversationId": foreign, "content": "hi"}),
            "not_a_participant",
        ),
        (
            "send_message",
            json!({"conversationId": foreign}),
            "validation_failed",
        ),
        (
            "join_conversation",
            json!({"conversationId": 4711}),
            "not_found",
        ),
        ("leave_conversation", json!({}), "validation_failed"),
        ("typing_start", json!(null), "validation_failed"),
        (
            "typing_stop",
            json!({"conversationId": foreign}),
            "not_a_participant",
        ),
        (
            "mark_read",
            json!({"conversationId": "1"}),
            "validation_failed",
        ),
        (
            "status_update",
            json!({"status": "away"}),
            "validation_failed",
        ),
    ];
    for (event, data, code) in failures {
        socket.emit(event, data);
        let error = socket.next_event("error").await;
        has_keys(&error, &["code", "message", "event"]);
        assert_eq!(
            (&error["code"], &error["event"]),
            (&json!(code), &json!(event))
        );
        check_message(&error, event);
    }
    socket.round_trip().await;
}

#[tokio::test]
async fn a_reply_carries_the_id_of_the_frame_whatever_its_kind() {
    let server = TestServer::start().await;
    let (mut socket, _ana, chat) = anas(&server).await;
    let ids = [
        json!(0),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_991_i64),
        json!("a"),
        json!(""),
        json!("🦊 \"\\\n"),
        json!(true),
        json!(false),
        json!([]),
        json!([1, "b", null]),
        json!({}),
        json!({"a": {"b": [1]}}),
    ];
    for id in ids {
        let good = json!({"event": "typing_stop", "data": {"conversationId": chat}, "id": id});
        socket.text(&good.to_string());
        let (found, body) = socket.next_reply().await;
        assert_eq!(found, id);
        has_keys(&body, &["status", "data"]);
        let bad = json!({"id": id, "event": "no_such_event"});
        socket.text(&bad.to_string());
        let (found, body) = socket.next_reply().await;
        assert_eq!((&found, &body["code"]), (&id, &json!("unknown_event")));
    }
}

async fn a_command_without_an_id_gets_no_reply(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut socket = ana.connect(transport).await;
    socket.emit(
        "send_message",
        json!({"conversationId": chat, "content": "hi"}),
    );
    socket.emit("mark_read", json!({"conversationId": chat}));
    socket.emit("no_such_event", json!({}));
    let last = socket.send("typing_stop", json!({"conversationId": chat}));
    assert_eq!(
        socket.next_reply().await.0,
        last,
        "the first reply is to the first that asked"
    );
    assert_eq!(socket.next_message().await["content"], "hi");
}

over_every_transport!(
    an_unknown_event_is_refused_and_the_connection_stays,
    a_failure_without_an_id_comes_back_as_an_error_event,
    a_command_without_an_id_gets_no_reply,
);
