//! From long polling to a WebSocket: nothing is lost on the way, and half of it is no way.

use std::time::Duration;

use serde_json::json;

use crate::engineio::answers_others;
use crate::harness::answer::number;
use crate::harness::arrival::{Arrival, Transport};
use crate::harness::packets::{self, understand};
use crate::harness::requests::Requests;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::until;

/// A candidate that has been probed.
async fn probed(session: &Requests) -> Socket {
    let mut candidate = session.candidate().await.expect("a WebSocket");
    candidate.text("2probe");
    assert_eq!(candidate.next_packet().await, "3probe");
    candidate
}

/// A WebSocket that has no business with this session is refused, or closed at once.
async fn is_turned_away(session: &Requests) {
    match session.candidate().await {
        Ok(mut candidate) => {
            candidate.text("2probe");
            candidate.end().await;
        }
        Err(status) => assert_eq!(status, 400),
    }
}

#[tokio::test]
async fn an_upgrade_ends_the_poll_and_goes_on_over_the_websocket() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(Transport::Polling).await;
    let session = Requests::of(&ana).await;
    let (last_poll, mut anas) = tokio::join!(session.get(), probed(&session));
    assert_eq!((last_poll.status, &*last_poll.text), (200, "6"));

    anas.text("5");
    anas.round_trip().await;
    let message = anas.send_message(chat, "by WebSocket").await;
    assert_eq!(anas.next_message().await, message);
    bens.silent_until_message(&[], &message).await;
    let message = ben.send(chat, "an answer").await;
    anas.silent_until_message(&[], &message).await;

    assert_eq!(session.get().await.status, 400);
    is_turned_away(&session).await;
    anas.round_trip().await;
    anas.close(None).await;
    session.get().await.session_is_unknown();
    answers_others(&server, &mut bens).await;
}

/// Hears of every message on the way: first over polls, then over the WebSocket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_by_an_upgrade_under_traffic() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let count = 200;
    for round in 0..6 {
        let session = Requests::of(&ben).await;
        let mut anas = ana.connect(Transport::WebSocket).await;
        let sending = tokio::spawn(async move {
            for i in 0..count {
                anas.send_message(chat, &format!("{i}")).await;
            }
        });
        let mut heard = Vec::new();
        let mut hear = |packets: Vec<String>| {
            for packet in packets {
                if let Arrival::Event { name, data, .. } = understand(&packet)
                    && name == "new_message"
                {
                    heard.push(number(&data["message"]["seq"]));
                }
            }
            heard.len()
        };
        while hear(session.packets().await) < 10 * round + 1 {}
        let (last_poll, mut bens) = tokio::join!(session.packets(), probed(&session));
        hear(last_poll);
        // What was asked by the last POST is answered over the WebSocket.
        let command = packets::event("no_such_event", "null", Some(7_000));
        session.post(command).await.says_ok();
        bens.text("5");
        bens.reply(7_000).await.refused("unknown_event");
        bens.round_trip().await;
        let first = count * i64::try_from(round).expect("a few") + 1;
        let last = first + count - 1;
        heard.extend(bens.seqs_until(chat, last).await);
        assert_eq!(heard, (first..=last).collect::<Vec<_>>(), "round {round}");
        sending.await.expect("every send is acknowledged");
        bens.close(None).await;
    }
}

#[tokio::test]
async fn half_an_upgrade_changes_nothing_and_ends_in_time() {
    let limit = Duration::from_millis(300);
    let server = TestServer::with(move |config| config.limits.upgrade_timeout = limit).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(Transport::Polling).await;
    let session = Requests::of(&ana).await;

    let mut silent = session.candidate().await.expect("a WebSocket");
    session.round_trip().await;
    silent.end().await;
    session.round_trip().await;
    let mut half = probed(&session).await;
    session.round_trip().await;
    half.end().await;
    session.round_trip().await;
    // One that breaks off leaves the way free for the next.
    probed(&session).await.break_off();
    let mut whole = until("the next upgrade", async || {
        let mut candidate = session.candidate().await.ok()?;
        candidate.text("2probe");
        candidate.next_packet_or_end().await.ok()?;
        Some(candidate)
    })
    .await;
    whole.text("5");
    whole.round_trip().await;
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn of_two_upgrades_the_second_is_turned_away() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(Transport::Polling).await;
    let session = Requests::of(&ana).await;
    let mut first = probed(&session).await;
    is_turned_away(&session).await;
    first.text("5");
    first.round_trip().await;
    is_turned_away(&session).await;
    first.round_trip().await;
    answers_others(&server, &mut bens).await;
}

#[tokio::test]
async fn a_candidate_that_does_not_probe_is_turned_away() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    assert_eq!(ana.chat_with(&ben).await, 1);
    let mut bens = ben.connect(Transport::Polling).await;
    let session = Requests::of(&ana).await;
    let data = json!({"conversationId": 1, "content": "too early"});
    let command = packets::event("send_message", &data.to_string(), None);
    for packet in ["5", "2", "2other", "3probe", "1", "x", &command] {
        let mut candidate = session.candidate().await.expect("a WebSocket");
        candidate.text(packet);
        candidate.end().await;
        session.round_trip().await;
    }
    assert_eq!(ana.history(1).await, [json!(null); 0]);
    let mut websocket_from_the_start = ana.connect(Transport::SocketIo).await;
    websocket_from_the_start.round_trip().await;
    answers_others(&server, &mut bens).await;
}
