//! Mode `typing`: what the guide's page does while people type. Each key press tells the server, and 2 s after the last
//! it is told that there are no more; the other side may hear only that somebody began and that they ended.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::{interval, timeout};

use super::args::Typing;
use super::cost::{self, Snapshot};
use super::keys::{Heard, Keyboard, Plan};
use super::senders;
use super::stage::{Open, Stage};
use crate::args::Transport;
use crate::files;
use crate::report::{GENERATOR_SHARE, Metrics, Progress, Report};
use crate::socket::Sockets;

/// Connections over REST; as many requests may be under way.
const CONNECTIONS_MAX: usize = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long after the last key press the last change may come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to listen on, for changes that should not come.
const SURPLUS_WAIT: Duration = Duration::from_millis(500);
/// How late the generator may be at the 99th percentile.
const LAG_MAX: Duration = Duration::from_millis(20);

const REMARKS: &[&str] = &[
    "Correct: for each time that somebody typed, the other side heard once that they began and once that they ended, in",
    "turn, and the one who typed heard nothing. The cost is that of all of it, the ends and the events included.",
];

pub(crate) async fn run(options: &Typing) -> Result<()> {
    let (common, conversations) = (&options.common, usize::from(options.conversations));
    files::room_for((2 * conversations + CONNECTIONS_MAX) as u64)?;
    let plan = Plan {
        conversations,
        bursts: options.bursts.into(),
        keys: options.keys.into(),
        keys_per_second: options.keys_per_second.into(),
    };
    let shape = format!(
        "typing: one person in each of {conversations} conversations types {} times {} keys, {} a second",
        plan.bursts, plan.keys, plan.keys_per_second
    );
    let transports = options.transports();
    let names = transports.iter().map(|transport| transport.name());
    let mut report = Report::new(common, shape, names, REMARKS);
    let stage = Stage::set(common.url.as_deref(), common.pid, conversations).await?;
    for run in 1..=common.runs {
        for (column, &transport) in transports.iter().enumerate() {
            let progress = Progress::new(format!("{} {run}/{}", transport.name(), common.runs));
            let open = stage.open().await?;
            let measured = measure(&stage, &open, &plan, transport, &progress).await;
            report.add(column, open.close(measured).await?);
        }
    }
    report.print();
    Ok(())
}

async fn measure(
    stage: &Stage,
    open: &Open,
    plan: &Plan,
    transport: Transport,
    progress: &Progress,
) -> Result<Metrics> {
    let (target, couples) = (&open.target, &stage.couples);
    progress.say(&format!("connecting {} people", 2 * couples.len()));
    let mut sockets = Sockets::connect(target, couples, senders::dialect(transport)).await?;
    let before = Snapshot::take(open.pid)?;
    let started = Instant::now();
    let mut heard = Heard::new(plan.clone(), started)?;
    let mut keyboard = Keyboard::new(plan, transport, target, couples, started, CONNECTIONS_MAX)?;
    let whole = plan.length();
    let typing = keyboard.type_all(&mut sockets, &mut heard);
    if !attended(typing, whole + PATIENCE, progress, started, whole).await? {
        bail!(
            "{:?} after the last key press the other sides had not heard of all changes",
            PATIENCE
        );
    }
    let (after, time) = (Snapshot::take(open.pid)?, started.elapsed());
    let lag = keyboard.lag();
    let listening = Keyboard::listen(&mut sockets, &mut heard);
    if let Ok(broken) = timeout(SURPLUS_WAIT, listening).await {
        broken?;
    }
    sockets.close().await;
    heard.judge()?;
    ensure!(
        lag <= LAG_MAX,
        "the run is void: the generator was {lag:.1?} late (p99), more than {LAG_MAX:?}"
    );
    let presses = plan.presses() as f64;
    let mut metrics = vec![
        ("key presses", Some(presses)),
        ("key presses/s", Some(presses / plan.length().as_secs_f64())),
        ("changes heard", Some(heard.count() as f64)),
    ];
    metrics.extend(heard.latencies());
    metrics.push(("generator late p99, ms", Some(lag.as_secs_f64() * 1e3)));
    let cpu = cost::server_cpu(&before, &after).map(|cpu| cpu.as_micros() as f64 / presses);
    metrics.push(("server CPU µs/key press", cpu));
    let share = cost::generator_share(&before, &after, time).map(|share| 100.0 * share);
    metrics.push((GENERATOR_SHARE, share));
    Ok(metrics)
}

/// Runs `work` to its end with a bar for its `whole` time; `false` when it takes longer than `limit`.
async fn attended(
    work: impl Future<Output = Result<()>>,
    limit: Duration,
    progress: &Progress,
    started: Instant,
    whole: Duration,
) -> Result<bool> {
    let (mut work, mut clock) = (pin!(work), interval(LOOK_EVERY));
    loop {
        tokio::select! {
            biased;
            _ = clock.tick() => {
                let elapsed = started.elapsed();
                let done = elapsed.as_secs_f64() / whole.as_secs_f64();
                progress.advance(done, "typing");
                if elapsed > limit {
                    return Ok(false);
                }
            }
            done = &mut work => return done.map(|()| true),
        }
    }
}
