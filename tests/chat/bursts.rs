//! Clients in a hurry: bursts of long messages, and connections that end in the middle.

use serde_json::json;
use tempfile::tempdir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::arrival::Transport;
use crate::harness::process::{database_url, duologue, run};
use crate::harness::server::TestServer;

/// 100 messages of 16,000 bytes are more than an outbox holds.
async fn a_burst_of_long_messages_ends_nobody_who_reads(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let long = "🙂".repeat(4_000);
    for _ in 0..100 {
        anas.emit(
            "send_message",
            json!({"conversationId": chat, "content": long}),
        );
    }
    for socket in [&mut bens, &mut anas] {
        for seq in 1..=100 {
            let event = socket.next_event("new_message").await;
            assert_eq!(event["message"]["seq"], seq);
        }
    }
}

async fn what_was_asked_before_a_goodbye_is_done(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let anas = ana.connect(transport).await;
    // The send waits for the join, and the conversation is asleep.
    anas.emit(
        "join_conversation",
        json!({"conversationId": chat, "afterSeq": 0}),
    );
    anas.emit(
        "send_message",
        json!({"conversationId": chat, "content": "last words"}),
    );
    anas.close(Some(1000)).await;
    let event = bens.next_event("new_message").await;
    assert_eq!(event["message"]["content"], "last words");
}

async fn a_conversation_is_told_also_when_its_opener_hangs_up(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    for (opener, other) in [(&ana, &ben), (&ana, &cleo), (&ben, &cleo)] {
        let mut others = other.connect(transport).await;
        let body = json!({"type": "direct", "participant_ids": [other.id]}).to_string();
        let request = format!(
            "POST /api/conversations HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            opener.token,
            body.len()
        );
        let mut connection = TcpStream::connect(server.door.address())
            .await
            .expect("a connection");
        connection
            .write_all(request.as_bytes())
            .await
            .expect("written");
        drop(connection);
        // Whichever of the two opened it, it is told, and once.
        let chat = opener.chat_with(other).await;
        let event = others.next_event("conversation_created").await;
        assert_eq!(event["conversation"]["id"], chat);
        let marker = opener.send(chat, "marker").await;
        others
            .silent_until_message(&["conversation_created"], &marker)
            .await;
    }
}

over_every_transport!(
    a_burst_of_long_messages_ends_nobody_who_reads,
    what_was_asked_before_a_goodbye_is_done,
    a_conversation_is_told_also_when_its_opener_hangs_up,
);

#[tokio::test]
async fn a_web_root_that_holds_the_database_is_refused_in_one_line() {
    let directory = tempdir().expect("a temporary directory");
    let inside = directory.path().join("data");
    std::fs::create_dir(&inside).expect("a directory");
    let mut command = duologue(&inside);
    command.env("DATABASE_URL", database_url(&inside.join("duologue.db")));
    command.arg("--web-root").arg(directory.path());
    let ended = run(command).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stderr.trim().lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("web root"), "{ended:?}");
}
