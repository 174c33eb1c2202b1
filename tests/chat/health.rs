//! How a server is, for whoever watches it: over HTTP, and by `duologue health`.

use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::harness::process::{ServerProcess, duologue, run};

#[tokio::test]
async fn health_is_live_and_ready_without_a_token() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(server.door.get(path).await.status, 200, "{path}");
    }
}

/// `duologue health` for whoever listens on `address`: its exit code and what it says.
async fn health(address: &str) -> (Option<i32>, String) {
    let directory = tempdir().expect("a temporary directory");
    let mut command = duologue(directory.path());
    command.arg("health").env("LISTEN", address);
    let ended = run(command).await;
    assert_eq!(ended.stdout, "");
    (ended.status.code(), ended.stderr)
}

#[tokio::test]
async fn health_can_be_asked_for_by_the_program_itself() {
    let directory = tempdir().expect("a temporary directory");
    let server = ServerProcess::start(directory.path()).await;
    let address = server.door.address();
    let everywhere = format!("0.0.0.0:{}", address.port());
    for address in [address.to_string(), everywhere] {
        assert_eq!(health(&address).await, (Some(0), String::new()));
    }
    server.kill().await;
    let (code, why) = health(&address.to_string()).await;
    assert_eq!(code, Some(1), "{why}");
    assert!(why.contains("cannot be asked"), "{why}");
    assert_eq!(why.lines().count(), 1, "{why}");

    // One that is there, and cannot serve.
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let ill = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream.read_line(&mut head).await.expect("a request");
        }
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.expect("room");
        stream
    };
    let ((code, why), _stream) = tokio::join!(health(&address), ill);
    assert_eq!(code, Some(1), "{why}");
    assert!(why.contains("not ready: 503"), "{why}");
}
