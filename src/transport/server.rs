//! Accepts connections and carries HTTP over them.
//!
//! Through hyper and not through `axum::serve`, which sets no limits on a request's head and leaves
//! Nagle's algorithm on. Nor through hyper-util's builder for any version: it first reads whether the
//! client speaks HTTP/2, even where only HTTP/1 is served, and that costs a call of the system and twice
//! the buffer for each connection.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Service, ServiceExt as _};

use super::Life;
use super::crowd::{Crowd, Entered};
use crate::config::Limits;

/// Answers requests; each is answered by a clone.
pub trait HttpService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// A connection's place among those that the server has room for. It is free again when nobody
/// holds a clone of it: a socket outlives the request that opened it.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    peer: IpAddr,
    #[expect(dead_code, reason = "held")]
    among_all: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held")]
    among_its_own: Entered,
}

impl Place {
    /// Who has it.
    pub(super) fn peer(&self) -> IpAddr {
        self.0.peer
    }
}

/// How long the kernel keeps trying to deliver to a peer that acknowledges nothing.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How long to wait after a failed accept, such as for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// File descriptors that are not connections of clients: the database, its log, standard streams,
/// the runtime.
const RESERVED_FILES: u64 = 64;

/// How many connections may wait to be accepted; the kernel takes what it allows of it
/// (`net.core.somaxconn`). One that finds the queue full tries again after a second (RFC 6298, 2.1),
/// and thousands come at once when what they were connected to starts anew.
const LISTEN_QUEUE: u32 = 65_535;

/// How many connections are accepted in a row before whoever is ready has had a turn. With one at a time thousands
/// that come at once are the least felt by others, but one that comes while the server is full waits for
/// seconds until it is told so; with as many as there are it is the other way round (`benches/README.md`, History).
const ACCEPTED_IN_A_ROW: u32 = 16;

/// Listens on `address`, a host and a port.
///
/// # Errors
/// If there is no such host, or none of its addresses with that port is to be had here.
pub async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in lookup_host(address).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The port of a server that has just ended is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_QUEUE)
}

/// Accepts connections on `listener` and serves them with `service`, until the server drains; but
/// not too many of one `crowd`.
pub async fn serve(
    listener: TcpListener,
    service: impl HttpService,
    crowd: Crowd,
    limits: Arc<Limits>,
    life: Life,
) {
    let most = connections_max(&limits);
    let places = Arc::new(Semaphore::new(most));
    let http = Arc::new(http(&limits));
    let mut in_a_row = 0;
    loop {
        in_a_row = (in_a_row + 1) % ACCEPTED_IN_A_ROW;
        if in_a_row == 0 {
            tokio::task::yield_now().await;
        }
        // What has no place waits in the listen queue.
        let accepting = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place.ok(), listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepting => accepted,
            () = life.draining.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // It is closed at once, unread: an answer would want a head to be read first, and
                // whoever holds so many may be slow to send one, and has no place to wait in.
                let Some(entered) = crowd.enter(peer.ip(), most) else {
                    tracing::debug!("one address has too many connections");
                    continue;
                };
                let place = place.map(|permit| {
                    Place(Arc::new(Taken {
                        peer: peer.ip(),
                        among_all: permit,
                        among_its_own: entered,
                    }))
                });
                let (service, http) = (service.clone(), Arc::clone(&http));
                life.tasks
                    .spawn(connection(stream, place, service, http, life.clone()));
            }
            Err(error) if is_the_peers_fault(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes);
    http
}

/// One connection, until it ends or the server drains: then what is under way is finished.
async fn connection(
    stream: TcpStream,
    place: Option<Place>,
    service: impl HttpService,
    http: Arc<http1::Builder>,
    life: Life,
) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, "a connection was gone at once");
        return;
    }
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        request.map(Body::new)
    });
    let service = TowerToHyperService::new(service);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let connection = connection.with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = life.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED))
}

/// Errors that accept passes on from a connection that is gone already (accept(2)).
fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// As many connections as are configured, or as the limit on open files leaves room for. The soft
/// limit is raised to the hard one first.
fn connections_max(limits: &Limits) -> usize {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit on open files");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024)
        }
    };
    let room = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX);
    limits.connections_max.min(room).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn thousands_may_wait_to_be_accepted() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let allowed = allowed.ok().and_then(|most| most.trim().parse().ok());
        let many = allowed.unwrap_or(0).min(1_500);
        rlimit::increase_nofile_limit(u64::MAX).expect("files for all of them");
        let listener = listen("localhost:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let connect = || async move {
            let connected = timeout(Duration::from_secs(10), TcpStream::connect(address)).await;
            connected.expect("a place in the queue").expect("connected")
        };
        let mut waiting = Vec::new();
        for _ in 0..many {
            waiting.push(connect().await);
        }
        assert!(listener.accept().await.is_ok());
    }

    #[tokio::test]
    async fn who_cannot_listen_says_why() {
        assert!(listen("nowhere.invalid:3000").await.is_err());
        let first = listen("127.0.0.1:0").await.expect("a port");
        let taken = first.local_addr().expect("bound").to_string();
        let refused = listen(&taken).await.expect_err("taken");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
