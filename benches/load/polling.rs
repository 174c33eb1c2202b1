//! A Socket.IO client that stays on long polling: one request hangs open at all times, and what it has to say is
//! posted on connections of their own.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::dial::{Dialect, ENGINE, JOIN_ID, connect_packet, join_command};
use crate::http::{Answer, Connection, Target, refusal};
use crate::scan;

/// Between the packets of a payload.
const SEPARATOR: u8 = 0x1e;

/// A client that has been let into the main namespace.
pub(crate) struct Poller {
    target: Target,
    path: String,
    /// The connection of the hanging request, and that request.
    connection: Connection,
    poll: String,
    /// Pings that want a pong.
    owed: usize,
}

/// What the generator cares for in a payload.
#[derive(Default)]
struct Told {
    connected: bool,
    joined: bool,
    pings: usize,
}

impl Poller {
    pub(crate) async fn open(target: &Target, token: &str) -> Result<Self> {
        let mut connection = Connection::open(target).await?;
        let path = format!("{ENGINE}&transport=polling");
        let poll = get(target, &path);
        let opened = body(connection.exchange(poll.as_bytes()).await?)?;
        let handshake = opened
            .strip_prefix(b"0")
            .map(serde_json::from_slice::<Value>);
        let handshake = handshake.context("the server did not open a connection")??;
        let sid = handshake.get("sid").and_then(Value::as_str);
        let path = format!("{path}&sid={}", sid.context("an open packet has no sid")?);
        let mut poller = Self {
            target: target.clone(),
            connection,
            poll: get(target, &path),
            path,
            owed: 0,
        };
        post(target, &poller.path, &connect_packet(token)).await?;
        loop {
            let told = wait(&mut poller.connection, &poller.poll).await?;
            poller.owed += told.pings;
            if told.connected {
                return Ok(poller);
            }
        }
    }

    /// Joins a conversation, and returns when the server has acknowledged that.
    pub(crate) async fn join(&mut self, conversation: u64) -> Result<()> {
        let command = join_command(Dialect::SocketIo, conversation);
        post(&self.target, &self.path, &command).await?;
        loop {
            let told = wait(&mut self.connection, &self.poll).await?;
            self.owed += told.pings;
            if told.joined {
                return Ok(());
            }
        }
    }

    /// Says goodbye as stock clients do: to the namespace, then to the connection.
    pub(crate) async fn close(&self) -> Result<()> {
        post(&self.target, &self.path, "41\u{1e}1").await
    }

    /// Polls for good, and answers every ping, which it counts.
    pub(crate) async fn hold(&mut self, pongs: &AtomicU64) -> Result<Infallible> {
        loop {
            let pings = std::mem::take(&mut self.owed);
            let answering = async {
                if pings > 0 {
                    let payload = vec!["3"; pings].join("\u{1e}");
                    post(&self.target, &self.path, &payload).await?;
                    pongs.fetch_add(pings as u64, Ordering::Relaxed);
                }
                Ok(())
            };
            // The next poll does not wait for the pong: one has to hang at all times.
            let polling = wait(&mut self.connection, &self.poll);
            let (told, ()) = tokio::try_join!(polling, answering)?;
            self.owed = told.pings;
        }
    }
}

fn get(target: &Target, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", target.host)
}

/// A poll, until it is answered.
async fn wait(connection: &mut Connection, poll: &str) -> Result<Told> {
    let payload = body(connection.exchange(poll.as_bytes()).await?)?;
    let mut told = Told::default();
    for packet in payload.split(|byte| *byte == SEPARATOR) {
        match packet {
            b"2" => told.pings += 1,
            [b'4', b'0', ..] => told.connected = true,
            [b'4', b'3', ..] => match scan::packet(packet) {
                scan::Frame::Reply { id: JOIN_ID, .. } => told.joined = true,
                _ => bail!("the server refused a command: {}", refusal(packet)),
            },
            b"6" | [b'4', b'2', ..] => {}
            b"1" => bail!("the server closed a connection"),
            [b'4', b'4', ..] => bail!("the server lets nobody in: {}", refusal(packet)),
            _ => bail!("the server sent an unknown packet: {}", refusal(packet)),
        }
    }
    Ok(told)
}

/// One poll of a connection, which `sid` names (`&sid=…`) when it is there already: the packets of its answer.
pub(crate) async fn poll(
    connection: &mut Connection,
    target: &Target,
    sid: &str,
) -> Result<Vec<String>> {
    let request = get(target, &format!("{ENGINE}&transport=polling{sid}"));
    let payload = body(connection.exchange(request.as_bytes()).await?)?;
    let payload = std::str::from_utf8(payload).context("a payload is not UTF-8")?;
    let packets = payload.split(char::from(SEPARATOR));
    Ok(packets.map(str::to_owned).collect())
}

/// Posts a packet on a connection that is kept.
pub(crate) async fn post_on(
    connection: &mut Connection,
    target: &Target,
    sid: &str,
    packet: &str,
) -> Result<()> {
    let request = format!(
        "POST {ENGINE}&transport=polling{sid} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {}\r\n\r\n{packet}",
        target.host,
        packet.len()
    );
    body(connection.exchange(request.as_bytes()).await?).map(drop)
}

async fn post(target: &Target, path: &str, payload: &str) -> Result<()> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{payload}",
        target.host,
        payload.len()
    );
    let mut connection = Connection::open(target).await?;
    let answer = body(connection.exchange(request.as_bytes()).await?)?;
    ensure!(
        answer == b"ok",
        "a POST was not answered with ok: {}",
        refusal(answer)
    );
    Ok(())
}

fn body(answer: Answer<'_>) -> Result<&[u8]> {
    let Answer { status, body } = answer;
    ensure!(
        status == 200,
        "the server refused a request: {status} {}",
        refusal(body)
    );
    Ok(body)
}
