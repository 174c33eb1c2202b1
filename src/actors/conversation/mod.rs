//! One conversation: the order of its messages, how far each has read and received, who types.
//!
//! Owns: all of that, for two people. Told by: [`Chat`](crate::chat::Chat) (commands), sessions
//! (deliveries proven), presence (somebody went), the journal (what became of a batch), its own
//! clock. Tells: the journal, and the sessions of both people. If it fails, those whose commands it
//! has begun are told to try again. What still waits in its mailbox is left to the next one, which the
//! supervisor wakes from the database at once, and which first tells what may be on disk and not
//! told yet.
//!
//! This file is the shell; what a loaded conversation does stands in [`room`] and [`settling`], on
//! top of three pure parts: [`timeline`], [`marks`] and [`typing`]. What one that died leaves to the
//! next is in [`leftovers`] and [`suspects`].

mod leftovers;
pub(crate) mod marks;
pub(crate) mod publication;
mod room;
mod settling;
mod suspects;
mod tally;
pub(crate) mod timeline;
mod typing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use entities::ids::{ConversationId, Seq, UserId};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef};

use super::activity::Activity;
use super::journal::{JournalMsg, Outcome};
use super::session::SessionMsg;
use super::{Ask, Neighbours};
use crate::error::ChatError;
use crate::store::Message;
use crate::wire::command::Draft;
use crate::wire::reply::{Joined, ReadMark, Sent};

pub(crate) use leftovers::Leftovers;
pub(crate) use publication::{Publication, view};
use room::{Fate, Room};

/// What may be asked of, or told to, one conversation.
pub(crate) enum ConversationMsg {
    // Asked by `Chat`.
    /// Store and tell a message.
    Send {
        by: UserId,
        draft: Draft,
        asker: Asker,
    },
    /// Move a read position; to the head if `up_to` is absent.
    MarkRead {
        by: UserId,
        up_to: Option<Seq>,
        ask: Ask<ReadMark>,
    },
    /// Start or stop typing.
    SetTyping {
        by: UserId,
        typing: bool,
        ask: Ask<()>,
    },
    /// Read a page of history.
    ReadHistory {
        by: UserId,
        page: Page,
        ask: Ask<Pages>,
    },
    /// Let a session join; what it missed has been read up to here.
    Join {
        by: UserId,
        missed: Option<Caught>,
        session: ActorRef<SessionMsg>,
        /// Which socket of the session asks.
        attachment: u64,
        ask: Ask<Joined>,
    },

    // Told by sessions and presence.
    /// A device of `to` has received everything up to `up_to`.
    Delivered { to: UserId, up_to: Seq },
    /// The last session of `user`, who typed here, is gone.
    WentAway { user: UserId },

    // Told by `Chat`.
    /// This person has deleted their account.
    Erased { user: UserId },

    // Told by the journal.
    /// What became of the batch that was out.
    Settled(Outcome),

    // Told by its own clock.
    /// The typing of one side may have ended.
    TypingRings { side: usize },

    // Told by the supervisor.
    /// Nothing has been heard of this conversation for a while.
    RetireIfIdle,

    /// Told by tests: fail.
    #[cfg(test)]
    Panic,
}

impl ConversationMsg {
    /// Whether it comes by [`Address::cast`](super::directory::Address::cast): everything but what
    /// the journal, its own clock and the sweep tell it.
    fn is_counted(&self) -> bool {
        !matches!(
            self,
            Self::Settled(_) | Self::TypingRings { .. } | Self::RetireIfIdle
        )
    }
}

/// Who asked for a send.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) ask: Ask<Sent>,
    /// When the send was admitted.
    pub(crate) since: Instant,
    /// The session that asked, if it was one. The answer goes through it, so that it is written
    /// together with the event.
    pub(crate) session: Option<ActorId>,
}

/// Which page of history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    /// Up to `limit` messages before `before` (or from the head), newest first, after `skip` of
    /// them.
    Before {
        before: Option<Seq>,
        skip: i64,
        limit: usize,
    },
    /// Up to `limit` messages after `after`, oldest first.
    After { after: Seq, limit: usize },
}

/// A page of history, and what is needed to show it.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) messages: Vec<Arc<Message>>,
    pub(crate) context: Context,
}

/// What messages need to be shown: who is who, and how far each has read.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) people: [(UserId, Arc<str>); 2],
    pub(crate) read: [Seq; 2],
    pub(crate) head: Seq,
}

/// How far a joining session has been caught up before its join.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) after: Seq,
    pub(crate) messages: Vec<Arc<Message>>,
    /// How many messages the answer may have.
    pub(crate) most: usize,
}

/// The actor.
pub(crate) struct Conversation;

/// How a conversation comes to life.
pub(crate) struct Start {
    pub(crate) id: ConversationId,
    pub(crate) neighbours: Neighbours,
    pub(crate) activity: Arc<Activity>,
    /// Who was this conversation before, if that one is still ending.
    pub(crate) predecessor: Option<ActorRef<ConversationMsg>>,
    /// What that one leaves to this one, and this one to the next.
    pub(crate) leftovers: Leftovers,
}

/// A conversation's state.
pub(crate) struct State {
    start: Start,
    /// `None` if there is no such conversation.
    room: Option<Room>,
    /// Whether it takes leave: what still comes is for the successor.
    retiring: bool,
}

impl Actor for Conversation {
    type Msg = ConversationMsg;
    type State = State;
    type Arguments = Start;

    async fn pre_start(
        &self,
        _: ActorRef<ConversationMsg>,
        start: Start,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            start,
            room: None,
            retiring: false,
        })
    }

    /// Loads. Here and not in `pre_start`, so that a failure reaches the supervisor; what comes
    /// meanwhile waits in the mailbox.
    async fn post_start(
        &self,
        myself: ActorRef<ConversationMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(predecessor) = state.start.predecessor.take() {
            predecessor.wait(None).await?;
        }
        let msgs = std::mem::take(&mut state.start.leftovers.lock().msgs);
        // A predecessor that died may have left a batch with the journal. What is loaded must be
        // what the disk has after it.
        let neighbours = &state.start.neighbours;
        let fence = |reply| JournalMsg::Fence { reply };
        neighbours.journal.call(fence, None).await?;
        #[cfg(feature = "faults")]
        crate::faults::may_panic("conversation.start", &state.start.id.0.to_string());
        let activity = Arc::clone(&state.start.activity);
        state.room = Room::load(state.start.id, neighbours, activity).await?;
        if let Some(room) = &mut state.room {
            room.tell_nobody_types();
            room.take_over(&state.start.leftovers).await?;
        }
        for msg in msgs {
            state.handle(&myself, msg);
        }
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<ConversationMsg>,
        msg: ConversationMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if msg.is_counted() {
            state.start.activity.hear();
        }
        state.handle(&myself, msg);
        if state.room.as_ref().is_some_and(Room::has_news) {
            // The journal has just been told of the next batch, and waits for this thread.
            tokio::task::yield_now().await;
            state.or_fail(&myself, |state| {
                state.room.iter_mut().for_each(Room::tell_news)
            });
        }
        Ok(())
    }
}

impl State {
    fn handle(&mut self, myself: &ActorRef<ConversationMsg>, msg: ConversationMsg) {
        self.or_fail(myself, |state| state.take(myself, msg));
    }

    /// Does `work`; if it panics, this conversation has failed.
    fn or_fail(&mut self, myself: &ActorRef<ConversationMsg>, work: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            let why = panic.downcast_ref::<&str>().copied();
            let why = why.or_else(|| panic.downcast_ref().map(String::as_str));
            if let Some(room) = &mut self.room {
                room.accuse();
            }
            self.fail(myself, why.unwrap_or("it panicked"));
        }
    }

    /// Ends, because what is in memory cannot be relied on: the next one starts from what is on
    /// disk, and gets everything that has not been begun.
    fn fail(&mut self, myself: &ActorRef<ConversationMsg>, why: &str) {
        let conversation = self.start.id.0;
        tracing::error!(why, conversation, "a conversation failed");
        if let Some(room) = self.room.take() {
            room.leave(&self.start.leftovers);
        }
        self.retire(myself);
    }

    fn take(&mut self, myself: &ActorRef<ConversationMsg>, msg: ConversationMsg) {
        if self.retiring {
            return self.leave(msg);
        }
        let Some(room) = &mut self.room else {
            refuse(msg, &ChatError::NotFound("conversation"));
            return self.retire(myself);
        };
        let now = Instant::now();
        let fate = match msg {
            ConversationMsg::RetireIfIdle => match room.is_idle() {
                true => Fate::Retires,
                false => Fate::GoesOn,
            },
            other => {
                let directory = &self.start.neighbours.directory;
                self.start.activity.work(directory.millis(now));
                room.handle(myself, other, now)
            }
        };
        match fate {
            Fate::GoesOn => {}
            Fate::Retires => self.retire(myself),
            Fate::IsUnsure => {
                room.tell_nobody_types();
                self.fail(myself, "the outcome of a commit is unknown");
            }
        }
    }

    /// Leaves what came too late to the next one, but for what concerns this one alone.
    fn leave(&self, msg: ConversationMsg) {
        match msg {
            ConversationMsg::Settled(_)
            | ConversationMsg::TypingRings { .. }
            | ConversationMsg::RetireIfIdle => {}
            other => self.start.leftovers.lock().msgs.push(other),
        }
    }

    /// Takes leave. `drain` closes the mailbox, but what was accepted before still comes: the
    /// successor gets it.
    fn retire(&mut self, myself: &ActorRef<ConversationMsg>) {
        self.retiring = true;
        if let Err(error) = myself.drain() {
            tracing::warn!(%error, conversation = self.start.id.0, "cannot retire");
        }
    }
}

/// Answers a command that cannot be carried out.
fn refuse(msg: ConversationMsg, error: &ChatError) {
    match msg {
        ConversationMsg::Send { asker, .. } => asker.ask.answer(Err(error.clone())),
        ConversationMsg::MarkRead { ask, .. } => ask.answer(Err(error.clone())),
        ConversationMsg::SetTyping { ask, .. } => ask.answer(Err(error.clone())),
        ConversationMsg::ReadHistory { ask, .. } => ask.answer(Err(error.clone())),
        ConversationMsg::Join { ask, .. } => ask.answer(Err(error.clone())),
        ConversationMsg::Delivered { .. }
        | ConversationMsg::WentAway { .. }
        | ConversationMsg::Erased { .. }
        | ConversationMsg::Settled(_)
        | ConversationMsg::TypingRings { .. }
        | ConversationMsg::RetireIfIdle => {}
        #[cfg(test)]
        ConversationMsg::Panic => {}
    }
}
