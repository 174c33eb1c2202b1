//! A server that stores nothing and says back what it hears, on the stack of the server under load. It is a process of
//! its own, which this program starts as itself with another argument.

use std::io::{Read, Write, stdin, stdout};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::http::Target;

/// The hidden mode that makes this program an echo.
pub(crate) const ARGUMENT: &str = "echo";
/// As the server under load has it.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// The echo's process, seen from the generator; dropping it ends it.
pub(super) struct Echo {
    child: Child,
    pub(super) pid: u32,
    pub(super) http: Target,
    pub(super) websocket: Target,
}

impl Echo {
    pub(super) async fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("it ended at once")?;
        let mut lines = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let mut address = async || -> Result<Target> {
            let line = lines.next_line().await?.context("it ended at once")?;
            Ok(Target::local(line.parse()?))
        };
        Ok(Self {
            http: address().await?,
            websocket: address().await?,
            child,
            pid,
        })
    }

    pub(super) async fn stop(mut self) {
        // It ends with its input.
        drop(self.child.stdin.take());
        self.child.wait().await.ok();
    }
}

/// Serves until the standard input ends, and so no longer than whoever started it.
pub(crate) fn serve() -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    runtime.block_on(async {
        let http = TcpListener::bind("127.0.0.1:0").await?;
        let websocket = TcpListener::bind("127.0.0.1:0").await?;
        let addresses = format!("{}\n{}\n", http.local_addr()?, websocket.local_addr()?);
        stdout().write_all(addresses.as_bytes())?;
        stdout().flush()?;
        let mut ended = spawn_blocking(|| stdin().read_to_end(&mut Vec::new()));
        let router = Router::new().route("/{*path}", post(answer));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        let builder = Arc::new(builder);
        loop {
            tokio::select! {
                accepted = http.accept() => {
                    let (stream, builder) = (ready(accepted)?, Arc::clone(&builder));
                    let service = TowerToHyperService::new(router.clone());
                    tokio::spawn(async move {
                        builder.serve_connection(TokioIo::new(stream), service).await.ok();
                    });
                }
                accepted = websocket.accept() => {
                    tokio::spawn(say_back(ready(accepted)?));
                }
                _ = &mut ended => return Ok(()),
            }
        }
    })
}

async fn answer(body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}

fn ready(accepted: std::io::Result<(TcpStream, std::net::SocketAddr)>) -> Result<TcpStream> {
    let (stream, _) = accepted.context("cannot accept a connection")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Each frame back, as many with one write as came together.
async fn say_back(stream: TcpStream) -> Option<()> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let mut socket = accept_async_with_config(stream, Some(config)).await.ok()?;
    loop {
        let mut next = Some(socket.next().await?.ok()?);
        while let Some(frame) = next {
            if frame.is_text() {
                socket.feed(frame).await.ok()?;
            }
            next = match socket.next().now_or_never() {
                Some(frame) => Some(frame?.ok()?),
                None => None,
            };
        }
        socket.flush().await.ok()?;
    }
}
