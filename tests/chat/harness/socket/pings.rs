//! Pings and pongs, a client that hangs, and ways to go.

use std::sync::atomic::Ordering;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::Socket;
use crate::harness::arrival::{Arrival, End, Order, Transport};
use crate::harness::packets::PONG;

impl Socket {
    /// From now on no ping is answered.
    pub(crate) fn withhold_pongs(&self) {
        self.pongs.withheld.store(true, Ordering::SeqCst);
    }

    /// From now on every ping is answered again, as a stock client does.
    pub(crate) fn answer_pings(&self) {
        self.pongs.withheld.store(false, Ordering::SeqCst);
    }

    /// The next ping, to be answered by hand if pongs are withheld.
    pub(crate) async fn next_ping(&mut self) -> Bytes {
        match self
            .take("a ping", |arrival| matches!(arrival, Arrival::Ping(_)))
            .await
        {
            Arrival::Ping(payload) => payload,
            other => panic!("a ping: {other:?}"),
        }
    }

    /// Answers a ping by hand. Engine.IO's pongs carry nothing: this answers the oldest ping that
    /// was not answered.
    pub(crate) fn answer(&self, ping: &Bytes) {
        if self.transport != Transport::WebSocket {
            return self.text(PONG);
        }
        let mut allowed = self
            .pongs
            .allowed
            .lock()
            .expect("nobody panicked with the pongs");
        allowed.push(ping.to_vec());
        self.order(Order::Frame(Message::Pong(ping.clone())));
    }

    /// The next pong.
    pub(crate) async fn next_pong(&mut self) -> Bytes {
        match self
            .take("a pong", |arrival| matches!(arrival, Arrival::Pong(_)))
            .await
        {
            Arrival::Pong(payload) => payload,
            other => panic!("a pong: {other:?}"),
        }
    }

    /// Stops reading, as a client that hangs.
    pub(crate) fn pause(&self) {
        self.reading.send_replace(false);
    }

    /// Reads on.
    pub(crate) fn resume(&self) {
        self.reading.send_replace(true);
    }

    /// Says goodbye and waits for the server's answer. Over Socket.IO the goodbye is a
    /// packet of its own, which no other code than these two is preceded by.
    pub(crate) async fn close(mut self, code: Option<u16>) -> End {
        if self.transport != Transport::WebSocket && matches!(code, None | Some(1000)) {
            self.text("41");
        }
        let frame = code.map(|code| CloseFrame {
            code: code.into(),
            reason: "".into(),
        });
        self.order(Order::Frame(Message::Close(frame)));
        self.end().await
    }

    /// Drops the TCP connection, with no goodbye.
    pub(crate) fn break_off(self) {
        self.order(Order::BreakOff);
    }
}
