//! Presence: who is there, who wants to look away, and who is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::answer::{has_keys, is_time};
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

const STATUS: &[&str] = &["user_status_changed"];

/// A server on which a broken connection counts as present for as long as a test runs.
async fn patient_server() -> TestServer {
    TestServer::with(|config| config.limits.presence_grace = Duration::from_secs(60)).await
}

/// Two people who share a conversation, and a session of the second.
async fn a_pair(server: &TestServer, transport: Transport) -> ([Person; 2], Socket) {
    let people = server.people(["Ana", "Ben"]).await;
    people[0].chat_with(&people[1]).await;
    let bens = people[1].connect(transport).await;
    (people, bens)
}

/// The next change of status that a session hears of must be this.
async fn hears(socket: &mut Socket, whom: &Person, status: &str) -> Value {
    let event = socket.next_event("user_status_changed").await;
    has_keys(&event, &["userId", "status", "last_seen_at"]);
    assert_eq!(
        (&event["userId"], &event["status"]),
        (&json!(whom.id), &json!(status)),
        "{event}"
    );
    event
}

async fn a_session_makes_one_online_and_its_goodbye_offline(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;
    assert_eq!(ben.sees(&ana).await["status"], "offline");

    for goodbye in [Some(1000), None] {
        let anas = ana.connect(transport).await;
        hears(&mut bens, &ana, "online").await;
        assert_eq!(ben.sees(&ana).await["status"], "online");
        assert_eq!(ben.get("/api/users").await.ok()[0]["status"], "online");
        assert_eq!(ben.participant(1, &ana).await["status"], "online");
        assert_eq!(
            ana.get("/api/users/me").await.ok()["user"]["status"],
            "online"
        );

        anas.close(goodbye).await;
        let event = hears(&mut bens, &ana, "offline").await;
        is_time(&event["last_seen_at"]);
        let seen = ben.sees(&ana).await;
        assert_eq!(seen["status"], "offline");
        assert_eq!(seen["last_seen_at"], event["last_seen_at"]);
    }
}

async fn every_other_end_is_a_break_and_still_counts_for_a_while(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;
    ana.connect(transport).await.break_off();
    hears(&mut bens, &ana, "online").await;

    for code in [1001, 1002, 1008, 1011, 3000, 4000, 4999] {
        let anas = ana.connect(transport).await;
        anas.close(Some(code)).await;
        assert_eq!(
            ben.sees(&ana).await["status"],
            "online",
            "after close code {code}"
        );
    }
    ana.connect(transport).await.break_off();
    // Back within the grace: there was no blink, and nobody hears of one.
    let _anas = ana.connect(transport).await;
    ana.choose("busy").await;
    hears(&mut bens, &ana, "busy").await;
}

async fn a_break_without_return_ends_in_offline_after_the_grace(transport: Transport) {
    let grace = Duration::from_millis(200);
    let server = TestServer::with(move |config| config.limits.presence_grace = grace).await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;

    for code in [None, Some(1001)] {
        let anas = ana.connect(transport).await;
        hears(&mut bens, &ana, "online").await;
        let before = Instant::now();
        match code {
            None => anas.break_off(),
            code => drop(anas.close(code).await),
        }
        hears(&mut bens, &ana, "offline").await;
        let lasted = before.elapsed();
        assert!(lasted >= grace, "gone {lasted:?} after the break");
        assert_eq!(ben.sees(&ana).await["status"], "offline");
    }
}

async fn who_falls_silent_has_had_the_grace_already(transport: Transport) {
    let server = TestServer::with(|config| {
        config.limits.ping_interval = Duration::from_millis(100);
        config.limits.ping_timeout = Duration::from_secs(1);
        // Longer than any test waits.
        config.limits.presence_grace = Duration::from_secs(3_600);
    })
    .await;
    let ([ana, _], mut bens) = a_pair(&server, transport).await;
    let dial = Dial::to(&server.door).withholding_pongs();
    let anas = ana.connect_by(transport, dial).await;
    hears(&mut bens, &ana, "online").await;
    hears(&mut bens, &ana, "offline").await;
    drop(anas);
}

async fn one_is_online_as_long_as_one_device_is(transport: Transport) {
    let server = patient_server().await;
    let ([ana, _ben], mut bens) = a_pair(&server, transport).await;
    let phone = ana.connect(transport).await;
    let laptop = ana.connect(transport).await;
    let tablet = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;

    laptop.close(Some(1000)).await;
    phone.close(None).await;
    ana.choose("busy").await;
    hears(&mut bens, &ana, "busy").await;
    tablet.close(Some(1000)).await;
    hears(&mut bens, &ana, "offline").await;
}

async fn busy_is_kept_until_changed(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;

    let mut anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;
    let ack = anas
        .request("status_update", json!({"status": "busy"}))
        .await
        .ok();
    assert_eq!(ack, json!({"status": "busy"}));
    hears(&mut bens, &ana, "busy").await;
    assert_eq!(ben.sees(&ana).await["status"], "busy");
    anas.close(Some(1000)).await;
    hears(&mut bens, &ana, "offline").await;
    assert_eq!(
        ben.sees(&ana).await["status"],
        "offline",
        "without a session one is offline"
    );

    let _anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "busy").await;
    assert_eq!(ana.choose("online").await["status"], "online");
    hears(&mut bens, &ana, "online").await;
}

async fn who_appears_offline_stays_so_and_hears_everything(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;
    let mut anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;

    let ack = anas
        .request("status_update", json!({"status": "offline"}))
        .await
        .ok();
    assert_eq!(ack, json!({"status": "offline"}));
    hears(&mut bens, &ana, "offline").await;
    assert_eq!(ben.sees(&ana).await["status"], "offline");
    let message = ben.send(1, "are you there?").await;
    assert_eq!(anas.next_message().await, message);

    // Coming and going of one who appears offline is told to nobody.
    anas.close(Some(1000)).await;
    let anas = ana.connect(transport).await;
    let marker = ana.send(1, "no").await;
    bens.silent_until_message(STATUS, &marker).await;
    assert_eq!(ben.sees(&ana).await["status"], "offline");
    ana.choose("online").await;
    hears(&mut bens, &ana, "online").await;
    anas.close(Some(1000)).await;
    hears(&mut bens, &ana, "offline").await;
}

async fn a_status_chosen_without_a_session_shows_with_the_next_one(transport: Transport) {
    let server = patient_server().await;
    let ([ana, _ben], mut bens) = a_pair(&server, transport).await;
    assert_eq!(ana.choose("busy").await["status"], "offline");
    let marker = ana.send(1, "marker").await;
    bens.silent_until_message(STATUS, &marker).await;
    let _anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "busy").await;
}

async fn presence_is_told_to_those_who_share_a_conversation(transport: Transport) {
    let server = patient_server().await;
    let [ana, ben, cleo, dan] = server.people(["Ana", "Ben", "Cleo", "Dan"]).await;
    ana.chat_with(&ben).await;
    cleo.chat_with(&dan).await;
    let mut bens = ben.connect(transport).await;
    let mut cleos = cleo.connect(transport).await;

    let anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;
    let dans = dan.connect(transport).await;
    hears(&mut cleos, &dan, "online").await;

    // Who shares a conversation from now on is told from now on.
    cleo.chat_with(&ana).await;
    anas.close(Some(1000)).await;
    hears(&mut cleos, &ana, "offline").await;
    hears(&mut bens, &ana, "offline").await;
    dans.close(Some(1000)).await;
    hears(&mut cleos, &dan, "offline").await;
    let _anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;
}

async fn a_bad_status_is_refused_and_changes_nothing(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;
    let mut anas = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;

    for bad in [
        json!("away"),
        json!("BUSY"),
        json!(""),
        json!(1),
        json!(null),
        json!(["busy"]),
    ] {
        anas.request("status_update", json!({"status": bad}))
            .await
            .invalid("status");
    }
    anas.request("status_update", json!({}))
        .await
        .invalid("status");
    assert_eq!(ben.sees(&ana).await["status"], "online");
    ana.choose("busy").await;
    hears(&mut bens, &ana, "busy").await;
}

async fn last_seen_is_when_the_last_session_went(transport: Transport) {
    let server = patient_server().await;
    let ([ana, ben], mut bens) = a_pair(&server, transport).await;
    let first = ana.connect(transport).await;
    let second = ana.connect(transport).await;
    hears(&mut bens, &ana, "online").await;
    first.close(Some(1000)).await;
    // A message is stored between the two goodbyes: its time is the earliest that can be right.
    let between = ana.send(1, "between").await;
    second.close(Some(1000)).await;
    let gone = hears(&mut bens, &ana, "offline").await;
    let after = ben.send(1, "after").await;

    let time = |value: &Value| value.as_str().expect("a time").to_owned();
    let seen = time(&gone["last_seen_at"]);
    assert!(time(&between["created_at"]) <= seen, "{seen}");
    assert!(seen <= time(&after["created_at"]), "{seen}");
    assert_eq!(time(&ben.participant(1, &ana).await["last_seen_at"]), seen);
    assert_eq!(
        time(&ben.get("/api/users").await.ok()[0]["last_seen_at"]),
        seen
    );
}

over_every_transport!(
    a_session_makes_one_online_and_its_goodbye_offline,
    every_other_end_is_a_break_and_still_counts_for_a_while,
    a_break_without_return_ends_in_offline_after_the_grace,
    who_falls_silent_has_had_the_grace_already,
    one_is_online_as_long_as_one_device_is,
    busy_is_kept_until_changed,
    who_appears_offline_stays_so_and_hears_everything,
    a_status_chosen_without_a_session_shows_with_the_next_one,
    presence_is_told_to_those_who_share_a_conversation,
    a_bad_status_is_refused_and_changes_nothing,
    last_seen_is_when_the_last_session_went,
);
