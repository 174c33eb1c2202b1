//! Sending: what is stored, in which order, and who is told.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::{has_keys, is_time, number, seqs};
use crate::harness::arrival::Transport;
use crate::harness::door::Carried;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

const MESSAGE: [&str; 10] = [
    "id",
    "conversation_id",
    "seq",
    "sender_id",
    "sender_name",
    "content",
    "type",
    "client_message_id",
    "is_read",
    "created_at",
];

async fn a_message_reaches_every_session_of_both(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut sockets = Vec::new();
    for person in [&ana, &ana, &ben, &ben] {
        sockets.push(person.connect(transport).await);
    }
    let mut cleos = cleo.connect(transport).await;

    let by_rest = ana.send(chat, "by REST").await;
    has_keys(&by_rest, &MESSAGE);
    is_time(&by_rest["created_at"]);
    let expected = json!({"id": by_rest["id"], "conversation_id": chat, "seq": 1,
        "sender_id": ana.id, "sender_name": "Ana", "content": "by REST", "type": "text",
        "client_message_id": null, "is_read": false, "created_at": by_rest["created_at"]});
    assert_eq!(by_rest, expected);
    let by_socket = sockets[0].send_message(chat, "by socket").await;
    has_keys(&by_socket, &MESSAGE);
    assert_eq!(
        (&by_socket["seq"], &by_socket["sender_id"]),
        (&json!(2), &json!(ana.id))
    );

    for socket in &mut sockets {
        for message in [&by_rest, &by_socket] {
            let event = socket.next_event("new_message").await;
            assert_eq!(event, json!({"message": message, "conversation_id": chat}));
        }
    }
    let hers = ana.send(ana.chat_with(&cleo).await, "for Cleo").await;
    assert_eq!(
        cleos.next_message().await,
        hers,
        "the first that Cleo hears of"
    );
}

async fn a_client_message_id_comes_back_with_the_message(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let by_rest = ana.post_once(chat, "one", "r-1").await.created();
    assert_eq!(by_rest["client_message_id"], "r-1");
    let data =
        json!({"conversationId": chat, "content": "two", "type": "text", "clientMessageId": "s-1"});
    let by_socket = anas.request("send_message", data).await.ok();
    assert_eq!(by_socket["client_message_id"], "s-1");
    assert_eq!(bens.next_message().await, by_rest);
    assert_eq!(bens.next_message().await, by_socket);
    assert_eq!(ben.history(chat).await, [by_rest, by_socket]);
}

/// Sends `count` messages, some under way at once; their positions.
async fn chatter(mut socket: Socket, chat: i64, count: usize) -> Vec<i64> {
    let ids: Vec<u64> = (0..count)
        .map(|i| {
            socket.send(
                "send_message",
                json!({"conversationId": chat, "content": format!("s{i}")}),
            )
        })
        .collect();
    let mut seqs = Vec::new();
    for id in ids {
        seqs.push(number(&socket.reply(id).await.ok()["seq"]));
    }
    assert!(
        seqs.is_sorted(),
        "one socket's sends keep their order: {seqs:?}"
    );
    seqs
}

async fn post(person: Person, chat: i64, count: usize) -> Vec<i64> {
    let mut seqs = Vec::new();
    for i in 0..count {
        seqs.push(number(&person.send(chat, &format!("r{i}")).await["seq"]));
    }
    seqs
}

async fn positions_have_no_gap_however_many_send_at_once_and_everyone_sees_one_order(
    transport: Transport,
) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut watchers = [ana.connect(transport).await, ben.connect(transport).await];

    let mut tasks = Vec::new();
    for person in [&ana, &ben] {
        for _ in 0..3 {
            tasks.push(tokio::spawn(chatter(
                person.connect(transport).await,
                chat,
                40,
            )));
            tasks.push(tokio::spawn(post(person.clone(), chat, 15)));
        }
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("every send is acknowledged"));
    }
    all.sort_unstable();
    let count = 2 * 3 * (40 + 15);
    assert_eq!(all, (1..=count).collect::<Vec<i64>>());

    for watcher in &mut watchers {
        assert_eq!(
            watcher.seqs_until(chat, count).await,
            (1..=count).collect::<Vec<i64>>()
        );
    }
    let history = json!(ben.history(chat).await);
    assert_eq!(seqs(&history), (1..=count).collect::<Vec<i64>>());
}

#[tokio::test]
async fn positions_of_different_conversations_have_nothing_to_do_with_each_other() {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ben, with_cleo) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    let one = ana.send(with_ben, "1").await;
    let two = ana.send(with_cleo, "1").await;
    assert_eq!((&one["seq"], &two["seq"]), (&json!(1), &json!(1)));
    assert_ne!(
        one["id"], two["id"],
        "an id is a message's own over all conversations"
    );
    assert_eq!(cleo.send(with_cleo, "2").await["seq"], 2);
}

/// Contents that something on the way might want to touch.
fn delicate() -> Vec<String> {
    let plain = [
        "  white space at both ends \t",
        "\r\nlines\nand\rmore\n",
        "\u{a0}\u{3000}no-break\u{2003}",
        "<script>alert(\"x\")</script> &amp; &lt;",
        "\"quotes\" 'single' \\back\\slash/",
        "%00 %41 +",
        "a\u{2028}b\u{2029}c\u{85}d",
        "\u{feff}byte order mark",
        "\u{1}\u{7}\u{1b}[31m\u{7f}",
        "\u{fffd}\u{ffff}\u{10ffff}",
        "e\u{301} and \u{e9}",
        "👩‍👩‍👧‍👦 🇧🇷 ☝🏽",
        "مرحبا ‏\u{202e}שלום",
        "Z͑ͫ̓ͪ̂ͫ̽a͊l͗g̈o",
        "'; DROP TABLE messages; --",
        "null",
        "{\"a\":1}",
        "0",
        "ａ",
        "ﬃ",
        "İıſ",
    ];
    let mut contents: Vec<String> = plain.map(str::to_owned).to_vec();
    contents.push("x".repeat(4000));
    contents.push("🦊".repeat(4000));
    contents.push(format!(
        "{}{}\n{}",
        " ".repeat(900),
        "🦊".repeat(4000),
        "\t".repeat(900)
    ));
    contents
}

async fn content_comes_back_exactly_as_it_was_sent(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let mut all = Vec::new();
    for content in delicate() {
        let by_rest = ana.send(chat, &content).await;
        let by_socket = anas.send_message(chat, &content).await;
        for message in [by_rest, by_socket] {
            assert_eq!(message["content"], content);
            assert_eq!(bens.next_message().await, message);
            all.push(message);
        }
        assert_eq!(ben.list().await[0]["last_message"]["content"], content);
    }
    assert_eq!(ben.history(chat).await, all);
    let joined = bens.join_after(chat, 0).await;
    assert_eq!(joined["messages"], json!(all));
}

#[tokio::test]
async fn emoji_escaped_as_surrogate_pairs_are_the_same_emoji() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let escaped = r"\ud83e\udd8a".repeat(4000);
    let body = format!(r#"{{"conversation_id":{chat},"content":"{escaped}","type":"text"}}"#);
    let carried = Carried::raw("application/json", body);
    let message = ana
        .call(Method::POST, "/api/messages/send", carried)
        .await
        .created();
    assert_eq!(message["content"], "🦊".repeat(4000));
}

async fn contents_that_are_refused_store_nothing(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let refused = [
        "",
        " ",
        "\n\t\r ",
        "\u{3000}\u{a0}\u{2003}",
        "\u{0}",
        "before\u{0}after",
        " \u{0}",
        &"x".repeat(4001),
        &"🦊".repeat(4001),
        &format!(" {}", "x".repeat(4001)),
    ];
    for content in refused {
        ana.post_message(chat, content).await.invalid("content");
        let data = json!({"conversationId": chat, "content": content});
        anas.request("send_message", data).await.invalid("content");
    }
    for kind in [
        json!("image"),
        json!("Text"),
        json!(""),
        json!(1),
        json!(["text"]),
    ] {
        let body = json!({"conversation_id": chat, "content": "hi", "type": kind});
        ana.post("/api/messages/send", body).await.invalid("type");
        let data = json!({"conversationId": chat, "content": "hi", "type": kind});
        anas.request("send_message", data).await.invalid("type");
    }

    let first = ana.send(chat, "first").await;
    assert_eq!(first["seq"], 1);
    assert_eq!(bens.next_message().await, first);
    assert_eq!(ben.history(chat).await, [first]);
}

async fn a_lone_surrogate_is_malformed_json(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;

    for content in [
        r"\ud83e",
        r"\udd8a",
        r"\udd8a\ud83e",
        r"fox \ud83e fox",
        r"\ud83e\u0041",
    ] {
        let body = format!(r#"{{"conversation_id":{chat},"content":"{content}","type":"text"}}"#);
        let carried = Carried::raw("application/json", body);
        let answer = ana.call(Method::POST, "/api/messages/send", carried).await;
        answer.refused(400, "malformed_json");
        let data = format!(r#"{{"conversationId":{chat},"content":"{content}"}}"#);
        anas.emit_raw("send_message", &data);
        assert_eq!(
            anas.next_event("error").await["code"],
            "malformed_json",
            "{content}"
        );
    }
    anas.round_trip().await;
    assert_eq!(ana.history(chat).await, [Value::Null; 0]);
}

over_every_transport!(
    a_message_reaches_every_session_of_both,
    a_client_message_id_comes_back_with_the_message,
    positions_have_no_gap_however_many_send_at_once_and_everyone_sees_one_order,
    content_comes_back_exactly_as_it_was_sent,
    contents_that_are_refused_store_nothing,
    a_lone_surrogate_is_malformed_json,
);
