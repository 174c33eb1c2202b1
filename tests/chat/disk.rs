//! What the disk does to the database, and what the server makes of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::disk_errors::writes_are_refused;
use crate::harness::person::Person;
use crate::harness::process::{ServerProcess, duologue, refusal};
use crate::harness::strace;

#[tokio::test]
async fn a_database_that_is_gone_beside_its_log_is_told_in_one_line_and_not_made_anew() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let message = ana.send(chat, "still in the log").await;
    server.kill().await;
    let database = directory.path().join("duologue.db");
    let elsewhere = directory.path().join("elsewhere");
    let log = directory.path().join("duologue.db-wal");
    let before = fs::read(&log).expect("the log");
    fs::rename(&database, &elsewhere).expect("a move");

    let why = refusal(duologue(directory.path())).await;
    assert!(why.contains("gone or empty"), "{why}");
    assert_eq!(fs::read(&log).expect("the log"), before);

    fs::rename(&elsewhere, &database).expect("a move");
    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    assert_eq!(ben.history(chat).await, [message]);
}

#[tokio::test]
async fn a_database_that_was_cut_off_is_told_in_one_line() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    server.signal("-TERM").await;
    server.ended().await;
    let database = directory.path().join("duologue.db");
    let whole = fs::read(&database).expect("the database");
    fs::write(&database, &whole[..whole.len() / 2]).expect("a shorter file");
    let why = refusal(duologue(directory.path())).await;
    assert!(why.contains("damaged or cut off"), "{why}");
}

/// Every sync from the sixth of a thread on fails. The next connection's thread counts anew: its syncs
/// succeed, as they do on a disk that has forgotten what it could not write.
const SYNCS_FAIL: [&str; 4] = [
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync,fdatasync:error=EIO:when=6+",
];

/// Sends until one is not acknowledged: those that were, and the key of the one that was not.
async fn send_until_refused(sender: &Person, chat: i64) -> (Vec<Value>, String) {
    let mut acknowledged = Vec::new();
    for number in 1..=100 {
        let key = format!("key-{number}");
        let answer = sender.post_once(chat, &key, &key).await;
        if answer.status == 201 {
            acknowledged.push(answer.created());
            continue;
        }
        answer.refused(503, "overloaded");
        return (acknowledged, key);
    }
    panic!("no sync failed");
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_written_until_the_next_start_and_all_can_be_read() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben, cleo] = door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    server.signal("-TERM").await;
    server.ended().await;

    let trace = directory.path().join("trace");
    let server = ServerProcess::start_with(directory.path(), |command| {
        strace::under(command, &SYNCS_FAIL, &trace);
    })
    .await
    .behind(&door);
    let (acknowledged, key) = send_until_refused(&ana, chat).await;
    assert!(!acknowledged.is_empty());
    nothing_is_written([&ana, &ben, &cleo], chat).await;
    assert_eq!(ben.history(chat).await, acknowledged);

    let log = directory.path().join("duologue.db-wal");
    let before = fs::read(&log).expect("the log");
    server.signal("-TERM").await;
    let (status, told) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{told}");
    let unknown = "the outcome of the commit is not known";
    assert_eq!(told.matches(unknown).count(), 1, "{told}");
    assert_eq!(
        told.matches("nothing is written any more").count(),
        1,
        "{told}"
    );
    assert_eq!(
        fs::read(&log).expect("the log"),
        before,
        "it is left as it is"
    );

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    let answer = ana.post_once(chat, &key, &key).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    let history = ben.history(chat).await;
    assert_eq!(history[..acknowledged.len()], acknowledged);
    assert_eq!(
        history.len(),
        acknowledged.len() + 1,
        "the unknown one is there once"
    );
}

/// Has `change` happen to these calls on the database itself, not on its log, from now on.
async fn on_the_database(
    server: &ServerProcess,
    directory: &Path,
    calls: &str,
    change: &str,
) -> strace::Attached {
    strace::inject(server, directory, &strace::FILES[..1], calls, change).await
}

/// Sends 64 messages at once, five pages of the database each: how many were acknowledged. Some three
/// thousand fill the log.
async fn say_much(sender: &Person, chat: i64) -> usize {
    let content = "🦊".repeat(4_000);
    let post = |_| {
        let (sender, content) = (sender.clone(), content.clone());
        tokio::spawn(async move { sender.post_message(chat, &content).await })
    };
    let mut acknowledged = 0;
    for answer in (0..64).map(post).collect::<Vec<_>>() {
        let answer = answer.await.expect("an answer");
        match answer.status {
            201 => acknowledged += 1,
            _ => drop(answer.refused(503, "overloaded")),
        }
    }
    acknowledged
}

/// The log is synced as ever; but when it is moved into the database, the sync of that fails once.
#[tokio::test]
async fn a_sync_that_fails_while_the_log_is_moved_ends_writing_too() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben, cleo] = door.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    let change = "error=EIO:when=1";
    let strace = on_the_database(&server, directory.path(), "fsync,fdatasync", change).await;
    let mut acknowledged = 0;
    let mut rounds = 0;
    while acknowledged == 64 * rounds {
        acknowledged += say_much(&ana, chat).await;
        rounds += 1;
        assert!(rounds < 200, "the log is never moved");
    }
    nothing_is_written([&ana, &ben, &cleo], chat).await;
    assert_eq!(ben.history(chat).await.len(), acknowledged);
    strace.detach().await;
    server.kill().await;

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    assert_eq!(ben.history(chat).await.len(), acknowledged);
    ana.send(chat, "as ever").await;
}

#[tokio::test]
async fn a_log_that_cannot_be_moved_is_moved_later_and_meanwhile_all_is_stored_in_it() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let strace = on_the_database(&server, directory.path(), "pwrite64", "error=EIO").await;
    let mut rounds = 0;
    while !server.log().contains("cannot move the log") {
        assert_eq!(say_much(&ana, chat).await, 64);
        rounds += 1;
        assert!(rounds < 200, "it is never tried");
    }
    assert_eq!(server.door.get("/health/ready").await.status, 200);
    let database = directory.path().join("duologue.db");
    let length = || fs::metadata(&database).expect("the database").len();
    let before = length();
    strace.detach().await;

    while length() == before {
        assert_eq!(say_much(&ana, chat).await, 64);
        rounds += 1;
        assert!(rounds < 200, "it is never tried again");
    }
    assert_eq!(ben.history(chat).await.len(), 64 * rounds);
}

/// SQLite moves the log once more when its last connection closes, and removes it.
#[tokio::test]
async fn a_sync_that_fails_while_the_server_ends_leaves_the_log_to_the_next_start() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let message = ana.send(chat, "in the log").await;
    let log = directory.path().join("duologue.db-wal");
    let before = fs::read(&log).expect("the log");
    let change = "error=EIO:when=1";
    let _strace = on_the_database(&server, directory.path(), "fsync,fdatasync", change).await;
    server.signal("-TERM").await;
    let (status, told) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("nothing is written any more"), "{told}");
    assert_eq!(fs::read(&log).expect("the log"), before);

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    assert_eq!(ben.history(chat).await, [message]);
}

async fn nothing_is_written([ana, ben, cleo]: [&Person; 3], chat: i64) {
    for round in 0..3 {
        let key = format!("refused-{round}");
        writes_are_refused(ana, ben, cleo, chat, &key).await;
    }
}
