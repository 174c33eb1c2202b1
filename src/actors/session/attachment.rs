//! A session and its socket: how one outlives the other (contract, "Coming back").
//!
//! The task of a socket holds its session by an [`Attachment`]. When that is let go and the client
//! did not say goodbye, a session with a [`SessionKey`] lives on without a socket for a while, and
//! what it is told goes on into its line. A client that shows the key gets a new attachment, also
//! while the old one is still held: the line moves to a new outbox, the old one closes, and what
//! the old one still says is ignored.

use std::ops::Deref;
use std::sync::Arc;

use ractor::{ActorRef, MessagingErr};
use tokio_util::task::AbortOnDropHandle;

use super::outbox::Outbox;
use super::{Ending, SessionMsg, State};
use crate::actors::people::Person;
use crate::actors::presence::PresenceMsg;
use crate::actors::{Ask, Neighbours, tell};
use crate::auth::{Bearer, Revocation};
use crate::wire::id;

/// The names of a session that can be taken up again.
#[derive(Debug)]
pub struct SessionKey {
    /// What everybody may know it by.
    pub sid: String,
    /// What takes it up again: for its client alone.
    pub pid: String,
}

impl SessionKey {
    /// A new one, which nobody can guess.
    pub(crate) fn random() -> Self {
        let (sid, pid) = (id::random(), id::random());
        Self { sid, pid }
    }
}

/// A socket's hold on its session. One that is dropped without a word has broken off.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) session: ActorRef<SessionMsg>,
    /// Which one: each session counts its own.
    pub(crate) number: u64,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) key: Option<Arc<SessionKey>>,
}

impl Attachment {
    /// The number of a session's first.
    pub(crate) const FIRST: u64 = 1;

    /// The socket is gone.
    pub(crate) fn end(&self, how: Ending) {
        let attachment = self.number;
        tell(&self.session, SessionMsg::Ended { how, attachment });
    }
}

impl Drop for Attachment {
    /// Whatever happens to the task of a socket, its session hears of the end. One that has heard
    /// it already has no use for this.
    fn drop(&mut self) {
        self.end(Ending::BrokenOff);
    }
}

/// A client is back, and wants a new hold on its session.
pub(crate) struct Resumption {
    pub(crate) person: Arc<Person>,
    pub(crate) bearer: Bearer,
    /// The last event that it has heard.
    pub(crate) offset: Option<u64>,
    /// Whether the socket before it was given time for a goodbye.
    pub(crate) has_waited: bool,
    /// `None`: it is not theirs, or can no longer be taken up.
    pub(crate) ask: Ask<Option<Attachment>>,
}

/// The filling end of an outbox; closes it when the session is no more, however that comes.
pub(super) struct Filling(Arc<Outbox>);

impl From<Arc<Outbox>> for Filling {
    fn from(outbox: Arc<Outbox>) -> Self {
        Self(outbox)
    }
}

impl Deref for Filling {
    type Target = Outbox;

    fn deref(&self) -> &Outbox {
        &self.0
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a session knows of its socket.
pub(super) struct Socket {
    /// The attachment that counts.
    attachment: u64,
    /// When it is gone: what rings when the session has waited long enough.
    away: Option<AbortOnDropHandle<Result<(), MessagingErr<SessionMsg>>>>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            attachment: Attachment::FIRST,
            away: None,
        }
    }
}

impl Socket {
    /// Whether `attachment` is held, and the one that counts.
    pub(super) fn is(&self, attachment: u64) -> bool {
        self.away.is_none() && self.attachment == attachment
    }
}

impl State {
    /// A socket is gone. Only the one that counts is of interest.
    pub(super) fn ended(&mut self, myself: &ActorRef<SessionMsg>, how: Ending, attachment: u64) {
        if attachment != self.socket.attachment {
            return;
        }
        let lives_on = self.key.is_some() && !self.outbox.is_closed();
        match how {
            Ending::Goodbye => self.end(myself, how),
            // It is known already.
            Ending::BrokenOff | Ending::FellSilent if self.socket.away.is_some() => {}
            Ending::BrokenOff | Ending::FellSilent if lives_on => self.detach(myself, how),
            Ending::BrokenOff | Ending::FellSilent => self.end(myself, how),
        }
    }

    /// Ends the session, and tells presence if that does not know yet.
    fn end(&mut self, myself: &ActorRef<SessionMsg>, how: Ending) {
        if self.socket.away.is_none() {
            self.tell_left(how);
        }
        myself.stop(None);
    }

    /// Lives on without a socket.
    fn detach(&mut self, myself: &ActorRef<SessionMsg>, how: Ending) {
        let taken = self.outbox.detach();
        self.unproven.withdraw_answers(taken);
        self.tell_left(how);
        let limits = &self.neighbours.limits;
        let attachment = self.socket.attachment;
        let timer = myself.send_after(limits.recovery_time, move || SessionMsg::Expired {
            attachment,
        });
        self.socket.away = Some(AbortOnDropHandle::new(timer));
        let directory = &self.neighbours.directory;
        let waiting = directory.went_away(self.user, myself.clone(), limits.detached_max);
        if let Some(oldest) = waiting {
            tell(&oldest, SessionMsg::Forgotten);
        }
    }

    fn tell_left(&mut self, how: Ending) {
        let left = PresenceMsg::Left {
            user: self.user,
            how,
            typed_in: std::mem::take(&mut self.typed_in).into_iter().collect(),
        };
        tell(&self.neighbours.presence, left);
    }

    /// A client is back and shows the key. Only its own user may have the session. If it cannot
    /// be told what it missed, this session is of no use to anybody any more: it gets a new one.
    ///
    /// While there is a socket, its goodbye may be on the way: a client that polls says it in a
    /// request of its own, which what it asks next can overtake. So that is given a moment.
    pub(super) fn resume(&mut self, myself: &ActorRef<SessionMsg>, resumption: Resumption) {
        if resumption.person.id != self.user {
            return resumption.ask.answer(Ok(None));
        }
        if self.socket.away.is_none() && !resumption.has_waited {
            let has_waited = true;
            let again = Resumption {
                has_waited,
                ..resumption
            };
            let delay = self.neighbours.limits.takeover_delay;
            myself.send_after(delay, || SessionMsg::Resume(again));
            return;
        }
        let Resumption {
            person,
            bearer,
            offset,
            ask,
            ..
        } = resumption;
        let Some((outbox, position)) = self.outbox.resume(offset) else {
            self.end(myself, Ending::BrokenOff);
            return ask.answer(Ok(None));
        };
        self.outbox = Filling(Arc::clone(&outbox));
        let directory = &self.neighbours.directory;
        directory.fills(myself.get_id(), Arc::clone(&outbox));
        self.bearer = bearer;
        // What the client names, it has. An answer after that may have been lost, and is not sent
        // again.
        self.tell_delivered(position);
        self.unproven.withdraw_answers(position);
        if self.socket.away.take().is_some() {
            let Neighbours {
                directory,
                presence,
                ..
            } = &self.neighbours;
            directory.came_back(self.user, myself.get_id());
            tell(presence, PresenceMsg::Arrived { person });
        }
        self.socket.attachment += 1;
        // If nobody waits for it any more, it is dropped, and the session has no socket again.
        ask.answer(Ok(Some(Attachment {
            session: myself.clone(),
            number: self.socket.attachment,
            outbox,
            key: self.key.clone(),
        })));
    }

    /// Whoever is here by a token that has ended is here no more, at once.
    pub(super) fn revoked(&mut self, myself: &ActorRef<SessionMsg>, revocation: Revocation) {
        if revocation.ends(&self.bearer) {
            self.outbox.revoke();
            self.end(myself, Ending::Goodbye);
        }
    }

    /// The time to come back is over, unless somebody did.
    pub(super) fn expired(&self, myself: &ActorRef<SessionMsg>, attachment: u64) {
        if attachment == self.socket.attachment {
            self.forgotten(myself);
        }
    }

    /// There is no room for it any more, unless somebody came back.
    pub(super) fn forgotten(&self, myself: &ActorRef<SessionMsg>) {
        if self.socket.away.is_some() {
            myself.stop(None);
        }
    }

    /// A line that was closed because it was too long will never be asked for.
    pub(super) fn end_if_lost(&self, myself: &ActorRef<SessionMsg>) {
        if self.socket.away.is_some() && self.outbox.is_closed() {
            myself.stop(None);
        }
    }
}
