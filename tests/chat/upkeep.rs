//! `duologue backup` and `duologue check`, beside a server that has much to do.

use std::fs;
use std::path::Path;

use sea_orm::{ConnectionTrait, Database};
use tempfile::tempdir;

use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::ledger::{self, Tally};
use crate::harness::process::{Ended, ServerProcess, database_url, duologue, refusal, run};

/// Runs `duologue` with these arguments on the database in `directory`.
async fn upkeep(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = duologue(directory);
    command.args(arguments);
    run(command).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_all_that_was_acknowledged_before_it() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let tally = Tally::default();
    let rest = ledger::by_rest(ana.clone(), chat, "rest".to_owned(), tally.clone());
    let rest = tokio::spawn(rest);
    let socket = ben.connect(Transport::WebSocket).await;
    let sends = ledger::by_socket(
        ben.clone(),
        socket,
        chat,
        "socket".to_owned(),
        16,
        tally.clone(),
    );
    let sends = tokio::spawn(sends);
    tally.reaches(200).await;

    let before = number(&ana.page(chat, "limit=1").await.ok()["head_seq"]);
    let restored = tempdir().expect("a temporary directory");
    let file = restored.path().join("duologue.db");
    let told = upkeep(directory.path(), &["backup", file.to_str().expect("UTF-8")]).await;
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert_eq!(told.stdout.lines().count(), 1, "{told:?}");
    assert!(
        told.stdout.contains("secret"),
        "it says what is not in it: {told:?}"
    );
    let after = number(&ana.page(chat, "limit=1").await.ok()["head_seq"]);
    tally
        .reaches(usize::try_from(after).expect("positive") + 50)
        .await;
    server.kill().await;
    let mut attempts = rest.await.expect("a sender over REST");
    attempts.extend(sends.await.expect("a sender over a socket").0);

    let server = ServerProcess::start(restored.path()).await.behind(&door);
    let history = ben.history(chat).await;
    let count = history.len() as i64;
    assert!(
        (before..=after).contains(&count),
        "{before} {count} {after}"
    );
    for attempt in attempts {
        let Some(sent) = attempt.acknowledged else {
            continue;
        };
        let Some(place) = usize::try_from(number(&sent["seq"]) - 1).ok() else {
            continue;
        };
        if let Some(stored) = history.get(place) {
            for key in ["id", "seq", "content", "client_message_id", "created_at"] {
                assert_eq!(stored[key], sent[key]);
            }
        }
    }
    ana.send(chat, "and it goes on").await;
    let checked = upkeep(restored.path(), &["check"]).await;
    let line = format!("sound: 1 conversations, {} messages\n", count + 1);
    assert_eq!((checked.status.code(), checked.stdout), (Some(0), line));
    drop(server);
}

#[tokio::test]
async fn a_backup_replaces_nothing_and_says_so_in_one_line() {
    let directory = tempdir().expect("a temporary directory");
    let _server = ServerProcess::start(directory.path()).await;
    let mut command = duologue(directory.path());
    command.args(["backup", "duologue.db"]);
    let why = refusal(command).await;
    assert!(why.contains("there already"), "{why}");
}

#[tokio::test]
async fn the_database_may_be_named_on_either_side_of_the_command() {
    let directory = tempdir().expect("a temporary directory");
    ServerProcess::start(directory.path()).await.kill().await;
    let url = database_url(&directory.path().join("duologue.db"));
    let elsewhere = tempdir().expect("a temporary directory");
    for arguments in [
        ["--database-url", &url, "check"],
        ["check", "--database-url", &url],
    ] {
        let told = upkeep(elsewhere.path(), &arguments).await;
        assert_eq!(
            told.stdout, "sound: 0 conversations, 0 messages\n",
            "{told:?}"
        );
    }
    for arguments in [["check"].as_slice(), &["backup", "copy.db"]] {
        let mut command = duologue(elsewhere.path());
        command.args(arguments);
        let why = refusal(command).await;
        assert!(why.contains("no database"), "{why}");
    }
    let made = fs::read_dir(elsewhere.path())
        .expect("the directory")
        .count();
    assert_eq!(made, 0, "looking makes nothing");
}

#[tokio::test]
async fn a_check_tells_each_fault_in_a_line_and_ends_with_1() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    server.kill().await;
    let url = database_url(&directory.path().join("duologue.db"));
    let database = Database::connect(&url).await.expect("the database");
    for plant in [
        "DELETE FROM messages WHERE seq = 2",
        "UPDATE participants SET last_read_seq = 9, last_delivered_seq = 9 WHERE user_id = 1",
    ] {
        database.execute_unprepared(plant).await.expect("a fault");
    }
    database.close().await.expect("a closed database");
    let told = upkeep(directory.path(), &["check"]).await;
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert_eq!(
        told.stdout.lines().collect::<Vec<_>>(),
        [
            "conversation 1: 2 messages stand at positions 1 to 3",
            "conversation 1: user 1 has read up to 9 of 3",
            "conversation 1: user 1 has received up to 9 of 3",
        ]
    );
}
