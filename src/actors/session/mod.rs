//! One connection of one person, and what is left of it while its socket is away: what it joined,
//! what it was sent and has not yet proven.
//!
//! Owns: the outbox's filling end and all of that. Told by: conversations and presence (what
//! happened), the task that owns the socket (what the peer has proven, how it ended), its own
//! clock. Asked by: [`Chat`](crate::chat::Chat). Tells: conversations (deliveries), presence (that
//! its user went, and is back). If it dies, its outbox closes, and with it the socket; the client
//! comes back and catches up.
//!
//! A session with a [`SessionKey`] outlives its socket for a while: see [`attachment`].

pub(crate) mod attachment;
pub(crate) mod outbox;
mod queue;
pub(crate) mod subscriptions;
mod unproven;

use std::collections::BTreeSet;
use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef};

use super::conversation::{ConversationMsg, Publication};
use super::supervisor::SupervisorMsg;
use super::{Ask, Neighbours, answer, tell};
use crate::auth::{Bearer, Revocation};
use crate::wire::event::{self, Event, TypingUser, UserTyping};
use crate::wire::reply::{Joined, Sent};
use attachment::{Filling, Resumption, SessionKey, Socket};
use outbox::{Answer, MergeKey, Outbox};
use subscriptions::{Subscriptions, Typist};
use unproven::Unproven;

/// What may be told to one session, or asked of it.
pub(crate) enum SessionMsg {
    // Told by conversations and presence.
    /// Messages were committed in a conversation of its user. Some of them it sent itself.
    Published {
        news: Arc<Publication>,
        answers: Vec<Answered>,
    },
    /// Something else happened that every session of the user gets.
    Noticed(Notice),
    /// Somebody started or stopped typing.
    Typing {
        typist: Typist,
        is_typing: bool,
        event: Arc<Event>,
    },
    /// The session has joined; `carries` is the newest message of the other in the answer.
    Joined {
        answer: Joined,
        carries: Option<Seq>,
        /// Which socket asked.
        attachment: u64,
        ask: Ask<Joined>,
    },

    // Asked by `Chat`.
    /// Leave a conversation.
    Leave {
        conversation: ConversationId,
        /// Which socket asks.
        attachment: u64,
        ask: Ask<()>,
    },
    /// Give a client that is back a new hold on the session.
    Resume(Resumption),

    // Told by `Chat`.
    /// Its user types in `conversation` from here.
    TypedIn { conversation: ConversationId },

    /// Tokens of its user have ended, perhaps the one that it was opened with.
    Revoked(Revocation),

    // Told by the task that owns the socket; ignored from one that is no longer the current.
    /// The peer has received everything up to this entry of the outbox.
    Proven { up_to: u64, attachment: u64 },
    /// The answer at this entry of the outbox came too late to be written: it proves nothing.
    Unwanted { number: u64 },
    /// The socket is gone for good.
    Ended { how: Ending, attachment: u64 },

    // Told by its own clock.
    /// Nobody came back to it after this socket was gone.
    Expired { attachment: u64 },

    // Told by other sessions of the same person.
    /// Too many of them wait without a socket, and this is the oldest.
    Forgotten,

    /// Told by tests: fail.
    #[cfg(test)]
    Panic,
}

/// A send of a session, and its answer.
pub(crate) struct Answered {
    pub(crate) ask: Ask<Sent>,
    pub(crate) sent: Sent,
    pub(crate) session: ActorId,
}

/// An event that every session of a person gets, whatever it has joined.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) event: Arc<Event>,
    pub(crate) key: Option<MergeKey>,
}

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said goodbye: it is gone at once.
    Goodbye,
    /// It broke off, and may be back in a moment.
    BrokenOff,
    /// Nothing was heard of it for as long as it may take to answer. It may be back, but has had its
    /// moment.
    FellSilent,
}

/// The actor.
pub(crate) struct Session;

/// What a session begins with.
pub(crate) struct Start {
    /// What the token says that it was opened with.
    pub(crate) bearer: Bearer,
    pub(crate) outbox: Arc<Outbox>,
    /// What its client can take it up again with.
    pub(crate) key: Option<Arc<SessionKey>>,
    pub(crate) neighbours: Neighbours,
}

/// A session's state.
pub(crate) struct State {
    user: UserId,
    /// What the token says that its client showed last.
    bearer: Bearer,
    key: Option<Arc<SessionKey>>,
    outbox: Filling,
    socket: Socket,
    neighbours: Neighbours,
    subscriptions: Subscriptions,
    unproven: Unproven,
    typed_in: BTreeSet<ConversationId>,
}

impl Actor for Session {
    type Msg = SessionMsg;
    type State = State;
    type Arguments = Start;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMsg>,
        start: Start,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            user: start.bearer.user,
            bearer: start.bearer,
            key: start.key,
            outbox: Filling::from(start.outbox),
            socket: Socket::default(),
            neighbours: start.neighbours,
            subscriptions: Subscriptions::default(),
            unproven: Unproven::default(),
            typed_in: BTreeSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMsg>,
        msg: SessionMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match msg {
            SessionMsg::Published { news, answers } => state.published(&news, answers),
            SessionMsg::Noticed(Notice { event, key }) => state.push(event, key),
            SessionMsg::Typing {
                typist,
                is_typing,
                event,
            } => state.typing(&typist, is_typing, event),
            SessionMsg::Joined {
                answer,
                carries,
                attachment,
                ask,
            } => state.joined(&myself, answer, carries, attachment, ask),
            SessionMsg::Leave {
                conversation,
                attachment,
                ask,
            } => state.leave(conversation, attachment, ask),
            SessionMsg::Resume(resumption) => state.resume(&myself, resumption),
            SessionMsg::TypedIn { conversation } => drop(state.typed_in.insert(conversation)),
            SessionMsg::Revoked(revocation) => state.revoked(&myself, revocation),
            SessionMsg::Proven { up_to, attachment } => state.proven(up_to, attachment),
            SessionMsg::Unwanted { number } => drop(state.unproven.withdraw(number)),
            SessionMsg::Ended { how, attachment } => state.ended(&myself, how, attachment),
            SessionMsg::Expired { attachment } => state.expired(&myself, attachment),
            SessionMsg::Forgotten => state.forgotten(&myself),
            #[cfg(test)]
            SessionMsg::Panic => panic!("a test asked for it"),
        }
        state.end_if_lost(&myself);
        Ok(())
    }
}

impl State {
    /// Puts an event in line that carries no message. It may stand for one that did.
    fn push(&mut self, event: Arc<Event>, key: Option<MergeKey>) {
        let pushed = self.outbox.push(event, key, false);
        let carried = pushed.instead_of.and_then(|n| self.unproven.withdraw(n));
        if let Some((conversation, seq)) = carried {
            self.unproven.sent(pushed.number, conversation, seq);
        }
    }

    /// The answers first, then the joining rule: the messages themselves, or that the
    /// conversation has moved. The socket's task is woken once for all of it, as a rule.
    fn published(&mut self, news: &Publication, answers: Vec<Answered>) {
        #[cfg(feature = "faults")]
        crate::faults::may_panic("session.publish", &self.user.0.to_string());
        for Answered { ask, sent, .. } in answers {
            ask.answer(Ok(sent));
        }
        let Some(side) = news.pair.side(self.user) else {
            return;
        };
        let follows = self.subscriptions.follows(news.conversation);
        if follows {
            for message in &news.messages {
                let theirs = message.sender != self.user;
                let event = Arc::clone(&message.event);
                let pushed = self.outbox.push(event, None, theirs);
                if theirs {
                    self.unproven
                        .sent(pushed.number, news.conversation, message.seq);
                }
            }
        }
        if !follows || news.count_moved[side] {
            self.push_updated(news, side);
        }
    }

    /// Its last message counts as delivered with it, and so does what an older one carried that
    /// it stands for now.
    fn push_updated(&mut self, news: &Publication, side: usize) {
        let key = Some(MergeKey::Updated(news.conversation));
        let last = news.messages.last().filter(|last| last.sender != self.user);
        let event = Arc::clone(news.updated(side));
        let pushed = self.outbox.push(event, key, last.is_some());
        let older = pushed.instead_of.and_then(|n| self.unproven.withdraw(n));
        let older = older.map(|(_, seq)| seq);
        if let Some(seq) = last.map(|last| last.seq).max(older) {
            self.unproven.sent(pushed.number, news.conversation, seq);
        }
    }

    fn typing(&mut self, typist: &Typist, is_typing: bool, event: Arc<Event>) {
        if self.subscriptions.typing(typist, is_typing) {
            let key = MergeKey::Typing(typist.conversation, typist.user);
            self.push(event, Some(key));
        }
    }

    /// The answer takes its place among the events: what was told before the join comes before
    /// it, and what is told after it comes after. If the socket that asked is gone, the join
    /// counts, but nobody needs the answer.
    fn joined(
        &mut self,
        myself: &ActorRef<SessionMsg>,
        answer: Joined,
        carries: Option<Seq>,
        attachment: u64,
        ask: Ask<Joined>,
    ) {
        let conversation_id = answer.conversation_id;
        let hidden = self.subscriptions.join(conversation_id);
        self.hide(hidden);
        if self.socket.is(attachment) {
            let myself = myself.clone();
            let reply = ask.leave();
            let answer = Box::new(move |number| {
                if reply.send(Ok(answer)).is_err() {
                    tell(&myself, SessionMsg::Unwanted { number });
                }
            });
            let number = self.place(answer, carries.is_some());
            if let Some(seq) = carries {
                self.unproven.answered(number, conversation_id, seq);
            }
        }
        let payload = event::JoinedConversation { conversation_id };
        self.push(Arc::new(Event::new(&payload)), None);
    }

    fn leave(&mut self, conversation_id: ConversationId, attachment: u64, ask: Ask<()>) {
        let hidden = self.subscriptions.leave(conversation_id);
        self.hide(hidden);
        let payload = event::LeftConversation { conversation_id };
        self.typed_in.remove(&conversation_id);
        if self.socket.is(attachment) {
            let reply = ask.leave();
            self.place(Box::new(move |_| answer(reply, Ok(()))), false);
        }
        self.push(Arc::new(Event::new(&payload)), None);
    }

    /// Gives an answer its place among the events; its number there.
    fn place(&mut self, answer: Answer, prove: bool) -> u64 {
        let placed = self.outbox.place(answer, prove);
        if let Some(dropped) = placed.instead_of {
            self.unproven.withdraw(dropped);
        }
        placed.number
    }

    fn hide(&mut self, hidden: Vec<Typist>) {
        for Typist {
            conversation,
            user,
            name,
        } in hidden
        {
            let payload = UserTyping {
                conversation_id: conversation,
                user: TypingUser {
                    id: user,
                    name: &name,
                },
                is_typing: false,
            };
            let key = Some(MergeKey::Typing(conversation, user));
            self.push(Arc::new(Event::new(&payload)), key);
        }
    }

    fn proven(&mut self, up_to: u64, attachment: u64) {
        if self.socket.is(attachment) {
            self.outbox.proven(up_to);
            self.tell_delivered(up_to);
        }
    }

    /// The peer has everything up to this entry: its user has received what that carries.
    fn tell_delivered(&mut self, up_to: u64) {
        for (conversation, up_to) in self.unproven.proven(up_to) {
            let to = self.user;
            let msg = ConversationMsg::Delivered { to, up_to };
            self.tell_conversation(conversation, msg);
        }
    }

    /// A conversation that sleeps is woken: a proof must not be lost.
    fn tell_conversation(&self, conversation: ConversationId, msg: ConversationMsg) {
        let msg = match self.neighbours.directory.conversation(conversation) {
            Some(at) => match at.cast(msg) {
                Ok(()) => return,
                Err(ractor::MessagingErr::SendErr(msg)) => msg,
                Err(_) => return,
            },
            None => msg,
        };
        let forward = SupervisorMsg::Forward { conversation, msg };
        tell(&self.neighbours.supervisor, forward);
    }
}
