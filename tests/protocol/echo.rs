//! The transport alone, with the handlers and timings that the official protocol suites expect (those of Engine.IO
//! and Socket.IO, and Autobahn's for WebSockets): `cargo run --release --example protocol_echo` serves them on port
//! 3000. `tests/README.md` says how to run them.

mod engine;
mod plain;
mod queue;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use duologue::config::Limits;
use duologue::transport::crowd::Crowd;
use duologue::transport::origin::Origins;
use duologue::transport::{Life, engineio, server, websocket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let limits = Arc::new(Limits {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        authenticate_timeout: Duration::from_secs(1),
        body_bytes: 1_000_000,
        ..Limits::default()
    });
    let life = Life::default();
    let origins = Arc::new(Origins::Any);
    let engine = engineio::route(
        engine::Echo,
        Arc::clone(&limits),
        Arc::clone(&origins),
        life.clone(),
    );
    let socket = engineio::route(
        socket::Echo(Arc::clone(&limits)),
        Arc::clone(&limits),
        origins,
        life.clone(),
    );
    let large = Limits {
        body_bytes: plain::LARGEST,
        ..Limits::default()
    };
    let plain = websocket::route(queue::Queue::default, Arc::new(large), life.clone());
    let router = Router::new()
        .route("/engine.io/", engine)
        .route("/socket.io/", socket)
        .route("/ws", plain);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let draining = life.draining.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            draining.cancel();
        }
    });
    server::serve(listener, router, Crowd::default(), limits, life).await;
    Ok(())
}
