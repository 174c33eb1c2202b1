//! Restarts on the same database, and conversations that leave memory and come back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::answer::{is_time, number, seqs};
use crate::harness::arrival::Transport;
use crate::harness::door::PASSWORD;
use crate::harness::ledger::{self, Tally};
use crate::harness::person::Person;
use crate::harness::server::TestServer;

async fn after_a_restart_everything_is_there_and_nobody_is_online(transport: Transport) {
    let mut server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.chat_with(&cleo).await;
    ana.choose("busy").await;
    let mut anas = ana.connect(transport).await;
    let bens = ben.connect(transport).await;
    for content in ["one", "  two \u{1F98A}\n", "three", "four", "five"] {
        anas.send_message(chat, content).await;
    }
    anas.next_event("messages_delivered").await;
    ben.read(chat, Some(3)).await;
    let once = ben.post_once(chat, "an answer", "b-1").await.created();
    ana.post_once(chat, "and one more", "a-1").await.created();
    ben.read(chat, Some(6)).await;
    drop((anas, bens));
    let look = async || {
        let mut conversation = ana.conversation(chat).await;
        for participant in conversation["participants"]
            .as_array_mut()
            .expect("participants")
        {
            // Presence is for the living: it is looked at below.
            participant["status"] = Value::Null;
            participant["last_seen_at"] = Value::Null;
        }
        let list: Vec<Value> = ana
            .list()
            .await
            .iter()
            .map(|entry| entry["id"].clone())
            .collect();
        (
            conversation,
            ana.history(chat).await,
            list,
            ana.unread().await,
            ben.unread().await,
        )
    };
    let before = look().await;

    server.restart().await;
    assert_eq!(look().await, before);
    for user in cleo.get("/api/users").await.ok().as_array().expect("users") {
        assert_eq!(user["status"], "offline");
    }
    let login = server.door.login("ana@example.com", PASSWORD).await.ok();
    assert_eq!(login["user"]["id"], ana.id);
    assert_eq!(
        ana.create(json!([ben.id])).await.ok()["conversation"]["id"],
        chat
    );
    assert_eq!(
        ben.post_once(chat, "an answer", "b-1").await.ok()["id"],
        once["id"]
    );
    assert_eq!(ana.send(chat, "next").await["seq"], 8);
    let mut bens = ben.connect(transport).await;
    let joined = bens.join_after(chat, 5).await;
    assert_eq!(seqs(&joined["messages"]), [6, 7, 8]);
    assert_eq!(ben.read(chat, None).await["unread_count"], 0);
    let _anas = ana.connect(transport).await;
    ben.sees_as(&ana, "busy").await;
    let [dan] = server.people(["Dan"]).await;
    assert_eq!(dan.id, 4);
}

async fn when_somebody_was_last_seen_is_remembered(transport: Transport) {
    let mut server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let anas = ana.connect(transport).await;
    assert_eq!(
        bens.next_event("user_status_changed").await["status"],
        "online"
    );
    anas.close(Some(1000)).await;
    let gone = bens.next_event("user_status_changed").await;
    assert_eq!(gone["status"], "offline");

    server.restart().await;
    assert_eq!(cleo.sees(&ana).await["last_seen_at"], gone["last_seen_at"]);
    is_time(&cleo.sees(&ben).await["last_seen_at"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_under_load_finishes_what_is_under_way() {
    for transport in [
        Transport::WebSocket,
        Transport::SocketIo,
        Transport::Polling,
    ] {
        drain_under_load(transport).await;
    }
}

async fn drain_under_load(transport: Transport) {
    let mut server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let tally = Tally::default();
    let mut rest = Vec::new();
    let mut sockets = Vec::new();
    for (name, person) in [("a", &ana), ("b", &ben)] {
        for i in 0..3 {
            let prefix = format!("{name}-rest-{i}");
            rest.push(tokio::spawn(ledger::by_rest(
                person.clone(),
                chat,
                prefix,
                tally.clone(),
            )));
        }
        let socket = person.connect(transport).await;
        let prefix = format!("{name}-socket");
        let sends = ledger::by_socket(person.clone(), socket, chat, prefix, 30, tally.clone());
        sockets.push(tokio::spawn(sends));
    }
    tally.reaches(200).await;
    server.stop().await;

    let mut attempts = Vec::new();
    for task in sockets {
        let (mut more, end) = task.await.expect("a sender over a socket");
        assert!(transport.asks_back(end), "{transport:?}: {end:?}");
        attempts.append(&mut more);
    }
    for task in rest {
        attempts.append(&mut task.await.expect("a sender over REST"));
    }
    let acknowledged = attempts
        .iter()
        .filter(|attempt| attempt.acknowledged.is_some())
        .count();
    server.start_again().await;
    let stored = ledger::all_acknowledged_is_stored(&ana, chat, &attempts).await;
    // Between two polls an acknowledgement finds nobody: there it takes the retry.
    if transport != Transport::Polling {
        assert_eq!(
            stored, acknowledged,
            "what was stored was also acknowledged"
        );
    }
    ledger::retried_everything_is_there_once(&ana, chat, &mut attempts).await;
}

/// Sends with pauses around the time after which a conversation leaves memory: some messages
/// meet it alive, some asleep, some on its way out.
async fn doze_and_send(person: Person, chat: i64, pauses: impl Iterator<Item = u64>) -> Vec<i64> {
    let mut seqs = Vec::new();
    for (i, pause) in pauses.enumerate() {
        tokio::time::sleep(Duration::from_micros(pause)).await;
        let content = format!("{} {i}", person.name);
        seqs.push(number(&person.send(chat, &content).await["seq"]));
    }
    assert!(seqs.is_sorted(), "{seqs:?}");
    seqs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_leaves_memory_at_any_moment_loses_nothing() {
    let idle = Duration::from_millis(8);
    let server = TestServer::with(move |config| config.limits.conversation_idle = idle).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let once = ana.post_once(chat, "the first", "m-1").await.created();

    let senders: Vec<_> = [(&ana, 3), (&ben, 5), (&ana, 7), (&ben, 11)]
        .into_iter()
        .map(|(person, step)| {
            // 0 to 16 ms around the 8, in steps of their own.
            let pauses = (0..60_u64).map(move |i| i * step * 331 % 16_001);
            tokio::spawn(doze_and_send(person.clone(), chat, pauses))
        })
        .collect();
    let mut all = vec![1];
    for sender in senders {
        all.extend(sender.await.expect("every send is acknowledged"));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=241).collect::<Vec<i64>>());
    let history = json!(ben.history(chat).await);
    assert_eq!(seqs(&history), all);
    let mut contents: Vec<&str> = history
        .as_array()
        .expect("messages")
        .iter()
        .filter_map(|one| one["content"].as_str())
        .collect();
    contents.sort_unstable();
    assert_eq!(
        contents
            .iter()
            .filter(|content| content.starts_with("Ben"))
            .count(),
        120
    );
    assert_eq!(
        ana.post_once(chat, "the first", "m-1").await.ok()["id"],
        once["id"]
    );
}

#[tokio::test]
async fn positions_survive_that_a_conversation_leaves_memory() {
    let idle = Duration::from_millis(1);
    let server = TestServer::with(move |config| config.limits.conversation_idle = idle).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    for round in 1..=20 {
        ana.send_many(chat, 2).await;
        let head = round * 2;
        tokio::time::sleep(Duration::from_millis(round as u64 % 5)).await;
        assert_eq!(ben.unread().await, 2);
        assert_eq!(ben.read(chat, Some(head - 1)).await["unread_count"], 1);
        tokio::time::sleep(Duration::from_millis(round as u64 % 4)).await;
        assert_eq!(ben.read(chat, Some(1)).await["last_read_seq"], head - 1);
        assert_eq!(ben.read(chat, None).await["last_read_seq"], head);
        assert_eq!(ana.participant(chat, &ben).await["last_read_seq"], head);
    }
}

async fn whoever_connects_after_a_long_silence_hears_what_comes(transport: Transport) {
    let idle = Duration::from_millis(1);
    let server = TestServer::with(move |config| config.limits.conversation_idle = idle).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    for round in 1..=15 {
        let mut bens = ben.connect(transport).await;
        let joined = bens.join_after(chat, round - 1).await;
        assert_eq!(joined["head_seq"], round - 1);
        tokio::time::sleep(Duration::from_millis(round as u64 % 4)).await;
        ana.typing(chat, true).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], true);
        tokio::time::sleep(Duration::from_millis(round as u64 % 3)).await;
        let message = ana.send(chat, "good morning").await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], false);
        assert_eq!(bens.next_message().await, message);
        bens.close(Some(1000)).await;
    }
}

async fn whoever_stays_connected_through_a_silence_hears_what_comes(transport: Transport) {
    let idle = Duration::from_millis(1);
    let server = TestServer::with(move |config| config.limits.conversation_idle = idle).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let other = ben.chat_with(&server.people(["Eve"]).await[0]).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    let mut anas = ana.connect(transport).await;
    for round in 1..=15 {
        tokio::time::sleep(Duration::from_millis(15 + round % 9)).await;
        let sent = anas
            .send_message(chat, &format!("after silence {round}"))
            .await;
        assert_eq!(anas.next_message().await, sent);
        assert_eq!(bens.next_message().await, sent);
        // What was joined counts still: of the other conversation only that it moved.
        ben.send(other, "elsewhere").await;
        let moved = bens.next_event("conversation_updated").await;
        assert_eq!(moved["conversation_id"], other);
    }
}

over_every_transport!(
    after_a_restart_everything_is_there_and_nobody_is_online,
    when_somebody_was_last_seen_is_remembered,
    whoever_connects_after_a_long_silence_hears_what_comes,
    whoever_stays_connected_through_a_silence_hears_what_comes,
);
