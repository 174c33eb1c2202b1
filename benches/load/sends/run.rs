//! One run: everybody connects, the messages are sent, and the checker has the last word.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, bail};
use tokio::time::{Instant, interval, timeout};

use super::cost::Snapshot;
use super::memory::{Samples, while_watched};
use super::senders::{self, Senders};
use super::stage::{Open, Stage};
use super::strace::Strace;
use crate::args::Transport;
use crate::check;
use crate::ledger::{Ledger, Limit, Plan};
use crate::message::{Cast, Seat};
use crate::people;
use crate::report::Progress;
use crate::rest::Limits;
use crate::socket::Sockets;
use crate::times::Phase;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long nothing at all may come back while answers are owed.
pub(super) const ACK_PATIENCE: Duration = Duration::from_secs(20);
/// The same for events, when every answer is there.
pub(super) const EVENT_PATIENCE: Duration = Duration::from_secs(5);
/// How long to listen on, for events that should not come.
const SURPLUS_WAIT: Duration = Duration::from_millis(300);
/// How many findings of the checker are told.
const FINDINGS_MAX: usize = 20;

/// What a run is to do.
pub(super) struct Order {
    pub(super) transport: Transport,
    /// Bytes of content.
    pub(super) size: usize,
    pub(super) turns: Arc<[Seat]>,
    pub(super) pace: Pace,
    /// Count the server's system calls, which slows it down.
    pub(super) strace: bool,
    /// Keep what became of each message, and the server's memory meanwhile.
    pub(super) watched: bool,
}

/// When a message is sent.
#[derive(Clone)]
pub(super) enum Pace {
    /// When another was answered: so many are under way at any time.
    Closed { in_flight: usize, limit: Limit },
    /// At its own time, whatever the server does.
    Open { phases: Vec<Phase>, limits: Limits },
}

impl Pace {
    /// The same for no longer than `time`.
    pub(super) fn shortened(&self, time: Duration) -> Self {
        match self {
            Self::Closed { in_flight, .. } => Self::Closed {
                in_flight: *in_flight,
                limit: Limit::Time(time),
            },
            Self::Open { phases, limits } => {
                let short = |phase: &Phase| Phase {
                    time: phase.time.min(time),
                    ..*phase
                };
                Self::Open {
                    phases: phases.iter().map(short).collect(),
                    limits: *limits,
                }
            }
        }
    }

    fn takes_refusals(&self) -> bool {
        matches!(self, Self::Open { limits, .. } if limits.refusals)
    }

    fn limit(&self) -> Limit {
        match self {
            Self::Closed { limit, .. } => *limit,
            Self::Open { phases, .. } => Limit::Time(phases.iter().map(|phase| phase.time).sum()),
        }
    }
}

/// What a correct run leaves behind.
pub(super) struct Outcome {
    pub(super) acked: usize,
    pub(super) ledger: Ledger,
    pub(super) before: Snapshot,
    pub(super) after: Snapshot,
    /// The server's system calls, if they were counted.
    pub(super) calls: Option<u64>,
    /// The server's memory, if it was watched.
    pub(super) memory: Samples,
}

impl Outcome {
    pub(super) fn calls_per_message(&self) -> Option<f64> {
        self.calls.map(|calls| calls as f64 / self.acked as f64)
    }
}

/// One run on a server that is ready, or that is made ready for it.
pub(super) async fn run(stage: &mut Stage, order: &Order, progress: &Progress) -> Result<Outcome> {
    let open = stage.open().await?;
    let measured = measure(stage, &open, order, progress).await;
    let (outcome, heads) = open.close(measured).await?;
    stage.left_at(heads, outcome.ledger.next_number());
    Ok(outcome)
}

async fn measure(
    stage: &Stage,
    open: &Open,
    order: &Order,
    progress: &Progress,
) -> Result<(Outcome, Vec<u64>)> {
    let (couples, target) = (&stage.couples, &open.target);
    let casts = Cast::of_all(couples, order.size);
    progress.say(&format!("connecting {} people", 2 * couples.len()));
    let dialect = senders::dialect(order.transport);
    let mut sockets = Sockets::connect(target, couples, dialect).await?;
    let templates = senders::templates(order.transport, target, couples, &casts);
    let pace = order.pace.clone();
    let mut senders = Senders::open(order.transport, target, templates, pace).await?;
    let plan = Plan {
        casts: Arc::clone(&casts),
        turns: Arc::clone(&order.turns),
        first_number: stage.first_number,
        echo: false,
        refusals: order.pace.takes_refusals(),
    };

    let strace = Strace::attach(open.pid.filter(|_| order.strace)).await?;
    let before = Snapshot::take(open.pid)?;
    let ledger = RefCell::new(Ledger::start(plan, order.pace.limit())?);
    ledger.borrow_mut().trace = order.watched.then(Vec::new);
    let (watched, mut memory) = (open.pid.filter(|_| order.watched), Samples::new());
    let sending = senders.send_all(&mut sockets, &ledger);
    let sending = while_watched(sending, watched, &ledger, &mut memory);
    answered(
        attended(sending, &ledger, progress, ACK_PATIENCE).await?,
        &ledger,
    )?;
    shown(&mut sockets, &ledger, progress).await?;
    let after = Snapshot::take(open.pid)?;
    let calls = Strace::count(strace).await?;
    let (acked, heads) = conclude(stage, open, &casts, sockets, &ledger, progress).await?;
    let outcome = Outcome {
        acked,
        ledger: ledger.into_inner(),
        before,
        after,
        calls,
        memory,
    };
    Ok((outcome, heads))
}

/// Fails when the answers did not all come.
pub(super) fn answered(in_time: bool, ledger: &RefCell<Ledger>) -> Result<()> {
    if in_time {
        return Ok(());
    }
    let count = ledger.borrow().acked_count();
    bail!("no answer for {ACK_PATIENCE:?}, after {count} of them")
}

/// Waits for the events of all that was acknowledged. Not a failure when it takes too long: the checker knows what
/// exactly is missing.
pub(super) async fn shown(
    sockets: &mut Sockets,
    ledger: &RefCell<Ledger>,
    progress: &Progress,
) -> Result<()> {
    let showing = sockets.pump(ledger, None, Ledger::all_shown);
    attended(showing, ledger, progress, EVENT_PATIENCE).await?;
    Ok(())
}

/// Listens a little longer, says goodbye, reads every history, and judges. Tells how many messages were acknowledged,
/// and each conversation's last `seq`.
pub(super) async fn conclude(
    stage: &Stage,
    open: &Open,
    casts: &[Cast],
    mut sockets: Sockets,
    ledger: &RefCell<Ledger>,
    progress: &Progress,
) -> Result<(usize, Vec<u64>)> {
    if let Ok(broken) = timeout(SURPLUS_WAIT, sockets.pump(ledger, None, |_| false)).await {
        broken?;
    }
    sockets.close().await;
    let (couples, heads) = (&stage.couples, &stage.heads);
    let told = |count| {
        let done = count as f64 / couples.len() as f64;
        progress.advance(done, "reading the histories");
    };
    let histories = people::histories(&open.target, couples, casts, heads, told).await?;
    let acked = ledger.borrow().acked_count();
    let mut evidence = ledger.borrow_mut().evidence();
    for ((one, before), (stored, head_seq)) in evidence.iter_mut().zip(heads).zip(histories) {
        one.before = *before;
        one.stored = stored;
        one.head_seq = head_seq;
    }
    let misses = check::judge(&evidence);
    if misses.is_empty() {
        let heads = evidence.iter().map(|one| one.head_seq).collect();
        return Ok((acked, heads));
    }
    let told = misses.iter().take(FINDINGS_MAX).map(|(at, miss)| {
        let conversation = couples[*at].conversation;
        format!("\n  conversation {conversation}: {miss}")
    });
    let more = if misses.len() > FINDINGS_MAX {
        "\n  …"
    } else {
        ""
    };
    Err(Error::msg(format!(
        "the run was not correct, {} findings:{}{more}",
        misses.len(),
        told.collect::<String>()
    )))
}

/// Runs `work` to its end, showing how far it is; `false` when nothing came back for as long as `patience`.
pub(super) async fn attended(
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
                progress.show(ledger.progress(), ledger.acked_count(), ledger.elapsed());
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
