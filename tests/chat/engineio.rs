//! Engine.IO: its own errors for requests that are wrong, and the end of sessions that do wrong.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::harness::answer::number;
use crate::harness::arrival::{Arrival, End, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::Carried;
use crate::harness::packets::{self, SEPARATOR, understand};
use crate::harness::person::Person;
use crate::harness::requests::{POLLING, Requests};
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::until;

const KIB_64: usize = 64 * 1024;

/// The server is well, and so is who had nothing to do with it.
pub(crate) async fn answers_others(server: &TestServer, other: &mut Socket) {
    assert_eq!(server.door.get("/health/ready").await.status, 200);
    other.round_trip().await;
}

/// A payload of packets.
pub(crate) fn payload(packets: impl IntoIterator<Item = String>) -> String {
    let packets: Vec<String> = packets.into_iter().collect();
    packets.join(&SEPARATOR.to_string())
}

/// A `send_message` to conversation 1.
fn send(content: &str, id: Option<u64>) -> String {
    let data = json!({"conversationId": 1, "content": content});
    packets::event("send_message", &data.to_string(), id)
}

/// Ana with a polling session and conversation 1, and Ben who must not be disturbed.
async fn two(server: &TestServer) -> (Person, Requests, Socket) {
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    // In this order: whatever comes to Ana first, it is an answer to her.
    let bens = ben.connect(Transport::Polling).await;
    let anas = Requests::of(&ana).await;
    (ana, anas, bens)
}

#[tokio::test]
async fn the_handshake_says_what_the_server_holds_to() {
    let server = TestServer::start().await;
    let answer = server.door.get(POLLING).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.headers["content-type"].to_str().expect("text"),
        "text/plain; charset=UTF-8"
    );
    let open: Value = serde_json::from_str(&answer.text[1..]).expect("an open packet");
    let expected = json!({"sid": open["sid"], "upgrades": ["websocket"], "pingInterval": 25_000,
        "pingTimeout": 20_000, "maxPayload": KIB_64});
    assert_eq!((&answer.text[..1], &open), ("0", &expected));

    let dial = Dial::to(&server.door).over(Transport::SocketIo);
    let mut socket = dial.open().await.expect("a WebSocket");
    let open = socket.opened().await;
    assert_eq!(open["upgrades"], json!([]));
    assert_eq!(open["maxPayload"], KIB_64);
}

#[tokio::test]
async fn a_wrong_query_is_refused_in_the_protocols_words() {
    let server = TestServer::start().await;
    let (get, post) = (Method::GET, Method::POST);
    let unknown_transport = (0, "Transport unknown");
    let unknown_session = (1, "Session ID unknown");
    let bad_method = (2, "Bad handshake method");
    let version = (5, "Unsupported protocol version");
    for (method, query, (code, message)) in [
        (&get, "EIO=4", unknown_transport),
        (&get, "EIO=4&transport=", unknown_transport),
        (&get, "EIO=4&transport=pigeon", unknown_transport),
        (&get, "EIO=4&transport=__proto__", unknown_transport),
        (&get, "EIO=4&transport=constructor", unknown_transport),
        (&post, "EIO=4&transport=webtransport", unknown_transport),
        (&get, "EIO=4&transport=polling&sid=x", unknown_session),
        (&get, "EIO=4&transport=polling&sid=", unknown_session),
        (
            &get,
            "EIO=4&transport=polling&sid=__proto__",
            unknown_session,
        ),
        (&post, "EIO=4&transport=polling&sid=x", unknown_session),
        (&post, "EIO=4&transport=polling", bad_method),
        (&Method::PUT, "EIO=4&transport=polling", bad_method),
        (&Method::DELETE, "EIO=4&transport=polling", bad_method),
        (&get, "EIO=4&transport=websocket", (3, "Bad request")),
        (&get, "transport=polling", version),
        (&get, "EIO=3&transport=polling", version),
        (&get, "EIO=5&transport=polling", version),
        (&get, "EIO=four&transport=polling", version),
    ] {
        let path = format!("/socket.io/?{query}");
        let carried = Carried::default();
        let answer = server.door.call(method.clone(), &path, carried).await;
        answer.refused_by_engine(400, code, message);
    }
    for query in [
        "EIO=3&transport=websocket",
        "EIO=4&transport=websocket&sid=x",
        "transport=websocket",
    ] {
        let dial = Dial::to(&server.door).over(Transport::SocketIo);
        let refused = dial.path(&format!("/socket.io/?{query}")).open().await;
        assert_eq!(refused.err(), Some(400), "{query}");
    }
}

#[tokio::test]
async fn only_pages_of_ones_own_origin_and_of_localhost_may_come_in() {
    let server = TestServer::start().await;
    let own = format!("http://{}", server.door.address());
    let over = |transport, origin| {
        let dial = Dial::to(&server.door).over(transport);
        dial.header("origin", origin).open()
    };
    let both = [Transport::SocketIo, Transport::Polling];
    for good in [&own, "http://localhost:5173", "http://127.0.0.1:9"] {
        for transport in both {
            let mut socket = over(transport, good).await.expect("a connection");
            socket.opened().await;
        }
        let carried = Carried::default().with("origin", good);
        let answer = server.door.call(Method::GET, POLLING, carried).await;
        let allowed = answer.headers.get("access-control-allow-origin");
        assert!(allowed.is_some_and(|found| found == good || found == "*"));
    }
    for foreign in [
        "https://evil.example",
        "http://localhost.evil.example:80",
        "null",
    ] {
        for transport in both {
            let refused = over(transport, foreign).await;
            assert_eq!(refused.err(), Some(403), "{foreign}");
        }
        let carried = Carried::default().with("origin", foreign);
        let answer = server.door.call(Method::GET, POLLING, carried).await;
        answer.refused_by_engine(403, 4, "Forbidden");
    }
}

#[tokio::test]
async fn of_two_polls_at_once_one_is_refused_and_the_session_ends() {
    let server = TestServer::start().await;
    let (_ana, anas, mut bens) = two(&server).await;
    let (one, two) = tokio::join!(anas.get(), anas.get());
    let (first, second) = if one.status == 200 {
        (one, two)
    } else {
        (two, one)
    };
    assert_eq!((first.status, &*first.text), (200, "1"), "{first:?}");
    second.refused_by_engine(400, 3, "Bad request");
    anas.get().await.session_is_unknown();
    anas.post(send("hi", None)).await.session_is_unknown();
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_poll_that_is_cancelled_ends_the_session() {
    let server = TestServer::start().await;
    let (_ana, anas, mut bens) = two(&server).await;
    // One that was cancelled before it hung there is none: then another one is.
    let last = until("the end of the session", async || {
        timeout(Duration::from_millis(50), anas.get()).await.ok()
    });
    last.await.session_is_unknown();
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn two_posts_at_once_change_no_order() {
    let server = TestServer::start().await;
    let (ana, _, mut bens) = two(&server).await;
    for round in 0..5 {
        let anas = Requests::of(&ana).await;
        let part = |name: &str| payload((0..50).map(|i| send(&format!("{round}{name}{i}"), None)));
        let (one, two) = tokio::join!(anas.post(part("a")), anas.post(part("b")));
        let marker = bens.send_message(1, "marker").await;
        let mut accepted = 0;
        for (answer, name) in [(one, "a"), (two, "b")] {
            if answer.status == 200 {
                accepted += 1;
            } else {
                assert_eq!(answer.status, 400, "{answer:?}");
            }
            let prefix = format!("{round}{name}");
            let stored = until("the sends of one POST", async || {
                let history = ana.history(1).await;
                let contents = history.iter().filter_map(|one| one["content"].as_str());
                let mine = contents.filter_map(|content| content.strip_prefix(&prefix));
                let mine: Vec<usize> = mine.filter_map(|i| i.parse().ok()).collect();
                (answer.status != 200 || mine.len() == 50).then_some(mine)
            })
            .await;
            assert_eq!(stored, (0..stored.len()).collect::<Vec<_>>());
        }
        assert!(accepted > 0, "round {round}: both were refused");
        bens.silent_until_message(&[], &marker).await;
    }
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_payload_or_frame_of_64_kib_is_read_and_one_byte_more_is_too_large() {
    let server = TestServer::start().await;
    let (ana, anas, mut bens) = two(&server).await;
    let whole = |size: usize| {
        let empty = packets::event("x", "\"\"", Some(1)).len();
        packets::event("x", &format!("\"{}\"", "y".repeat(size - empty)), Some(1))
    };
    assert_eq!(whole(KIB_64).len(), KIB_64);
    anas.post(whole(KIB_64)).await.says_ok();
    assert_eq!(anas.acknowledged(1).await["code"], "unknown_event");
    for size in [KIB_64 + 1, 200 << 10, 3 << 20] {
        let anas = Requests::of(&ana).await;
        let answer = anas.post(whole(size)).await;
        assert_eq!(answer.status, 413, "{size}");

        let mut socket = ana.connect(Transport::SocketIo).await;
        socket.text(&whole(KIB_64));
        socket.reply(1).await.refused("unknown_event");
        socket.text(&whole(size));
        assert_eq!(socket.end().await, End::Code(1009), "{size}");
    }
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_payload_that_is_none_is_refused() {
    let server = TestServer::start().await;
    let (ana, _, mut bens) = two(&server).await;
    let separator = SEPARATOR.to_string();
    let bad: [&[u8]; 8] = [
        b"",
        separator.as_bytes(),
        b"4\xff\xfe",
        b"42[\"x\"]\x1e",
        b"\x1e42[\"x\"]",
        b"hello",
        b"b!",
        b"9",
    ];
    for body in bad {
        let anas = Requests::of(&ana).await;
        let answer = anas.post(body).await;
        // A packet that is wrong ends the session; what cannot be packets is refused by itself too.
        let nothing_like_it = body.is_empty() || body.contains(&0xff);
        assert!(
            answer.status == 400 || answer.status == 200 && !nothing_like_it,
            "{body:?}: {answer:?}"
        );
        until("the end of the session", async || {
            let answer = anas.get().await;
            (answer.status == 400).then_some(())
        })
        .await;
    }
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn thousands_of_packets_in_one_payload_are_handled_in_order() {
    let server = TestServer::start().await;
    let (ana, anas, mut bens) = two(&server).await;
    let count = 5_000;
    let commands = (1..=count).map(|id| packets::event("x", "0", Some(id)));
    // 42<id>["x",0] and a separator: at most 14 bytes each.
    let commands: Vec<String> = commands.collect();
    let asking = async {
        for part in commands.chunks(4_000) {
            anas.post(payload(part.to_vec())).await.says_ok();
        }
    };
    let listening = async {
        let mut answered = Vec::new();
        while answered.len() < commands.len() {
            for packet in anas.packets().await {
                if let Arrival::Reply { id, .. } = understand(&packet) {
                    answered.push(number(&id));
                }
            }
        }
        answered
    };
    // Who asks without listening is not read for a while.
    let ((), answered) = tokio::join!(asking, listening);
    assert_eq!(answered, (1..=count as i64).collect::<Vec<_>>());

    for packet in ["3", "6"] {
        let anas = Requests::of(&ana).await;
        let many = payload(vec![packet.to_owned(); KIB_64 / 2]);
        let answer = anas.post(many).await;
        assert!([200, 400].contains(&answer.status), "{answer:?}");
    }
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn who_asks_much_and_never_polls_is_gone_in_time() {
    let server = TestServer::with(|config| {
        config.limits.ping_interval = Duration::from_millis(100);
        config.limits.ping_timeout = Duration::from_secs(1);
        config.limits.presence_grace = Duration::from_millis(20);
    })
    .await;
    let (_ana, anas, mut bens) = two(&server).await;
    let online = bens.next_event("user_status_changed").await;
    assert_eq!(online["status"], "online");
    // More than a session may have under way: the rest of the payload is not read.
    let many = payload((0..2_000).map(|id| packets::event("x", "0", Some(id))));
    let asking = tokio::spawn(async move { anas.post(many).await.status });
    let offline = bens.next_event("user_status_changed").await;
    assert_eq!(offline["status"], "offline");
    assert_eq!(asking.await.expect("an answer"), 400);
    answers_others(&server, &mut bens).await;
}

async fn what_comes_after_a_close_packet_is_not_handled(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    let mut bens = ben.connect(transport).await;
    let mut anas = ana.connect(transport).await;
    anas.text(&send("before", None));
    anas.text("1");
    anas.text(&send("after", None));
    anas.end().await;
    assert_eq!(bens.next_message().await["content"], "before");
    let marker = ana.send(1, "marker").await;
    assert_eq!(bens.next_message().await, marker);
    answers_others(&server, &mut bens).await;
}

async fn a_packet_that_is_none_ends_the_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(transport).await;
    for packet in ["7", "8", "9", "x", "é", "🦊", "-1", " 4", "{}", "null"] {
        let mut anas = ana.connect(transport).await;
        anas.text(packet);
        anas.end().await;
    }
    answers_others(&server, &mut bens).await;
}

async fn a_packet_out_of_turn_is_ignored_or_ends_the_connection(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(transport).await;
    for packet in ["5", "5x", "6", "0", "0{}", "2", "2probe", "3", "3probe"] {
        let mut anas = ana.connect(transport).await;
        anas.text(packet);
        anas.send("no_such_event", json!(null));
        if let Ok((_, body)) = anas.next_reply_or_end().await {
            assert_eq!(body["code"], "unknown_event", "{packet}");
        }
    }
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_text_frame_that_is_no_utf8_ends_the_connection() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(Transport::SocketIo).await;
    let mut anas = ana.connect(Transport::SocketIo).await;
    anas.text_bytes(b"42[\"no_such_event\",\"\xff\xfe\"]");
    anas.end().await;
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_full_engine_says_when_to_come_back() {
    let server = TestServer::with(|config| config.limits.connections_max = 2).await;
    for _ in 0..2 {
        assert_eq!(server.door.get(POLLING).await.status, 200);
    }
    let full = server.door.get(POLLING).await;
    full.refused_by_engine(503, 7, "Overloaded");
    assert_eq!(full.headers["retry-after"], "1");
}

over_socketio!(
    what_comes_after_a_close_packet_is_not_handled,
    a_packet_that_is_none_ends_the_connection,
    a_packet_out_of_turn_is_ignored_or_ends_the_connection,
);
