//! A server that drains: its sockets do not go all at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::arrival::Transport;
use crate::harness::ledger::{self, Tally};
use crate::harness::server::TestServer;

const SOCKETS: u32 = 16;
const SPREAD: Duration = Duration::from_secs(2);

async fn sockets_go_one_after_the_other_and_who_stays_is_served(transport: Transport) {
    let mut server = TestServer::with(|config| {
        config.limits.drain_rate = SOCKETS / 2;
        config.limits.drain_spread = SPREAD;
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (tally, mut senders) = (Tally::default(), Vec::new());
    for number in 0..SOCKETS {
        let (ana, socket) = (ana.clone(), ana.connect(transport).await);
        let (tally, prefix) = (tally.clone(), format!("socket-{number}"));
        senders.push(tokio::spawn(async move {
            let sends = ledger::by_socket(ana, socket, chat, prefix, 1, tally.clone());
            let (attempts, end) = sends.await;
            (Instant::now(), tally.count(), attempts, end)
        }));
    }
    tally.reaches(100).await;
    let (senders, ()) = tokio::join!(join_all(senders), server.stop());
    let mut ended: Vec<_> = senders
        .into_iter()
        .map(|it| it.expect("a sender"))
        .collect();
    ended.sort_by_key(|(at, ..)| *at);
    let ((first, before, ..), (last, after, ..)) = (&ended[0], &ended[ended.len() - 1]);
    // That 16 moments at random all fall into a tenth of the time is out of the question.
    assert!(*last - *first > SPREAD / 10, "{:?}", *last - *first);
    assert!(after > before, "nobody was served meanwhile");

    server.start_again().await;
    for (_, _, attempts, end) in ended {
        assert_eq!(end, transport.asked_back());
        ledger::all_acknowledged_is_stored(&ana, chat, &attempts).await;
    }
}

// Polls take new connections, and a server that drains takes none: theirs end at once.
over_transport!(
    websocket,
    WebSocket,
    sockets_go_one_after_the_other_and_who_stays_is_served
);
over_transport!(
    socketio,
    SocketIo,
    sockets_go_one_after_the_other_and_who_stays_is_served
);
