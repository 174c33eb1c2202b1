//! `client_message_id`: a retry writes nothing twice, however late it comes.

use serde_json::{Value, json};

use crate::harness::answer::{Reply, number};
use crate::harness::arrival::Transport;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

async fn send_once(socket: &mut Socket, chat: i64, content: &str, client_id: &str) -> Reply {
    let data = json!({"conversationId": chat, "content": content, "clientMessageId": client_id});
    socket.request("send_message", data).await
}

async fn the_same_client_message_id_stores_and_tells_one_message(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let by_rest = ana.post_once(chat, "hi", "m-1").await.created();
    let by_socket = send_once(&mut anas, chat, "ho", "m-2").await.ok();
    for _ in 0..2 {
        assert_eq!(ana.post_once(chat, "hi", "m-1").await.ok(), by_rest);
        assert_eq!(send_once(&mut anas, chat, "hi", "m-1").await.ok(), by_rest);
        assert_eq!(ana.post_once(chat, "ho", "m-2").await.ok(), by_socket);
        assert_eq!(
            send_once(&mut anas, chat, "ho", "m-2").await.ok(),
            by_socket
        );
    }

    let marker = ana.send(chat, "marker").await;
    assert_eq!(marker["seq"], 3);
    for socket in [&mut anas, &mut bens] {
        assert_eq!(socket.next_message().await, by_rest);
        assert_eq!(socket.next_message().await, by_socket);
        assert_eq!(socket.next_message().await, marker);
    }
    assert_eq!(ben.history(chat).await, [by_rest, by_socket, marker]);
}

async fn the_same_client_message_id_with_other_content_is_a_conflict(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let first = ana.post_once(chat, "hi", "m-1").await.created();

    for other in ["ho", "hi ", " hi", "Hi", "hi\n"] {
        ana.post_once(chat, other, "m-1")
            .await
            .refused(409, "conflict");
        send_once(&mut anas, chat, other, "m-1")
            .await
            .refused("conflict");
    }
    assert_eq!(ben.history(chat).await, [first]);
}

#[tokio::test]
async fn a_client_message_id_belongs_to_one_sender_in_one_conversation() {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ben, with_cleo) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);

    let first = ana.post_once(with_ben, "Ana to Ben", "m-1").await.created();
    let bens = ben.post_once(with_ben, "Ben to Ana", "m-1").await.created();
    ana.post_once(with_cleo, "Ana to Cleo", "m-1")
        .await
        .created();
    assert_eq!((&first["seq"], &bens["seq"]), (&json!(1), &json!(2)));
    let other_case = ana.post_once(with_ben, "another", "M-1").await.created();
    assert_eq!(other_case["seq"], 3, "letter case counts");
    // Ben's sending has read Ana's message, and the first answer stays the first message.
    let again = ana.post_once(with_ben, "Ana to Ben", "m-1").await.ok();
    assert_eq!((&again["id"], &again["seq"]), (&first["id"], &first["seq"]));
}

async fn of_50_simultaneous_copies_one_is_stored(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let by_rest: Vec<_> = (0..25)
        .map(|_| {
            let ana = ana.clone();
            tokio::spawn(async move { ana.post_once(chat, "hi", "m-1").await })
        })
        .collect();
    let data = json!({"conversationId": chat, "content": "hi", "clientMessageId": "m-1"});
    let by_socket: Vec<_> = (0..25)
        .map(|_| anas.send("send_message", data.clone()))
        .collect();

    let mut answers: Vec<Value> = Vec::new();
    let mut created = 0;
    for answer in by_rest {
        let answer = answer.await.expect("an answer");
        created += u32::from(answer.status == 201);
        answers.push(answer.success(answer.status)["data"].take());
    }
    for id in by_socket {
        answers.push(anas.reply(id).await.ok());
    }
    assert!(created <= 1, "{created} were told that theirs was stored");
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(bens.next_message().await, answers[0]);
    let marker = ana.send(chat, "marker").await;
    assert_eq!(marker["seq"], 2);
    bens.silent_until(&["new_message"], "marker", |_, data| {
        data["message"] == marker
    })
    .await;
}

/// Sends `count` messages over a socket, up to 200 of them under way at once.
async fn fill(socket: &mut Socket, chat: i64, count: usize) -> i64 {
    let (mut sent, mut last) = (Vec::new(), 0);
    for i in 0..count {
        let content = i.to_string();
        sent.push(socket.send(
            "send_message",
            json!({"conversationId": chat, "content": content}),
        ));
        if i >= 200 {
            last = number(&socket.reply(sent[i - 200]).await.ok()["seq"]);
        }
    }
    for id in &sent[sent.len().saturating_sub(200)..] {
        last = number(&socket.reply(*id).await.ok()["seq"]);
    }
    last
}

async fn a_retry_after_2100_other_messages_and_a_restart_still_finds_the_first(
    transport: Transport,
) {
    let mut server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let first = ana.post_once(chat, "hi", "m-1").await.created();
    let mut anas = ana.connect(transport).await;
    assert_eq!(fill(&mut anas, chat, 2100).await, 2101);

    assert_eq!(ana.post_once(chat, "hi", "m-1").await.ok(), first);
    assert_eq!(send_once(&mut anas, chat, "hi", "m-1").await.ok(), first);
    ana.post_once(chat, "ho", "m-1")
        .await
        .refused(409, "conflict");
    send_once(&mut anas, chat, "ho", "m-1")
        .await
        .refused("conflict");

    server.restart().await;
    assert_eq!(ana.post_once(chat, "hi", "m-1").await.ok(), first);
    ana.post_once(chat, "ho", "m-1")
        .await
        .refused(409, "conflict");
    assert_eq!(ben.send(chat, "next").await["seq"], 2102);
}

async fn a_client_message_id_has_1_to_64_printable_ascii_characters(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;

    let bad = [
        json!(""),
        json!("x".repeat(65)),
        json!("é"),
        json!("🦊"),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("\u{7f}"),
        json!("\t"),
        json!(7),
        json!(true),
        json!(["m-1"]),
        json!({}),
    ];
    for id in bad {
        let body = json!({"conversation_id": chat, "content": "hi", "type": "text",
            "client_message_id": id});
        ana.post("/api/messages/send", body)
            .await
            .invalid("client_message_id");
        let data = json!({"conversationId": chat, "content": "hi", "clientMessageId": id});
        anas.request("send_message", data)
            .await
            .invalid("clientMessageId");
    }
    assert_eq!(ana.history(chat).await, [Value::Null; 0]);
    for id in ["x", "~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}", &"y".repeat(64)] {
        let stored = ana.post_once(chat, "hi", id).await.created();
        assert_eq!(stored["client_message_id"], id);
        assert_eq!(send_once(&mut anas, chat, "hi", id).await.ok(), stored);
    }
}

over_every_transport!(
    the_same_client_message_id_stores_and_tells_one_message,
    the_same_client_message_id_with_other_content_is_a_conflict,
    of_50_simultaneous_copies_one_is_stored,
    a_retry_after_2100_other_messages_and_a_restart_still_finds_the_first,
    a_client_message_id_has_1_to_64_printable_ascii_characters,
);
