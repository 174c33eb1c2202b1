//! SIGTERM and ctrl-C: nothing under way is lost, and clients are told to come back.

use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::ledger::{self, Tally};
use crate::harness::process::ServerProcess;

async fn a_signal_asks_the_clients_back_and_the_process_ends_with_0(transport: Transport) {
    for signal in ["-TERM", "-INT"] {
        let directory = tempdir().expect("a temporary directory");
        let server = ServerProcess::start(directory.path()).await;
        let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
        let mut anas = ana.connect(transport).await;
        let mut joined = ben.connect(transport).await;
        let chat = ana.chat_with(&ben).await;
        joined.join(chat).await;
        let deaf = Dial::to(&server.door).withholding_pongs();
        let mut deaf = ben.connect_by(transport, deaf).await;

        let before = Instant::now();
        server.signal(signal).await;
        for socket in [&mut anas, &mut joined, &mut deaf] {
            let end = socket.end().await;
            assert_eq!(end, transport.asked_back(), "after {signal}");
        }
        let (status, log) = server.ended().await;
        assert_eq!(status.code(), Some(0), "after {signal}: {log}");
        assert!(
            before.elapsed() < Duration::from_secs(10),
            "{:?}",
            before.elapsed()
        );
    }
}

async fn sends_under_way_at_sigterm_are_stored_and_acknowledged(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let tally = Tally::default();
    let (mut rest, mut sockets) = (Vec::new(), Vec::new());
    for (name, person) in [("a", &ana), ("b", &ben)] {
        let sends = ledger::by_rest(person.clone(), chat, format!("{name}-rest"), tally.clone());
        rest.push(tokio::spawn(sends));
        let socket = person.connect(transport).await;
        let prefix = format!("{name}-socket");
        let sends = ledger::by_socket(person.clone(), socket, chat, prefix, 100, tally.clone());
        sockets.push(tokio::spawn(sends));
    }
    tally.reaches(300).await;
    server.signal("-TERM").await;

    let mut attempts = Vec::new();
    for task in sockets {
        let (mut more, end) = task.await.expect("a sender over a socket");
        assert!(transport.asks_back(end), "{transport:?}: {end:?}");
        attempts.append(&mut more);
    }
    for task in rest {
        attempts.append(&mut task.await.expect("a sender over REST"));
    }
    assert_eq!(server.ended().await.0.code(), Some(0));
    let acknowledged = attempts
        .iter()
        .filter(|attempt| attempt.acknowledged.is_some())
        .count();

    let _server = ServerProcess::start(directory.path()).await.behind(&door);
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

async fn a_hanging_client_does_not_hold_up_the_end(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let ana = server.door.person("Ana").await;
    let hanging = Dial::to(&server.door)
        .small_receive_buffer()
        .withholding_pongs();
    let hanging = ana.connect_by(transport, hanging).await;
    hanging.pause();
    let _nobody = Dial::to(&server.door)
        .over(transport)
        .open()
        .await
        .expect("a connection without a token");
    let _silent = tokio::net::TcpStream::connect(server.door.address())
        .await
        .expect("TCP");
    let before = Instant::now();
    server.signal("-TERM").await;
    // Whoever is impatient changes nothing: what is under way is finished all the same.
    server.signal("-TERM").await;
    assert_eq!(server.ended().await.0.code(), Some(0));
    assert!(
        before.elapsed() < Duration::from_secs(10),
        "{:?}",
        before.elapsed()
    );
}

over_every_transport!(
    a_signal_asks_the_clients_back_and_the_process_ends_with_0,
    sends_under_way_at_sigterm_are_stored_and_acknowledged,
    a_hanging_client_does_not_hold_up_the_end,
);
