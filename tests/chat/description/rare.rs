//! What a call is answered by a server in which something is wrong: a fault inside, a disk that fails.
//! `calls.rs` leaves these statuses to here.

use serde_json::Value;
use tempfile::tempdir;

use super::calls::open_socket;
use super::inquiry::Inquiry;
use crate::disk_errors::fail;
use crate::harness::process::ServerProcess;

/// Whether a status is met by the tests of this file.
pub(super) fn is_met_here(status: &str) -> bool {
    status.ends_with(" 500") || BY_THE_DISK.contains(&status)
}

const BY_THE_DISK: [&str; 2] = ["GET /health/ready 503", "GET /ws 503"];

#[tokio::test]
async fn a_disk_that_fails_is_told_as_it_is_described() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let door = server.door.clone();
    let mut inquiry = Inquiry::about(&door).await;
    let [ana, ben] = door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let strace = fail(&server, directory.path(), "pwrite64", "ENOSPC").await;
    let refused = ana.post_message(chat, "refused").await;
    refused.refused(503, "overloaded");
    let ready = "GET /health/ready";
    let refused = inquiry.make(ready, ("", ""), None, Value::Null).await;
    refused.refused(503, "overloaded");
    strace.detach().await;
    server.kill().await;

    // Whoever is not in memory cannot be known again.
    let server = ServerProcess::start(directory.path()).await.behind(&door);
    let strace = fail(&server, directory.path(), "pread64", "EIO").await;
    open_socket(&mut inquiry, Some(&ana.token), 503).await;
    strace.detach().await;
    open_socket(&mut inquiry, Some(&ana.token), 101).await;

    let unmet = inquiry.document.unmet();
    let unmet = BY_THE_DISK.into_iter().find(|one| unmet.contains(*one));
    assert_eq!(unmet, None, "described, and never met");
}

#[cfg(feature = "faults")]
mod faults {
    use reqwest::Method;
    use serde_json::json;

    use super::*;
    use crate::harness::door::Carried;
    use crate::harness::faults::faulty;
    use crate::harness::requests::POLLING;

    #[tokio::test]
    async fn a_fault_is_told_of_every_call_as_it_is_described() {
        let directory = tempdir().expect("a temporary directory");
        let (server, faults) = faulty(directory.path()).await;
        let ana = server.door.person("Ana").await;
        let mut inquiry = Inquiry::about(&server.door).await;
        faults.are("rest.handle=panic");
        inquiry.is_always(500, &ana.token, &[]).await;
        let unmet = inquiry.document.unmet().into_iter();
        let unmet: Vec<_> = unmet.filter(|one| one.ends_with(" 500")).collect();
        assert!(unmet.is_empty(), "described, and never met: {unmet:#?}");
        faults.are("");
        ana.get("/api/users/me").await.ok();
    }

    /// A use case runs to its end beside its request, and may fail there.
    #[tokio::test]
    async fn a_fault_of_a_use_case_is_told_as_it_is_described() {
        let directory = tempdir().expect("a temporary directory");
        let (server, faults) = faulty(directory.path()).await;
        let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
        let mut inquiry = Inquiry::about(&server.door).await;
        let pair = json!({"type": "direct", "participant_ids": [ben.id]});
        let asked = [
            ("PUT /api/users/me/status", json!({"status": "busy"})),
            ("POST /api/conversations", pair),
            ("POST /api/auth/logout", Value::Null),
        ];
        faults.are("chat.use_case=panic");
        for (call, body) in &asked {
            let token = Some(&*ana.token);
            let answer = inquiry.make(call, ("", ""), token, body.clone()).await;
            answer.refused(500, "internal");
        }
        faults.are("");
        for (call, body) in asked {
            let token = Some(&*ana.token);
            let answer = inquiry.make(call, ("", ""), token, body).await;
            assert!([200, 201].contains(&answer.status), "{answer:?}");
        }
    }

    /// And a page of another origin may read what it is told.
    #[tokio::test]
    async fn a_fault_is_told_in_the_same_words_where_no_call_is() {
        let directory = tempdir().expect("a temporary directory");
        let (server, faults) = faulty(directory.path()).await;
        faults.are("rest.handle=panic; engineio.handle=panic");
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/page/client.js"),
            (Method::GET, "/no/such/place"),
            (Method::PATCH, "/api/users/me"),
            (Method::GET, POLLING),
            (Method::POST, POLLING),
        ] {
            let carried = Carried::default().with("origin", "http://localhost:5173");
            let answer = server.door.call(method, path, carried).await;
            answer.refused(500, "internal");
            assert_eq!(
                answer.headers["access-control-allow-origin"],
                "http://localhost:5173"
            );
        }
        faults.are("");
        assert_eq!(server.door.get(POLLING).await.status, 200);
    }
}
