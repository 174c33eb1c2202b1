//! `duologue inspect` and the operator's settings, on the real binary.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use tokio::process::Command;

use crate::harness::answer::number;
use crate::harness::operator::{Operator, TOKEN};
use crate::harness::process::{Ended, ServerProcess, duologue, free_address, refusal, run};

/// A server with an operator's listener, and where that is.
async fn operated(directory: &Path) -> (ServerProcess, SocketAddr) {
    let address = free_address();
    let server = ServerProcess::start_with(directory, |command| {
        command
            .env("OPERATOR_LISTEN", address.to_string())
            .env("OPERATOR_TOKEN", TOKEN);
    });
    (server.await, address)
}

fn inspect(directory: &Path, address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = duologue(directory);
    command
        .arg("inspect")
        .arg(format!("--url=http://{address}"))
        .args(arguments);
    command
}

async fn inspected(directory: &Path, address: SocketAddr, arguments: &[&str]) -> Ended {
    let mut command = inspect(directory, address, arguments);
    command.env("OPERATOR_TOKEN", TOKEN);
    let ended = run(command).await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "", "{ended:?}");
    ended
}

#[tokio::test]
async fn it_tells_a_person_or_a_program_how_the_server_is() {
    let directory = tempdir().expect("a temporary directory");
    let (server, address) = operated(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 5).await;
    ana.post_message(99, "hi").await.refused(404, "not_found");

    let table = inspected(directory.path(), address, &[]).await.stdout;
    let line = |start: &str| {
        let found = table.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {table}"))
    };
    assert!(line("duologue ").contains("up "), "{table}");
    assert!(
        line("so far").contains("sends 5, stored 5, known 0"),
        "{table}"
    );
    assert!(line("refused").ends_with("not_found 1"), "{table}");
    let (_, rows) = table.split_once("largest").expect("the busiest");
    let row = rows.lines().nth(1).expect("a row");
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!((row[0], row[2]), (&*chat.to_string(), "5"), "{table}");

    let json = inspected(directory.path(), address, &["--json"])
        .await
        .stdout;
    assert_eq!(json.lines().count(), 1, "{json}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(number(&json["figures"]["totals"]["stored"]), 5);
    assert_eq!(number(&json["busiest"][0]["conversation"]), chat);
}

#[tokio::test]
async fn it_says_in_one_line_why_it_cannot() {
    let directory = tempdir().expect("a temporary directory");
    let (server, address) = operated(directory.path()).await;
    let why = refusal(inspect(
        directory.path(),
        address,
        &["--token", "a-wrong-token"],
    ))
    .await;
    assert!(
        why.contains("token") && !why.contains("a-wrong-token"),
        "{why}"
    );
    let why = refusal(inspect(directory.path(), address, &[])).await;
    assert!(why.contains("OPERATOR_TOKEN"), "{why}");
    // That is the public door.
    let why = refusal(inspect(directory.path(), server.door.address(), &[])).await;
    assert!(why.contains("no operator listener"), "{why}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = nobody.local_addr().expect("its address");
    drop(nobody);
    let why = refusal(inspect(directory.path(), nowhere, &[])).await;
    assert!(why.contains("--operator-listen"), "{why}");
    let mut secure = duologue(directory.path());
    secure.args(["inspect", "--url", "https://localhost"]);
    assert!(refusal(secure).await.contains("http://"));
}

#[tokio::test]
async fn a_server_without_a_token_says_so_to_who_inspects_it() {
    let directory = tempdir().expect("a temporary directory");
    let address = free_address();
    let _server = ServerProcess::start_with(directory.path(), |command| {
        command.env("OPERATOR_LISTEN", address.to_string());
    })
    .await;
    let why = refusal(inspect(directory.path(), address, &["--token", TOKEN])).await;
    assert!(why.contains("start it with OPERATOR_TOKEN"), "{why}");
}

#[tokio::test]
async fn a_token_that_anybody_could_guess_is_not_taken_nor_repeated() {
    let directory = tempdir().expect("a temporary directory");
    let mut command = duologue(directory.path());
    command
        .env("OPERATOR_LISTEN", free_address().to_string())
        .env("OPERATOR_TOKEN", "fifteen-letters");
    let ended = run(command).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("OPERATOR_TOKEN has 15 bytes"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("fifteen-letters"), "{ended:?}");
}

#[tokio::test]
async fn the_token_is_in_no_log_and_the_drain_ends_the_listener() {
    let directory = tempdir().expect("a temporary directory");
    let address = free_address();
    let server = ServerProcess::start_with(directory.path(), |command| {
        command
            .env("OPERATOR_LISTEN", address.to_string())
            .env("OPERATOR_TOKEN", TOKEN)
            .env("RUST_LOG", "trace");
    })
    .await;
    let operator = Operator::at(address);
    operator.metrics().await;
    operator.overview().await;
    assert_eq!(operator.door.get("/metrics").await.status, 401);
    server.signal("-TERM").await;
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("serving the operator"), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}
