//! `duologue inspect`: asks a running server how it is, and tells it to a person or a program.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{OVERVIEW, table};
use crate::command_line::Inspect;
use crate::metrics::figures::Overview;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may be, in bytes: far above what a server tells.
const ANSWER_MAX: usize = 4 << 20;

/// Where the cursor goes before the next table: home, everything below gone.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Asks as `question` says, and tells it on standard output.
///
/// # Errors
/// One line for a person: why nothing can be told.
pub async fn run(question: &Inspect) -> anyhow::Result<ExitCode> {
    loop {
        let overview = ask(question).await?;
        if let Err(error) = tell(question, &overview) {
            // Whoever read it has seen enough.
            ensure!(error.kind() == io::ErrorKind::BrokenPipe, error);
            return Ok(ExitCode::SUCCESS);
        }
        let Some(seconds) = question.watch else {
            return Ok(ExitCode::SUCCESS);
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn tell(question: &Inspect, overview: &Overview) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if question.json {
        serde_json::to_writer(&mut out, overview)?;
        return writeln!(out);
    }
    if question.watch.is_some() && out.is_terminal() {
        write!(out, "{CLEAR}")?;
    }
    write!(out, "{}", table::of(overview))?;
    out.flush()
}

async fn ask(question: &Inspect) -> anyhow::Result<Overview> {
    let url = &question.url;
    let late = || format!("{url} did not answer within {} s", PATIENCE.as_secs());
    let (status, body) = timeout(PATIENCE, get(question))
        .await
        .with_context(late)??;
    let text = String::from_utf8_lossy(&body);
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .with_context(|| format!("what {url} tells is not what this version knows")),
        StatusCode::UNAUTHORIZED => bail!(
            "{url} wants the operator's token: set OPERATOR_TOKEN to what the server was started with"
        ),
        StatusCode::FORBIDDEN => bail!("{url} tells nothing: {}", text.trim()),
        other => bail!("{url} is no operator listener of a Duologue: it answers {other}"),
    }
}

async fn get(question: &Inspect) -> anyhow::Result<(StatusCode, Bytes)> {
    let Inspect { url, token, .. } = question;
    let uri: Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
    let is_http = uri.scheme_str() == Some("http");
    ensure!(is_http, "{url} must begin with http://");
    let authority = uri.authority().context("the URL has no host")?;
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(format!("{host}:{port}")).await;
    let stream = stream.with_context(|| {
        format!("cannot reach {url}: is the server started with --operator-listen?")
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer.
    tokio::spawn(connection);
    let path = format!("{}{OVERVIEW}", uri.path().trim_end_matches('/'));
    let mut request = Request::get(path).body(Empty::<Bytes>::new())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.context("no header can carry such a token")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let answer = sender.send_request(request).await;
    let (head, body) = answer.context("the server broke off")?.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
    Ok((head.status, body.to_bytes()))
}
