//! A disk that is full, read-only, broken or slow for a while, as the system tells it (strace stands
//! between): reads go on, writes are refused, and when it is over all is as before, by itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue::config::Limits;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::process::{ServerProcess, check};
use crate::harness::server::Locked;
use crate::harness::strace;
use crate::harness::wait::until;

/// Has the system answer these calls on the database and its log with `error`, from now on.
pub(crate) async fn fail(
    server: &ServerProcess,
    directory: &Path,
    calls: &str,
    error: &str,
) -> strace::Attached {
    let change = format!("error={error}");
    strace::inject(server, directory, &strace::FILES, calls, &change).await
}

/// What writes is refused in the same way, whatever it is.
pub(crate) async fn writes_are_refused(
    ana: &Person,
    ben: &Person,
    cleo: &Person,
    chat: i64,
    key: &str,
) {
    let refused = ana.post_once(chat, key, key).await;
    refused.refused(503, "overloaded");
    let refused = ana.create(json!([cleo.id])).await;
    refused.refused(503, "overloaded");
    let refused = ana.put("/api/users/me/status", json!({"status": "busy"}));
    refused.await.refused(503, "overloaded");
    let email = format!("{key}@example.com");
    let refused = ana.door.register("Dan", &email, PASSWORD).await;
    refused.refused(503, "overloaded");
    let read = format!("/api/messages/conversation/{chat}/read");
    let refused = ben.call(Method::PUT, &read, Carried::default()).await;
    refused.refused(503, "overloaded");
    let refused = ana.door.get("/health/ready").await;
    refused.refused(503, "overloaded");
    assert_eq!(ana.door.get("/health/live").await.status, 200);
}

async fn reads_go_on(reader: &Person, chat: i64, history: &[Value]) {
    assert_eq!(reader.history(chat).await, history);
    assert_eq!(reader.list().await.len(), 1);
    reader.get("/api/users?search=ana").await.ok();
}

async fn is_sound(directory: &Path) {
    let checked = check(directory).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

/// With `error` in the place of every write to the log or the database.
async fn while_it_cannot_be_written_to(transport: Transport, error: &str) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    ana.send(chat, "one").await;
    let history = ben.history(chat).await;

    let strace = fail(&server, directory.path(), "pwrite64,ftruncate", error).await;
    for round in 0..2 {
        let key = format!("refused-{round}");
        writes_are_refused(&ana, &ben, &cleo, chat, &key).await;
        let data = json!({"conversationId": chat, "content": key, "clientMessageId": key});
        let refused = anas.request("send_message", data).await;
        refused.refused("overloaded");
        reads_go_on(&ben, chat, &history).await;
        ana.typing(chat, true).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], true);
        ana.typing(chat, false).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], false);
    }
    strace.detach().await;

    for (round, seq) in [(0, 2), (1, 3)] {
        let key = format!("refused-{round}");
        let stored = ana.post_once(chat, &key, &key).await.created();
        assert_eq!(stored["seq"], seq);
    }
    assert_eq!(bens.seqs_until(chat, 3).await, [1, 2, 3]);
    assert_eq!(server.door.get("/health/ready").await.status, 200);
    assert_eq!(ben.read(chat, None).await["last_read_seq"], 3);
    ana.chat_with(&cleo).await;
    is_sound(directory.path()).await;
}

async fn a_full_disk_refuses_writes_alone_and_there_is_room_again(transport: Transport) {
    while_it_cannot_be_written_to(transport, "ENOSPC").await;
}

async fn a_disk_that_is_read_only_refuses_writes_alone(transport: Transport) {
    while_it_cannot_be_written_to(transport, "EROFS").await;
}

async fn a_disk_whose_writes_fail_refuses_writes_alone(transport: Transport) {
    while_it_cannot_be_written_to(transport, "EIO").await;
}

/// Of what is written one piece goes to the log, and the next does not: a frame's head, say, without its
/// page. Nobody gets to see half of it, not after a crash either.
#[tokio::test]
async fn a_disk_that_fills_up_within_a_write_leaves_nothing_half_written() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben, cleo] = door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "one").await;
    let history = ben.history(chat).await;
    let log = directory.path().join("duologue.db-wal");
    let before = fs::metadata(&log).expect("the log").len();

    let every_second = "ENOSPC:when=2+2";
    let strace = fail(&server, directory.path(), "pwrite64", every_second).await;
    for round in 0..3 {
        let key = format!("refused-{round}");
        writes_are_refused(&ana, &ben, &cleo, chat, &key).await;
        reads_go_on(&ben, chat, &history).await;
    }
    let after = fs::metadata(&log).expect("the log").len();
    assert!(after > before, "a half of it is there");
    strace.detach().await;
    server.kill().await;
    is_sound(directory.path()).await;

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    reads_go_on(&ben, chat, &history).await;
    assert_eq!(
        ana.post_once(chat, "refused-0", "refused-0")
            .await
            .created()["seq"],
        2
    );
    ana.chat_with(&cleo).await;
    door.register("Dan", "refused-0@example.com", PASSWORD)
        .await
        .created();
}

#[tokio::test]
async fn a_disk_whose_reads_fail_refuses_what_is_not_in_memory() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben, cleo] = door.people(["Ana", "Ben", "Cleo"]).await;
    let (awake, asleep) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    let kept = [ana.send(awake, "one").await];
    // Each has pages of its own in the database, which nobody reads for anything else.
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(ana.send(asleep, &"🦊".repeat(4_000)).await);
    }
    server.kill().await;

    // With nothing in memory but what is asked for now.
    let server = ServerProcess::start(directory.path()).await.behind(&door);
    let mut anas = ana.connect(Transport::WebSocket).await;
    assert_eq!(ana.history(awake).await, kept);
    let strace = fail(&server, directory.path(), "pread64", "EIO").await;
    for _ in 0..2 {
        ana.page(asleep, "").await.refused(503, "overloaded");
        let refused = ana.post_message(asleep, "refused").await;
        refused.refused(503, "overloaded");
        assert_eq!(ana.history(awake).await, kept);
        anas.round_trip().await;
        assert_eq!(door.get("/health/live").await.status, 200);
    }
    strace.detach().await;
    assert_eq!(ana.history(asleep).await, unread);
    assert_eq!(ana.send(asleep, "two").await["seq"], 4);
    assert_eq!(ana.send(awake, "two").await["seq"], 2);
    is_sound(directory.path()).await;
}

/// A disk that does not answer: every sync of the log hangs until strace goes.
async fn hang(server: &ServerProcess, directory: &Path) -> strace::Attached {
    let (log, change) = (&strace::FILES[1..], "delay_exit=3600s");
    strace::inject(server, directory, log, "fsync,fdatasync", change).await
}

async fn while_the_disk_is_slow_sends_wait_and_reads_go_on(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, other) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    ana.send(chat, "one").await;
    let history = ben.history(chat).await;

    let strace = hang(&server, directory.path()).await;
    let data = json!({"conversationId": chat, "content": "two"});
    let asked = anas.send("send_message", data);
    let elsewhere = cleo.post_at_once(other, 2);
    for _ in 0..3 {
        assert_eq!(ben.history(chat).await, history);
        assert_eq!(ana.list().await.len(), 2);
        ben.typing(chat, true).await;
        bens.round_trip().await;
    }
    assert!(elsewhere.iter().all(|answer| !answer.is_finished()));
    strace.detach().await;
    assert_eq!(anas.reply(asked).await.ok()["seq"], 2);
    for answer in elsewhere {
        answer.await.expect("an answer").created();
    }
    assert_eq!(bens.seqs_until(chat, 2).await, [1, 2]);
}

#[tokio::test]
async fn what_waits_too_long_for_the_disk_is_503_and_may_be_stored_once_it_is_back() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (
        ana.connect(Transport::WebSocket).await,
        ben.connect(Transport::WebSocket).await,
    );
    bens.join(chat).await;

    let strace = hang(&server, directory.path()).await;
    let begun = Instant::now();
    let data = json!({"conversationId": chat, "content": "one", "clientMessageId": "one"});
    let asked = anas.send("send_message", data);
    // The clocks go on meanwhile: typing ends by its own.
    ana.typing(chat, true).await;
    for is_typing in [true, false] {
        assert_eq!(bens.next_event("user_typing").await["isTyping"], is_typing);
    }
    until("the server to be not ready", async || {
        let answer = server.door.get("/health/ready").await;
        (answer.status == 503).then(|| answer.refused(503, "overloaded"))
    })
    .await;
    anas.reply(asked).await.refused("overloaded");
    assert!(begun.elapsed() >= Limits::default().command_time);
    assert_eq!(server.door.get("/health/live").await.status, 200);

    strace.detach().await;
    let stored = bens.next_message().await;
    assert_eq!(ana.post_once(chat, "one", "one").await.ok(), stored);
    assert_eq!(ben.history(chat).await, [stored]);
    assert_eq!(server.door.get("/health/ready").await.status, 200);
}

/// After a write that failed the server tries one for whoever asks for its health: it hangs as well.
#[tokio::test]
async fn who_asks_for_its_health_is_answered_while_the_disk_hangs_and_hears_when_it_is_back() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = &server.door;
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let strace = fail(&server, directory.path(), "pwrite64", "ENOSPC").await;
    let refused = ana.post_message(chat, "refused").await;
    refused.refused(503, "overloaded");
    strace.detach().await;

    let strace = hang(&server, directory.path()).await;
    let trial_time = Limits::default().trial_time;
    // Until it is time for a trial the answer comes at once.
    loop {
        let begun = Instant::now();
        let answer = door.get("/health/ready").await;
        answer.refused(503, "overloaded");
        if begun.elapsed() >= trial_time {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ask = || {
        let door = Arc::clone(door);
        tokio::spawn(async move { door.get("/health/ready").await })
    };
    for _ in 0..3 {
        for answer in (0..8).map(|_| ask()).collect::<Vec<_>>() {
            let answer = answer.await.expect("an answer");
            answer.refused(503, "overloaded");
        }
    }
    assert_eq!(door.get("/health/live").await.status, 200);

    strace.detach().await;
    until("the server to be ready", async || {
        let answer = door.get("/health/ready").await;
        (answer.status == 200).then_some(())
    })
    .await;
    ana.send(chat, "as ever").await;
}

#[tokio::test]
async fn while_another_process_has_the_lock_writes_are_503_and_reads_go_on() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "one").await;
    let history = ben.history(chat).await;

    let lock = Locked::in_directory(directory.path()).await;
    let begun = Instant::now();
    writes_are_refused(&ana, &ben, &cleo, chat, "refused").await;
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it was waited for"
    );
    reads_go_on(&ben, chat, &history).await;
    lock.unlock().await;
    let stored = ana.post_once(chat, "refused", "refused").await.created();
    assert_eq!(stored["seq"], 2);
    assert_eq!(server.door.get("/health/ready").await.status, 200);
    is_sound(directory.path()).await;
}

over_every_transport!(
    while_the_disk_is_slow_sends_wait_and_reads_go_on,
    a_full_disk_refuses_writes_alone_and_there_is_room_again,
    a_disk_that_is_read_only_refuses_writes_alone,
    a_disk_whose_writes_fail_refuses_writes_alone,
);
