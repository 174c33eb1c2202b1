//! Read positions: they move forward, and only what moved is told.

use serde_json::{Value, json};

use crate::harness::answer::{has_keys, is_time, number};
use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

/// Reads over REST or, with a socket, by `mark_read`: `{conversation_id, last_read_seq, …}`.
async fn read(
    person: &Person,
    socket: Option<&mut Socket>,
    chat: i64,
    up_to: Option<i64>,
) -> Value {
    let answer = match (socket, up_to) {
        (None, up_to) => person.read(chat, up_to).await,
        (Some(socket), None) => socket
            .request("mark_read", json!({"conversationId": chat}))
            .await
            .ok(),
        (Some(socket), Some(seq)) => {
            let data = json!({"conversationId": chat, "upToSeq": seq});
            socket.request("mark_read", data).await.ok()
        }
    };
    has_keys(
        &answer,
        &[
            "conversation_id",
            "last_read_seq",
            "unread_count",
            "read_at",
        ],
    );
    assert_eq!(answer["conversation_id"], chat);
    is_time(&answer["read_at"]);
    answer
}

/// Where `person` stands: `(last_read_seq, unread_count)`.
async fn standing(person: &Person, chat: i64) -> (i64, i64) {
    let participant = person.participant(chat, person).await;
    let list = person.list().await;
    let entry = list
        .iter()
        .find(|entry| entry["id"] == chat)
        .expect("the conversation");
    (
        number(&participant["last_read_seq"]),
        number(&entry["unread_count"]),
    )
}

async fn a_read_moves_forward_is_clamped_and_never_moves_back(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let mut bens = ben.connect(transport).await;
    for (other, by_socket) in [(&ana, false), (&cleo, true)] {
        let chat = other.chat_with(&ben).await;
        other.send_many(chat, 9).await;
        for (up_to, last_read, unread) in [
            (Some(3), 3, 6),
            (Some(1), 3, 6),
            (Some(3), 3, 6),
            (Some(5), 5, 4),
            (Some(9_007_199_254_740_991), 9, 0),
            (None, 9, 0),
            (Some(2), 9, 0),
        ] {
            let socket = by_socket.then_some(&mut bens);
            let answer = read(&ben, socket, chat, up_to).await;
            assert_eq!(
                answer["last_read_seq"], last_read,
                "up to {up_to:?}: {answer}"
            );
            assert_eq!(answer["unread_count"], unread, "up to {up_to:?}: {answer}");
            assert_eq!(standing(&ben, chat).await, (last_read, unread));
        }
        assert_eq!(
            standing(other, chat).await,
            (9, 0),
            "the sender's own position"
        );
    }
}

async fn a_read_is_told_to_every_session_of_the_other_and_to_nobody_else(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let with_cleo = cleo.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    let mut anas = [ana.connect(transport).await, ana.connect(transport).await];
    let mut bens = ben.connect(transport).await;
    let mut cleos = cleo.connect(transport).await;

    let answer = ben.read(chat, Some(2)).await;
    let expected = json!({"conversation_id": chat, "user_id": ben.id, "last_read_seq": 2,
        "read_at": answer["read_at"]});
    for socket in &mut anas {
        assert_eq!(socket.next_event("messages_read").await, expected);
    }
    let answer = bens
        .request("mark_read", json!({"conversationId": chat}))
        .await
        .ok();
    for socket in &mut anas {
        let event = socket.next_event("messages_read").await;
        assert_eq!(event["last_read_seq"], 3);
        assert_eq!(event["read_at"], answer["read_at"]);
    }
    let marker = ben.send(with_cleo, "marker").await;
    cleos
        .silent_until_message(&["messages_read"], &marker)
        .await;
    bens.silent_until_message(&["messages_read"], &marker).await;
}

async fn a_read_that_moves_nothing_tells_nothing(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    ben.read(chat, None).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let mut other_of_bens = ben.connect(transport).await;

    for by_socket in [false, true] {
        for up_to in [None, Some(1), Some(3), Some(4711)] {
            let socket = by_socket.then_some(&mut bens);
            assert_eq!(read(&ben, socket, chat, up_to).await["last_read_seq"], 3);
        }
    }
    // Ana's own messages: nothing is unread for her, so there is nothing to move.
    ana.read(chat, None).await;
    let marker = ana.send(chat, "marker").await;
    let silent = [
        "messages_read",
        "messages_delivered",
        "conversation_updated",
    ];
    for socket in [&mut anas, &mut bens, &mut other_of_bens] {
        socket.silent_until_message(&silent[..2], &marker).await;
    }
    ben.read(chat, None).await;
    let event = anas.silent_until_event(&silent[2..], "messages_read").await;
    assert_eq!(event["last_read_seq"], 4);
    for socket in [&mut bens, &mut other_of_bens] {
        let event = socket.next_event("conversation_updated").await;
        assert_eq!(
            event["last_message"]["id"], marker["id"],
            "the first one is of the last read"
        );
    }
}

async fn a_read_tells_the_readers_own_sessions_the_new_count(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let last = ana.send_many(chat, 5).await;
    let mut bens = [ben.connect(transport).await, ben.connect(transport).await];

    for (up_to, unread) in [(Some(2), 3), (None, 0)] {
        let first = &mut bens[0];
        read(&ben, Some(first), chat, up_to).await;
        for socket in &mut bens {
            let event = socket.next_event("conversation_updated").await;
            has_keys(&event, &["conversation_id", "last_message", "unread_count"]);
            assert_eq!(event["conversation_id"], chat);
            assert_eq!(event["unread_count"], unread);
            assert_eq!(event["last_message"]["id"], last["id"]);
            assert_eq!(event["last_message"]["is_read"], unread == 0);
        }
    }
}

async fn sending_is_reading(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = [ben.connect(transport).await, ben.connect(transport).await];
    assert_eq!(standing(&ben, chat).await, (0, 3));

    let sent = ben.send(chat, "I have read all that").await;
    assert_eq!(standing(&ben, chat).await, (4, 0));
    assert_eq!(standing(&ana, chat).await, (3, 1));
    let read = anas.next_event("messages_read").await;
    has_keys(
        &read,
        &["conversation_id", "user_id", "last_read_seq", "read_at"],
    );
    assert_eq!(
        (&read["user_id"], &read["last_read_seq"]),
        (&json!(ben.id), &json!(4))
    );
    for socket in &mut bens {
        let updated = socket.next_event("conversation_updated").await;
        assert_eq!(
            (&updated["unread_count"], &updated["last_message"]),
            (&json!(0), &sent)
        );
        socket.next_message().await;
    }

    // The next one passes no message of Ana's and moves no count.
    let again = ben.send(chat, "more").await;
    anas.silent_until_message(&["messages_read"], &again).await;
    let marker = ben.send(chat, "marker").await;
    for socket in &mut bens {
        let silent = ["conversation_updated", "messages_read"];
        let is_marker =
            |name: &str, data: &Value| name == "new_message" && data["message"] == marker;
        socket.silent_until(&silent, "marker", is_marker).await;
    }
}

async fn a_message_is_read_once_the_other_has_read_it(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    ana.send_many(chat, 2).await;
    ben.send(chat, "passes both").await;
    ana.send(chat, "not read yet").await;
    let is_read: Vec<Value> = bens.join_after(chat, 0).await["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| message["is_read"].clone())
        .collect();
    assert_eq!(is_read, [true, true, true, false]);
    let list = ana.list().await;
    assert_eq!(list[0]["last_message"]["is_read"], false);
}

async fn simultaneous_reads_are_told_in_rising_order_and_end_right(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 20).await;
    let mut anas = ana.connect(transport).await;

    let reads: Vec<_> = (1..=20)
        .map(|i| {
            let ben = ben.clone();
            // 7 is prime to 20, so every position comes once, in a jumbled order.
            tokio::spawn(async move { ben.read(chat, Some(i * 7 % 20 + 1)).await })
        })
        .collect();
    for read in reads {
        let answer = read.await.expect("an answer");
        let sum = number(&answer["last_read_seq"]) + number(&answer["unread_count"]);
        assert_eq!(sum, 20, "{answer}");
    }
    let mut told = 0;
    while told < 20 {
        let event = anas.next_event("messages_read").await;
        let seq = number(&event["last_read_seq"]);
        assert!(seq > told, "{seq} after {told}");
        told = seq;
    }
    assert_eq!(standing(&ben, chat).await, (20, 0));
}

over_every_transport!(
    a_read_moves_forward_is_clamped_and_never_moves_back,
    a_read_is_told_to_every_session_of_the_other_and_to_nobody_else,
    a_read_that_moves_nothing_tells_nothing,
    a_read_tells_the_readers_own_sessions_the_new_count,
    sending_is_reading,
    a_message_is_read_once_the_other_has_read_it,
    simultaneous_reads_are_told_in_rising_order_and_end_right,
);
