//! What becomes of the database's files, and what the server makes of it.

use std::fs;

use tempfile::tempdir;

use crate::harness::process::{ServerProcess, duologue, refusal};

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
