//! Bad input over HTTP: each gets the contract's answer, and nothing is stored.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::wait::within;

/// Every call that needs a token: method, path, and a body that is good for person 1, who shares
/// conversation 1 with person 2.
fn calls() -> Vec<(Method, &'static str, Option<Value>)> {
    let message = json!({"conversation_id": 1, "content": "hi", "type": "text"});
    vec![
        (Method::GET, "/api/users/me", None),
        (Method::GET, "/api/users", None),
        (Method::GET, "/api/users/2", None),
        (
            Method::PUT,
            "/api/users/me/status",
            Some(json!({"status": "online"})),
        ),
        (
            Method::POST,
            "/api/conversations",
            Some(json!({"type": "direct", "participant_ids": [2]})),
        ),
        (Method::GET, "/api/conversations", None),
        (Method::GET, "/api/conversations/1", None),
        (Method::POST, "/api/messages/send", Some(message)),
        (Method::GET, "/api/messages/conversation/1", None),
        (
            Method::PUT,
            "/api/messages/conversation/1/read",
            Some(json!({"up_to_seq": 1})),
        ),
        (Method::GET, "/api/messages/unread/count", None),
        (
            Method::POST,
            "/api/messages/conversation/1/typing",
            Some(json!({"isTyping": false})),
        ),
    ]
}

/// The calls that carry a body, those without a token included.
pub(crate) fn calls_with_body() -> Vec<(Method, &'static str, Value)> {
    let account = json!({"name": "Eve", "email": "eve@example.com", "password": PASSWORD});
    let mut calls: Vec<_> = calls()
        .into_iter()
        .filter_map(|(method, path, body)| Some((method, path, body?)))
        .collect();
    calls.push((Method::POST, "/api/auth/register", account));
    calls.push((
        Method::POST,
        "/api/auth/login",
        json!({"email": "ana@example.com", "password": PASSWORD}),
    ));
    calls
}

/// Ana and Ben with conversation 1.
pub(crate) async fn two(server: &TestServer) -> Person {
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    ana
}

/// Nothing was stored: no message, no position, no account, no conversation.
pub(crate) async fn nothing_happened(ana: &Person) {
    let page = ana.page(1, "").await.ok();
    assert_eq!(
        (&page["messages"], &page["head_seq"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        ana.get("/api/users").await.ok().as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(ana.list().await.len(), 1);
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_wrong_method_405() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    for path in [
        "/api",
        "/api/nothing",
        "/api/users/me/nothing",
        "/api/messages",
        "/api/messages/conversation/1/nothing",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            ana.call(method, path, Carried::default())
                .await
                .refused(404, "not_found");
        }
    }
    for (_, path, _) in calls() {
        // No address takes either.
        for method in [Method::TRACE, Method::PATCH] {
            ana.call(method, path, Carried::default())
                .await
                .refused(405, "method_not_allowed");
        }
    }
    for path in ["/api/auth/register", "/api/auth/login"] {
        server
            .door
            .get(path)
            .await
            .refused(405, "method_not_allowed");
    }
    for path in ["/health/live", "/health/ready"] {
        let answer = server
            .door
            .call(Method::POST, path, Carried::default())
            .await;
        answer.refused(405, "method_not_allowed");
    }
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn broken_json_is_malformed_and_other_content_types_are_unsupported() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let broken: [&[u8]; 9] = [
        b"{",
        b"}",
        b"{\"content\":}",
        b"{'content':'hi'}",
        b"hello",
        b"{\"content\":\"\xff\xfe\"}",
        b"\xff",
        b"{\"content\":\"\\ud800\"}",
        b"{} {}",
    ];
    for (method, path, body) in calls_with_body() {
        for bytes in broken {
            let carried = Carried::raw("application/json", bytes);
            ana.call(method.clone(), path, carried)
                .await
                .refused(400, "malformed_json");
        }
        let nested = ana
            .call(
                method.clone(),
                path,
                Carried::raw("application/json", deep.clone()),
            )
            .await;
        assert_eq!(nested.status, 400, "{nested:?}");
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
        ] {
            let carried = Carried::raw(kind, body.to_string());
            let answer = ana.call(method.clone(), path, carried).await;
            answer.refused(415, "unsupported_media_type");
        }
    }
    nothing_happened(&ana).await;
    let carried = Carried::raw(
        "application/json; charset=utf-8",
        json!({"status": "busy"}).to_string(),
    );
    ana.call(Method::PUT, "/api/users/me/status", carried)
        .await
        .ok();
}

#[tokio::test]
async fn a_body_that_is_no_object_is_invalid() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    for (method, path, body) in calls_with_body() {
        for other in [
            json!([]),
            json!([body]),
            json!("text"),
            json!(7),
            json!(true),
        ] {
            let answer = ana.call(method.clone(), path, Carried::json(&other)).await;
            answer.refused(400, "validation_failed");
        }
    }
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_a_larger_one_is_413_and_no_reset() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let sized = |size: usize| {
        let body = json!({"conversation_id": 1, "content": "hi", "type": "text"}).to_string();
        Carried::raw(
            "application/json",
            format!("{body}{}", " ".repeat(size - body.len())),
        )
    };
    for size in [64 * 1024 + 1, 100_000, 3 << 20] {
        let answer = ana
            .call(Method::POST, "/api/messages/send", sized(size))
            .await;
        answer.refused(413, "payload_too_large");
        let account = Carried::raw("application/json", " ".repeat(size));
        let answer = server
            .door
            .call(Method::POST, "/api/auth/register", account)
            .await;
        answer.refused(413, "payload_too_large");
    }
    nothing_happened(&ana).await;
    let whole = ana
        .call(Method::POST, "/api/messages/send", sized(64 * 1024))
        .await;
    assert_eq!(whole.created()["seq"], 1);
}

/// Writes a request by hand and reads the answer until the server closes.
async fn by_hand(server: &TestServer, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(server.door.address())
        .await
        .expect("a connection");
    for part in parts {
        stream
            .write_all(part)
            .await
            .expect("the server takes it all");
    }
    let mut answer = Vec::new();
    within("an answer to bytes", stream.read_to_end(&mut answer))
        .await
        .expect("no reset");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_of_unknown_length_is_bounded_too() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let head = format!(
        "POST /api/messages/send HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         connection: close\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        ana.token
    );
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let mut parts: Vec<&[u8]> = vec![head.as_bytes()];
    parts.extend(std::iter::repeat_n(chunk.as_bytes(), 60));
    parts.push(b"0\r\n\r\n");
    let answer = by_hand(&server, &parts).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("payload_too_large"), "{answer}");
    nothing_happened(&ana).await;
}

#[tokio::test]
async fn bytes_that_are_no_http_harm_nobody() {
    let server = TestServer::start().await;
    let ana = two(&server).await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    for bytes in [
        b"hello\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        long.as_bytes(),
    ] {
        let mut stream = TcpStream::connect(server.door.address())
            .await
            .expect("a connection");
        // The server may answer before it has read all of it.
        drop(stream.write_all(bytes).await);
        drop(stream.shutdown().await);
        let mut answer = Vec::new();
        drop(within("the end of nonsense", stream.read_to_end(&mut answer)).await);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    nothing_happened(&ana).await;
}
