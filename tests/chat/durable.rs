//! What the server asks of the system before it tells anybody of a message.
//!
//! `kill -9` cannot tell what is on disk from what the system has only been given; strace can.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::process::ServerProcess;
use crate::harness::strace::{self, Call};
use crate::harness::wait::until;

async fn a_message_is_synced_before_anybody_is_told(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let trace = directory.path().join("trace");
    let options = [
        "-y",
        "-s",
        "4096",
        "-e",
        "trace=pwrite64,fsync,fdatasync,write,writev,sendto",
    ];
    let server = ServerProcess::start_with(directory.path(), |command| {
        strace::under(command, &options, &trace);
    })
    .await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);

    for round in 0..3 {
        let content = format!("over REST, {round}");
        ana.send(chat, &content).await;
        assert_eq!(bens.next_message().await["content"], content);
        is_synced_before_it_is_told(&trace, &content).await;

        let content = format!("over a socket, {round}");
        anas.send_message(chat, &content).await;
        assert_eq!(bens.next_message().await["content"], content);
        is_synced_before_it_is_told(&trace, &content).await;
    }
}

/// The order of the calls that carry `content`: into the log, a sync of the log, out of a socket.
async fn is_synced_before_it_is_told(trace: &Path, content: &str) {
    let calls = until(format!("`{content}` in the trace"), async || {
        let calls = strace::calls(&fs::read_to_string(trace).expect("the trace"));
        tells(&calls, content).is_some().then_some(calls)
    })
    .await;
    let mut all = calls.iter();
    let written =
        all.find(|call| call.is(&["pwrite64"], ".db-wal>") && call.text.contains(content));
    let written =
        written.unwrap_or_else(|| panic!("`{content}` was not written before it was told"));
    let is_sync = |call: &&Call| call.is(&["fsync", "fdatasync"], ".db-wal>") && call.is_done();
    let synced = all.find(is_sync);
    let synced = synced.unwrap_or_else(|| panic!("`{content}` was not synced"));
    let told = tells(&calls, content).expect("seen above");
    assert!(written.ended < synced.begun, "{written:?} {synced:?}");
    assert!(
        synced.ended < told.begun,
        "told before it was synced: {told:?}, {synced:?}"
    );
}

/// The first call that tells a client of `content`.
fn tells<'a>(calls: &'a [Call], content: &str) -> Option<&'a Call> {
    let tells = |call: &&Call| {
        call.is(&["write", "writev", "sendto"], "socket:") && call.text.contains(content)
    };
    calls.iter().filter(tells).min_by_key(|call| call.begun)
}

over_every_transport!(a_message_is_synced_before_anybody_is_told);
