//! One connection of one person: what it joined, what it was sent and has not yet proven.
//!
//! Owns: the outbox's filling end and all of that. Told by: conversations and presence (what
//! happened), the task that owns the socket (what the peer has proven, how it ended). Asked by:
//! [`Chat`](crate::chat::Chat). Tells: conversations (deliveries), presence (that it is over).
//! If it dies, its outbox closes, and with it the socket; the client comes back and catches up.

pub(crate) mod outbox;
pub(crate) mod subscriptions;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::conversation::{ConversationMsg, Publication};
use super::presence::PresenceMsg;
use super::supervisor::SupervisorMsg;
use super::{Ask, Neighbours, tell};
use crate::wire::event::{self, Event, TypingUser, UserTyping};
use crate::wire::reply::Joined;
use outbox::{MergeKey, Outbox};
use subscriptions::{Subscriptions, Typist};

/// What may be told to one session, or asked of it.
pub(crate) enum SessionMsg {
    // Told by conversations and presence.
    /// Messages were committed in a conversation of its user.
    Published(Arc<Publication>),
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
        ask: Ask<Joined>,
    },

    // Asked by `Chat`.
    /// Leave a conversation.
    Leave {
        conversation: ConversationId,
        ask: Ask<()>,
    },

    // Told by `Chat`.
    /// Its user types in `conversation` from here.
    TypedIn { conversation: ConversationId },

    // Told by the task that owns the socket.
    /// The peer has received everything up to this entry of the outbox.
    Proven { up_to: u64 },
    /// The answer at this entry of the outbox came too late to be written: it proves nothing.
    Unwanted { number: u64 },
    /// The socket is gone for good.
    Ended { how: Ending },
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
}

/// The actor.
pub(crate) struct Session;

/// What a session begins with.
pub(crate) struct Start {
    pub(crate) user: UserId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) neighbours: Neighbours,
}

/// A session's state.
pub(crate) struct State {
    user: UserId,
    outbox: Filling,
    neighbours: Neighbours,
    subscriptions: Subscriptions,
    unproven: Unproven,
    typed_in: BTreeSet<ConversationId>,
}

/// The filling end of an outbox; closes it when the session is no more, however that comes.
struct Filling(Arc<Outbox>);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.close();
    }
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
            user: start.user,
            outbox: Filling(start.outbox),
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
            SessionMsg::Published(news) => state.published(&news),
            SessionMsg::Noticed(Notice { event, key }) => state.push(event, key),
            SessionMsg::Typing {
                typist,
                is_typing,
                event,
            } => state.typing(&typist, is_typing, event),
            SessionMsg::Joined {
                answer,
                carries,
                ask,
            } => state.joined(&myself, answer, carries, ask),
            SessionMsg::Leave { conversation, ask } => state.leave(conversation, ask),
            SessionMsg::TypedIn { conversation } => drop(state.typed_in.insert(conversation)),
            SessionMsg::Proven { up_to } => state.proven(up_to),
            SessionMsg::Unwanted { number } => drop(state.unproven.withdraw(number)),
            SessionMsg::Ended { how } => {
                state.ended(how);
                myself.stop(None);
            }
        }
        Ok(())
    }
}

impl State {
    fn push(&self, event: Arc<Event>, key: Option<MergeKey>) {
        self.outbox.0.push(event, key, false);
    }

    /// The joining rule: the messages themselves, or that the conversation has moved.
    fn published(&mut self, news: &Publication) {
        let Some(side) = news.pair.side(self.user) else {
            return;
        };
        let follows = self.subscriptions.follows(news.conversation);
        if follows {
            for message in &news.messages {
                let theirs = message.sender != self.user;
                let event = Arc::clone(&message.event);
                let pushed = self.outbox.0.push(event, None, theirs);
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
        let pushed = self.outbox.0.push(event, key, last.is_some());
        let older = pushed
            .instead_of
            .and_then(|number| self.unproven.withdraw(number));
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
    /// it, and what is told after it comes after.
    fn joined(
        &mut self,
        myself: &ActorRef<SessionMsg>,
        answer: Joined,
        carries: Option<Seq>,
        ask: Ask<Joined>,
    ) {
        let conversation_id = answer.conversation_id;
        let hidden = self.subscriptions.join(conversation_id);
        self.hide(hidden);
        let myself = myself.clone();
        let answer = Box::new(move |number| {
            if !ask.settle(Ok(answer)) {
                tell(&myself, SessionMsg::Unwanted { number });
            }
        });
        let number = self.outbox.0.place(answer, carries.is_some());
        if let Some(seq) = carries {
            self.unproven.sent(number, conversation_id, seq);
        }
        let payload = event::Conversation { conversation_id };
        self.push(Arc::new(Event::new("joined_conversation", &payload)), None);
    }

    fn leave(&mut self, conversation_id: ConversationId, ask: Ask<()>) {
        let hidden = self.subscriptions.leave(conversation_id);
        self.hide(hidden);
        let payload = event::Conversation { conversation_id };
        self.typed_in.remove(&conversation_id);
        let answer = Box::new(move |_| ask.answer(Ok(())));
        self.outbox.0.place(answer, false);
        self.push(Arc::new(Event::new("left_conversation", &payload)), None);
    }

    fn hide(&self, hidden: Vec<Typist>) {
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
            self.push(Arc::new(Event::new("user_typing", &payload)), key);
        }
    }

    fn proven(&mut self, up_to: u64) {
        for (conversation, up_to) in self.unproven.proven(up_to) {
            let to = self.user;
            let msg = ConversationMsg::Delivered { to, up_to };
            self.tell_conversation(conversation, msg);
        }
    }

    /// A conversation that sleeps is woken: a proof must not be lost.
    fn tell_conversation(&self, conversation: ConversationId, msg: ConversationMsg) {
        let msg = match self.neighbours.directory.conversation(conversation) {
            Some(actor) => match actor.cast(msg) {
                Ok(()) => return,
                Err(ractor::MessagingErr::SendErr(msg)) => msg,
                Err(_) => return,
            },
            None => msg,
        };
        let forward = SupervisorMsg::Forward { conversation, msg };
        tell(&self.neighbours.supervisor, forward);
    }

    fn ended(&mut self, how: Ending) {
        let left = PresenceMsg::Left {
            user: self.user,
            how,
            typed_in: std::mem::take(&mut self.typed_in).into_iter().collect(),
        };
        tell(&self.neighbours.presence, left);
    }
}

/// Which entries of the outbox carry which positions, until the peer has proven them. Pure.
#[derive(Debug, Default)]
struct Unproven {
    sent: VecDeque<(u64, ConversationId, Seq)>,
}

impl Unproven {
    /// Beyond this many, a position waits for the proof of a later entry.
    const MOST: usize = 4_096;

    fn sent(&mut self, number: u64, conversation: ConversationId, seq: Seq) {
        let full = self.sent.len() >= Self::MOST;
        if let Some(last) = self
            .sent
            .back_mut()
            .filter(|last| full && last.1 == conversation)
        {
            *last = (number, conversation, seq);
            return;
        }
        self.sent.push_back((number, conversation, seq));
    }

    /// The entry `number` will not be written: the position that it carried.
    fn withdraw(&mut self, number: u64) -> Option<Seq> {
        let place = self
            .sent
            .binary_search_by_key(&number, |&(number, ..)| number);
        let (_, _, seq) = self.sent.remove(place.ok()?)?;
        Some(seq)
    }

    /// The highest position of each conversation that is proven by everything up to `up_to`.
    fn proven(&mut self, up_to: u64) -> Vec<(ConversationId, Seq)> {
        let mut proven: Vec<(ConversationId, Seq)> = Vec::new();
        while let Some(&(number, conversation, seq)) = self.sent.front() {
            if number > up_to {
                break;
            }
            self.sent.pop_front();
            match proven.iter_mut().find(|(known, _)| *known == conversation) {
                Some((_, highest)) => *highest = seq.max(*highest),
                None => proven.push((conversation, seq)),
            }
        }
        if self.sent.is_empty() {
            self.sent.shrink_to(16);
        }
        proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_covers_what_was_sent_before_it_and_nothing_after() {
        let (one, two) = (ConversationId(1), ConversationId(2));
        let mut unproven = Unproven::default();
        unproven.sent(3, one, Seq(10));
        unproven.sent(5, two, Seq(4));
        unproven.sent(7, one, Seq(11));
        assert_eq!(unproven.proven(2), []);
        assert_eq!(unproven.proven(5), [(one, Seq(10)), (two, Seq(4))]);
        assert_eq!(unproven.proven(9), [(one, Seq(11))]);
        assert_eq!(unproven.proven(9), []);
    }

    #[test]
    fn what_was_not_written_proves_nothing() {
        let one = ConversationId(1);
        let mut unproven = Unproven::default();
        unproven.sent(3, one, Seq(10));
        unproven.sent(5, one, Seq(11));
        assert_eq!(unproven.withdraw(4), None);
        assert_eq!(unproven.withdraw(5), Some(Seq(11)));
        assert_eq!(unproven.proven(9), [(one, Seq(10))]);
    }

    #[test]
    fn a_peer_that_proves_nothing_takes_bounded_memory() {
        let mut unproven = Unproven::default();
        for n in 1..100_000 {
            unproven.sent(n, ConversationId(1), Seq(n.cast_signed()));
        }
        assert_eq!(unproven.sent.len(), Unproven::MOST);
        let proven = unproven.proven(u64::MAX);
        assert_eq!(proven, [(ConversationId(1), Seq(99_999))]);
    }
}
