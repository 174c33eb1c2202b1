//! `kill -9` under load: what was acknowledged is on disk, once, and nothing has a gap.

use crate::harness::arrival::Transport;
use crate::harness::ledger::{self, Attempt, Tally};
use crate::harness::process::{ServerProcess, check};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_under_load_every_acknowledged_message_is_there_exactly_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut attempts: Vec<Attempt> = Vec::new();

    for round in 1..=3 {
        let tally = Tally::default();
        let (mut rest, mut sockets) = (Vec::new(), Vec::new());
        for (name, person) in [("a", &ana), ("b", &ben)] {
            for i in 0..2 {
                let prefix = format!("{round}-{name}-rest-{i}");
                let sends = ledger::by_rest(person.clone(), chat, prefix, tally.clone());
                rest.push(tokio::spawn(sends));
                let socket = person.connect(Transport::WebSocket).await;
                let prefix = format!("{round}-{name}-socket-{i}");
                let sends =
                    ledger::by_socket(person.clone(), socket, chat, prefix, 16, tally.clone());
                sockets.push(tokio::spawn(sends));
            }
        }
        tally.reaches(150 * round).await;
        server.kill().await;

        for task in rest {
            attempts.extend(task.await.expect("a sender over REST"));
        }
        for task in sockets {
            attempts.extend(task.await.expect("a sender over a socket").0);
        }
        let lost = attempts
            .iter()
            .filter(|attempt| attempt.acknowledged.is_none())
            .count();
        assert!(lost > 0, "round {round}: the kill met no send under way");
        server = ServerProcess::start(directory.path()).await.behind(&door);
        ledger::retried_everything_is_there_once(&ben, chat, &mut attempts).await;
        for person in [&ana, &ben] {
            person
                .sees_as(if person.id == ana.id { &ben } else { &ana }, "offline")
                .await;
        }
        let checked = check(directory.path()).await;
        let sound = format!("sound: 1 conversations, {} messages\n", attempts.len());
        assert_eq!(checked.stdout, sound, "round {round}: {checked:?}");
    }
}

#[tokio::test]
async fn positions_and_accounts_that_were_acknowledged_survive_kill_9() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let _online = ana.connect(Transport::WebSocket).await;
    ana.send_many(chat, 5).await;
    ben.read(chat, Some(4)).await;
    ben.choose("busy").await;
    let cleo = door.person("Cleo").await;
    server.kill().await;

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
    assert_eq!(ben.unread().await, 1);
    assert_eq!(ben.participant(chat, &ben).await["last_read_seq"], 4);
    assert_eq!(cleo.get("/api/users/me").await.ok()["user"]["name"], "Cleo");
    assert_eq!(
        ben.sees(&ana).await["status"],
        "offline",
        "a crash leaves nobody online"
    );
    let _bens = ben.connect(Transport::WebSocket).await;
    ana.sees_as(&ben, "busy").await;
}
