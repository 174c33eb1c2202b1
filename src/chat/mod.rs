//! The only door inwards: a method for each use case.
//!
//! Every transport calls the same methods, so there is one answer to each question. Here a
//! command is admitted (or refused at once, when too many are under way), finds its actor, and
//! waits for the answer; a dead mailbox or a timeout becomes a [`ChatError`]. Nothing below waits
//! for an actor.

mod access;
mod accounts;
mod conversations;
mod figures;
mod messages;
mod quotas;
mod sessions;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use entities::ids::{ConversationId, UserId};
use ractor::{MessagingErr, RpcReplyPort};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use crate::actors::conversation::ConversationMsg;
use crate::actors::directory::Address;
use crate::actors::people::Person;
use crate::actors::supervisor::SupervisorMsg;
use crate::actors::{Ask, Neighbours, Permit};
use crate::auth::{Bearer, Passwords, Tokens};
use crate::config::Switch;
use crate::error::ChatError;
use crate::wire::reply::Sent;

pub use crate::actors::session::Ending;
pub use crate::actors::session::attachment::SessionKey;
pub use figures::Look;
pub use messages::NotBegun;
pub use quotas::SocketPlace;
pub use sessions::{Comeback, Session};

use figures::Started;
use quotas::{Allowance, Quotas};

/// The chat. Clones are the same chat.
#[derive(Clone, Debug)]
pub struct Chat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    neighbours: Neighbours,
    passwords: Passwords,
    tokens: Tokens,
    /// A permit for each command under way, in the whole server.
    admission: Arc<Semaphore>,
    /// The same for each send, which has none of the other kind.
    sends: Arc<Semaphore>,
    /// What people and addresses may have, if that is limited.
    quotas: Option<Quotas>,
    /// One choice of status at a time, so that the database and presence keep the same one.
    choosing: tokio::sync::Mutex<()>,
    /// What must not end half-way because its asker went away.
    tasks: TaskTracker,
    started: Started,
}

/// Who asks: somebody whose token counts.
#[derive(Clone, Debug)]
pub struct Caller {
    person: Arc<Person>,
    /// What their token says.
    bearer: Bearer,
}

impl Caller {
    /// Their account.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.person.id
    }

    /// What their token says.
    #[must_use]
    pub fn bearer(&self) -> &Bearer {
        &self.bearer
    }
}

/// A command that is under way: its place in the order is taken.
#[derive(Debug)]
pub struct Pending<T> {
    port: oneshot::Receiver<Result<T, ChatError>>,
    until: Instant,
}

impl<T> Pending<T> {
    /// An answer to come, for tests of those who wait.
    #[cfg(test)]
    pub(crate) fn of(port: oneshot::Receiver<Result<T, ChatError>>, until: Instant) -> Self {
        Self { port, until }
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// What the use case says; [`ChatError::Overloaded`] when whoever should answer has failed,
    /// or takes too long. What was asked may then have been done, or be done yet.
    pub async fn answer(mut self) -> Result<T, ChatError> {
        let until = self.until.into();
        let answer = tokio::time::timeout_at(until, poll_fn(|context| self.poll(context)));
        answer.await.unwrap_or(Err(ChatError::Overloaded))
    }

    /// The answer, if it is there. For whoever watches the clock for many of them: see
    /// [`Pending::until`].
    ///
    /// # Errors
    /// Those of [`Pending::answer`]; of the time only after it has passed.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T, ChatError>> {
        match Pin::new(&mut self.port).poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.unwrap_or(Err(ChatError::Overloaded))),
            Poll::Pending if self.until <= Instant::now() => {
                Poll::Ready(Err(ChatError::Overloaded))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// When it has taken too long.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }
}

impl Chat {
    /// A chat over the actors `neighbours`. What it must finish is among `tasks`.
    pub(crate) fn new(
        neighbours: Neighbours,
        tokens: Tokens,
        tasks: TaskTracker,
        quotas: Switch,
    ) -> Self {
        let limits = &neighbours.limits;
        Self(Arc::new(Inner {
            passwords: Passwords::new(limits),
            admission: Arc::new(Semaphore::new(limits.commands_max)),
            sends: Arc::new(Semaphore::new(limits.sends_max)),
            quotas: quotas.is_on().then(|| Quotas::new(&limits.quotas)),
            choosing: tokio::sync::Mutex::new(()),
            tasks,
            started: Started::now(),
            tokens,
            neighbours,
        }))
    }

    /// Who bears `token`.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`] for a token that does not count.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, ChatError> {
        let bearer = self.0.tokens.verify(token)?;
        let person = self.0.neighbours.people.bearer(bearer).await?;
        Ok(Caller { person, bearer })
    }

    /// Whether a message could become durable now. Nearly always this is what the last write
    /// told; a while after one that failed, another is tried, and waited for for a moment. A disk that
    /// failed is not tried again.
    pub async fn is_writable(&self) -> bool {
        let Neighbours {
            health,
            store,
            limits,
            ..
        } = &self.0.neighbours;
        if store.is_broken() {
            return false;
        }
        let store = store.clone();
        let write = async move { store.check_writable().await };
        if let Some(trial) = health.trial(Instant::now(), write) {
            trial.wait(limits.trial_time).await;
        }
        health.is_good(Instant::now())
    }

    /// Runs `work` to its end, also when its asker goes away meanwhile: between a write and the
    /// news of it there is no place to stop.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ChatError>> + Send + 'static,
    ) -> Result<T, ChatError> {
        #[cfg(feature = "faults")]
        let work = async move {
            crate::faults::may_panic("chat.use_case", "");
            work.await
        };
        match self.0.tasks.spawn(work).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a use case panicked");
                Err(ChatError::Internal)
            }
        }
    }

    /// Takes a place among the commands under way, for nobody in particular.
    fn admit(&self) -> Result<Permit, ChatError> {
        Ok(Permit::new(place_among(&self.0.admission)?, None))
    }

    /// Takes a place among the commands under way, and among those of `by`.
    fn admit_by(&self, by: UserId) -> Result<Permit, ChatError> {
        let own = self.allowance(by).begin()?;
        Ok(Permit::new(place_among(&self.0.admission)?, own))
    }

    /// Asks a conversation for `by`, waking it if it sleeps. When this returns, the question has its
    /// place in the conversation's order.
    async fn begin<T: Send + 'static>(
        &self,
        by: UserId,
        id: ConversationId,
        question: impl FnOnce(Ask<T>) -> ConversationMsg,
    ) -> Result<Pending<T>, ChatError> {
        let (ask, pending) = self.ask(by)?;
        self.put(id, question(ask), pending).await
    }

    /// Puts the question that `pending` waits for to a conversation.
    async fn put<T>(
        &self,
        id: ConversationId,
        mut msg: ConversationMsg,
        pending: Pending<T>,
    ) -> Result<Pending<T>, ChatError> {
        if let Some(at) = self.awake(id) {
            match at.cast(msg) {
                Ok(()) => return Ok(pending),
                Err(returned) => msg = give_back(returned)?,
            }
        }
        // A conversation that takes leave gives the message back. Its successor does not retire
        // before it has been quiet for a while, so the second try is as good as the last.
        for _ in 0..3 {
            let wake = |reply| SupervisorMsg::Wake {
                conversation: id,
                reply,
            };
            let supervisor = &self.0.neighbours.supervisor;
            let time = pending.until.saturating_duration_since(Instant::now());
            let woken = supervisor.call(wake, Some(time)).await;
            let Ok(ractor::rpc::CallResult::Success(at)) = woken else {
                return Err(ChatError::Overloaded);
            };
            match at.cast(msg) {
                Ok(()) => return Ok(pending),
                Err(returned) => msg = give_back(returned)?,
            }
        }
        Err(ChatError::Overloaded)
    }

    /// The conversation, if it does not sleep.
    fn awake(&self, id: ConversationId) -> Option<Address> {
        self.0.neighbours.directory.conversation(id)
    }

    /// A question of `by` and its answer to come, admitted.
    fn ask<T: Send + 'static>(&self, by: UserId) -> Result<(Ask<T>, Pending<T>), ChatError> {
        Ok(self.ask_with(self.admit_by(by)?))
    }

    /// The same for a send. What is not begun costs nothing.
    fn ask_to_send(&self, by: &Allowance) -> Result<(Ask<Sent>, Pending<Sent>), ChatError> {
        let own = by.begin()?;
        let permit = Permit::new(place_among(&self.0.sends)?, own);
        by.send()?;
        Ok(self.ask_with(permit))
    }

    /// When what `pending` waits for was admitted.
    fn begun<T>(&self, pending: &Pending<T>) -> Instant {
        pending.until - self.0.neighbours.limits.command_time
    }

    fn ask_with<T: Send + 'static>(&self, permit: Permit) -> (Ask<T>, Pending<T>) {
        let (sender, port) = oneshot::channel();
        let until = Instant::now() + self.0.neighbours.limits.command_time;
        let ask = Ask::new(RpcReplyPort::from(sender), permit);
        (ask, Pending { port, until })
    }
}

fn place_among(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ChatError> {
    let permit = Arc::clone(places).try_acquire_owned();
    permit.map_err(|_| ChatError::Overloaded)
}

/// The message that an actor did not take.
fn give_back(error: MessagingErr<ConversationMsg>) -> Result<ConversationMsg, ChatError> {
    match error {
        MessagingErr::SendErr(msg) => Ok(msg),
        MessagingErr::ChannelClosed | MessagingErr::InvalidActorType => Err(ChatError::Overloaded),
    }
}

#[cfg(test)]
mod tests;
