//! What stands in the log, at its most talkative: no content, no token, no e-mail address, and nothing
//! with which somebody else could go on in one's stead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::access::refreshable;
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::door::PASSWORD;
use crate::harness::person::Person;
use crate::harness::process::ServerProcess;
use crate::harness::requests::{POLLING, Requests};
use crate::harness::socket::{Socket, Ticket};

/// In whatever is sent and is nobody else's business.
const SECRET: &str = "the-secret-content";

/// A server that logs all that it can.
async fn talkative() -> (ServerProcess, TempDir) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.env("RUST_LOG", "trace");
    });
    (server.await, directory)
}

/// Ends the server, and looks for these in its log, and for what is private in every test.
async fn are_not_told(server: ServerProcess, people: &[&Person], private: Vec<String>) {
    server.signal("-TERM").await;
    let (_, log) = server.ended().await;
    assert!(log.contains("drained"), "it does log something: {log}");
    let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
    let always = [SECRET, "ana@example.com", "ana%40example.com", PASSWORD].map(str::to_owned);
    // What a binary packet of long polling looks like.
    let encoded = STANDARD.encode(SECRET);
    let private = private.iter().map(|one| signature(one));
    let private = private.chain(people.iter().map(|one| signature(&one.token)));
    for private in private.chain(always).chain([encoded]) {
        assert!(!log.contains(&private), "`{private}` is in the log:\n{log}");
    }
}

#[tokio::test]
async fn the_log_tells_nothing_private_of_rest() {
    let (server, _directory) = talkative().await;
    let door = &server.door;
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.post_once(chat, SECRET, "secret-id").await.created();
    let other = format!("another-{SECRET}");
    let refused = ana.post_once(chat, &other, "secret-id").await;
    refused.refused(409, "conflict");
    let body = json!({"conversation_id": SECRET, "content": SECRET});
    let refused = ana.post("/api/messages/send", body).await;
    refused.refused(400, "validation_failed");
    let refused = door.register("Ana", "ana@example.com", PASSWORD).await;
    refused.refused(409, "conflict");
    let refused = door.login("ana@example.com", SECRET).await;
    refused.refused(401, "invalid_credentials");
    ana.get("/api/users?search=ana%40example.com")
        .await
        .success(200);
    for path in ["/api/users/me", "/ws", "/no/such/place"] {
        let answer = door.get(&format!("{path}?token={}", ana.token)).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let pair = refreshable(&ana).await;
    let body = json!({"refresh_token": pair["refresh_token"]});
    let next = ana.post("/api/auth/refresh", body).await.ok();
    let refresh_tokens = [&pair["refresh_token"], &next["refresh_token"]];
    let refresh_tokens = refresh_tokens.map(|one| one.as_str().expect("a token").to_owned());
    are_not_told(server, &[&ana, &ben], refresh_tokens.to_vec()).await;
}

/// What is said on a connection that somebody is in, rightly and wrongly; it stays.
async fn says_secrets(socket: &mut Socket, chat: i64) {
    let message = socket.send_message(chat, SECRET).await;
    assert_eq!(message["content"], SECRET);
    let refused = json!({"conversationId": SECRET, "content": SECRET});
    let refused = socket.request("send_message", refused).await;
    refused.refused("validation_failed");
    let refused = socket.request(SECRET, json!({"token": SECRET})).await;
    refused.refused("unknown_event");
    socket.emit(SECRET, json!(SECRET));
    socket.next_event("error").await;
}

async fn the_log_tells_nothing_private_of_a_socket(transport: Transport) {
    let (server, _directory) = talkative().await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let mut anas = ana.connect(transport).await;
    says_secrets(&mut anas, chat).await;
    assert_eq!(bens.next_message().await["content"], SECRET);
    let private = match transport {
        Transport::WebSocket => {
            plain_nonsense(&ana).await;
            Vec::new()
        }
        Transport::SocketIo | Transport::Polling => {
            let names = packets_of_nonsense(&ana, transport).await;
            let pid = anas.ticket().pid.expect("a private name");
            names.into_iter().chain([pid]).collect()
        }
    };
    are_not_told(server, &[&ana, &ben], private).await;
}

/// What no client of `/ws` says, and every place in which it may say who it is.
async fn plain_nonsense(ana: &Person) {
    let mut anas = ana.connect(Transport::WebSocket).await;
    anas.text(&format!("{{\"{SECRET}"));
    anas.next_event("error").await;
    anas.binary(SECRET.as_bytes());
    anas.end().await;
    let dial = || Dial::to(&ana.door);
    let by_protocol = dial().subprotocol(&ana.token).open().await;
    by_protocol.expect("let in").round_trip().await;
    let refused = dial().subprotocol(SECRET).open().await;
    assert_eq!(refused.expect_err("a refusal"), 401);
    let path = format!("/ws?token={}", ana.token);
    let mut late = dial().path(&path).open().await.expect("a connection");
    let token = json!({"token": ana.token});
    late.request("authenticate", token).await.ok();
    let mut nobody = dial().open().await.expect("a connection");
    let refused = nobody.request("authenticate", json!({"token": SECRET}));
    refused.await.refused("unauthenticated");
    nobody.end().await;
}

/// What no client of Socket.IO says, before it has entered and after, and every place in which it may
/// say who it is: the sessions that it was given.
async fn packets_of_nonsense(ana: &Person, transport: Transport) -> Vec<String> {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let mut names = Vec::new();
    let with_token = format!("&token={}", ana.token);
    for query in ["", &*with_token] {
        let (mut socket, name) = nobody(ana, transport, query).await;
        names.push(name);
        let token = json!({"token": SECRET}).to_string();
        let refused = socket.enter_with(&token).await;
        refused.expect_err("a refusal");
        let stranger = Ticket {
            pid: Some(SECRET.to_owned()),
            offset: Some(SECRET.to_owned()),
        };
        socket.enter(&ana.token, &stranger).await.expect("let in");
        socket.text(&format!("40/{SECRET},{{\"token\":\"{}\"}}", ana.token));
        assert!(socket.next_packet().await.starts_with("44/"));
        socket.text(&format!("451-700[\"send_message\",{placeholder}]"));
        socket.binary(SECRET.as_bytes());
        socket.reply(700).await.refused("validation_failed");
    }
    for packet in [
        format!("40{{\"token\":\"{SECRET}"),
        format!("42[\"send_message\",\"{SECRET}\"]"),
        format!("4{SECRET}"),
        SECRET.to_owned(),
    ] {
        let (mut socket, name) = nobody(ana, transport, "").await;
        names.push(name);
        socket.text(&packet);
        socket.end().await;
    }
    for packet in [
        format!("42[\"send_message\",{{\"content\":\"{SECRET}"),
        format!("42{SECRET}"),
        format!("421[{{\"{SECRET}\":1}}]"),
        format!("42/{SECRET},[\"x\"]"),
        format!("44{{\"message\":\"{SECRET}\"}}"),
        format!("45x-[\"{SECRET}\"]"),
        format!("40{{\"token\":\"{}\"}}", ana.token),
        format!("7{SECRET}"),
    ] {
        let mut anas = ana.connect(transport).await;
        anas.text(&packet);
        anas.end().await;
    }
    let mut anas = ana.connect(transport).await;
    anas.binary(SECRET.as_bytes());
    anas.end().await;
    if transport == Transport::Polling {
        names.extend(requests_of_nonsense(ana).await);
    }
    names
}

/// A connection that nobody has entered yet, and its name, with which another could go on in its place.
async fn nobody(ana: &Person, transport: Transport, query: &str) -> (Socket, String) {
    let kind = match transport {
        Transport::Polling => "polling",
        _ => "websocket",
    };
    let path = format!("/socket.io/?EIO=4&transport={kind}{query}");
    let dial = Dial::to(&ana.door).over(transport).path(&path);
    let mut socket = dial.open().await.expect("a connection");
    let name = socket.opened().await["sid"].take();
    (socket, name.as_str().expect("a name").to_owned())
}

/// The same in requests that no client makes.
async fn requests_of_nonsense(ana: &Person) -> Vec<String> {
    let mut names = Vec::new();
    for query in [
        format!("&sid={SECRET}"),
        format!("&transport={SECRET}"),
        format!("&{SECRET}"),
    ] {
        ana.get(&format!("{POLLING}{query}")).await;
    }
    for body in [
        format!("b{SECRET}!"),
        format!("{SECRET}\u{1e}{SECRET}"),
        format!("42[\"{SECRET}\"]\u{1e}"),
    ] {
        let session = Requests::of(ana).await;
        session.post(body).await;
        names.push(session.sid.clone());
        let mut status = 200;
        while status == 200 {
            status = session.get().await.status;
        }
    }
    names
}

over_every_transport!(the_log_tells_nothing_private_of_a_socket);
