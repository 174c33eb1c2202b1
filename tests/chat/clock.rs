//! A wall clock that jumps by a day and back. Order rests on positions, what ends by itself on a clock
//! that only counts what has passed; tokens alone count by the wall clock.

use std::time::Instant;

use duologue::config::Limits;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::access::{again, exchange, is_in, is_out, log_out, refreshable, signed_out, with};
use crate::harness::answer::seqs;
use crate::harness::arrival::Transport;
use crate::harness::clock::{A_DAY_AHEAD, A_DAY_BEHIND, Clock, RIGHT};
use crate::harness::person::Person;
use crate::harness::process::check;
use crate::harness::token::{claims, mint};

async fn messages_keep_their_order_and_their_times_while_the_clock_jumps(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    let mut stored: Vec<Value> = Vec::new();
    for away in [RIGHT, A_DAY_AHEAD, A_DAY_BEHIND, RIGHT] {
        clock.jumps(away);
        let content = format!("{away} {}", stored.len());
        stored.push(anas.send_message(chat, &content).await);
        stored.push(ana.post_once(chat, &content, &content).await.created());
    }
    let all = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(seqs(&json!(stored)), all);
    assert_eq!(bens.seqs_until(chat, 8).await, all);
    assert_eq!(ben.history(chat).await, stored);
    let page = ben.page(chat, "before_seq=7&limit=3").await.ok();
    let newest_first: Vec<_> = stored[3..6].iter().rev().collect();
    assert_eq!(page["messages"], json!(newest_first));
    let listed = ben.list().await.remove(0);
    assert_eq!(listed["last_message"]["seq"], 8, "{listed}");
    // Each has the time that the clock showed: today, tomorrow, yesterday, today.
    let times: Vec<_> = stored
        .iter()
        .map(|one| one["created_at"].as_str())
        .collect();
    assert!(times[4] < times[0] && times[0] < times[6] && times[6] < times[2]);

    server.kill().await;
    clock.jumps(A_DAY_BEHIND);
    let server = clock.start(directory.path()).await.behind(&door);
    assert_eq!(ben.history(chat).await, stored, "and all of it again");
    for known in stored.iter().skip(1).step_by(2) {
        let key = known["client_message_id"].as_str().expect("a key");
        assert_eq!(ana.post_once(chat, key, key).await.ok(), *known);
    }
    assert_eq!(ana.send(chat, "later").await["seq"], 9);
    assert_eq!(ben.read(chat, None).await["last_read_seq"], 9);
    assert_eq!(ben.unread().await, 0);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let checked = check(directory.path()).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

async fn what_ends_by_itself_ends_in_its_own_time_while_the_clock_jumps(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    cleo.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    let limits = Limits::default();
    for away in [A_DAY_AHEAD, A_DAY_BEHIND] {
        let cleos = cleo.connect(transport).await;
        let online = bens.next_event("user_status_changed").await;
        assert_eq!(online["status"], "online");
        let begun = Instant::now();
        cleos.break_off();
        ana.typing(chat, true).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], true);
        clock.jumps(away);
        bens.round_trip().await;
        let gone = bens.next_event("user_status_changed").await;
        assert_eq!(gone["status"], "offline");
        assert!(begun.elapsed() >= limits.presence_grace);
        assert_eq!(bens.next_event("user_typing").await["isTyping"], false);
        assert!(begun.elapsed() >= limits.typing_timeout);
    }
}

#[tokio::test]
async fn who_breaks_off_while_the_clock_jumps_misses_nothing() {
    for transport in [Transport::SocketIo, Transport::Polling] {
        what_was_missed_while_the_clock_jumped_comes_in_order(transport).await;
    }
}

async fn what_was_missed_while_the_clock_jumped_comes_in_order(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    ana.send(chat, "one").await;
    assert_eq!(bens.seqs_until(chat, 1).await, [1]);
    let ticket = bens.ticket();
    bens.break_off();
    for (away, content) in [(A_DAY_AHEAD, "two"), (A_DAY_BEHIND, "three")] {
        clock.jumps(away);
        ana.send(chat, content).await;
    }
    let mut bens = ben.come_back(transport, &ticket).await;
    assert!(bens.recovered);
    assert_eq!(bens.seqs_until(chat, 3).await, [2, 3]);
}

async fn tokens_count_by_the_clock(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let token = mint(&claims(ana.id));
    let for_an_hour = Person {
        token,
        ..ana.clone()
    };
    let mut ends = for_an_hour.connect(transport).await;
    let mut stays = ana.connect(transport).await;

    clock.jumps(A_DAY_AHEAD);
    is_out(&for_an_hour, transport).await;
    // The server looks when there is something to do for the socket.
    let message = ben.send(chat, "are you there?").await;
    assert_eq!(ends.end().await, signed_out(transport));
    assert_eq!(stays.next_message().await, message);
    is_in(&ana, transport).await;
    let dated_ahead = again(&ana).await;
    is_in(&dated_ahead, transport).await;

    clock.jumps(RIGHT);
    is_in(&for_an_hour, transport).await;
    is_in(&dated_ahead, transport).await;
    clock.jumps(A_DAY_BEHIND);
    is_in(&ana, transport).await;
    stays.round_trip().await;
}

#[tokio::test]
async fn what_ends_all_tokens_ends_those_that_a_clock_ahead_has_dated() {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let [ana] = server.door.people(["Ana"]).await;
    clock.jumps(A_DAY_AHEAD);
    let ahead = refreshable(&ana).await;
    let next = exchange(&ana, &ahead["refresh_token"]).await.ok();
    clock.jumps(RIGHT);
    let last = exchange(&ana, &next["refresh_token"]).await.ok();
    let mut socket = with(&ana, &next).connect(Transport::WebSocket).await;
    log_out(&ana, "logout-everywhere").await;
    assert_eq!(socket.end().await, signed_out(Transport::WebSocket));
    for pair in [&ahead, &next, &last] {
        is_out(&with(&ana, pair), Transport::WebSocket).await;
    }
    let refused = exchange(&ana, &last["refresh_token"]).await;
    refused.refused(401, "unauthenticated");
    is_in(&again(&ana).await, Transport::WebSocket).await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_a_day_earlier_ends_its_sign_in() {
    let directory = tempdir().expect("a temporary directory");
    let clock = Clock::in_directory(directory.path());
    let server = clock.start(directory.path()).await;
    let [ana] = server.door.people(["Ana"]).await;
    clock.jumps(A_DAY_AHEAD);
    let first = refreshable(&ana).await;
    let second = exchange(&ana, &first["refresh_token"]).await.ok();
    clock.jumps(RIGHT);
    let again = exchange(&ana, &first["refresh_token"]).await;
    again.refused(401, "unauthenticated");
    is_out(&with(&ana, &second), Transport::WebSocket).await;
}

over_every_transport!(
    messages_keep_their_order_and_their_times_while_the_clock_jumps,
    what_ends_by_itself_ends_in_its_own_time_while_the_clock_jumps,
    tokens_count_by_the_clock,
);
