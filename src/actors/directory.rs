//! Who lives: conversations by id, sessions and status by person, sessions by the name that takes
//! them up again. Written by few, read by all without waiting.
//!
//! No guard of a map ever leaves this file, so none is held over an `.await` or another call.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use entities::ids::{ConversationId, UserId};
use ractor::{ActorId, ActorRef};
use smallvec::SmallVec;

use super::conversation::ConversationMsg;
use super::session::SessionMsg;
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
    statuses: DashMap<UserId, Status>,
    started: Instant,
}

/// The sessions of one person; mostly one or two.
pub(crate) type Sessions = SmallVec<[ActorRef<SessionMsg>; 2]>;

/// Where a conversation lives.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) actor: ActorRef<ConversationMsg>,
    pub(crate) last_work: LastWork,
}

/// When a conversation last had something to do, in milliseconds since the directory was made.
/// The conversation writes it, the supervisor's sweep reads it.
#[derive(Clone, Debug)]
pub(crate) struct LastWork(Arc<AtomicU64>);

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            conversations: DashMap::new(),
            sessions: DashMap::new(),
            resumable: DashMap::new(),
            away: DashMap::new(),
            statuses: DashMap::new(),
            started: Instant::now(),
        }
    }

    /// The conversation `id`, if it is awake.
    pub(crate) fn conversation(&self, id: ConversationId) -> Option<ActorRef<ConversationMsg>> {
        self.conversations.get(&id).map(|at| at.actor.clone())
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
        let same = |_: &ConversationId, at: &Address| at.actor.get_id() == actor;
        self.conversations.remove_if(&id, same);
    }

    /// For the supervisor: the conversations that had nothing to do since `since`.
    pub(crate) fn idle(&self, since: Instant) -> Vec<ActorRef<ConversationMsg>> {
        let since = self.millis(since);
        self.conversations
            .iter()
            .filter(|at| at.last_work.0.load(Ordering::Relaxed) <= since)
            .map(|at| at.actor.clone())
            .collect()
    }

    /// For the supervisor: a session of `user` has begun, and can be taken up again by `pid`.
    pub(crate) fn add_session(
        &self,
        user: UserId,
        pid: Option<&str>,
        session: ActorRef<SessionMsg>,
    ) {
        if let Some(pid) = pid {
            self.resumable.insert(pid.into(), session.clone());
        }
        self.sessions.entry(user).or_default().push(session);
    }

    /// For the supervisor: a session of `user` is over. Whether it waited without a socket.
    pub(crate) fn remove_session(&self, user: UserId, pid: Option<&str>, session: ActorId) -> bool {
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
            None
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

    /// A note of work for a new conversation: now.
    pub(crate) fn last_work(&self) -> LastWork {
        LastWork(Arc::new(AtomicU64::new(self.millis(Instant::now()))))
    }

    /// For a conversation: it has something to do at `now`.
    pub(crate) fn note_work(&self, last: &LastWork, now: Instant) {
        last.0.store(self.millis(now), Ordering::Relaxed);
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
