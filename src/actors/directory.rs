//! Who lives: conversations by id, sessions and status by person, sessions by the name that takes
//! them up again. Written by few, read by all without waiting.
//!
//! No guard of a map ever leaves this file, so none is held over an `.await` or another call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use entities::ids::{ConversationId, UserId};
use ractor::{ActorId, ActorRef, MessagingErr};
use smallvec::SmallVec;

use super::activity::Activity;
use super::conversation::ConversationMsg;
use super::session::SessionMsg;
use super::session::outbox::{Held, Outbox};
use crate::metrics::figures::Lively;
use crate::wire::view::Status;

/// The address book of the process.
#[derive(Debug)]
pub(crate) struct Directory {
    conversations: DashMap<ConversationId, Address>,
    sessions: DashMap<UserId, Sessions>,
    /// Those that can be taken up again, by the name that only their client knows.
    resumable: DashMap<Box<str>, ActorRef<SessionMsg>>,
    /// Those of each person that wait without a socket, the oldest first.
    away: DashMap<UserId, VecDeque<ActorRef<SessionMsg>>>,
    /// How many these are.
    away_count: AtomicUsize,
    /// What each session fills. For the operator's look alone.
    outboxes: DashMap<ActorId, Arc<Outbox>>,
    statuses: DashMap<UserId, Status>,
    started: Instant,
}

/// The sessions of one person; mostly one or two.
pub(crate) type Sessions = SmallVec<[ActorRef<SessionMsg>; 2]>;

/// Where a conversation lives.
#[derive(Clone, Debug)]
pub(crate) struct Address(Arc<Living>);

#[derive(Debug)]
struct Living {
    actor: ActorRef<ConversationMsg>,
    activity: Arc<Activity>,
}

impl Address {
    /// That of `actor`, which notes what it does in `activity`.
    pub(crate) fn new(actor: ActorRef<ConversationMsg>, activity: Arc<Activity>) -> Self {
        Self(Arc::new(Living { actor, activity }))
    }

    /// The conversation itself. What it is to be asked or told goes by [`Address::cast`], which
    /// counts it.
    pub(crate) fn actor(&self) -> &ActorRef<ConversationMsg> {
        &self.0.actor
    }

    /// Puts `msg` into its mailbox.
    ///
    /// # Errors
    /// The message, if it takes leave.
    #[expect(
        clippy::result_large_err,
        reason = "it is the message, which goes on another way"
    )]
    pub(crate) fn cast(&self, msg: ConversationMsg) -> Result<(), MessagingErr<ConversationMsg>> {
        self.0.activity.tell();
        let taken = self.0.actor.cast(msg);
        if taken.is_err() {
            self.0.activity.take_back();
        }
        taken
    }

    /// Tells it something. One that has ended has no use for it.
    pub(crate) fn tell(&self, msg: ConversationMsg) {
        drop(self.cast(msg));
    }
}

/// What a look at everybody shows.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The conversations that are awake, in no order.
    pub(crate) conversations: Vec<Lively>,
    /// Sessions without a socket.
    pub(crate) sessions_away: usize,
    /// What all outboxes hold.
    pub(crate) outboxes: Held,
    /// What the fullest of them holds, in bytes.
    pub(crate) fullest: usize,
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            conversations: DashMap::new(),
            sessions: DashMap::new(),
            resumable: DashMap::new(),
            away: DashMap::new(),
            away_count: AtomicUsize::new(0),
            outboxes: DashMap::new(),
            statuses: DashMap::new(),
            started: Instant::now(),
        }
    }

    /// The conversation `id`, if it is awake.
    pub(crate) fn conversation(&self, id: ConversationId) -> Option<Address> {
        self.conversations.get(&id).map(|at| at.clone())
    }

    /// The sessions of `user`, those whose socket is away included.
    pub(crate) fn sessions(&self, user: UserId) -> Sessions {
        self.sessions
            .get(&user)
            .map_or_else(Sessions::new, |found| found.clone())
    }

    /// The session that `pid` takes up again.
    pub(crate) fn resumable(&self, pid: &str) -> Option<ActorRef<SessionMsg>> {
        self.resumable.get(pid).map(|found| found.clone())
    }

    /// What `user` is, as others see it.
    pub(crate) fn status(&self, user: UserId) -> Status {
        self.statuses
            .get(&user)
            .map_or(Status::Offline, |status| *status)
    }

    /// For the supervisor: `id` lives at `actor` from now on.
    pub(crate) fn enter(&self, id: ConversationId, address: Address) {
        self.conversations.insert(id, address);
    }

    /// For the supervisor: `actor` is no more.
    pub(crate) fn forget(&self, id: ConversationId, actor: ActorId) {
        let same = |_: &ConversationId, at: &Address| at.actor().get_id() == actor;
        self.conversations.remove_if(&id, same);
    }

    /// For the supervisor: the conversations that had nothing to do since `since`.
    pub(crate) fn idle(&self, since: Instant) -> Vec<ActorRef<ConversationMsg>> {
        let since = self.millis(since);
        self.conversations
            .iter()
            .filter(|at| at.0.activity.last_work() <= since)
            .map(|at| at.actor().clone())
            .collect()
    }

    /// For the supervisor: a session of `user` has begun, which fills `outbox`, and can be taken up
    /// again by `pid`.
    pub(crate) fn add_session(
        &self,
        user: UserId,
        pid: Option<&str>,
        session: ActorRef<SessionMsg>,
        outbox: Arc<Outbox>,
    ) {
        self.outboxes.insert(session.get_id(), outbox);
        if let Some(pid) = pid {
            self.resumable.insert(pid.into(), session.clone());
        }
        self.sessions.entry(user).or_default().push(session);
    }

    /// For the supervisor: a session of `user` is over. Whether it waited without a socket.
    pub(crate) fn remove_session(&self, user: UserId, pid: Option<&str>, session: ActorId) -> bool {
        self.outboxes.remove(&session);
        if let Some(pid) = pid {
            self.resumable.remove(pid);
        }
        if let dashmap::Entry::Occupied(mut found) = self.sessions.entry(user) {
            found.get_mut().retain(|one| one.get_id() != session);
            if found.get().is_empty() {
                found.remove();
            }
        }
        self.came_back(user, session)
    }

    /// For a session of `user`: its socket is gone. If more than `most` wait like this, the
    /// oldest, which is to end.
    pub(crate) fn went_away(
        &self,
        user: UserId,
        session: ActorRef<SessionMsg>,
        most: usize,
    ) -> Option<ActorRef<SessionMsg>> {
        let mut away = self.away.entry(user).or_default();
        away.push_back(session);
        if away.len() > most {
            away.pop_front()
        } else {
            self.away_count.fetch_add(1, Ordering::Relaxed);
            None
        }
    }

    /// For a session: it fills `outbox` from now on.
    pub(crate) fn fills(&self, session: ActorId, outbox: Arc<Outbox>) {
        if let Some(mut at) = self.outboxes.get_mut(&session) {
            *at = outbox;
        }
    }

    /// For a session of `user`: it waits no longer. Whether it did.
    pub(crate) fn came_back(&self, user: UserId, session: ActorId) -> bool {
        let dashmap::Entry::Occupied(mut found) = self.away.entry(user) else {
            return false;
        };
        let before = found.get().len();
        found.get_mut().retain(|one| one.get_id() != session);
        let waited = found.get().len() < before;
        self.away_count
            .fetch_sub(usize::from(waited), Ordering::Relaxed);
        if found.get().is_empty() {
            found.remove();
        }
        waited
    }

    /// For presence: what `user` is from now on.
    pub(crate) fn set_status(&self, user: UserId, status: Status) {
        match status {
            Status::Offline => drop(self.statuses.remove(&user)),
            Status::Online | Status::Busy => drop(self.statuses.insert(user, status)),
        }
    }

    /// For the operator: a look at everybody, one after the other. It takes as long as there are
    /// many of them, and holds up nobody for longer than a few take.
    pub(crate) fn look(&self) -> Seen {
        let now = self.millis(Instant::now());
        let mut seen = Seen {
            sessions_away: self.away_count.load(Ordering::Relaxed),
            ..Seen::default()
        };
        let lively = self.conversations.iter();
        let lively = lively.map(|at| at.0.activity.read(at.key().0, now));
        seen.conversations = lively.collect();
        for outbox in &self.outboxes {
            let held = outbox.held();
            seen.outboxes += held;
            seen.fullest = seen.fullest.max(held.waiting + held.kept);
        }
        seen
    }

    /// The activity of a conversation that wakes now.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::new(Activity::since(self.millis(Instant::now())))
    }

    /// The time of all activities: milliseconds since this was made.
    pub(crate) fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
