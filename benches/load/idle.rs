//! Mode `idle`: many connections that are open and say nothing, and what one of them costs the server in memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::args::{Held, Idle};
use crate::dial::{self, Dialect, Socket};
use crate::http::{Target, refusal};
use crate::people::{self, Person};
use crate::polling::Poller;
use crate::report::{Metrics, Progress, Report};
use crate::scan;
use crate::server::Server;
use crate::usage::Usage;

/// Accounts are slow to make, and a person may have several devices.
const CONNECTIONS_EACH: usize = 10;
/// How many connections are opened together.
const OPENING: usize = 16;
/// What an idle socket reads comes in a few bytes.
const READ_BUFFER_BYTES: usize = 512;
/// Files of the generator that are no connections, and the connections on which pongs are posted.
const SPARE_FILES: u64 = 500;

const REMARKS: &[&str] = &[
    "Every connection was authenticated and still open at the end. Memory per connection: what the process grew by from",
    "the first of them to the end, divided by the others. The kernel's own memory for the sockets is not in it.",
];

/// Measures, and prints the figures when every connection held.
pub(crate) async fn run(options: &Idle) -> Result<()> {
    let files =
        rlimit::increase_nofile_limit(u64::MAX).context("cannot ask for more open files")?;
    ensure!(
        files >= u64::from(options.connections) + SPARE_FILES,
        "{} connections need more than the {files} files that may be open here",
        options.connections
    );
    let (count, seconds) = (options.connections, options.seconds);
    let shape =
        format!("idle: {count} connections, {CONNECTIONS_EACH} of each person, held {seconds} s");
    let transports = options.transports();
    let mut report = Report::new(
        &options.common,
        shape,
        transports.iter().map(|held| held.name()),
        REMARKS,
    );
    for run in 1..=options.common.runs {
        for (column, &held) in transports.iter().enumerate() {
            let label = format!("{} {run}/{}", held.name(), options.common.runs);
            let progress = Progress::new(label);
            report.add(column, one(options, held, &progress).await?);
        }
    }
    report.print();
    Ok(())
}

/// One run, with a server of its own unless an address was given.
async fn one(options: &Idle, held: Held, progress: &Progress) -> Result<Metrics> {
    let people_count = usize::from(options.connections).div_ceil(CONNECTIONS_EACH);
    progress.say(&format!("registering {people_count} people"));
    if let Some(url) = &options.common.url {
        let target = Target::resolve(url).await?;
        let people = people::crowd(&target, people_count).await?;
        return measure(
            options,
            held,
            &target,
            &people,
            options.common.pid,
            progress,
        )
        .await;
    }
    let server = Server::start().await?;
    let people = match people::crowd(&server.target, people_count).await {
        Ok(people) => people,
        Err(error) => return Err(server.explain(error).await),
    };
    // Hashing passwords takes memory of which the allocator keeps a part, and would give it to the
    // connections: they would seem cheaper than they are. A new process has none.
    let mut server = server.restart().await?;
    let pid = Some(server.pid);
    match measure(options, held, &server.target, &people, pid, progress).await {
        Ok(metrics) => server.stop().await.map(|()| metrics),
        Err(error) => Err(server.explain(error).await),
    }
}

async fn measure(
    options: &Idle,
    held: Held,
    target: &Target,
    people: &[Person],
    pid: Option<u32>,
    progress: &Progress,
) -> Result<Metrics> {
    let usage = || {
        pid.map(Usage::of)
            .transpose()
            .context("the server's process is not there")
    };
    let count = usize::from(options.connections);
    let mut lines = Lines::new(held, target, people);
    // The first pays for what is made once and for all.
    lines.open(0..1, progress).await?;
    let before = usage()?;
    lines.open(1..count, progress).await?;
    let opened = usage()?;
    progress.say(&format!("holding {count} connections"));
    lines.hold(Duration::from_secs(options.seconds)).await?;
    let after = usage()?;

    let mebibytes = |usage: Option<Usage>| Some(usage?.resident as f64 / (1024.0 * 1024.0));
    let grown = before
        .zip(after)
        .map(|(from, to)| to.resident as f64 - from.resident as f64);
    let cpu = opened
        .zip(after)
        .map(|(from, to)| to.cpu.saturating_sub(from.cpu));
    Ok(vec![
        ("connections held", Some(count as f64)),
        ("server memory with one of them, MiB", mebibytes(before)),
        ("server memory when all were open, MiB", mebibytes(opened)),
        ("server memory at the end, MiB", mebibytes(after)),
        (
            "memory per connection, KiB",
            grown.map(|bytes| bytes / 1024.0 / (count - 1) as f64),
        ),
        (
            "server CPU while they were held, s",
            cpu.map(|time| time.as_secs_f64()),
        ),
        ("pings answered", Some(lines.pongs() as f64)),
    ])
}

/// Open connections, each with a task that keeps it alive.
struct Lines<'a> {
    held: Held,
    target: &'a Target,
    people: &'a [Person],
    tasks: JoinSet<Result<Infallible>>,
    pongs: Arc<AtomicU64>,
}

impl<'a> Lines<'a> {
    fn new(held: Held, target: &'a Target, people: &'a [Person]) -> Self {
        Self {
            held,
            target,
            people,
            tasks: JoinSet::new(),
            pongs: Arc::default(),
        }
    }

    async fn open(&mut self, numbers: std::ops::Range<usize>, progress: &Progress) -> Result<()> {
        let mut opening = stream::iter(numbers)
            .map(|number| {
                let person = &self.people[number / CONNECTIONS_EACH];
                Line::open(self.held, self.target, &person.token)
            })
            .buffer_unordered(OPENING);
        while let Some(line) = opening.next().await {
            let (line, pongs) = (line?, Arc::clone(&self.pongs));
            self.tasks.spawn(async move { line.hold(&pongs).await });
            progress.say(&format!("{} connections are open", self.tasks.len()));
        }
        Ok(())
    }

    /// Fails as soon as one of them ends.
    async fn hold(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.tasks.join_next() => {
                let reason = match ended {
                    Ok(Ok(never)) => match never {},
                    Ok(Err(reason)) => reason,
                    Err(panicked) => Error::from(panicked),
                };
                Err(reason.context("an idle connection ended"))
            }
        }
    }

    fn pongs(&self) -> u64 {
        self.pongs.load(Ordering::Relaxed)
    }
}

/// One connection.
enum Line {
    Socket(Dialect, Box<Socket>),
    Polling(Poller),
}

impl Line {
    async fn open(held: Held, target: &Target, token: &str) -> Result<Self> {
        let dialect = match held {
            Held::Polling => return Poller::open(target, token).await.map(Self::Polling),
            Held::SocketIo => Dialect::SocketIo,
            Held::Ws => Dialect::Plain,
        };
        let socket = dial::open(dialect, target, token, READ_BUFFER_BYTES).await?;
        Ok(Self::Socket(dialect, Box::new(socket)))
    }

    /// Keeps the connection alive until it ends, and counts the pongs.
    async fn hold(self, pongs: &AtomicU64) -> Result<Infallible> {
        match self {
            Self::Polling(poller) => poller.hold(pongs).await,
            Self::Socket(dialect, socket) => hold(dialect, *socket, pongs).await,
        }
    }
}

async fn hold(dialect: Dialect, mut socket: Socket, pongs: &AtomicU64) -> Result<Infallible> {
    while let Some(frame) = socket.next().await {
        match frame.context("a socket broke")? {
            // The library answers it with the next read.
            Message::Ping(_) => pongs.fetch_add(1, Ordering::Relaxed),
            Message::Text(text) => match dialect.read(text.as_bytes()) {
                scan::Frame::Ping => {
                    socket
                        .send(Message::text("3"))
                        .await
                        .context("a socket broke")?;
                    pongs.fetch_add(1, Ordering::Relaxed)
                }
                scan::Frame::Other => continue,
                _ => bail!(
                    "the server said what no idle client is told: {}",
                    refusal(text.as_bytes())
                ),
            },
            other => bail!("the server sent {other:?}"),
        };
    }
    bail!("the server closed a socket")
}
