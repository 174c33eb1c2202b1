//! What is counted, exactly, after known traffic by every transport; and what clients were refused.

use reqwest::Method;
use serde_json::json;

use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::door::Carried;
use crate::harness::exposition::Exposition;
use crate::harness::requests::Requests;
use crate::harness::server::TestServer;

async fn a_send_is_counted_once_at_each_of_its_steps(transport: Transport) {
    let server = TestServer::operated().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    for n in 0..7 {
        anas.send_message(chat, &format!("message {n}")).await;
    }
    bens.seqs_until(chat, 7).await;
    let proven = |seen: &Exposition| seen.count("duologue_deliveries_total") == 7;
    let seen = server.operator().metrics_when("7 proofs", proven).await;
    sends_and_stored(&seen, 7, 7);
    // The proof of what was delivered goes to disk too, and says nothing new of these.
    bens.round_trip().await;
    let again = server.operator().metrics().await;
    assert_eq!(again.count("duologue_deliveries_total"), 7);
    sends_and_stored(&again, 7, 7);
}

/// So many sends have come, and so many of them were stored.
#[track_caller]
pub(super) fn sends_and_stored(seen: &Exposition, sends: u64, stored: u64) {
    let acknowledged = |kind| seen.count_of("duologue_acknowledgements_total", "kind", kind);
    assert_eq!(seen.count("duologue_sends_total"), sends);
    assert_eq!(acknowledged("stored"), stored);
    assert_eq!(seen.count("duologue_send_seconds_count"), stored);
    assert_eq!(seen.count("duologue_commit_messages_sum"), stored);
}

#[tokio::test]
async fn a_send_over_rest_and_what_is_no_new_message() {
    let server = TestServer::operated().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.post_once(chat, "hi", "key-1").await.created();
    ana.post_once(chat, "hi", "key-1").await.ok();
    ana.post_once(chat, "other words", "key-1")
        .await
        .refused(409, "conflict");
    cleo.post_message(chat, "psst")
        .await
        .refused(403, "not_a_participant");
    ana.post_message(chat, "").await.invalid("content");
    let all = |seen: &Exposition| seen.count("duologue_sends_total") == 4;
    let seen = server.operator().metrics_when("4 sends", all).await;
    sends_and_stored(&seen, 4, 1);
    let known = seen.count_of("duologue_acknowledgements_total", "kind", "known");
    assert_eq!(known, 1);
    for (code, count) in [
        ("conflict", 1),
        ("not_a_participant", 1),
        ("validation_failed", 1),
    ] {
        let found = seen.count_of("duologue_refusals_total", "code", code);
        assert_eq!(found, count, "{code}");
    }
    let committed = seen.count_of("duologue_batches_total", "outcome", "committed");
    assert_eq!(committed, 1);
}

#[tokio::test]
async fn whoever_reads_or_replies_has_received_and_nothing_twice() {
    let server = TestServer::operated().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let deliveries = async || {
        let seen = server.operator().metrics().await;
        seen.count("duologue_deliveries_total")
    };
    ana.send_many(chat, 3).await;
    assert_eq!(deliveries().await, 0, "nobody has them yet");
    ben.read(chat, Some(2)).await;
    assert_eq!(deliveries().await, 2);
    ben.send(chat, "a reply").await;
    assert_eq!(
        deliveries().await,
        3,
        "the third of Ana's, and none of his own"
    );
    ana.read(chat, None).await;
    assert_eq!(deliveries().await, 4);
    ana.read(chat, None).await;
    ben.read(chat, None).await;
    assert_eq!(deliveries().await, 4);
}

/// How often each code was heard, before and after.
struct Refusals(Exposition);

impl Refusals {
    fn since(&self, now: &Exposition) -> Vec<(String, u64)> {
        let codes = now.labels()["code"].clone().into_iter();
        let count =
            |seen: &Exposition, code: &str| seen.count_of("duologue_refusals_total", "code", code);
        codes
            .map(|code| (code.to_owned(), count(now, code) - count(&self.0, code)))
            .filter(|(_, more)| *more > 0)
            .collect()
    }
}

async fn a_refusal_on_a_socket_is_counted_by_its_code(transport: Transport) {
    let server = TestServer::operated().await;
    let [ana] = server.people(["Ana"]).await;
    let mut anas = ana.connect(transport).await;
    let before = Refusals(server.operator().metrics().await);
    anas.request("no_such_event", json!({}))
        .await
        .refused("unknown_event");
    for _ in 0..2 {
        let join = anas.request("join_conversation", json!({"conversationId": 99}));
        join.await.refused("not_found");
    }
    anas.emit("mark_read", json!({"conversationId": "none"}));
    anas.next_event("error").await;
    let seen = server.operator().metrics().await;
    let expected = [
        ("not_found", 2),
        ("unknown_event", 1),
        ("validation_failed", 1),
    ];
    let expected = expected.map(|(code, count)| (code.to_owned(), count));
    assert_eq!(before.since(&seen), expected);
}

#[tokio::test]
async fn a_refusal_at_the_door_is_counted_by_its_code() {
    let server = TestServer::operated().await;
    let [ana] = server.people(["Ana"]).await;
    let before = Refusals(server.operator().metrics().await);
    server
        .door
        .get("/api/users")
        .await
        .refused(401, "unauthenticated");
    server.door.get("/nowhere").await.refused(404, "not_found");
    let login = server.door.login("ana@example.com", "a wrong password");
    login.await.refused(401, "invalid_credentials");
    let delete = ana.call(Method::DELETE, "/api/users", Carried::default());
    delete.await.refused(405, "method_not_allowed");
    // A socket that is not let in.
    let plain = Dial::to(&server.door).bearer("no token").open().await;
    assert_eq!(plain.err(), Some(401));
    // In Engine.IO's own words.
    let polling = server.door.get("/socket.io/?EIO=3&transport=polling").await;
    polling.refused_by_engine(400, 5, "Unsupported protocol version");
    let session = Requests::open(&server.door).await;
    session.post(r#"40{"token":"no token"}"#).await.says_ok();
    assert!(session.packets().await[0].starts_with("44{"));
    let session = Requests::open(&server.door).await;
    session.post("40/elsewhere,").await.says_ok();
    assert!(session.packets().await[0].starts_with("44/elsewhere,"));
    let seen = server.operator().metrics().await;
    let expected = [
        ("engineio", 1),
        ("invalid_credentials", 1),
        ("method_not_allowed", 1),
        ("not_found", 2),
        ("unauthenticated", 3),
    ];
    let expected = expected.map(|(code, count)| (code.to_owned(), count));
    assert_eq!(before.since(&seen), expected);
}

#[tokio::test]
async fn a_first_frame_that_is_refused_is_counted() {
    let server = TestServer::operated().await;
    let before = Refusals(server.operator().metrics().await);
    let dial = Dial::to(&server.door).open().await;
    let mut socket = dial.expect("a socket");
    let frame = json!({"event": "authenticate", "data": {"token": "none"}});
    socket.text(&frame.to_string());
    socket.end().await;
    let seen = server.operator().metrics().await;
    assert_eq!(before.since(&seen), [("unauthenticated".to_owned(), 1)]);
}

#[tokio::test]
async fn each_server_counts_for_itself() {
    let (one, other) = (TestServer::operated().await, TestServer::operated().await);
    let [ana, ben] = one.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "hi").await;
    let mut bens = ben.connect(Transport::Polling).await;
    bens.request("nothing", json!({}))
        .await
        .refused("unknown_event");
    let seen = other.operator().metrics().await;
    sends_and_stored(&seen, 0, 0);
    let refused = seen.labels()["code"].clone().into_iter();
    let refused = refused.map(|code| seen.count_of("duologue_refusals_total", "code", code));
    assert_eq!(refused.sum::<u64>(), 0);
}

over_every_transport!(
    a_send_is_counted_once_at_each_of_its_steps,
    a_refusal_on_a_socket_is_counted_by_its_code,
);
