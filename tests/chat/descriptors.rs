//! A server without a file descriptor to spare.

use serde_json::json;
use tempfile::tempdir;
use tokio::process::Command;

use crate::harness::arrival::Transport;
use crate::harness::door::Door;
use crate::harness::person::Person;
use crate::harness::process::ServerProcess;
use crate::harness::wait::{until, within};

/// Changes how many descriptors the server may have, and tells how many that were. Those that are in
/// use stay.
async fn allow(server: &ServerProcess, descriptors: &str) -> String {
    let pid = server.pid().to_string();
    let prlimit = async |arguments: &[&str]| {
        let mut command = Command::new("prlimit");
        let output = command.args(["--pid", &pid]).args(arguments).output().await;
        let output = output.expect("prlimit(1)");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.trim().to_owned()
    };
    let before = prlimit(&["--nofile", "--output=SOFT", "--noheadings"]).await;
    prlimit(&[&format!("--nofile={descriptors}:")]).await;
    before
}

async fn without_descriptors_who_is_inside_is_served_and_who_comes_waits(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;

    let refused = || server.log().matches("cannot accept").count();
    for _ in 0..2 {
        let so_far = refused();
        // Fewer than are in use: there is none left, whichever is given back.
        let before = allow(&server, "3").await;
        let waiting = [(); 3].map(|()| {
            let outside = Person {
                door: Door::to(server.door.address()),
                ..ben.clone()
            };
            tokio::spawn(async move {
                let me = outside.get("/api/users/me").await.ok();
                outside.connect(transport).await.round_trip().await;
                me
            })
        });
        until("a connection that cannot be accepted", async || {
            (refused() > so_far).then_some(())
        })
        .await;
        let message = anas.send_message(chat, "still here").await;
        assert_eq!(bens.next_message().await, message);
        assert_eq!(bens.join_after(chat, 0).await["head_seq"], message["seq"]);
        assert!(waiting.iter().all(|one| !one.is_finished()));

        allow(&server, &before).await;
        for one in waiting {
            let me = within("whoever waited", one).await.expect("an answer");
            assert_eq!(me["user"]["id"], json!(ben.id));
        }
    }
    assert_eq!(ben.history(chat).await.len(), 2);
}

// Who polls may want a new connection at any time, and is not inside like that.
over_transport!(
    websocket,
    WebSocket,
    without_descriptors_who_is_inside_is_served_and_who_comes_waits
);
over_transport!(
    socketio,
    SocketIo,
    without_descriptors_who_is_inside_is_served_and_who_comes_waits
);
