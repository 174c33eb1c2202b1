//! The floors: what this machine does at this moment for servers that do next to nothing, and for the disk alone. They
//! are probed in the run that they are compared with, because both change from hour to hour.

pub(crate) mod echo;
mod rows;
mod sync;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use self::echo::Echo;
use super::cost::{self, Snapshot};
use super::run::{self, ACK_PATIENCE, Pace};
use super::senders::{self, Senders};
use crate::args::Transport;
use crate::dial::Dialect;
use crate::http::Target;
use crate::ledger::{Ledger, Limit, Plan};
use crate::message::{Cast, Seat};
use crate::people::Couple;
use crate::report::{Metrics, Progress};
use crate::socket::Sockets;

const ECHO_TIME: Duration = Duration::from_secs(2);

/// What a run was like that the floors are to be like.
pub(super) struct Shape<'a> {
    pub(super) couples: &'a [Couple],
    pub(super) turns: &'a Arc<[Seat]>,
    pub(super) size: usize,
    pub(super) in_flight: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Floors {
    sync: sync::Sync,
    /// For those who send as fast as they can.
    top: Option<Top>,
}

#[derive(Clone, Copy)]
struct Top {
    http: Rate,
    websocket: Rate,
    rows: rows::Rows,
}

/// What an echo did.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    server_cpu: Option<Duration>,
}

impl Floors {
    /// That of the disk alone, for those who do not send as fast as they can.
    pub(super) async fn probe_disk() -> Result<Self> {
        let sync = sync::probe().await?;
        Ok(Self { sync, top: None })
    }

    pub(super) async fn probe(shape: &Shape<'_>) -> Result<Self> {
        let progress = Progress::new("floors".to_owned());
        let echo = Echo::start().await.context("cannot start the echo")?;
        let http = echoed(shape, Transport::Rest, &echo.http, echo.pid, &progress).await?;
        let websocket = echoed(shape, Transport::Ws, &echo.websocket, echo.pid, &progress).await?;
        echo.stop().await;
        progress.say("syncing to disk");
        let sync = sync::probe().await?;
        progress.say("writing rows");
        let rows = rows::probe(shape.couples.len(), shape.size).await?;
        let top = Top {
            http,
            websocket,
            rows,
        };
        let top = Some(top);
        Ok(Self { sync, top })
    }

    /// The floors of one way to send, and `figures` as ratios to them.
    pub(super) fn beside(&self, transport: Transport, figures: &Metrics) -> Metrics {
        let sync = &self.sync;
        let mut beside = vec![
            ("fdatasync of 4 KiB p50, ms", Some(sync.p50)),
            (
                "send → ack p50, × fdatasync p50",
                ratio(figures, "send → ack p50, ms", sync.p50),
            ),
            (
                "send → other side p50, × fdatasync p50",
                ratio(figures, "send → other side p50, ms", sync.p50),
            ),
            ("fdatasync of 4 KiB p99, ms", Some(sync.p99)),
            (
                "send → ack p99, × fdatasync p99",
                ratio(figures, "send → ack p99, ms", sync.p99),
            ),
        ];
        if let Some(top) = &self.top {
            beside.extend(top.beside(transport, figures));
        }
        beside
    }
}

impl Top {
    fn beside(&self, transport: Transport, figures: &Metrics) -> Metrics {
        let sends = |floor| ratio(figures, "durable sends/s", floor);
        let percent = |floor| sends(floor).map(|ratio| 100.0 * ratio);
        let echo = match transport {
            Transport::Rest => self.http,
            Transport::Ws | Transport::SocketIo => self.websocket,
        };
        let echo_cpu = echo.server_cpu.map(|cpu| cpu.as_nanos() as f64 / 1e3);
        let cpu = |floor| ratio(figures, "server CPU µs/message", floor);
        let rows = &self.rows;
        vec![
            ("bare echo/s", Some(echo.per_second)),
            ("durable sends, % of bare echo", percent(echo.per_second)),
            ("bare echo, server CPU µs", echo_cpu),
            ("server CPU, × bare echo", echo_cpu.and_then(cpu)),
            ("rows/s in batches of 256", Some(rows.batched)),
            ("durable sends, % of rows in batches", percent(rows.batched)),
            ("rows/s one by one", Some(rows.single)),
            ("durable sends, × rows one by one", sends(rows.single)),
        ]
    }
}

fn ratio(figures: &Metrics, name: &str, floor: f64) -> Option<f64> {
    let (_, figure) = figures.iter().find(|(it, _)| *it == name)?;
    figure.map(|figure| figure / floor)
}

/// The clients of a run against a server that sends back what it gets.
async fn echoed(
    shape: &Shape<'_>,
    transport: Transport,
    target: &Target,
    pid: u32,
    progress: &Progress,
) -> Result<Rate> {
    let casts = Cast::of_all(shape.couples, shape.size);
    let templates = senders::templates(transport, target, shape.couples, &casts);
    // Nobody else is told: over HTTP there is nothing to be heard on a socket.
    let listening = match transport {
        Transport::Rest => &[],
        Transport::Ws | Transport::SocketIo => shape.couples,
    };
    let mut sockets = Sockets::connect(target, listening, Dialect::Echo).await?;
    let limit = Limit::Time(ECHO_TIME);
    let pace = Pace::Closed {
        in_flight: shape.in_flight,
        limit,
    };
    let mut senders = Senders::open(transport, target, templates, pace).await?;
    let plan = Plan {
        casts,
        turns: Arc::clone(shape.turns),
        first_number: 0,
        echo: true,
        refusals: false,
    };
    let before = Snapshot::take(Some(pid))?;
    let ledger = RefCell::new(Ledger::start(plan, limit)?);
    let sending = senders.send_all(&mut sockets, &ledger);
    let in_time = run::attended(sending, &ledger, progress, ACK_PATIENCE).await?;
    run::answered(in_time, &ledger)?;
    let after = Snapshot::take(Some(pid))?;
    sockets.close().await;
    let (ledger, count) = (ledger.borrow(), ledger.borrow().acked_count());
    Ok(Rate {
        per_second: count as f64 / ledger.duration().as_secs_f64(),
        server_cpu: cost::server_cpu(&before, &after).map(|cpu| cpu.div_f64(count as f64)),
    })
}
