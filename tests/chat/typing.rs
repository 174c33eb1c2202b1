//! Typing: told on a change only, and never for ever.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

const TYPING: &[&str] = &["user_typing"];

/// A server on which typing ends by no clock of its own while a test runs.
async fn patient_server() -> TestServer {
    TestServer::with(|config| config.limits.typing_timeout = Duration::from_secs(60)).await
}

async fn start(socket: &mut Socket, chat: i64) {
    let ack = socket
        .request("typing_start", json!({"conversationId": chat}))
        .await
        .ok();
    assert_eq!(ack, json!({"conversationId": chat, "isTyping": true}));
}

async fn stop(socket: &mut Socket, chat: i64) {
    let ack = socket
        .request("typing_stop", json!({"conversationId": chat}))
        .await
        .ok();
    assert_eq!(ack, json!({"conversationId": chat, "isTyping": false}));
}

/// The next typing event must be this.
async fn hears(socket: &mut Socket, chat: i64, whom: &Person, is_typing: bool) {
    let expected = json!({"conversationId": chat, "user": {"id": whom.id, "name": whom.name},
        "isTyping": is_typing});
    assert_eq!(socket.next_event("user_typing").await, expected);
}

async fn typing_is_told_on_a_change_only(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = [ben.connect(transport).await, ben.connect(transport).await];

    stop(&mut anas, chat).await;
    for _ in 0..2 {
        start(&mut anas, chat).await;
        for socket in &mut bens {
            hears(socket, chat, &ana, true).await;
        }
        for _ in 0..5 {
            start(&mut anas, chat).await;
        }
        stop(&mut anas, chat).await;
        for socket in &mut bens {
            hears(socket, chat, &ana, false).await;
        }
        stop(&mut anas, chat).await;
    }
    let marker = ana.send(chat, "marker").await;
    for socket in &mut bens {
        socket.silent_until_message(TYPING, &marker).await;
    }
    anas.silent_until_message(TYPING, &marker).await;
}

async fn typing_over_rest_and_over_a_socket_is_one_state(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    let answer = ana.typing(chat, true).await;
    assert_eq!(answer["isTyping"], true);
    hears(&mut bens, chat, &ana, true).await;
    start(&mut anas, chat).await;
    assert_eq!(ana.typing(chat, false).await["isTyping"], false);
    hears(&mut bens, chat, &ana, false).await;
    stop(&mut anas, chat).await;
    start(&mut anas, chat).await;
    hears(&mut bens, chat, &ana, true).await;
    ana.typing(chat, true).await;
    stop(&mut anas, chat).await;
    hears(&mut bens, chat, &ana, false).await;
}

async fn typing_ends_by_itself(transport: Transport) {
    let timeout = Duration::from_millis(150);
    let server = TestServer::with(move |config| config.limits.typing_timeout = timeout).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    for _ in 0..2 {
        let before = Instant::now();
        start(&mut anas, chat).await;
        hears(&mut bens, chat, &ana, true).await;
        hears(&mut bens, chat, &ana, false).await;
        assert!(
            before.elapsed() >= timeout,
            "it ended after {:?}",
            before.elapsed()
        );
    }
    ana.typing(chat, true).await;
    hears(&mut bens, chat, &ana, true).await;
    hears(&mut bens, chat, &ana, false).await;
}

async fn a_renewal_prolongs_typing(transport: Transport) {
    let timeout = Duration::from_millis(400);
    let server = TestServer::with(move |config| config.limits.typing_timeout = timeout).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    // On a machine that stalls, the state may end before the renewal comes: then once more.
    for _ in 0..20 {
        let began = Instant::now();
        start(&mut anas, chat).await;
        hears(&mut bens, chat, &ana, true).await;
        tokio::time::sleep(timeout / 2).await;
        let renewed = Instant::now();
        start(&mut anas, chat).await;
        let in_time = began.elapsed() < timeout;
        hears(&mut bens, chat, &ana, false).await;
        if in_time {
            let lasted = renewed.elapsed();
            assert!(lasted >= timeout, "it ended {lasted:?} after the renewal");
            return;
        }
        stop(&mut anas, chat).await;
        let marker = ana.send(chat, "marker").await;
        bens.silent_until_message(&[], &marker).await;
    }
    panic!("no renewal came in time");
}

async fn a_message_ends_typing(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    for by_rest in [true, false] {
        start(&mut anas, chat).await;
        hears(&mut bens, chat, &ana, true).await;
        // The other's message is no end of one's own typing.
        let other = ben.send(chat, "I am not typing").await;
        bens.silent_until_message(TYPING, &other).await;
        let message = match by_rest {
            true => ana.send(chat, "hi").await,
            false => anas.send_message(chat, "hi").await,
        };
        hears(&mut bens, chat, &ana, false).await;
        assert_eq!(bens.next_message().await, message);
        stop(&mut anas, chat).await;
    }
    let marker = ana.send(chat, "marker").await;
    bens.silent_until_message(TYPING, &marker).await;
}

async fn leaving_the_conversation_ends_typing_there(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    anas.join(chat).await;
    start(&mut anas, chat).await;
    hears(&mut bens, chat, &ana, true).await;
    anas.leave(chat).await;
    hears(&mut bens, chat, &ana, false).await;
}

async fn typing_ends_when_the_last_session_goes(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut first = ana.connect(transport).await;
    let second = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    start(&mut first, chat).await;
    hears(&mut bens, chat, &ana, true).await;
    first.close(Some(1000)).await;
    let marker = ben.send(chat, "marker").await;
    bens.silent_until_message(TYPING, &marker).await;
    second.close(None).await;
    hears(&mut bens, chat, &ana, false).await;
}

async fn a_join_tells_nothing_of_typing_under_way(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut early = ben.connect(transport).await;
    start(&mut anas, chat).await;
    hears(&mut early, chat, &ana, true).await;

    let mut late = ben.connect(transport).await;
    late.join(chat).await;
    start(&mut anas, chat).await;
    let marker = ben.send(chat, "marker").await;
    late.silent_until_message(TYPING, &marker).await;
    stop(&mut anas, chat).await;
    start(&mut anas, chat).await;
    let told: Value = late
        .silent_until(&[], "Ana typing", |_, data| data["isTyping"] == true)
        .await;
    assert_eq!(told["user"]["id"], ana.id);
}

async fn a_join_or_leave_that_ends_the_view_of_typing_says_so(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ana, with_cleo) = (ben.chat_with(&ana).await, ben.chat_with(&cleo).await);
    let mut anas = ana.connect(transport).await;
    let mut cleos = cleo.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    // The first join narrows the view from everything to one conversation.
    start(&mut anas, with_ana).await;
    hears(&mut bens, with_ana, &ana, true).await;
    bens.join(with_cleo).await;
    hears(&mut bens, with_ana, &ana, false).await;

    // Leaving one of two that were joined ends the view of that one.
    stop(&mut anas, with_ana).await;
    bens.join(with_ana).await;
    start(&mut anas, with_ana).await;
    hears(&mut bens, with_ana, &ana, true).await;
    start(&mut cleos, with_cleo).await;
    hears(&mut bens, with_cleo, &cleo, true).await;
    bens.leave(with_ana).await;
    hears(&mut bens, with_ana, &ana, false).await;

    // Leaving the last one widens the view to everything: nothing ends.
    bens.leave(with_cleo).await;
    let marker = ben.send(with_cleo, "marker").await;
    bens.silent_until_message(TYPING, &marker).await;
    stop(&mut cleos, with_cleo).await;
    hears(&mut bens, with_cleo, &cleo, false).await;
}

over_every_transport!(
    typing_is_told_on_a_change_only,
    typing_over_rest_and_over_a_socket_is_one_state,
    typing_ends_by_itself,
    a_renewal_prolongs_typing,
    a_message_ends_typing,
    leaving_the_conversation_ends_typing_there,
    typing_ends_when_the_last_session_goes,
    a_join_tells_nothing_of_typing_under_way,
    a_join_or_leave_that_ends_the_view_of_typing_says_so,
);
