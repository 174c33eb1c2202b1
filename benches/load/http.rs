//! A lean HTTP/1.1 client: one write a request, one buffer for the answer, no pipelining. A general client would
//! cost more than the server that it is to measure.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_BUFFER_BYTES: usize = 4 * 1024;
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const HEADERS_MAX: usize = 64;
const NARROW_BUFFER_BYTES: u32 = 4 * 1024;
/// What fits into an Ethernet frame.
const NARROW_SEGMENT_BYTES: u32 = 1_460;

/// The server under load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Host and port, as they stand in the `Host` header.
    pub(crate) host: String,
    address: SocketAddr,
    narrow: bool,
}

impl Target {
    pub(crate) fn local(address: SocketAddr) -> Self {
        Self {
            host: address.to_string(),
            address,
            narrow: false,
        }
    }

    /// The same server over connections that hold little on their way. On one machine they hold megabytes, because
    /// segments are of 64 KiB there.
    pub(crate) fn narrow(self) -> Self {
        Self {
            narrow: true,
            ..self
        }
    }

    pub(crate) async fn resolve(url: &str) -> Result<Self> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("--url {url} is not an address"))?;
        ensure!(
            uri.scheme_str() == Some("http"),
            "--url {url} does not start with http://"
        );
        ensure!(
            matches!(uri.path(), "" | "/") && uri.query().is_none(),
            "--url {url} has a path; only host and port are used"
        );
        let host = uri
            .host()
            .with_context(|| format!("--url {url} names no host"))?;
        let port = uri.port_u16().unwrap_or(80);
        let bare = host.trim_start_matches('[').trim_end_matches(']'); // an IPv6 address
        let mut found = tokio::net::lookup_host((bare, port))
            .await
            .with_context(|| format!("cannot find the host of {url}"))?;
        let address = found
            .next()
            .with_context(|| format!("cannot find the host of {url}"))?;
        Ok(Self {
            host: format!("{host}:{port}"),
            address,
            narrow: false,
        })
    }

    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        let stream = match timeout(CONNECT_TIMEOUT, self.dial()).await {
            Ok(connected) => {
                connected.with_context(|| format!("cannot reach http://{}", self.host))?
            }
            Err(_) => bail!(
                "cannot reach http://{} within {CONNECT_TIMEOUT:?}",
                self.host
            ),
        };
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        Ok(stream)
    }

    async fn dial(&self) -> std::io::Result<TcpStream> {
        if !self.narrow {
            return TcpStream::connect(self.address).await;
        }
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_recv_buffer_size(NARROW_BUFFER_BYTES)?;
        SockRef::from(&socket).set_tcp_mss(NARROW_SEGMENT_BYTES)?;
        socket.connect(self.address).await
    }
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let stream = target.connect().await?;
        Ok(Self {
            stream,
            host: target.host.clone(),
            buffer: vec![0; FIRST_BUFFER_BYTES],
        })
    }

    /// Writes a whole request at once, and does not read the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<()> {
        let written = self.stream.write_all(request).await;
        written.context("the server closed a connection while a request was written")
    }

    /// Writes a whole request at once and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.ask(request).await?;
        let (mut filled, mut whole) = (0, None);
        loop {
            let read = self
                .stream
                .read(&mut self.buffer[filled..])
                .await
                .context("an HTTP connection broke")?;
            ensure!(
                read > 0,
                "the server closed an HTTP connection before it answered"
            );
            filled += read;
            if whole.is_none() {
                whole = parse_head(&self.buffer[..filled])?;
            }
            match whole {
                Some(Head {
                    status,
                    body_at,
                    end,
                }) if filled >= end => {
                    ensure!(filled == end, "the server answered more than it was asked");
                    return Ok(Answer {
                        status,
                        body: &self.buffer[body_at..end],
                    });
                }
                Some(Head { end, .. }) if end > self.buffer.len() => self.buffer.resize(end, 0),
                None if filled == self.buffer.len() => self.buffer.resize(filled * 2, 0),
                Some(_) | None => {}
            }
            ensure!(
                self.buffer.len() <= ANSWER_BYTES_MAX,
                "an answer of the server is larger than {ANSWER_BYTES_MAX} bytes"
            );
        }
    }

    /// For all that is not measured: a call of the API, its answer's JSON. Fails when the server refuses.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value> {
        let authorization = token
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let (content, body) = match body {
            Some(body) => ("Content-Type: application/json\r\n", body.to_string()),
            None => ("", String::new()),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}{content}Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let answered = timeout(CALL_TIMEOUT, self.exchange(request.as_bytes())).await;
        let Answer { status, body } = answered
            .with_context(|| format!("no answer to {method} {path} within {CALL_TIMEOUT:?}"))??;
        if !(200..300).contains(&status) {
            bail!(
                "the server refused {method} {path}: {status} {}",
                refusal(body)
            );
        }
        serde_json::from_slice(body)
            .with_context(|| format!("the answer to {method} {path} is not JSON"))
    }
}

/// What a failure says of itself, in one line.
pub(crate) fn refusal(body: &[u8]) -> String {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    // On a socket the same members stand in `data`.
    let member = |name: &str| {
        told.get(name)
            .or_else(|| told.get("data")?.get(name))
            .and_then(Value::as_str)
    };
    match (member("code"), member("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => String::from_utf8_lossy(body)
            .chars()
            .take(200)
            .collect::<String>()
            .replace(['\r', '\n'], " "),
    }
}

#[derive(Clone, Copy)]
struct Head {
    status: u16,
    body_at: usize,
    end: usize,
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response
        .parse(bytes)
        .context("the server does not speak HTTP/1.1")?;
    let (httparse::Status::Complete(body_at), Some(status)) = (parsed, response.code) else {
        return Ok(None);
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length =
        length.context("an answer of the server has no Content-Length, which this client needs")?;
    let length: usize = std::str::from_utf8(length.value)?
        .trim()
        .parse()
        .context("a Content-Length is not a number")?;
    ensure!(
        length <= ANSWER_BYTES_MAX,
        "an answer of the server is larger than {ANSWER_BYTES_MAX} bytes"
    );
    Ok(Some(Head {
        status,
        body_at,
        end: body_at + length,
    }))
}
