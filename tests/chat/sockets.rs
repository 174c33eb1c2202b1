//! Plain WebSockets: who gets in, and when the server hangs up.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::arrival::{End, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, Door};
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

/// The headers of an upgrade, for an answer with a body to look at.
fn upgrade<'a>() -> Carried<'a> {
    Carried::default()
        .with("connection", "upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// A connection that has not authenticated yet.
async fn nobody(server: &TestServer) -> Socket {
    Dial::to(&server.door)
        .open()
        .await
        .expect("an upgrade without a token")
}

#[tokio::test]
async fn a_token_comes_in_the_header_the_subprotocol_or_the_first_frame() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;

    let by_header = Dial::to(&server.door)
        .bearer(&ana.token)
        .open()
        .await
        .expect("an upgrade");
    // The client library itself insists that the server picks `bearer` from the list.
    let by_list = Dial::to(&server.door)
        .subprotocol(&ana.token)
        .open()
        .await
        .expect("an upgrade");
    let by_frame = nobody(&server).await;
    by_frame.emit("authenticate", json!({"token": ana.token}));
    let mut by_frame_with_id = nobody(&server).await;
    by_frame_with_id
        .request("authenticate", json!({"token": ana.token}))
        .await
        .ok();

    for mut socket in [by_header, by_list, by_frame, by_frame_with_id] {
        socket.round_trip().await;
        let message = ben.send(chat, "hi").await;
        socket.silent_until_message(&[], &message).await;
        assert_eq!(socket.send_message(chat, "ho").await["sender_id"], ana.id);
    }
}

#[tokio::test]
async fn a_refused_upgrade_answers_with_the_envelope() {
    let server = TestServer::start().await;
    let over_rest = server
        .door
        .get("/api/users/me")
        .await
        .refused(401, "unauthenticated");
    let bad = upgrade().by("no-token");
    let answer = server.door.call(Method::GET, "/ws", bad).await;
    assert_eq!(answer.refused(401, "unauthenticated"), over_rest);
    let bad = upgrade().with("sec-websocket-protocol", "bearer, no-token");
    let answer = server.door.call(Method::GET, "/ws", bad).await;
    assert_eq!(answer.refused(401, "unauthenticated"), over_rest);
}

#[tokio::test]
async fn a_token_in_the_url_is_none() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let path = format!("/ws?token={0}&access_token={0}", ana.token);
    let mut socket = Dial::to(&server.door)
        .path(&path)
        .open()
        .await
        .expect("an upgrade");
    let refused = socket
        .request("status_update", json!({"status": "busy"}))
        .await;
    refused.refused("unauthenticated");
}

#[tokio::test]
async fn before_the_token_everything_else_is_refused_and_the_connection_stays() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut socket = nobody(&server).await;

    let message = json!({"conversationId": chat, "content": "hi"});
    for event in [
        "send_message",
        "join_conversation",
        "typing_start",
        "mark_read",
        "no_such_event",
    ] {
        socket
            .request(event, message.clone())
            .await
            .refused("unauthenticated");
        socket.emit(event, message.clone());
        assert_eq!(
            socket.next_event("error").await["code"],
            "unauthenticated",
            "{event}"
        );
    }
    ana.send(chat, "not for strangers").await;
    socket
        .request("authenticate", json!({"token": ben.token}))
        .await
        .ok();
    let message = socket.send_message(chat, "hi").await;
    assert_eq!(message["seq"], 2, "nothing of what was refused was stored");
    socket
        .silent_until(&["new_message"], "one's own", |_, data| {
            data["message"] == message
        })
        .await;
}

#[tokio::test]
async fn without_a_token_in_time_the_connection_ends_with_4408() {
    let server =
        TestServer::with(|config| config.limits.authenticate_timeout = Duration::from_secs(1))
            .await;
    let [ana] = server.people(["Ana"]).await;
    let mut silent = nobody(&server).await;
    let mut talking = nobody(&server).await;
    talking.emit("send_message", json!({}));
    assert_eq!(silent.end().await, End::Code(4408));
    assert_eq!(talking.end().await, End::Code(4408));

    // Who has authenticated is left alone: the others' deadlines have passed since.
    let mut anas = nobody(&server).await;
    anas.request("authenticate", json!({"token": ana.token}))
        .await
        .ok();
    let mut late = nobody(&server).await;
    assert_eq!(late.end().await, End::Code(4408));
    anas.round_trip().await;
}

async fn pings_that_nobody_answers_end_the_connection(transport: Transport) {
    let server = TestServer::with(|config| {
        config.limits.ping_interval = Duration::from_millis(60);
        config.limits.ping_timeout = Duration::from_secs(2);
        config.limits.presence_grace = Duration::from_millis(50);
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let dial = Dial::to(&server.door).withholding_pongs();
    let mut anas = ana.connect_by(transport, dial).await;
    assert_eq!(
        bens.next_event("user_status_changed").await["status"],
        "online"
    );
    anas.next_ping().await;
    anas.end().await;
    assert_eq!(
        bens.next_event("user_status_changed").await["status"],
        "offline"
    );
    // Ben answered his, all the while.
    for _ in 0..3 {
        bens.next_ping().await;
    }
    bens.round_trip().await;
}

async fn an_early_ping_has_its_deadline_too(transport: Transport) {
    let server = TestServer::with(|config| {
        config.limits.proof_delay = Duration::from_millis(10);
        config.limits.ping_timeout = Duration::from_millis(200);
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let dial = Dial::to(&server.door).withholding_pongs();
    let mut bens = ben.connect_by(transport, dial).await;
    let mut anas = ana.connect(transport).await;
    // The regular ping is 25 s away: the one that ends the connection is that of the delivery.
    ana.send(chat, "hi").await;
    bens.next_ping().await;
    bens.end().await;
    anas.round_trip().await;
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_over_once_the_client_has_answered() {
    let server =
        TestServer::with(|config| config.limits.discard_time = Duration::from_secs(60)).await;
    let [ana] = server.people(["Ana"]).await;
    let binary = ana.connect(Transport::WebSocket).await;
    binary.binary(b"no text");
    let stranger = nobody(&server).await;
    stranger.emit("authenticate", json!({"token": "no-token"}));
    // What follows on a frame of these kinds is not read any more, their clients' answers neither.
    let no_text = ana.connect(Transport::WebSocket).await;
    no_text.text_bytes(b"\xff\xfe");
    let large = ana.connect(Transport::WebSocket).await;
    large.text(&"x".repeat(1 << 20));
    for (mut socket, code) in [
        (binary, 1003),
        (stranger, 4401),
        (no_text, 1007),
        (large, 1009),
    ] {
        // RFC 6455, 7.1.1: after both close frames it is the server that closes, at once.
        assert_eq!(socket.end().await, End::Code(code));
    }
}

#[tokio::test]
async fn a_clients_own_ping_is_answered() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut socket = ana.connect(Transport::WebSocket).await;
    socket.ping(b"are you there?");
    assert_eq!(&socket.next_pong().await[..], b"are you there?");
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        for code in [Some(1000), Some(1001), Some(4321), None] {
            let end = ana.connect(transport).await.close(code).await;
            let repeated = code.map_or(End::WithoutCode, End::Code);
            assert_eq!(end, repeated, "{transport:?}");
        }
    }
}

/// Whether a page of this origin may open a socket.
async fn admits(door: &std::sync::Arc<Door>, token: &str, origin: &str) -> bool {
    match Dial::to(door)
        .bearer(token)
        .header("origin", origin)
        .open()
        .await
    {
        Ok(mut socket) => {
            socket.round_trip().await;
            true
        }
        Err(status) => {
            assert_eq!(status, 403, "{origin}");
            false
        }
    }
}

#[tokio::test]
async fn only_pages_of_ones_own_origin_and_of_localhost_may_connect() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let own = format!("http://{}", server.door.address());
    for good in [
        &own,
        "http://localhost:5173",
        "http://localhost:80",
        "http://127.0.0.1:9",
    ] {
        assert!(admits(&server.door, &ana.token, good).await, "{good}");
    }
    let foreign = [
        "https://evil.example",
        "http://evil.example",
        "http://localhost.evil.example:80",
        "http://127.0.0.1.evil.example",
        "http://evil.example:3000",
        "http://localhost:3000@evil.example",
        "null",
        "file://",
    ];
    for origin in foreign {
        assert!(!admits(&server.door, &ana.token, origin).await, "{origin}");
    }
    let carried = upgrade()
        .by(&ana.token)
        .with("origin", "https://evil.example");
    server
        .door
        .call(Method::GET, "/ws", carried)
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn cross_origin_calls_are_allowed_to_the_same_origins() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let allowed = async |origin: &str| {
        let preflight = Carried::default()
            .with("origin", origin)
            .with("access-control-request-method", "PUT")
            .with(
                "access-control-request-headers",
                "authorization,content-type",
            );
        let preflight = server
            .door
            .call(Method::OPTIONS, "/api/users/me/status", preflight)
            .await;
        let plain = Carried::default().by(&ana.token).with("origin", origin);
        let plain = server.door.call(Method::GET, "/api/users/me", plain).await;
        [preflight, plain].map(|answer| {
            let header = answer.headers.get("access-control-allow-origin").cloned();
            header.is_some_and(|header| header == origin || header == "*")
        })
    };
    for good in ["http://localhost:5173", "http://127.0.0.1:9"] {
        assert_eq!(allowed(good).await, [true, true], "{good}");
    }
    for foreign in [
        "https://evil.example",
        "http://localhost.evil.example:80",
        "null",
    ] {
        assert_eq!(allowed(foreign).await, [false, false], "{foreign}");
    }
}

#[tokio::test]
async fn ws_without_an_upgrade_is_a_failure_in_the_envelope() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let answer = ana.get("/ws").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], "error", "{answer:?}");
    assert!(
        body["code"].is_string() && body["message"].is_string(),
        "{answer:?}"
    );
    let post = ana
        .call(Method::POST, "/ws", Carried::json(&Value::Null))
        .await;
    post.refused(405, "method_not_allowed");
}

over_every_transport!(
    pings_that_nobody_answers_end_the_connection,
    an_early_ping_has_its_deadline_too,
);
