//! Control over pongs. The client library answers every ping by itself, so the bytes pass a gate
//! that can hold its pongs back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const PONG: u8 = 0xA;

/// Which pongs may leave. Shared by the test and the gate.
#[derive(Debug, Default)]
pub(crate) struct Pongs {
    /// Set once the handshake is through: from then on what is written are frames.
    pub(crate) framed: AtomicBool,
    /// Set: no pong leaves but those in `allowed`.
    pub(crate) withheld: AtomicBool,
    /// Payloads of pongs that leave all the same, once each.
    pub(crate) allowed: Mutex<Vec<Vec<u8>>>,
}

impl Pongs {
    fn may_leave(&self, payload: &[u8]) -> bool {
        if !self.withheld.load(Ordering::SeqCst) {
            return true;
        }
        let mut allowed = self.allowed.lock().expect("nobody panicked with the pongs");
        let place = allowed.iter().position(|one| one == payload);
        place.map(|place| allowed.swap_remove(place)).is_some()
    }
}

/// A connection that drops pongs on their way out while they are withheld.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: TcpStream,
    pongs: Arc<Pongs>,
    /// What is still to be written of the frame under way.
    rest: usize,
}

impl Gate {
    pub(crate) fn new(inner: TcpStream, pongs: &Arc<Pongs>) -> Self {
        Self {
            inner,
            pongs: Arc::clone(pongs),
            rest: 0,
        }
    }
}

/// A frame at the start of `bytes`: its whole length, and its unmasked payload if it is a pong.
/// The library hands over whole frames, so the header is always there.
fn frame(bytes: &[u8]) -> (usize, Option<Vec<u8>>) {
    let masked = usize::from(bytes[1] >> 7) * 4;
    let (header, length) = match bytes[1] & 0x7F {
        126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        127 => {
            let length: [u8; 8] = bytes[2..10].try_into().expect("eight bytes");
            (10, u64::from_be_bytes(length) as usize)
        }
        short => (2, usize::from(short)),
    };
    let whole = header + masked + length;
    if bytes[0] & 0xF != PONG {
        return (whole, None);
    }
    let (mask, payload) = bytes[header..whole].split_at(masked);
    let unmasked = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask);
    let clear = if masked == 0 {
        payload.to_vec()
    } else {
        unmasked.collect()
    };
    (whole, Some(clear))
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.pongs.framed.load(Ordering::SeqCst) || bytes.is_empty() {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        }
        if self.rest == 0 {
            let (whole, pong) = frame(bytes);
            if pong.is_some_and(|payload| !self.pongs.may_leave(&payload)) {
                return Poll::Ready(Ok(whole));
            }
            self.rest = whole;
        }
        let part = &bytes[..self.rest.min(bytes.len())];
        let written = Pin::new(&mut self.inner).poll_write(context, part);
        if let Poll::Ready(Ok(count)) = written {
            self.rest -= count;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}
