//! Coming back: what a client that broke off missed, and when it is a stranger.

use std::time::Duration;

use serde_json::{Value, json};

use crate::delivered::nothing_delivered_before_typing;
use crate::harness::answer::{number, seqs};
use crate::harness::arrival::{EVENTS, Transport};
use crate::harness::dial::Dial;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::{Socket, Ticket};
use crate::harness::wait::until;

/// A server that soon tells who broke off, and soon asks for proof.
async fn prompt_server() -> TestServer {
    TestServer::with(|config| {
        config.limits.presence_grace = Duration::from_millis(20);
        config.limits.proof_delay = Duration::from_millis(10);
    })
    .await
}

/// Breaks off; `friend`, who shares a conversation, waits until the server has noticed.
async fn break_off(socket: Socket, friend: &mut Socket) -> Ticket {
    let ticket = socket.ticket();
    socket.break_off();
    let gone =
        |name: &str, data: &Value| name == "user_status_changed" && data["status"] == "offline";
    friend.silent_until(&[], "the break", gone).await;
    ticket
}

/// Everything up to the event of this message.
async fn all_until(socket: &mut Socket, message: &Value) -> Vec<(String, Value)> {
    all_to(socket, |(_, data)| data["message"]["id"] == message["id"]).await
}

/// Everything up to the event that is `last`.
async fn all_to(
    socket: &mut Socket,
    last: impl Fn(&(String, Value)) -> bool,
) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    loop {
        let event = socket.next_of(&[&EVENTS[..], &["error"]].concat()).await;
        let found = last(&event);
        events.push(event);
        if found {
            return events;
        }
    }
}

/// The data of the events of one name.
fn of<'a>(events: &'a [(String, Value)], wanted: &str) -> Vec<&'a Value> {
    let named = events.iter().filter(|(name, _)| name == wanted);
    named.map(|(_, data)| data).collect()
}

fn messages(events: &[(String, Value)]) -> Vec<Value> {
    let new = of(events, "new_message").into_iter();
    new.map(|data| data["message"].clone()).collect()
}

async fn what_was_missed_comes_once_and_in_order_and_of_states_the_last(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, with_cleo) = (ana.chat_with(&ben).await, cleo.chat_with(&ben).await);
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    let before = ana.send(chat, "before").await;
    bens.silent_until_message(&[], &before).await;
    let ticket = break_off(bens, &mut anas).await;

    let mut missed = Vec::new();
    for content in ["one", "two", "three"] {
        ana.typing(chat, true).await;
        missed.push(ana.send(chat, content).await);
    }
    for is_typing in [true, false, true] {
        ana.typing(chat, is_typing).await;
    }
    for status in ["busy", "online", "busy"] {
        ana.choose(status).await;
    }
    let hers = cleo.send(with_cleo, "while you were away").await;

    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(bens.recovered);
    // What is last in line: only then a state that follows is one more, and not the last missed.
    let mut events = all_to(&mut bens, |(name, _)| name == "conversation_updated").await;
    missed.push(ana.send(chat, "marker").await);
    events.extend(all_until(&mut bens, &missed[3]).await);
    assert_eq!(messages(&events), missed);
    let states: Vec<_> = of(&events, "user_typing")
        .iter()
        .map(|data| data["isTyping"].clone())
        .collect();
    assert_eq!(states, [true, false], "the last one missed, and its end");
    let statuses = of(&events, "user_status_changed");
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    assert_eq!(statuses[0]["status"], "busy");
    let updated = of(&events, "conversation_updated");
    assert_eq!(updated.len(), 1, "{updated:?}");
    assert_eq!(updated[0]["last_message"], hers);

    // What was joined is still joined, and nothing comes again.
    let hers = cleo.send(with_cleo, "and now").await;
    let silent = ["new_message", "user_typing", "user_status_changed"];
    let updated = bens
        .silent_until_event(&silent, "conversation_updated")
        .await;
    assert_eq!(updated["last_message"], hers);
}

async fn however_often_one_breaks_off_everything_comes_once(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    // A pong says that everything before it was received, and here much is not met before a break.
    let silent = || Dial::to(&server.door).withholding_pongs();
    let mut bens = ben.connect_by(transport, silent()).await;
    let mut heard = Vec::new();
    for round in 0..12 {
        for _ in 0..round % 3 {
            ana.send(chat, "received").await;
            heard.push(number(&bens.next_message().await["seq"]));
        }
        // This has left the server, and nobody met it.
        ana.send_many(chat, 3).await;
        let ticket = bens.ticket();
        bens.break_off();
        ana.send_many(chat, 2).await;
        bens = ben.enter_by(transport, silent(), &ticket).await;
        assert!(bens.recovered, "round {round}");
        heard.extend(bens.seqs_at_hand().await);
    }
    let last = number(&ana.send(chat, "last").await["seq"]);
    heard.extend(bens.seqs_until(chat, last).await);
    assert_eq!(heard, (1..=last).collect::<Vec<i64>>());
}

async fn without_an_offset_what_was_not_proven_comes_again(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    ana.send(chat, "one").await;
    bens.next_message().await;
    let proven = anas.next_event("messages_delivered").await;
    assert_eq!(proven["last_delivered_seq"], 1);
    bens.withhold_pongs();
    ana.send(chat, "two").await;
    bens.next_message().await;
    let ticket = break_off(bens, &mut anas).await.without_offset();

    ana.send(chat, "three").await;
    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(bens.recovered);
    assert_eq!(bens.seqs_until(chat, 3).await, [2, 3]);
}

async fn who_returns_takes_over_from_a_connection_that_is_still_open(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut old = ben.connect(transport).await;
    old.join(chat).await;
    let first = ana.send(chat, "one").await;
    old.silent_until_message(&[], &first).await;
    let online = anas.next_event("user_status_changed").await;
    assert_eq!(online["status"], "online");

    let mut bens = ben.come_back(transport, &old.ticket()).await;
    assert!(bens.recovered);
    let message = ana.send(chat, "two").await;
    assert_eq!(bens.next_message().await, message);
    assert_eq!(old.seqs_until_end().await, [0; 0]);
    bens.round_trip().await;
    // Nobody saw Ben blink.
    anas.silent_until_message(&["user_status_changed"], &message)
        .await;
    assert_eq!(ana.sees(&ben).await["status"], "online");
    let marker = ben.send(chat, "marker").await;
    anas.silent_until_message(&["user_status_changed"], &marker)
        .await;
}

async fn after_a_goodbye_one_is_a_stranger(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    let message = ana.send(chat, "hi").await;
    bens.silent_until_message(&[], &message).await;
    let ticket = bens.ticket();
    bens.close(None).await;

    ana.send(chat, "missed").await;
    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(!bens.recovered);
    let marker = ana.send(chat, "marker").await;
    assert_eq!(bens.next_message().await, marker);
}

async fn anothers_pid_is_of_no_use_and_harms_nobody(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let message = ana.send(chat, "hi").await;
    assert_eq!(bens.next_message().await, message);

    let theft = async |ticket: &Ticket| {
        for ticket in [ticket.clone(), ticket.clone().without_offset()] {
            let cleos = cleo.come_back(transport, &ticket).await;
            assert!(!cleos.recovered);
            assert_ne!(cleos.ticket().pid, ticket.pid);
        }
    };
    theft(&bens.ticket()).await;
    let message = ana.send(chat, "still there?").await;
    assert_eq!(bens.next_message().await, message);
    let ticket = break_off(bens, &mut anas).await;
    let missed = ana.send(chat, "missed").await;
    theft(&ticket).await;
    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(bens.recovered);
    assert_eq!(bens.next_message().await, missed);
}

async fn a_pid_or_an_offset_that_means_nothing_begins_a_new_session(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let long = "x".repeat(10_000);
    for pid in ["", "x", "__proto__", "🦊", &long] {
        let ticket = Ticket {
            pid: Some(pid.to_owned()),
            offset: Some("1".to_owned()),
        };
        let bens = ben.come_back(transport, &ticket).await;
        assert!(!bens.recovered, "{pid}");
    }
    let others = ["x", "-1", "1e3", "18446744073709551616", &long];
    for offset in others {
        let mut bens = ben.connect(transport).await;
        let message = ana.send(chat, "hi").await;
        assert_eq!(bens.next_message().await, message);
        let ticket = Ticket {
            offset: Some(offset.to_owned()),
            ..bens.ticket()
        };
        bens.break_off();
        let mut bens = ben.come_back(transport, &ticket).await;
        assert!(!bens.recovered, "{offset}");
        let marker = ana.send(chat, "marker").await;
        assert_eq!(bens.next_message().await, marker);
    }
}

async fn after_its_time_a_session_is_gone(transport: Transport) {
    let time = Duration::from_millis(150);
    let server = TestServer::with(move |config| config.limits.recovery_time = time).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = Some(ben.connect(transport).await);
    // Nothing tells that it is gone. Who asks too early is back, and breaks off once more.
    let mut late = until("the end of a session", async || {
        let ticket = bens.as_ref().expect("a session").ticket();
        bens.take().expect("a session").break_off();
        tokio::time::sleep(time * 2).await;
        bens = Some(ben.come_back(transport, &ticket).await);
        bens.take_if(|bens| !bens.recovered)
    })
    .await;
    late.round_trip().await;
    let message = ana.send(chat, "hi").await;
    assert_eq!(late.next_message().await, message);
}

/// The client is a stranger now, and fetches what it missed.
async fn fills_the_gap(person: &Person, transport: Transport, ticket: &Ticket, missed: &[i64]) {
    let mut socket = person.come_back(transport, ticket).await;
    assert!(!socket.recovered);
    let joined = socket.join_after(1, missed[0] - 1).await;
    assert_eq!(seqs(&joined["messages"]), missed);
    assert_eq!(joined["head_seq"], missed[missed.len() - 1]);
    let silent = ["new_message"];
    let told = socket.silent_until_event(&silent, "joined_conversation");
    assert_eq!(told.await, json!({"conversationId": 1}));
}

async fn after_a_restart_after_seq_fills_the_gap(transport: Transport) {
    let mut server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let message = ana.send(chat, "before").await;
    assert_eq!(bens.next_message().await, message);
    let ticket = bens.ticket();
    server.restart().await;
    ana.send_many(chat, 3).await;
    fills_the_gap(&ben, transport, &ticket, &[2, 3, 4]).await;
}

async fn who_missed_more_than_is_kept_is_a_stranger(transport: Transport) {
    let server = TestServer::with(|config| {
        config.limits.presence_grace = Duration::from_millis(20);
        config.limits.outbox_bytes = 128 << 10;
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let message = ana.send(chat, "before").await;
    assert_eq!(bens.next_message().await, message);

    // What fits is kept.
    let ticket = break_off(bens, &mut anas).await;
    for _ in 0..10 {
        ana.send(chat, &"x".repeat(4000)).await;
    }
    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(bens.recovered);
    assert_eq!(
        bens.seqs_until(chat, 11).await,
        (2..=11).collect::<Vec<i64>>()
    );
    let ticket = break_off(bens, &mut anas).await;
    for _ in 0..40 {
        ana.send(chat, &"x".repeat(4000)).await;
    }
    let missed: Vec<i64> = (12..=51).collect();
    fills_the_gap(&ben, transport, &ticket, &missed).await;
}

async fn what_is_delivered_again_is_proven_by_the_offset_or_a_pong(transport: Transport) {
    let server = prompt_server().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let silent = || Dial::to(&server.door).withholding_pongs();
    let mut bens = ben.connect_by(transport, silent()).await;
    ana.send(chat, "one").await;
    bens.next_message().await;
    bens.next_ping().await;
    let ticket = break_off(bens, &mut anas).await;
    ana.send(chat, "two").await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;

    let mut bens = ben.enter_by(transport, silent(), &ticket).await;
    assert!(bens.recovered);
    assert_eq!(bens.next_message().await["seq"], 2);
    let by_offset = anas.next_event("messages_delivered").await;
    assert_eq!(by_offset["last_delivered_seq"], 1);
    let ping = bens.next_ping().await;
    nothing_delivered_before_typing(&mut anas, &ben, chat).await;
    bens.answer(&ping);
    let by_pong = anas.next_event("messages_delivered").await;
    assert_eq!(by_pong["last_delivered_seq"], 2);
}

over_socketio!(
    what_was_missed_comes_once_and_in_order_and_of_states_the_last,
    however_often_one_breaks_off_everything_comes_once,
    without_an_offset_what_was_not_proven_comes_again,
    who_returns_takes_over_from_a_connection_that_is_still_open,
    after_a_goodbye_one_is_a_stranger,
    anothers_pid_is_of_no_use_and_harms_nobody,
    a_pid_or_an_offset_that_means_nothing_begins_a_new_session,
    after_its_time_a_session_is_gone,
    after_a_restart_after_seq_fills_the_gap,
    who_missed_more_than_is_kept_is_a_stranger,
    what_is_delivered_again_is_proven_by_the_offset_or_a_pong,
);
