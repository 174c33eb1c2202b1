//! A loaded conversation: puts order, positions and typing together, and carries out commands.
//! What goes to the journal and comes back from it is in [`settling`](super::settling).

use std::sync::Arc;
use std::time::Instant;

use entities::ids::{ConversationId, Pair, Seq, UserId};
use ractor::ActorRef;

use super::leftovers::Told;
use super::marks::{Marks, Position, Read};
use super::publication::view;
use super::settling::News;
use super::suspects::{Suspect, Suspects};
use super::tally::Tally;
use super::timeline::{TailLimits, Timeline};
use super::typing::{Ring, Typing};
use super::{Asker, Caught, Context, ConversationMsg, Page, Pages};
use crate::actors::activity::Activity;
use crate::actors::session::outbox::MergeKey;
use crate::actors::session::subscriptions::Typist;
use crate::actors::session::{Notice, SessionMsg};
use crate::actors::{Ask, Neighbours, tell};
use crate::error::ChatError;
use crate::store::{self, Message, StoreError};
use crate::wire::event::{Event, TypingUser, UserTyping};
use crate::wire::reply::{Joined, Missed, ReadMark};

/// A conversation that is in memory.
pub(super) struct Room {
    pub(super) id: ConversationId,
    pub(super) pair: Pair,
    names: [Arc<str>; 2],
    pub(super) neighbours: Neighbours,
    pub(super) timeline: Timeline<Asker>,
    pub(super) marks: Marks<Ask<ReadMark>>,
    typing: Typing,
    /// Milliseconds since the epoch.
    opened_at: i64,
    /// Whether a batch is with the journal.
    pub(super) out: bool,
    /// Whether the last batch was refused: deliveries alone are then no reason for another.
    pub(super) stalled: bool,
    /// What is on disk and not told yet.
    pub(super) news: Option<News>,
    /// What both have been told.
    pub(super) told: Told,
    /// The send that is being handled.
    pub(super) in_hand: Option<Suspect>,
    pub(super) suspects: Suspects,
    pub(super) tally: Tally,
}

/// What becomes of the actor after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    GoesOn,
    Retires,
    /// What is in memory may not be what is on disk: it ends, and is woken from there.
    IsUnsure,
}

impl Room {
    /// Reads the conversation from the database; `None` if there is none.
    pub(super) async fn load(
        id: ConversationId,
        neighbours: &Neighbours,
        activity: Arc<Activity>,
    ) -> Result<Option<Self>, StoreError> {
        let Neighbours { store, limits, .. } = neighbours;
        let Some(row) = store.conversation(id).await? else {
            return Ok(None);
        };
        let Some(loaded) = store.load(&row, limits.tail_max as u64).await? else {
            return Ok(None);
        };
        let mut names = [Arc::from(""), Arc::from("")];
        for (name, user) in std::iter::zip(&mut names, row.pair.both()) {
            if let Some(person) = neighbours.people.find(user).await? {
                *name = Arc::clone(&person.name);
            }
        }
        let tail_limits = TailLimits {
            messages_max: limits.tail_max,
            bytes: limits.tail_bytes,
        };
        let [low, high] = loaded.marks;
        let position = |marks: &store::Marks| Position {
            read: marks.read,
            delivered: marks.delivered,
        };
        let marks = [position(&low), position(&high)];
        let head = low.head;
        Ok(Some(Self {
            id,
            pair: row.pair,
            names,
            neighbours: neighbours.clone(),
            timeline: Timeline::new(id, head, loaded.tail, tail_limits),
            marks: Marks::new(marks),
            typing: Typing::new(limits.typing_timeout),
            opened_at: row.created_at,
            out: false,
            stalled: false,
            news: None,
            told: Told { head, marks },
            in_hand: None,
            suspects: Suspects::default(),
            tally: Tally::new(Arc::clone(&neighbours.metrics), activity),
        }))
    }

    /// The table of contents: a line a variant.
    pub(super) fn handle(
        &mut self,
        myself: &ActorRef<ConversationMsg>,
        msg: ConversationMsg,
        now: Instant,
    ) -> Fate {
        self.in_hand = None;
        match msg {
            ConversationMsg::Send { by, draft, asker } => self.send(by, draft, asker),
            ConversationMsg::MarkRead { by, up_to, ask } => self.mark_read(by, up_to, ask),
            ConversationMsg::SetTyping { by, typing, ask } => {
                self.set_typing(myself, by, typing, now, ask);
            }
            ConversationMsg::ReadHistory { by, page, ask } => self.read_history(by, page, ask),
            ConversationMsg::Join {
                by,
                missed,
                session,
                attachment,
                ask,
            } => self.join(by, missed, &session, attachment, ask),
            ConversationMsg::Delivered { to, up_to } => self.delivered(to, up_to),
            ConversationMsg::WentAway { user } => self.went_away(user),
            ConversationMsg::Erased { user } => self.erased(user),
            ConversationMsg::Settled(outcome) => return self.settle(myself, outcome),
            ConversationMsg::TypingRings { side } => self.typing_rings(myself, side, now),
            ConversationMsg::RetireIfIdle => {}
            #[cfg(test)]
            ConversationMsg::Panic => panic!("a test asked for it"),
        }
        self.hand_over(myself);
        Fate::GoesOn
    }

    /// Whether nothing would be lost if it were not in memory.
    pub(super) fn is_idle(&self) -> bool {
        let settled = self.stalled || self.marks.is_quiet();
        !self.out && self.timeline.is_quiet() && settled && self.typing.is_quiet()
    }

    pub(super) fn side(&self, user: UserId) -> Result<usize, ChatError> {
        self.pair.side(user).ok_or(ChatError::NotAParticipant)
    }

    pub(super) fn context(&self) -> Context {
        let [low, high] = self.pair.both();
        let [low_name, high_name] = &self.names;
        Context {
            people: [(low, Arc::clone(low_name)), (high, Arc::clone(high_name))],
            read: [self.marks.at(0).read, self.marks.at(1).read],
            head: self.timeline.head(),
        }
    }

    /// When something was last said, else when it was opened; milliseconds since the epoch.
    pub(super) fn active_at(&self) -> i64 {
        let last = self.timeline.last();
        last.map_or(self.opened_at, |message| message.created_at)
    }

    pub(super) fn unread(&self, side: usize) -> i64 {
        self.timeline.head().0 - self.marks.at(side).read.0
    }

    // Commands.

    fn mark_read(&mut self, by: UserId, up_to: Option<Seq>, ask: Ask<ReadMark>) {
        let head = self.timeline.head();
        match self.side(by) {
            Ok(side) => self.marks.read(Read {
                side,
                up_to: up_to.unwrap_or(head).min(head),
                reply: ask,
            }),
            Err(refusal) => ask.answer(Err(refusal)),
        }
    }

    fn read_history(&mut self, by: UserId, page: Page, ask: Ask<Pages>) {
        if let Err(refusal) = self.side(by) {
            return ask.answer(Err(refusal));
        }
        let context = self.context();
        let up_to = match page {
            Page::Before { before, skip, .. } => {
                let first = before.map_or(context.head.0, |before| before.0 - 1);
                Seq(first.min(context.head.0).saturating_sub(skip).max(0))
            }
            Page::After { after, .. } => after,
        };
        let here = match page {
            Page::Before { limit, .. } => self.timeline.newest(up_to, limit),
            Page::After { after, limit } => self.timeline.after(after, limit),
        };
        if let Some(messages) = here {
            return ask.answer(Ok(Pages { messages, context }));
        }
        // A long read must not hold up a send: it goes on beside the actor.
        let (store, id) = (self.neighbours.store.clone(), self.id);
        tokio::spawn(async move {
            let messages = match page {
                Page::Before { limit, .. } => store.newest(id, up_to, limit as u64).await,
                Page::After { after, limit } => store.after(id, after, limit as u64).await,
            };
            // The disk may be ahead of what this conversation has told; that comes live.
            let head = context.head;
            let told = |message: &Message| message.seq <= head;
            let page = messages.map(|messages| Pages {
                messages: messages.into_iter().filter(told).map(Arc::new).collect(),
                context,
            });
            ask.answer(page.map_err(ChatError::from));
        });
    }

    /// The session hears of it in the same mailbox as of every message, and this actor tells it
    /// at one place in the order: what is after `head_seq` comes live, and nothing else.
    fn join(
        &mut self,
        by: UserId,
        missed: Option<Caught>,
        session: &ActorRef<SessionMsg>,
        attachment: u64,
        ask: Ask<Joined>,
    ) {
        let side = match self.side(by) {
            Ok(side) => side,
            Err(refusal) => return ask.answer(Err(refusal)),
        };
        let context = self.context();
        let mut carries = None;
        let missed = missed.map(
            |Caught {
                 after,
                 mut messages,
                 most,
             }| {
                messages.truncate(most);
                let last = messages.last().map_or(after, |message| message.seq);
                let room = most - messages.len();
                messages.extend(self.timeline.after(last, room).unwrap_or_default());
                let last = messages.last().map_or(after, |message| message.seq);
                let me = self.pair.both()[side];
                let theirs = messages.iter().rev().find(|message| message.sender != me);
                carries = theirs.map(|message| message.seq);
                Missed {
                    has_more: last < context.head,
                    messages: messages
                        .iter()
                        .map(|one| view(one, &context).into_owned())
                        .collect(),
                }
            },
        );
        let answer = Joined {
            conversation_id: self.id,
            head_seq: context.head,
            missed,
        };
        let joined = SessionMsg::Joined {
            answer,
            carries,
            attachment,
            ask,
        };
        tell(session, joined);
    }

    fn delivered(&mut self, to: UserId, up_to: Seq) {
        if let Ok(side) = self.side(to) {
            self.marks.received(side, up_to.min(self.timeline.head()));
        }
    }

    // Typing.

    fn set_typing(
        &mut self,
        myself: &ActorRef<ConversationMsg>,
        by: UserId,
        typing: bool,
        now: Instant,
        ask: Ask<()>,
    ) {
        let side = match self.side(by) {
            Ok(side) => side,
            Err(refusal) => return ask.answer(Err(refusal)),
        };
        if !typing {
            self.stop_typing(side);
            return ask.answer(Ok(()));
        }
        let started = self.typing.start(side, now);
        if let Some(after) = started.ring_in {
            myself.send_after(after, move || ConversationMsg::TypingRings { side });
        }
        if started.changed {
            self.tell_typing(side, true);
        }
        ask.answer(Ok(()));
    }

    fn typing_rings(&mut self, myself: &ActorRef<ConversationMsg>, side: usize, now: Instant) {
        match self.typing.rings(side, now) {
            Ring::Silent => {}
            Ring::Ended => self.tell_typing(side, false),
            Ring::Again(after) => {
                myself.send_after(after, move || ConversationMsg::TypingRings { side });
            }
        }
    }

    /// Ends whatever typing the two are shown; also what an actor before this one told, which
    /// failed and could not end it.
    pub(super) fn tell_nobody_types(&self) {
        for side in [0, 1] {
            self.tell_typing(side, false);
        }
    }

    fn went_away(&mut self, user: UserId) {
        if let Ok(side) = self.side(user) {
            self.stop_typing(side);
        }
    }

    fn erased(&mut self, user: UserId) {
        if let Ok(side) = self.side(user) {
            self.names[side] = store::DELETED_NAME.into();
        }
    }

    pub(super) fn stop_typing(&mut self, side: usize) {
        if self.typing.stop(side) {
            self.tell_typing(side, false);
        }
    }

    fn tell_typing(&self, side: usize, is_typing: bool) {
        let user = self.pair.both()[side];
        let typist = Typist {
            conversation: self.id,
            user,
            name: Arc::clone(&self.names[side]),
        };
        let payload = UserTyping {
            conversation_id: self.id,
            user: TypingUser {
                id: user,
                name: &typist.name,
            },
            is_typing,
        };
        let event = Arc::new(Event::new(&payload));
        self.tell_sessions(1 - side, || SessionMsg::Typing {
            typist: typist.clone(),
            is_typing,
            event: Arc::clone(&event),
        });
    }

    // Telling.

    pub(super) fn notify(&self, side: usize, event: &Arc<Event>, key: MergeKey) {
        self.tell_sessions(side, || {
            SessionMsg::Noticed(Notice {
                event: Arc::clone(event),
                key: Some(key),
            })
        });
    }

    pub(super) fn tell_sessions(&self, side: usize, msg: impl Fn() -> SessionMsg) {
        for session in self.neighbours.directory.sessions(self.pair.both()[side]) {
            tell(&session, msg());
        }
    }
}
