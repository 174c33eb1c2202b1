//! Starts the journal and presence, then spawns conversations and sessions as they are needed,
//! retires conversations that are quiet, and drains in reverse.
//!
//! Owns: the directory's pages of who lives. Asked by: [`Chat`](crate::chat::Chat) and the app.
//! Told by: sessions (what is for a conversation that sleeps), its own clock. A conversation that
//! fails takes leave, and the next one is woken at once if it left something; one that cannot even
//! be woken waits for the next command, so that nothing is tried for ever. A session that fails is
//! taken out of the directory, and that is all: its client comes back. If the journal or presence
//! fails, so does the supervisor, and with it the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use entities::ids::{ConversationId, UserId};
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, ActorRuntime, ActorStatus,
    RpcReplyPort, SupervisionEvent,
};

use super::conversation::{self, Conversation, ConversationMsg, Leftovers};
use super::directory::{Address, Directory};
use super::health::Health;
use super::journal::{Journal, JournalMsg};
use super::people::{People, Person};
use super::presence::{Presence, PresenceMsg};
use super::session::attachment::{Attachment, SessionKey};
use super::session::outbox::Outbox;
use super::session::{self, Ending, Session, SessionMsg};
use super::{Neighbours, answer, beside, tell};
use crate::auth::Bearer;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::store::Store;

/// What may be asked of, or told to, the supervisor.
pub(crate) enum SupervisorMsg {
    // Asked by the app.
    /// Everybody's address.
    Introduce { reply: RpcReplyPort<Neighbours> },
    /// Finish what is under way and make it durable. No session has a socket by now.
    Drain { reply: RpcReplyPort<()> },

    // Asked by `Chat`.
    /// The conversation's actor, awake.
    Wake {
        conversation: ConversationId,
        reply: RpcReplyPort<Address>,
    },
    /// A new session. With a key it can be taken up again.
    OpenSession {
        person: Arc<Person>,
        bearer: Bearer,
        outbox: Arc<Outbox>,
        key: Option<Arc<SessionKey>>,
        reply: RpcReplyPort<Attachment>,
    },

    // Told by sessions.
    /// Something for a conversation that sleeps.
    Forward {
        conversation: ConversationId,
        msg: ConversationMsg,
    },

    // Told by its own clock.
    /// Time to look for what nobody needs: conversations, and what the store holds for writing.
    Sweep,
}

/// The actor.
pub(crate) struct Supervisor;

/// What the tree is made of.
pub(crate) struct Start {
    pub(crate) store: Store,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The supervisor's state.
pub(crate) struct State {
    neighbours: Neighbours,
    children: HashMap<ActorId, Child>,
    /// What each conversation leaves to the next one with its id.
    leftovers: HashMap<ConversationId, Leftovers>,
}

enum Child {
    Conversation(ConversationId),
    Session(UserId, Option<Arc<SessionKey>>),
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type State = State;
    type Arguments = Start;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMsg>,
        start: Start,
    ) -> Result<State, ActorProcessingErr> {
        let Start {
            store,
            limits,
            metrics,
        } = start;
        let directory = Arc::new(Directory::new());
        let people = Arc::new(People::new(store.clone(), limits.people_max));
        let health = Arc::new(Health::default());
        let journal = Journal {
            store: store.clone(),
            transaction_max: limits.transaction_max,
            transaction_bytes: limits.transaction_bytes,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
        };
        let (journal, _) = Actor::spawn_linked(None, journal, (), myself.get_cell()).await?;
        let presence = Presence {
            directory: Arc::clone(&directory),
            people: Arc::clone(&people),
            journal: journal.clone(),
            store: store.clone(),
            limits: Arc::clone(&limits),
        };
        let (presence, _) = Actor::spawn_linked(None, presence, (), myself.get_cell()).await?;
        myself.send_interval(sweep_interval(&limits), || SupervisorMsg::Sweep);
        Ok(State {
            neighbours: Neighbours {
                directory,
                people,
                supervisor: myself,
                journal,
                presence,
                store,
                health,
                limits,
                metrics,
            },
            children: HashMap::new(),
            leftovers: HashMap::new(),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<SupervisorMsg>,
        msg: SupervisorMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        #[cfg(feature = "faults")]
        crate::faults::may_panic("supervisor.handle", "");
        match msg {
            SupervisorMsg::Introduce { reply } => answer(reply, state.neighbours.clone()),
            SupervisorMsg::Wake {
                conversation,
                reply,
            } => answer(reply, state.wake(conversation)?),
            SupervisorMsg::OpenSession {
                person,
                bearer,
                outbox,
                key,
                reply,
            } => {
                let attachment = state.open_session(person, bearer, outbox, key)?;
                let session = attachment.session.clone();
                if let Err(unheard) = reply.send(attachment) {
                    // Whoever asked has given up, and nobody knows its key.
                    tracing::warn!(%unheard, "a session was opened too late");
                    let (how, attachment) = (Ending::Goodbye, Attachment::FIRST);
                    tell(&session, SessionMsg::Ended { how, attachment });
                }
            }
            SupervisorMsg::Forward { conversation, msg } => {
                state.wake(conversation)?.tell(msg);
            }
            SupervisorMsg::Sweep => state.sweep(),
            SupervisorMsg::Drain { reply } => state.drain(reply),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, ..) => state.ended(&who, None),
            SupervisionEvent::ActorFailed(who, why) => state.ended(&who, Some(why)),
            _ => Ok(()),
        }
    }
}

/// Idle conversations are found within a quarter of the time after which they count as idle.
fn sweep_interval(limits: &Limits) -> Duration {
    (limits.conversation_idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(60))
}

impl State {
    /// The conversation's actor: the one that lives, else a new one. It loads by itself; what it
    /// is told meanwhile waits in its mailbox.
    fn wake(&mut self, id: ConversationId) -> Result<Address, ActorProcessingErr> {
        let living = self.neighbours.directory.conversation(id);
        let predecessor = match living {
            Some(at) if at.actor().get_status() < ActorStatus::Draining => return Ok(at),
            ending => ending.map(|at| at.actor().clone()),
        };
        let leftovers = self.leftovers.entry(id).or_default().clone();
        let directory = &self.neighbours.directory;
        let activity = directory.activity();
        let start = conversation::Start {
            id,
            neighbours: self.neighbours.clone(),
            activity: Arc::clone(&activity),
            predecessor,
            leftovers,
        };
        let supervisor = self.neighbours.supervisor.get_cell();
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Conversation, start, supervisor)?;
        let child = Child::Conversation(id);
        self.children.insert(actor.get_id(), child);
        self.neighbours.metrics.conversations.up();
        let address = Address::new(actor, activity);
        directory.enter(id, address.clone());
        Ok(address)
    }

    fn open_session(
        &mut self,
        person: Arc<Person>,
        bearer: Bearer,
        outbox: Arc<Outbox>,
        key: Option<Arc<SessionKey>>,
    ) -> Result<Attachment, ActorProcessingErr> {
        let user = person.id;
        let start = session::Start {
            bearer,
            outbox: Arc::clone(&outbox),
            key: key.clone(),
            neighbours: self.neighbours.clone(),
        };
        let supervisor = self.neighbours.supervisor.get_cell();
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, Session, start, supervisor)?;
        let child = Child::Session(user, key.clone());
        self.children.insert(actor.get_id(), child);
        let pid = key.as_ref().map(|key| key.pid.as_str());
        self.neighbours.metrics.sessions.up();
        let directory = &self.neighbours.directory;
        directory.add_session(user, pid, actor.clone(), Arc::clone(&outbox));
        tell(&self.neighbours.presence, PresenceMsg::Arrived { person });
        Ok(Attachment {
            session: actor,
            number: Attachment::FIRST,
            outbox,
            key,
        })
    }

    fn sweep(&self) {
        let idle = self.neighbours.limits.conversation_idle;
        if let Some(since) = Instant::now().checked_sub(idle) {
            for actor in self.neighbours.directory.idle(since) {
                tell(&actor, ConversationMsg::RetireIfIdle);
            }
        }
        let store = self.neighbours.store.clone();
        beside(async move { store.sweep().await }, drop);
    }

    /// A child is no more.
    fn ended(
        &mut self,
        who: &ActorCell,
        failure: Option<ActorProcessingErr>,
    ) -> Result<(), ActorProcessingErr> {
        match self.children.remove(&who.get_id()) {
            Some(Child::Conversation(id)) => {
                self.neighbours.metrics.conversations.down();
                let may_be_woken = failure.is_none();
                if let Some(why) = failure {
                    tracing::error!(%why, conversation = id.0, "a conversation cannot be woken");
                }
                self.conversation_ended(id, who.get_id(), may_be_woken)
            }
            Some(Child::Session(user, key)) => {
                self.neighbours.metrics.sessions.down();
                self.session_ended(user, key.as_deref(), who.get_id(), failure);
                Ok(())
            }
            None => {
                let why = failure.map_or_else(|| "it stopped".to_owned(), |why| why.to_string());
                tracing::error!(
                    why,
                    "the journal or presence failed: the server cannot go on"
                );
                Err(format!("the journal or presence is gone: {why}").into())
            }
        }
    }

    fn session_ended(
        &self,
        user: UserId,
        key: Option<&SessionKey>,
        who: ActorId,
        failure: Option<ActorProcessingErr>,
    ) {
        let pid = key.map(|key| key.pid.as_str());
        let was_away = self.neighbours.directory.remove_session(user, pid, who);
        let Some(why) = failure else {
            return;
        };
        tracing::error!(%why, user = user.0, "a session failed");
        // One without a socket has told presence already.
        if !was_away {
            let left = PresenceMsg::Left {
                user,
                how: Ending::BrokenOff,
                typed_in: Vec::new(),
            };
            tell(&self.neighbours.presence, left);
        }
    }

    fn conversation_ended(
        &mut self,
        id: ConversationId,
        who: ActorId,
        may_be_woken: bool,
    ) -> Result<(), ActorProcessingErr> {
        let directory = &self.neighbours.directory;
        let current = directory.conversation(id);
        if current.is_some_and(|current| current.actor().get_id() != who) {
            return Ok(()); // The successor has taken what it left.
        }
        let left = self.leftovers.get(&id);
        if may_be_woken && left.is_some_and(Leftovers::are_urgent) {
            self.wake(id)?;
        } else {
            directory.forget(id, who);
            if left.is_some_and(Leftovers::are_worthless) {
                self.leftovers.remove(&id);
            }
        }
        Ok(())
    }

    /// In reverse: what sessions asked for is answered by now, so what is left is to note who was
    /// here, and to wait for the journal.
    fn drain(&self, reply: RpcReplyPort<()>) {
        let (presence, journal) = (&self.neighbours.presence, &self.neighbours.journal);
        let (presence, journal) = (presence.clone(), journal.clone());
        tokio::spawn(async move {
            let noted = presence
                .call(|reply| PresenceMsg::Drain { reply }, None)
                .await;
            let settled = journal
                .call(|reply| JournalMsg::Fence { reply }, None)
                .await;
            if noted.is_err() || settled.is_err() {
                tracing::error!("the journal or presence was gone before the drain");
            }
            answer(reply, ());
        });
    }
}
