//! Delivered is proven: a heartbeat that was sent after the message has been answered.

use std::time::Duration;

use duologue::config::Config;
use serde_json::{Value, json};

use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::until;

const DELIVERED: &[&str] = &["messages_delivered"];

/// A server that asks for proof without delay.
async fn prompt_server() -> TestServer {
    TestServer::with(|config| config.limits.proof_delay = Duration::from_millis(10)).await
}

async fn delivered_seq(asker: &Person, chat: i64, whom: &Person) -> i64 {
    number(&asker.participant(chat, whom).await["last_delivered_seq"])
}

/// Has `typist` start to type, and waits until `socket` hears of it: what the conversation told
/// before has arrived too, and nothing of it was `messages_delivered`.
pub(crate) async fn nothing_delivered_before_typing(
    socket: &mut Socket,
    typist: &Person,
    chat: i64,
) {
    typist.typing(chat, true).await;
    socket.silent_until_event(DELIVERED, "user_typing").await;
    typist.typing(chat, false).await;
    socket.silent_until_event(DELIVERED, "user_typing").await;
}

async fn connect_silent(person: &Person, transport: Transport) -> Socket {
    person
        .connect_by(transport, Dial::to(&person.door).withholding_pongs())
        .await
}

async fn a_message_counts_as_delivered_when_a_later_ping_is_answered(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = [ana.connect(transport).await, ana.connect(transport).await];
    let mut bens = connect_silent(&ben, transport).await;

    let message = ana.send(chat, "hi").await;
    assert_eq!(bens.next_message().await, message);
    let ping = bens.next_ping().await;
    nothing_delivered_before_typing(&mut anas[0], &ben, chat).await;
    assert_eq!(delivered_seq(&ana, chat, &ben).await, 0);

    bens.answer(&ping);
    let expected = json!({"conversation_id": chat, "user_id": ben.id, "last_delivered_seq": 1});
    for socket in &mut anas {
        assert_eq!(socket.next_event("messages_delivered").await, expected);
    }
    assert_eq!(delivered_seq(&ana, chat, &ben).await, 1);
    assert_eq!(ben.unread().await, 1, "delivered is not read");
}

async fn what_the_answer_of_a_join_would_hold_is_not_delivered_if_none_was_asked(
    transport: Transport,
) {
    let often = |config: &mut Config| config.limits.ping_interval = Duration::from_millis(50);
    let server = TestServer::with(often).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "hi").await;
    let mut anas = ana.connect(transport).await;
    let mut bens = connect_silent(&ben, transport).await;

    bens.emit(
        "join_conversation",
        json!({"conversationId": chat, "afterSeq": 0}),
    );
    bens.next_event("joined_conversation").await;
    // Of these two, one at least was sent after the join.
    for _ in 0..2 {
        let ping = bens.next_ping().await;
        bens.answer(&ping);
    }
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    assert_eq!(delivered_seq(&ana, chat, &ben).await, 0);
}

async fn a_ping_proves_nothing_that_was_sent_after_it(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = connect_silent(&ben, transport).await;

    ana.send(chat, "one").await;
    bens.next_message().await;
    let first = bens.next_ping().await;
    ana.send(chat, "two").await;
    bens.next_message().await;
    bens.answer(&first);
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        1
    );

    let second = bens.next_ping().await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    bens.answer(&second);
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        2
    );
}

async fn a_later_message_proves_the_earlier_ones(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    ana.send_many(chat, 3).await;

    let mut bens = ben.connect(transport).await;
    let last = ana.send(chat, "the fourth").await;
    bens.silent_until_message(&[], &last).await;
    let event = anas.next_event("messages_delivered").await;
    assert_eq!(
        event["last_delivered_seq"], 4,
        "a position is a high-water mark"
    );
}

async fn many_deliveries_share_a_ping(transport: Transport) {
    let server =
        TestServer::with(|config| config.limits.proof_delay = Duration::from_millis(300)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let _bens = ben.connect(transport).await;

    let ids: Vec<u64> = (0..40)
        .map(|i| {
            anas.send(
                "send_message",
                json!({"conversationId": chat, "content": format!("{i}")}),
            )
        })
        .collect();
    for id in ids {
        anas.reply(id).await.ok();
    }
    let (mut told, mut last) = (0, 0);
    while last < 40 {
        let event = anas.next_event("messages_delivered").await;
        last = number(&event["last_delivered_seq"]);
        told += 1;
    }
    assert!(told < 20, "40 messages at once were proven by {told} pings");
}

async fn a_joins_answer_counts_as_delivery(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 5).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = connect_silent(&ben, transport).await;

    assert_eq!(
        bens.join_after(chat, 2).await["messages"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let ping = bens.next_ping().await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    bens.answer(&ping);
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        5
    );
}

async fn a_page_over_rest_is_no_delivery(transport: Transport) {
    let server = TestServer::with(|config| {
        config.limits.proof_delay = Duration::from_millis(10);
        config.limits.ping_interval = Duration::from_millis(50);
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 5).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;

    bens.join(chat).await;
    assert_eq!(ben.history(chat).await.len(), 5);
    assert_eq!(ben.list().await[0]["last_message"]["seq"], 5);
    // Pings that are certainly later than all that, and are answered.
    for _ in 0..4 {
        bens.next_ping().await;
    }
    bens.round_trip().await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    assert_eq!(delivered_seq(&ana, chat, &ben).await, 0);
}

async fn what_the_list_shows_of_another_conversation_counts_too(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let with_cleo = cleo.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    bens.join(with_cleo).await;

    let message = ana.send(chat, "seen in the list").await;
    let updated = bens.next_event("conversation_updated").await;
    assert_eq!(
        updated["last_message"], message,
        "the event carries the message"
    );
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        1
    );
}

async fn reading_is_delivery_and_is_told_by_messages_read_alone(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = connect_silent(&ben, transport).await;
    ana.send_many(chat, 3).await;
    let ping = bens.next_ping().await;

    ben.read(chat, None).await;
    anas.silent_until_event(DELIVERED, "messages_read").await;
    assert_eq!(delivered_seq(&ana, chat, &ben).await, 3);
    bens.answer_pings();
    bens.answer(&ping);
    bens.round_trip().await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;

    // The same when the read is a send.
    bens.withhold_pongs();
    ana.send(chat, "four").await;
    ben.send(chat, "five").await;
    anas.silent_until_event(DELIVERED, "messages_read").await;
    let both = ana.participant(chat, &ben).await;
    assert_eq!(
        (&both["last_read_seq"], &both["last_delivered_seq"]),
        (&json!(5), &json!(5))
    );
    bens.answer_pings();
}

async fn a_delivery_is_told_to_the_other_alone_and_ones_own_messages_prove_nothing(
    transport: Transport,
) {
    let server = prompt_server().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = [ben.connect(transport).await, ben.connect(transport).await];
    let mut cleos = cleo.connect(transport).await;

    // Ana's own session gets her message too and answers its pings: that tells nobody anything.
    let message = ana.send(chat, "hi").await;
    anas.next_event("messages_delivered").await;
    bens[0].silent_until_message(&[], &message).await;
    until("Ana's own position", async || {
        (delivered_seq(&ana, chat, &ana).await == 1).then_some(())
    })
    .await;
    let marker = ana.send(chat, "marker").await;
    for socket in &mut bens {
        socket.silent_until_message(DELIVERED, &marker).await;
    }
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        2
    );
    let hers = cleo.send(cleo.chat_with(&ben).await, "hers").await;
    cleos.silent_until_message(DELIVERED, &hers).await;
    // Two sessions of Ben's answered: the second proof moved nothing and was not told.
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
}

async fn a_client_that_goes_before_its_pong_got_nothing(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = connect_silent(&ben, transport).await;
    ana.send(chat, "hi").await;
    bens.next_ping().await;
    bens.break_off();

    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    let mut again = ben.connect(transport).await;
    let answer: Value = again.join_after(chat, 0).await;
    assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        anas.next_event("messages_delivered").await["last_delivered_seq"],
        1
    );
}

over_every_transport!(
    a_message_counts_as_delivered_when_a_later_ping_is_answered,
    what_the_answer_of_a_join_would_hold_is_not_delivered_if_none_was_asked,
    a_ping_proves_nothing_that_was_sent_after_it,
    a_later_message_proves_the_earlier_ones,
    many_deliveries_share_a_ping,
    a_joins_answer_counts_as_delivery,
    a_page_over_rest_is_no_delivery,
    what_the_list_shows_of_another_conversation_counts_too,
    reading_is_delivery_and_is_told_by_messages_read_alone,
    a_delivery_is_told_to_the_other_alone_and_ones_own_messages_prove_nothing,
    a_client_that_goes_before_its_pong_got_nothing,
);
