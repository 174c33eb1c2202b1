//! What the fuzz targets keep (`tests/fuzz/corpus`), sent to a running server over REST, in the heads
//! of requests and over WebSockets: whatever it is, it is answered, and people beside it notice
//! nothing.

use std::fs;
use std::path::Path;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::arrival::Transport;
use crate::harness::door::Carried;
use crate::harness::packets;
use crate::harness::person::Person;
use crate::harness::process::ServerProcess;
use crate::harness::wait::within;

/// Every call that takes a body, with a conversation of the caller's own in the place of `{}`.
pub(crate) const CALLS: &[(Method, &str)] = &[
    (Method::POST, "/api/auth/register"),
    (Method::POST, "/api/auth/login"),
    (Method::POST, "/api/auth/refresh"),
    (Method::PUT, "/api/users/me/password"),
    (Method::DELETE, "/api/users/me"),
    (Method::PUT, "/api/users/me/status"),
    (Method::POST, "/api/conversations"),
    (Method::POST, "/api/messages/send"),
    (Method::PUT, "/api/messages/conversation/{}/read"),
    (Method::POST, "/api/messages/conversation/{}/typing"),
];

/// What stands in the corpus of every target.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut inputs = Vec::new();
    for target in fs::read_dir(root).expect("the corpus") {
        let target = target.expect("a target").path();
        for file in fs::read_dir(target).expect("its inputs") {
            inputs.push(fs::read(file.expect("an input").path()).expect("bytes"));
        }
    }
    assert!(inputs.len() > 100, "the corpus was not found");
    inputs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_fuzz_targets_found_is_answered_and_nobody_else_notices() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben, eve] = server.door.people(["Ana", "Ben", "Eve"]).await;
    let talk = ana.chat_with(&ben).await;
    let own = eve.chat_with(&ben).await;
    let (done, until) = watch::channel(false);
    let talking = tokio::spawn(converse(ana.clone(), ben, talk, until));

    // Several at a time, as clients are.
    let mut sending = Vec::new();
    for part in corpus().chunks(200) {
        let (eve, part) = (eve.clone(), part.to_vec());
        sending.push(tokio::spawn(async move {
            for input in part {
                over_rest(&eve, own, &input).await;
                in_the_head(&eve, &input).await;
            }
        }));
    }
    for part in sending {
        part.await.expect("every input was answered");
    }
    over_websocket(&eve).await;
    over_socketio(&eve).await;

    done.send(true).expect("they still talk");
    let said = talking.await.expect("their conversation went on");
    assert_eq!(ana.history(talk).await.len(), said);
    server.signal("-TERM").await;
    let (status, log) = server.ended().await;
    assert!(status.success(), "{status}: {log}");
    for trouble in ["panicked", "ERROR"] {
        assert!(!log.contains(trouble), "{log}");
    }
}

/// Ana sends to Ben, one message after the other, and he hears each, until they are told to stop.
/// How many these were.
async fn converse(ana: Person, ben: Person, talk: i64, until: watch::Receiver<bool>) -> usize {
    let mut anas = ana.connect(Transport::WebSocket).await;
    let mut bens = ben.connect(Transport::SocketIo).await;
    for socket in [&mut anas, &mut bens] {
        socket.join(talk).await;
    }
    let mut said = 0;
    while !*until.borrow() {
        let message = anas.send_message(talk, &said.to_string()).await;
        assert_eq!(bens.next_message().await, message);
        said += 1;
    }
    said
}

/// An answer of the contract, and none that says that the server is at fault.
fn is_answer(status: u16, body: &str) {
    assert!(
        [200, 201, 400, 401, 403, 404, 409].contains(&status),
        "{status} {body}"
    );
    let body: Value = serde_json::from_str(body).expect("JSON");
    let expected = if status < 300 { "success" } else { "error" };
    assert_eq!(body["status"], expected, "{body}");
}

/// As the body of every call.
async fn over_rest(eve: &Person, own: i64, input: &[u8]) {
    for (method, path) in CALLS {
        let path = path.replace("{}", &own.to_string());
        let carried = Carried::raw("application/json", input);
        let answer = eve.call(method.clone(), &path, carried).await;
        is_answer(answer.status, &answer.text);
    }
}

/// In the head of a request: as its query, and as its token. What would end a line is left out.
async fn in_the_head(eve: &Person, input: &[u8]) {
    let line: Vec<u8> = input
        .iter()
        .copied()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let own = format!("authorization: Bearer {}", eve.token);
    let queries = [
        "/api/conversations",
        "/api/users",
        "/api/messages/conversation/1",
    ];
    for path in queries {
        ask(
            eve,
            &[b"GET ", path.as_bytes(), b"?", &line],
            own.as_bytes(),
        )
        .await;
    }
    ask(eve, &[b"GET /socket.io/?", &line], own.as_bytes()).await;
    for (name, path) in [
        ("authorization: ", "/api/users/me"),
        ("authorization: Bearer ", "/ws"),
        ("x-forwarded-for: ", "/health/live"),
        ("origin: ", "/health/live"),
    ] {
        let header = [name.as_bytes(), &line].concat();
        ask(eve, &[b"GET ", path.as_bytes()], &header).await;
    }
}

/// A request by hand, whose connection is closed after it: it is answered in any case.
async fn ask(eve: &Person, target: &[&[u8]], header: &[u8]) {
    let head: &[&[u8]] = &[
        &target.concat(),
        b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n",
        header,
        b"\r\n\r\n",
    ];
    let mut stream = TcpStream::connect(eve.door.address())
        .await
        .expect("a connection");
    stream
        .write_all(&head.concat())
        .await
        .expect("the server takes it");
    let mut answer = Vec::new();
    let read = within("an answer to a head", stream.read_to_end(&mut answer)).await;
    read.expect("no reset");
    let answer = String::from_utf8_lossy(&answer);
    let is_fine = ["HTTP/1.1 2", "HTTP/1.1 4"]
        .iter()
        .any(|start| answer.starts_with(start));
    assert!(
        is_fine,
        "{answer:?} to {:?}",
        String::from_utf8_lossy(&head.concat())
    );
}

/// A WebSocket as it is.
type Line = WebSocketStream<TcpStream>;

async fn dial(eve: &Person, path: &str) -> Line {
    let address = eve.door.address();
    let request = format!("ws://{address}{path}").into_client_request();
    let mut request = request.expect("a request");
    let token = format!("Bearer {}", eve.token).parse().expect("a header");
    request.headers_mut().insert("authorization", token);
    let stream = TcpStream::connect(address).await.expect("a connection");
    within("an upgrade", client_async(request, stream))
        .await
        .expect("a WebSocket")
        .0
}

/// Sends `input` as a text frame, which it may not be, and then `marker`. Whether that is answered
/// by something that begins with `answer`, rather than by the end of the connection.
async fn survives(line: &mut Line, input: &[u8], marker: String, answer: &str) -> bool {
    let input = Bytes::copy_from_slice(input);
    let frame = Frame::message(input, OpCode::Data(Data::Text), true);
    for message in [Message::Frame(frame), Message::text(marker)] {
        // What ends the connection is read below.
        drop(line.send(message).await);
    }
    loop {
        match within("the answer to a frame", line.next()).await {
            Some(Ok(Message::Text(text))) if text.starts_with(answer) => return true,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
            Some(Ok(_)) => {}
        }
    }
}

/// As a frame of `/ws`.
async fn over_websocket(eve: &Person) {
    let mut line = dial(eve, "/ws").await;
    let mut ended = 0;
    for (number, input) in corpus().iter().enumerate() {
        let id = format!("marker {number}");
        let marker = json!({"event": "no_such_event", "id": id}).to_string();
        let answer = format!(r#"{{"reply":"{id}""#);
        if !survives(&mut line, input, marker, &answer).await {
            // Only what is no text ends it.
            assert!(
                str::from_utf8(input).is_err(),
                "{:?}",
                str::from_utf8(input)
            );
            line = dial(eve, "/ws").await;
            ended += 1;
        }
    }
    assert!(ended > 0, "nothing in the corpus is no text");
}

/// As a packet of Socket.IO.
async fn over_socketio(eve: &Person) {
    let mut line = None;
    for (number, input) in corpus().iter().enumerate() {
        let mut entered = match line.take() {
            Some(entered) => entered,
            None => enter(eve).await,
        };
        let packet = [b"4", &**input].concat();
        let id = 1_000_000 + number as u64;
        let marker = packets::event("no_such_event", "null", Some(id));
        if survives(&mut entered, &packet, marker, &format!("43{id}[")).await {
            line = Some(entered);
        }
    }
}

/// A session that has entered the main namespace.
async fn enter(eve: &Person) -> Line {
    let mut line = dial(eve, "/socket.io/?EIO=4&transport=websocket").await;
    for (says, hears) in [(None, "0{"), (Some("40"), "40{")] {
        if let Some(packet) = says {
            line.send(Message::text(packet)).await.expect("written");
        }
        let heard = within(hears, line.next()).await;
        let heard = heard.expect("no end").expect("a message");
        assert!(
            heard.to_text().is_ok_and(|text| text.starts_with(hears)),
            "{heard:?}"
        );
    }
    line
}
