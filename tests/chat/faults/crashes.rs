//! A panic in what the whole server rests on: the process ends, and the next start has everything.

use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::faults::faulty;
use crate::harness::ledger::{self, Attempt, Tally};
use crate::harness::process::{ServerProcess, check};

/// Has the server fail at `point` under load, over REST and sockets.
async fn nothing_is_lost_when_it_fails_at(point: &str) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let tally = Tally::default();
    let mut senders = Vec::new();
    for (name, person) in [("a", &ana), ("b", &ben)] {
        let prefix = format!("{name}-rest");
        let sends = ledger::by_rest(person.clone(), chat, prefix, tally.clone());
        senders.push(tokio::spawn(sends));
        let socket = person.connect(Transport::WebSocket).await;
        let prefix = format!("{name}-socket");
        let sends =
            ledger::by_socket_until_refused(person.clone(), socket, chat, prefix, tally.clone());
        senders.push(tokio::spawn(sends));
    }
    tally.reaches(50).await;
    faults.are(&format!("{point}=panic@1"));
    // Sends concern the journal alone; that somebody comes, the others. Who comes may meet nobody.
    let comes = (!point.starts_with("journal")).then(|| {
        let dial = Dial::to(&door).bearer(&ben.token);
        tokio::spawn(async move { drop(dial.open().await) })
    });
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("ERROR") && log.contains("the server ends"),
        "{log}"
    );

    let mut attempts: Vec<Attempt> = Vec::new();
    for task in senders {
        attempts.extend(task.await.expect("a sender"));
    }
    if let Some(comes) = comes {
        drop(comes.await);
    }
    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    ledger::retried_everything_is_there_once(&ben, chat, &mut attempts).await;
    ana.sees_as(&ben, "offline").await;
    let checked = check(directory.path()).await;
    let sound = format!("sound: 1 conversations, {} messages\n", attempts.len());
    assert_eq!(checked.stdout, sound, "{checked:?}");
}

#[tokio::test]
async fn nothing_is_lost_when_the_journal_panics_at_a_batch() {
    nothing_is_lost_when_it_fails_at("journal.append").await;
}

#[tokio::test]
async fn nothing_is_lost_when_a_transaction_panics_before_it_is_committed() {
    nothing_is_lost_when_it_fails_at("journal.commit").await;
}

#[tokio::test]
async fn nothing_is_lost_when_a_transaction_panics_after_it_is_committed() {
    nothing_is_lost_when_it_fails_at("journal.committed").await;
}

#[tokio::test]
async fn nothing_is_lost_when_presence_panics() {
    nothing_is_lost_when_it_fails_at("presence.handle").await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_supervisor_panics() {
    nothing_is_lost_when_it_fails_at("supervisor.handle").await;
}
