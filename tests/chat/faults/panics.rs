//! A panic that ends one conversation, session, socket or request: who waited is told, everything
//! else goes on, nothing is lost or told twice.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::answer::number;
use crate::harness::arrival::{End, Transport};
use crate::harness::faults::faulty;
use crate::harness::person::Person;
use crate::harness::socket::Socket;
use crate::harness::wait::until;

#[tokio::test]
async fn a_server_with_faults_on_purpose_says_so_at_its_start() {
    let directory = tempdir().expect("a temporary directory");
    let (server, _) = faulty(directory.path()).await;
    let log = server.log();
    assert!(
        log.contains("WARN") && log.contains("faults on purpose"),
        "{log}"
    );
}

fn a_send(chat: i64, content: &str) -> Value {
    json!({"conversationId": chat, "content": content, "clientMessageId": content})
}

async fn a_conversation_that_panics_at_a_send_is_back_for_the_next_command(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, other) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    let first = ana.send(chat, "one").await;
    assert_eq!(bens.next_message().await, first);
    ana.typing(chat, true).await;
    assert_eq!(bens.next_event("user_typing").await["isTyping"], true);

    faults.are("conversation.send=panic@1");
    let answer = ana.post_once(chat, "two", "two").await;
    answer.refused(503, "overloaded");
    assert_eq!(ana.send(other, "unhurt").await["seq"], 1);
    let second = anas.request("send_message", a_send(chat, "two")).await.ok();
    faults.are("conversation.send=panic@1;");
    let refused = anas.request("send_message", a_send(chat, "three")).await;
    refused.refused("overloaded");
    let third = ana.post_once(chat, "three", "three").await.created();

    let (name, data) = bens.next_of(&["user_typing", "new_message"]).await;
    assert_eq!(
        (name.as_str(), &data["isTyping"]),
        ("user_typing", &json!(false))
    );
    assert_eq!(bens.seqs_until(chat, 3).await, [2, 3]);
    assert_eq!(ben.history(chat).await, [first, second, third]);
}

async fn a_conversation_that_panics_before_it_tells_of_a_message_tells_it_once(
    transport: Transport,
) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, other) = (ana.chat_with(&ben).await, cleo.chat_with(&ben).await);
    let mut joined = ben.connect(transport).await;
    let mut elsewhere = ben.connect(transport).await;
    let mut anas = ana.connect(transport).await;
    joined.join(chat).await;
    elsewhere.join(other).await;
    anas.join(chat).await;
    ben.send(chat, "one").await;
    elsewhere.next_event("conversation_updated").await;

    faults.are("conversation.news=panic@1");
    let answer = ana.post_once(chat, "two", "two").await;
    answer.refused(503, "overloaded");
    // Nobody asks for anything meanwhile.
    for socket in [&mut joined, &mut anas] {
        assert_eq!(socket.seqs_until(chat, 2).await, [1, 2]);
    }
    let news = elsewhere.next_event("conversation_updated").await;
    assert_eq!(
        (&news["last_message"]["content"], &news["unread_count"]),
        (&json!("two"), &json!(1))
    );
    let stored = ana.post_once(chat, "two", "two").await.ok();
    assert_eq!(stored["seq"], 2);
    ana.send(chat, "three").await;
    for socket in [&mut joined, &mut anas] {
        assert_eq!(socket.seqs_until(chat, 3).await, [3]);
    }
}

async fn a_read_that_nobody_was_told_of_is_told_by_the_next(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    ana.send_many(chat, 2).await;

    // Ben sends, which reads what was there: one batch, and the panic is before its news.
    faults.are("conversation.news=panic@1");
    let answer = ben.post_once(chat, "three", "three").await;
    answer.refused(503, "overloaded");
    let read = anas.next_event("messages_read").await;
    assert_eq!(
        (&read["user_id"], &read["last_read_seq"]),
        (&json!(ben.id), &json!(3))
    );
}

#[tokio::test]
async fn a_conversation_that_panics_at_its_start_is_tried_for_commands_alone() {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, other) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    faults.are(&format!("conversation.start=panic~{chat}"));
    for _ in 0..3 {
        let refused = ana.post_message(chat, "refused").await;
        refused.refused(503, "overloaded");
        ana.page(chat, "").await.refused(503, "overloaded");
        assert_eq!(ana.post_message(other, "unhurt").await.status, 201);
    }
    // Three times for each at most, because one that takes leave may give it back.
    let tried = server.log().matches("panicked").count();
    assert!((6..=18).contains(&tried), "{tried}: {}", server.log());
    faults.are("");
    assert_eq!(ana.send(chat, "at last").await["seq"], 1);
    assert_eq!(server.log().matches("panicked").count(), tried);
}

/// What a socket joined to `chat` hears, up to `last`: everything, once, in order.
async fn hears_all(mut socket: Socket, chat: i64, last: i64) {
    let seqs = socket.seqs_until(chat, last).await;
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
}

/// Sends so many messages, each again and again until it is stored.
async fn send_all(person: Person, chat: i64, prefix: String, count: i64) {
    for number in 0..count {
        let key = format!("{prefix}-{number}");
        loop {
            let answer = person.post_once(chat, &key, &key).await;
            if answer.status == 201 || answer.status == 200 {
                break;
            }
            answer.refused(503, "overloaded");
        }
    }
}

async fn a_conversation_that_panics_again_and_again_under_load_leaves_no_gap(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut listeners = Vec::new();
    for person in [&ana, &ben, &ben] {
        let mut socket = person.connect(transport).await;
        socket.join(chat).await;
        listeners.push(tokio::spawn(hears_all(socket, chat, 120)));
    }
    // Far enough apart that no message meets two of them.
    let sends = [30, 70, 110].map(|n| format!("conversation.send=panic@{n};"));
    let news = [20, 50, 90].map(|n| format!("conversation.news=panic@{n};"));
    faults.are(&(sends.concat() + &news.concat()));
    let senders = [(&ana, "a"), (&ana, "b"), (&ben, "c")].map(|(person, prefix)| {
        let sends = send_all(person.clone(), chat, prefix.to_owned(), 40);
        tokio::spawn(sends)
    });
    for task in senders.into_iter().chain(listeners) {
        task.await.expect("nothing is lost or told twice");
    }
    let seqs: Vec<_> = ben.history(chat).await;
    let seqs: Vec<_> = seqs.iter().map(|message| number(&message["seq"])).collect();
    assert_eq!(seqs, (1..=120).collect::<Vec<_>>());
    assert_eq!(server.log().matches("panicked").count(), 6);
}

async fn a_session_that_panics_ends_its_own_socket_alone(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    anas.join(chat).await;
    bens.join(chat).await;
    let typing = bens.request("typing_start", json!({"conversationId": chat}));
    typing.await.ok();
    assert_eq!(anas.next_event("user_typing").await["isTyping"], true);

    faults.are(&format!("session.publish=panic~{}", ben.id));
    let stored = anas.send_message(chat, "one").await;
    let end = bens.end().await;
    assert!(transport.asks_back(end), "{end:?}");
    assert_eq!(anas.next_message().await, stored);
    faults.are("");

    let mut bens = ben.come_back(transport, &bens.ticket()).await;
    assert!(!bens.recovered, "it is another session");
    let missed = bens.join_after(chat, 0).await;
    assert_eq!(missed["messages"], json!([stored]));
    let next = ana.send(chat, "two").await;
    assert_eq!(bens.next_message().await, next);
    assert_eq!(anas.next_event("user_typing").await["isTyping"], false);
    assert_eq!(ana.sees(&ben).await["status"], "online");
}

async fn a_socket_whose_task_panics_is_one_that_broke_off(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    let before = ana.send(chat, "before").await;
    assert_eq!(bens.next_message().await, before);
    let typing = bens.request("typing_start", json!({"conversationId": chat}));
    typing.await.ok();
    assert_eq!(anas.next_event("user_typing").await["isTyping"], true);

    faults.are("connection.receive=panic~explosive");
    bens.emit("send_message", a_send(chat, "explosive"));
    let end = bens.end().await;
    assert!([End::Broken, End::Unknown].contains(&end), "{end:?}");
    assert_eq!(anas.next_event("user_typing").await["isTyping"], false);
    ana.sees_as(&ben, "offline").await;
    let missed = ana.send(chat, "missed").await;

    let mut bens = ben.come_back(transport, &bens.ticket()).await;
    if transport == Transport::WebSocket {
        let joined = bens.join_after(chat, 1).await;
        assert_eq!(joined["messages"], json!([missed]));
    } else {
        assert!(bens.recovered);
        assert_eq!(bens.next_message().await, missed);
    }
    assert_eq!(ben.history(chat).await, [before, missed]);
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_next_request_is_as_ever() {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let ana = server.door.person("Ana").await;
    faults.are("rest.handle=panic~/me");
    for _ in 0..3 {
        ana.get("/api/users/me").await.refused(500, "internal");
        ana.get("/api/users").await.ok();
    }
    faults.are("");
    assert_eq!(ana.get("/api/users/me").await.ok()["user"]["id"], ana.id);
}

/// What came of somebody while it could not be found out whom to tell is told as one, later; and of
/// others meanwhile.
async fn a_change_of_status_is_told_although_nobody_could_be_found_to_tell_at_first(
    transport: Transport,
) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    cleo.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;

    faults.are(&format!("presence.peers=panic~{}", ana.id));
    let _anas = ana.connect(transport).await;
    ana.choose("busy").await;
    until("two look-ups that fail", async || {
        let failed = server.log().matches("at presence.peers").count();
        (failed >= 2).then_some(())
    })
    .await;
    let _cleos = cleo.connect(transport).await;
    let event = bens.next_event("user_status_changed").await;
    assert_eq!(
        (&event["userId"], &event["status"]),
        (&json!(cleo.id), &json!("online"))
    );
    ben.sees_as(&ana, "busy").await;

    faults.are("");
    let event = bens.next_event("user_status_changed").await;
    assert_eq!(
        (&event["userId"], &event["status"]),
        (&json!(ana.id), &json!("busy"))
    );
    let marker = ana.send(chat, "marker").await;
    bens.silent_until_message(&["user_status_changed"], &marker)
        .await;
}

over_every_transport!(
    a_change_of_status_is_told_although_nobody_could_be_found_to_tell_at_first,
    a_conversation_that_panics_at_a_send_is_back_for_the_next_command,
    a_conversation_that_panics_before_it_tells_of_a_message_tells_it_once,
    a_read_that_nobody_was_told_of_is_told_by_the_next,
    a_conversation_that_panics_again_and_again_under_load_leaves_no_gap,
    a_session_that_panics_ends_its_own_socket_alone,
    a_socket_whose_task_panics_is_one_that_broke_off,
);
