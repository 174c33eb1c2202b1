//! Mode `typing`: what the guide's page does while people type. Each key press tells the server, and 2 s after the last
//! it is told that there are no more; the other side may hear only that somebody began and that they ended.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::{interval, timeout};

use super::args::Typing;
use super::campaign::{Campaign, Mode};
use super::cost::{self, Snapshot};
use super::keys::{Heard, Keyboard, Plan};
use super::picture::{Curves, Titles};
use super::senders;
use super::stage::{Open, Stage};
use super::strace::Strace;
use crate::args::Transport;
use crate::files;
use crate::report::{GENERATOR_SHARE, Metrics, Progress};
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
    let conversations = usize::from(options.conversations);
    files::room_for((2 * conversations + CONNECTIONS_MAX) as u64)?;
    let plan = Plan {
        conversations,
        bursts: options.bursts.into(),
        keys: options.keys.into(),
        keys_per_second: options.keys_per_second.into(),
    };
    let campaign = Campaign {
        measuring: &options.measuring,
        shape: format!(
            "typing: one person in each of {conversations} conversations types {} times {} keys, {} a second",
            plan.bursts, plan.keys, plan.keys_per_second
        ),
        remarks: REMARKS,
        conversations,
        core: None,
    };
    campaign.run(&mut plan.clone()).await
}

impl Mode for Plan {
    const TITLES: Titles = Titles {
        latency: "Latency, ms: change → other side",
        throughput: "Changes heard a second, each run",
    };
    const CALLS: &'static str = "server system calls/key press";

    async fn run(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<(Metrics, Curves)> {
        let open = stage.open().await?;
        let typed = type_all(stage, &open, self, transport, false, progress).await;
        let typed = open.close(typed).await?;
        Ok((typed.figures(self)?, typed.heard.curves()))
    }

    async fn calls(
        &mut self,
        stage: &mut Stage,
        transport: Transport,
        progress: &Progress,
    ) -> Result<Option<f64>> {
        let open = stage.open().await?;
        let typed = type_all(stage, &open, self, transport, true, progress).await;
        let typed = open.close(typed).await?;
        let presses = self.presses() as f64;
        Ok(typed.calls.map(|calls| calls as f64 / presses))
    }
}

/// What a correct run leaves behind.
struct Typed {
    heard: Heard,
    /// How late the generator was at the 99th percentile.
    lag: Duration,
    time: Duration,
    before: Snapshot,
    after: Snapshot,
    /// The server's system calls, if they were counted.
    calls: Option<u64>,
}

async fn type_all(
    stage: &Stage,
    open: &Open,
    plan: &Plan,
    transport: Transport,
    strace: bool,
    progress: &Progress,
) -> Result<Typed> {
    let (target, couples) = (&open.target, &stage.couples);
    progress.say(&format!("connecting {} people", 2 * couples.len()));
    let mut sockets = Sockets::connect(target, couples, senders::dialect(transport)).await?;
    let strace = Strace::attach(open.pid.filter(|_| strace)).await?;
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
    let calls = Strace::count(strace).await?;
    let lag = keyboard.lag();
    let listening = Keyboard::listen(&mut sockets, &mut heard);
    if let Ok(broken) = timeout(SURPLUS_WAIT, listening).await {
        broken?;
    }
    sockets.close().await;
    heard.judge()?;
    Ok(Typed {
        heard,
        lag,
        time,
        before,
        after,
        calls,
    })
}

impl Typed {
    fn figures(&self, plan: &Plan) -> Result<Metrics> {
        let (before, after, lag) = (&self.before, &self.after, self.lag);
        ensure!(
            lag <= LAG_MAX,
            "the run is void: the generator was {lag:.1?} late (p99), more than {LAG_MAX:?}"
        );
        let presses = plan.presses() as f64;
        let mut metrics = vec![
            ("key presses", Some(presses)),
            ("key presses/s", Some(presses / plan.length().as_secs_f64())),
            ("changes heard", Some(self.heard.count() as f64)),
        ];
        metrics.extend(self.heard.latencies());
        metrics.push(("generator late p99, ms", Some(lag.as_secs_f64() * 1e3)));
        let cpu = cost::server_cpu(before, after).map(|cpu| cpu.as_micros() as f64 / presses);
        metrics.push(("server CPU µs/key press", cpu));
        let share = cost::generator_share(before, after, self.time).map(|share| 100.0 * share);
        metrics.push((GENERATOR_SHARE, share));
        Ok(metrics)
    }
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
