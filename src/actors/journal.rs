//! Commits what all conversations hand over, as one transaction.
//!
//! Owns: durability, and the writer connection while a transaction runs. Told by: conversations
//! (batches), presence (when somebody went). Tells: each conversation what became of its batch.
//! While a transaction runs it collects, and when that ends it commits what it collected: a batch
//! of one when idle, of hundreds under load, with no timer. If it dies, the supervisor ends the
//! process: the next start is the recovery.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::conversation::ConversationMsg;
use super::health::Health;
use super::{answer, beside, tell};
use crate::metrics::{Metrics, micros};
use crate::store::{Append, LastSeen, Message, Store, StoreError};

/// What may be told to the journal, or asked of it.
pub(crate) enum JournalMsg {
    /// A conversation's next batch; [`ConversationMsg::Settled`] tells what became of it.
    Append {
        append: Box<Append>,
        from: ActorRef<ConversationMsg>,
    },
    /// Somebody's last session went.
    LastSeen(LastSeen),
    /// Answers once everything that was handed over before is settled.
    Fence { reply: RpcReplyPort<()> },
    /// The transaction under way has ended; `None` if that cannot be told, because it panicked.
    Finished(Option<Vec<Settlement>>),
}

/// What became of one conversation's batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is on disk.
    Committed,
    /// It is not: the keys of these messages, stored long before, are in it too. Empty when
    /// another key is in the way: then what the conversation believes is not what is stored.
    Clashed(Vec<Message>),
    /// It is not, and the same batch may be tried again.
    Refused(StoreError),
    /// Nobody can tell.
    Unknown,
}

/// An outcome and whom to tell.
pub(crate) struct Settlement {
    from: ActorRef<ConversationMsg>,
    outcome: Outcome,
}

/// The actor.
pub(crate) struct Journal {
    pub(crate) store: Store,
    /// Messages that one transaction takes at most, as long as single batches are smaller.
    pub(crate) transaction_max: usize,
    /// Bytes of their contents.
    pub(crate) transaction_bytes: usize,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What waits for the disk.
#[derive(Default)]
pub(crate) struct State {
    waiting: VecDeque<Work>,
    /// Whether a transaction runs.
    busy: bool,
    /// Fences that stand behind the transaction under way.
    fences: Vec<RpcReplyPort<()>>,
}

enum Work {
    Append(Box<Append>, ActorRef<ConversationMsg>),
    LastSeen(LastSeen),
    Fence(RpcReplyPort<()>),
}

/// What one transaction commits.
#[derive(Default)]
struct Transaction {
    appends: Vec<(Box<Append>, ActorRef<ConversationMsg>)>,
    last_seen: Vec<LastSeen>,
}

impl Actor for Journal {
    type Msg = JournalMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<JournalMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        Ok(State::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<JournalMsg>,
        msg: JournalMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let settled = match msg {
            JournalMsg::Append { append, from } => {
                #[cfg(feature = "faults")]
                crate::faults::may_panic("journal.append", "");
                state.queue(Work::Append(append, from))
            }
            JournalMsg::LastSeen(last_seen) => state.queue(Work::LastSeen(last_seen)),
            JournalMsg::Fence { reply } => state.queue(Work::Fence(reply)),
            JournalMsg::Finished(Some(settled)) => state.finish(settled),
            JournalMsg::Finished(None) => return Err("a transaction panicked".into()),
        };
        // First the next transaction, so that the disk never waits; then the news.
        if let Some(next) = state.next(self.transaction_max, self.transaction_bytes) {
            self.run(next, myself);
        }
        self.metrics.journal_waiting.set(state.waiting.len());
        for Settlement { from, outcome } in settled {
            tell(&from, ConversationMsg::Settled(outcome));
        }
        Ok(())
    }
}

impl Journal {
    /// Runs one transaction beside the actor, which goes on collecting.
    fn run(&self, transaction: Transaction, myself: ActorRef<JournalMsg>) {
        let (store, health) = (self.store.clone(), Arc::clone(&self.health));
        let metrics = Arc::clone(&self.metrics);
        let work = async move {
            #[cfg(feature = "faults")]
            if crate::faults::at("journal.commit", "").is_some() {
                return said_to_be_done(transaction);
            }
            let (messages, begun) = (transaction.messages(), Instant::now());
            health.runs(Some(begun));
            let settled = commit(&store, &health, transaction).await;
            health.runs(None);
            count(&metrics, begun.elapsed(), messages, &settled);
            #[cfg(feature = "faults")]
            crate::faults::may_panic("journal.committed", "");
            settled
        };
        beside(work, move |settled| {
            tell(&myself, JournalMsg::Finished(settled));
        });
    }
}

impl State {
    fn queue(&mut self, work: Work) -> Vec<Settlement> {
        self.waiting.push_back(work);
        Vec::new()
    }

    fn finish(&mut self, settled: Vec<Settlement>) -> Vec<Settlement> {
        self.busy = false;
        for fence in self.fences.drain(..) {
            answer(fence, ());
        }
        settled
    }

    /// The next transaction, unless one runs or nothing waits.
    fn next(&mut self, rows_max: usize, bytes_max: usize) -> Option<Transaction> {
        if self.busy {
            return None;
        }
        let mut next = Transaction::default();
        let (mut rows, mut bytes) = (0, 0);
        while rows < rows_max && bytes < bytes_max {
            match self.waiting.pop_front() {
                None => break,
                Some(Work::Append(append, from)) => {
                    rows += append.messages.len().max(1);
                    let contents = append.messages.iter().map(|one| one.content.len());
                    bytes += contents.sum::<usize>();
                    next.appends.push((append, from));
                }
                Some(Work::LastSeen(last_seen)) => {
                    rows += 1;
                    next.last_seen.push(last_seen);
                }
                Some(Work::Fence(reply)) if rows == 0 => answer(reply, ()),
                Some(Work::Fence(reply)) => self.fences.push(reply),
            }
        }
        self.busy = rows > 0;
        self.busy.then_some(next)
    }
}

/// What a test has go wrong: nothing is written, and everybody is told that it was.
#[cfg(feature = "faults")]
fn said_to_be_done(transaction: Transaction) -> Vec<Settlement> {
    let done = |(_, from)| Settlement {
        from,
        outcome: Outcome::Committed,
    };
    transaction.appends.into_iter().map(done).collect()
}

impl Transaction {
    fn messages(&self) -> usize {
        let messages = self.appends.iter().map(|(one, _)| one.messages.len());
        messages.sum()
    }
}

/// Counts a transaction that took so long.
fn count(metrics: &Metrics, took: Duration, messages: usize, settled: &[Settlement]) {
    metrics.commit_time.record(micros(took));
    metrics.commit_messages.record(messages as u64);
    metrics.commit_batches.record(settled.len() as u64);
    let of = |kind: fn(&Outcome) -> bool| {
        let alike = settled.iter().filter(|one| kind(&one.outcome));
        alike.count() as u64
    };
    let committed = of(|outcome| matches!(outcome, Outcome::Committed));
    metrics.batches_committed.add(committed);
    if committed < settled.len() as u64 {
        let clashed = of(|outcome| matches!(outcome, Outcome::Clashed(_)));
        metrics.batches_clashed.add(clashed);
        let refused = of(|outcome| matches!(outcome, Outcome::Refused(_)));
        metrics.batches_refused.add(refused);
        let unknown = of(|outcome| matches!(outcome, Outcome::Unknown));
        metrics.batches_unknown.add(unknown);
    }
}

/// Commits everything at once; if that is refused, finds out whose fault it is.
async fn commit(store: &Store, health: &Health, transaction: Transaction) -> Vec<Settlement> {
    let Transaction { appends, last_seen } = transaction;
    let (appends, askers): (Vec<_>, Vec<_>) = appends.into_iter().unzip();
    let all: Vec<&Append> = appends.iter().map(AsRef::as_ref).collect();
    let written = store.append(&all, &last_seen).await;
    health.note(written.as_ref().copied());
    let outcomes = match written {
        Ok(()) => all.iter().map(|_| Outcome::Committed).collect(),
        Err(StoreError::Failed(cause)) => {
            let error = StoreError::Failed(cause);
            tracing::debug!(%error, batches = all.len(), "a shared transaction is retried in parts");
            in_parts(store, &all, &last_seen, &error).await
        }
        Err(error) => {
            // Of a disk that failed the log tells once, where it was met.
            if !matches!(error, StoreError::Broken) {
                let (error, batches) = (error_chain(&error), all.len());
                tracing::error!(error, batches, "cannot commit");
            }
            all.iter().map(|_| failed(&error)).collect()
        }
    };
    std::iter::zip(askers, outcomes)
        .map(|(from, outcome)| Settlement { from, outcome })
        .collect()
}

/// One bad batch must fail nobody else. Those that repeat a stored key are found by a look, the
/// rest shares a transaction again; if even that is refused, each has one of its own.
async fn in_parts(
    store: &Store,
    all: &[&Append],
    last_seen: &[LastSeen],
    why: &StoreError,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(all.len());
    for append in all {
        let stored = match why.is_conflict() {
            true => repeated(store, append).await,
            false => Vec::new(),
        };
        outcomes.push((!stored.is_empty()).then_some(Outcome::Clashed(stored)));
    }
    let rest: Vec<&Append> = std::iter::zip(all, &outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .map(|(append, _)| *append)
        .collect();
    let shared = match rest.len() < all.len() {
        true => store.append(&rest, last_seen).await,
        false => Err(why.clone()),
    };
    for (append, outcome) in std::iter::zip(all, &mut outcomes) {
        if outcome.is_none() {
            *outcome = Some(match &shared {
                Ok(()) => Outcome::Committed,
                Err(StoreError::Failed(_)) => alone(store, append).await,
                Err(error) => failed(error),
            });
        }
    }
    if let Err(StoreError::Failed(_)) = shared
        && let Err(error) = store.append(&[], last_seen).await
    {
        tracing::error!(error = error_chain(&error), "cannot note who was seen last");
    }
    outcomes.into_iter().flatten().collect()
}

async fn alone(store: &Store, append: &Append) -> Outcome {
    match store.append(&[append], &[]).await {
        Ok(()) => Outcome::Committed,
        Err(error) if error.is_conflict() => Outcome::Clashed(repeated(store, append).await),
        Err(error) => {
            let conversation = append.conversation.0;
            tracing::error!(error = error_chain(&error), conversation, "cannot commit");
            failed(&error)
        }
    }
}

fn failed(error: &StoreError) -> Outcome {
    match error {
        StoreError::Unknown(_) => Outcome::Unknown,
        StoreError::Unavailable(_) | StoreError::Failed(_) | StoreError::Broken => {
            Outcome::Refused(error.clone())
        }
    }
}

/// The stored messages whose keys are in `append` too.
async fn repeated(store: &Store, append: &Append) -> Vec<Message> {
    let keyed = |message: &Arc<Message>| message.client_message_id.is_some();
    let messages: Vec<_> = append.messages.iter().filter(|one| keyed(one)).collect();
    let keys: Vec<_> = messages
        .iter()
        .filter_map(|message| Some((message.sender, message.client_message_id.as_deref()?)))
        .collect();
    match store.by_client_ids(append.conversation, &keys).await {
        Ok(stored) => stored,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "cannot look for repeats");
            Vec::new()
        }
    }
}

/// The error and its causes in one line, for the log alone.
fn error_chain(error: &StoreError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
