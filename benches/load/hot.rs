//! Mode `hot`: one conversation, both people send, a fixed number of sends is under way at any time.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, interval, timeout};

use crate::args::{Hot, Transport};
use crate::check::{self, Evidence};
use crate::dial::Dialect;
use crate::http::Target;
use crate::ledger::{Ledger, Limit};
use crate::message::Cast;
use crate::people::{self, Couple};
use crate::report::{self, Metrics, Progress, Report};
use crate::rest::Connections;
use crate::server::Server;
use crate::socket::{Pipeline, Sockets};
use crate::usage::Usage;

const DEFAULT_TIME: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long nothing at all may come back while answers are owed.
const ACK_PATIENCE: Duration = Duration::from_secs(20);
/// The same for events, when every answer is there.
const EVENT_PATIENCE: Duration = Duration::from_secs(5);
/// The kernel counts CPU time in steps of 10 ms: less than this would be mostly rounding.
const CPU_TIME_MIN: Duration = Duration::from_millis(100);
/// How long to listen on, for events that should not come.
const SURPLUS_WAIT: Duration = Duration::from_millis(300);

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message exactly once at both sides and in the history, in one order, without a gap.",
    "A closed loop: the next send waits for an answer, so a stall delays the sends that would have met it, and",
    "the latencies tell less than a user would feel.",
];

/// Measures, and prints the figures when every run was correct.
pub(crate) async fn run(options: &Hot) -> Result<()> {
    let transports = options.transports();
    let mut report = Report::new(
        &options.common,
        shape(options),
        transports.iter().map(|transport| transport.name()),
        REMARKS,
    );
    // Interleaved, so that a machine that slows down meanwhile slows all of them down.
    for run in 1..=options.common.runs {
        for (column, &transport) in transports.iter().enumerate() {
            let progress = Progress::new(format!(
                "{} {run}/{}",
                transport.name(),
                options.common.runs
            ));
            report.add(column, one(options, transport, &progress).await?);
        }
    }
    report.print();
    Ok(())
}

fn shape(options: &Hot) -> String {
    let length = match limit(options) {
        Limit::Messages(count) => format!("{count} messages"),
        Limit::Time(time) => format!("{} s", time.as_secs()),
    };
    format!(
        "hot: one conversation, both people send, {} under way in a closed loop, {} bytes of content, {length}",
        options.in_flight, options.size
    )
}

fn limit(options: &Hot) -> Limit {
    match (options.messages, options.seconds) {
        (Some(count), _) => Limit::Messages(count),
        (None, Some(seconds)) => Limit::Time(Duration::from_secs(seconds)),
        (None, None) => Limit::Time(DEFAULT_TIME),
    }
}

/// One run, with a server and an empty database of its own unless an address was given.
async fn one(options: &Hot, transport: Transport, progress: &Progress) -> Result<Metrics> {
    if let Some(url) = &options.common.url {
        return measure(
            options,
            transport,
            &Target::resolve(url).await?,
            options.common.pid,
            progress,
        )
        .await;
    }
    let mut server = Server::start().await?;
    match measure(
        options,
        transport,
        &server.target,
        Some(server.pid),
        progress,
    )
    .await
    {
        Ok(metrics) => server.stop().await.map(|()| metrics),
        Err(error) => Err(server.explain(error).await),
    }
}

async fn measure(
    options: &Hot,
    transport: Transport,
    target: &Target,
    pid: Option<u32>,
    progress: &Progress,
) -> Result<Metrics> {
    let couple = people::introduce(target).await?;
    let [first, second] = &couple.people;
    let cast = Cast::new(
        [first.id, second.id],
        couple.conversation,
        usize::from(options.size),
    );
    let mut sockets = Sockets::connect(target, &couple, dialect(transport)).await?;
    let mut senders = Senders::open(options, transport, target, &couple, &cast).await?;

    let before = Snapshot::take(pid)?;
    let ledger = RefCell::new(Ledger::start(cast.clone(), limit(options))?);
    if !attended(
        senders.send_all(&mut sockets, &ledger),
        &ledger,
        progress,
        ACK_PATIENCE,
    )
    .await?
    {
        bail!(
            "no answer for {ACK_PATIENCE:?}, after {} of them",
            ledger.borrow().acked.len()
        );
    }
    // Not a failure when it takes too long: the checker knows what exactly is missing.
    attended(
        sockets.pump(&ledger, None, Ledger::all_shown),
        &ledger,
        progress,
        EVENT_PATIENCE,
    )
    .await?;
    let after = Snapshot::take(pid)?;
    if let Ok(broken) = timeout(SURPLUS_WAIT, sockets.pump(&ledger, None, |_| false)).await {
        broken?;
    }
    sockets.close().await;

    let (stored, head_seq) = people::history(target, &couple, &cast).await?;
    let mut ledger = ledger.into_inner();
    let (acked, shown) = (
        std::mem::take(&mut ledger.acked),
        std::mem::take(&mut ledger.shown),
    );
    let count = acked.len();
    judge(&Evidence {
        acked,
        shown,
        stored,
        head_seq,
    })?;
    Ok(metrics(count, &ledger, &before, &after))
}

/// What the sockets of both people speak.
fn dialect(transport: Transport) -> Dialect {
    match transport {
        Transport::Rest | Transport::Ws => Dialect::Plain,
        Transport::SocketIo => Dialect::SocketIo,
    }
}

/// Who sends, ready to start.
enum Senders {
    Rest(Connections),
    Sockets(Pipeline),
}

impl Senders {
    async fn open(
        options: &Hot,
        transport: Transport,
        target: &Target,
        couple: &Couple,
        cast: &Cast,
    ) -> Result<Self> {
        let in_flight = usize::from(options.in_flight);
        Ok(match transport {
            Transport::Rest => {
                Self::Rest(Connections::open(target, couple, cast, in_flight).await?)
            }
            Transport::Ws => Self::Sockets(Pipeline {
                frames: [cast.frame(0), cast.frame(1)],
                in_flight,
            }),
            Transport::SocketIo => Self::Sockets(Pipeline {
                frames: [cast.packet(0), cast.packet(1)],
                in_flight,
            }),
        })
    }

    /// Sends until the limit, and returns when all of it is answered.
    async fn send_all(&mut self, sockets: &mut Sockets, ledger: &RefCell<Ledger>) -> Result<()> {
        match self {
            Self::Rest(connections) => {
                let mut sending: FuturesUnordered<_> = connections.send_all(ledger).collect();
                let sent = async {
                    while let Some(result) = sending.next().await {
                        result?;
                    }
                    Ok(())
                };
                tokio::select! {
                    sent = sent => sent,
                    broken = sockets.pump(ledger, None, |_| false) => broken,
                }
            }
            Self::Sockets(pipeline) => {
                sockets
                    .pump(ledger, Some(pipeline), Ledger::all_answered)
                    .await
            }
        }
    }
}

/// Runs `work` to its end, showing how far it is; `false` when nothing came back for as long as `patience`.
async fn attended(
    work: impl Future<Output = Result<()>>,
    ledger: &RefCell<Ledger>,
    progress: &Progress,
    patience: Duration,
) -> Result<bool> {
    let (mut work, mut clock) = (pin!(work), interval(LOOK_EVERY));
    let (mut received, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            // The clock first: `work` may use up all that a task may do in one go, and would starve it.
            biased;
            _ = clock.tick() => {
                let ledger = ledger.borrow();
                progress.show(ledger.acked.len(), ledger.elapsed());
                if ledger.received_count() != received {
                    (received, since) = (ledger.received_count(), Instant::now());
                } else if since.elapsed() > patience {
                    return Ok(false);
                }
            }
            done = &mut work => return done.map(|()| true),
        }
    }
}

fn judge(evidence: &Evidence) -> Result<()> {
    let misses = check::misses(evidence);
    if misses.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = misses
        .iter()
        .take(20)
        .map(|miss| format!("\n  {miss}"))
        .collect();
    let more = if misses.len() > shown.len() {
        "\n  …"
    } else {
        ""
    };
    Err(Error::msg(format!(
        "the run was not correct, {} findings:{}{more}",
        misses.len(),
        shown.concat()
    )))
}

/// What server and generator had used at one moment.
struct Snapshot {
    server: Option<Usage>,
    generator: Usage,
}

impl Snapshot {
    fn take(pid: Option<u32>) -> Result<Self> {
        let server = pid
            .map(Usage::of)
            .transpose()
            .context("the server's process is not there")?;
        Ok(Self {
            server,
            generator: Usage::of(std::process::id())?,
        })
    }
}

fn metrics(count: usize, ledger: &Ledger, before: &Snapshot, after: &Snapshot) -> Metrics {
    let messages = count as f64;
    let server = before.server.zip(after.server);
    let cpu = |(from, to): (Usage, Usage)| {
        Some(to.cpu.saturating_sub(from.cpu)).filter(|cpu| *cpu >= CPU_TIME_MIN)
    };
    let per_message = |cpu: Duration| cpu.as_micros() as f64 / messages;
    let generator = cpu((before.generator, after.generator));
    let mut metrics = vec![
        ("messages sent and checked", Some(messages)),
        (
            "durable sends/s",
            Some(messages / ledger.last_ack.as_secs_f64()),
        ),
    ];
    metrics.extend(report::quantiles(&report::ACK_LATENCY, &ledger.ack_latency));
    metrics.extend(report::quantiles(
        &report::DELIVERY_LATENCY,
        &ledger.delivery_latency,
    ));
    metrics.push((
        "server CPU µs/message",
        server.and_then(cpu).map(per_message),
    ));
    metrics.push(("generator CPU µs/message", generator.map(per_message)));
    metrics.push((
        report::GENERATOR_SHARE,
        generator.map(|cpu| 100.0 * cpu.as_secs_f64() / ledger.last_ack.as_secs_f64()),
    ));
    let written = server.and_then(|(from, to)| Some((from.written?, to.written?)));
    metrics.push(match written {
        // In memory nothing reaches a storage layer.
        Some((from, to)) if to.write_bytes == from.write_bytes => (
            "bytes written/message (wchar)",
            Some(to.wchar.saturating_sub(from.wchar) as f64 / messages),
        ),
        Some((from, to)) => (
            "bytes written/message (write_bytes)",
            Some(to.write_bytes.saturating_sub(from.write_bytes) as f64 / messages),
        ),
        None => ("bytes written/message", None),
    });
    metrics
}
