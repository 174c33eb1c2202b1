//! A line between clients and server that breaks when it is told to: a TCP proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Flows,
    /// Nothing comes through any more, and nobody is told.
    Freezes,
    Breaks,
}

/// The proxy, until it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Where clients go.
    pub(super) address: SocketAddr,
    server: watch::Sender<SocketAddr>,
    lines: Arc<Mutex<Vec<watch::Sender<Fate>>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the server at `server`.
    pub(super) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (server, to) = watch::channel(server);
        let lines = Arc::default();
        let accepting = tokio::spawn(accept(listener, to, Arc::clone(&lines)));
        Self {
            address,
            server,
            lines,
            accepting,
        }
    }

    /// Follows the server to where it went.
    pub(super) fn moved(&self, server: SocketAddr) {
        self.server.send_replace(server);
    }

    /// Breaks those connections off of which `chosen` says so.
    pub(super) fn cut(&self, chosen: impl FnMut() -> bool) -> usize {
        self.have(Fate::Breaks, chosen)
    }

    /// Has nothing come through these any more, either way, and tells neither end.
    pub(super) fn freeze(&self, chosen: impl FnMut() -> bool) -> usize {
        self.have(Fate::Freezes, chosen)
    }

    fn have(&self, fate: Fate, mut chosen: impl FnMut() -> bool) -> usize {
        let mut lines = self.lines.lock().expect("nobody panicked with the lines");
        lines.retain(|line| !line.is_closed());
        let mut count = 0;
        for line in lines.iter() {
            if *line.borrow() == Fate::Flows && chosen() {
                line.send_replace(fate);
                count += 1;
            }
        }
        count
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        let mut lines = self.lines.lock().expect("nobody panicked with the lines");
        lines.clear();
    }
}

async fn accept(
    listener: TcpListener,
    server: watch::Receiver<SocketAddr>,
    lines: Arc<Mutex<Vec<watch::Sender<Fate>>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (fate, told) = watch::channel(Fate::Flows);
        lines
            .lock()
            .expect("nobody panicked with the lines")
            .push(fate);
        let server = *server.borrow();
        tokio::spawn(carry(client, server, told));
    }
}

/// Carries bytes both ways until either end, or the proxy, breaks it off.
async fn carry(mut client: TcpStream, server: SocketAddr, mut fate: watch::Receiver<Fate>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    // Without it an acknowledgement would wait for the next packet.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = fate.wait_for(|fate| *fate != Fate::Flows) => {}
    }
    // Both ends stay open, and hear nothing.
    drop(fate.wait_for(|fate| *fate == Fate::Breaks).await);
}
