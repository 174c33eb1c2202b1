//! A session at work on a socket, in whatever protocol: commands in, answers and events out, each
//! in its order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::task::coop::unconstrained;

use super::Gateway;
use super::connection::{Frame, Output, Why};
use super::dispatch::{Answer, begin};
use super::pipeline::Pipeline;
use crate::chat::{Ending, Session};
use crate::error::ChatError;
use crate::wire::command::Command;
use crate::wire::event::Event;

/// How many bytes of events are written with one flush.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// How a protocol writes down what the chat says.
pub(super) trait Dialect: Send + 'static {
    /// How an answer finds its way back: what the client called it.
    type Target: Send;

    /// An event, as a text frame.
    fn event(event: &Event) -> Bytes;

    /// Whether the client wants to hear that what it asked for is done.
    fn wants_answer(target: &Self::Target) -> bool;

    /// An answer, as a text frame; `None` if the client wants none.
    fn answer(target: &Self::Target, answer: Answer) -> Option<Bytes>;
}

/// A session and what is under way in it.
pub(super) struct Exchange<D: Dialect> {
    gateway: Gateway,
    session: Arc<Session>,
    pipeline: Pipeline<Asked<D::Target>>,
    /// Waits for a time when it can be written.
    answered: VecDeque<(Asked<D::Target>, Answer)>,
    /// The bytes of the frames of all these.
    bytes: usize,
    /// When the token of its client is over.
    until: Option<Instant>,
}

/// How an answer finds its way back, and how long the frame was that asked.
struct Asked<T> {
    to: T,
    bytes: usize,
}

impl<D: Dialect> Exchange<D> {
    pub(super) fn new(gateway: Gateway, session: Session) -> Self {
        Self {
            pipeline: Pipeline::default(),
            until: session.caller().bearer().end(),
            session: Arc::new(session),
            answered: VecDeque::new(),
            bytes: 0,
            gateway,
        }
    }

    /// Takes a command, or the refusal of one that could not be read, out of a frame of so many
    /// bytes.
    pub(super) fn push(
        &mut self,
        to: D::Target,
        mut command: Result<Command, ChatError>,
        bytes: usize,
    ) {
        if let Ok(Command::Join { after, .. }) = &mut command
            && !D::wants_answer(&to)
        {
            // What is missed would stand in an answer that is never written.
            *after = None;
        }
        self.bytes += bytes;
        self.pipeline.push(Asked { to, bytes }, command);
    }

    pub(super) fn has_room(&self) -> bool {
        let limits = &self.gateway.limits;
        self.pipeline.len() + self.answered.len() < limits.session_commands_max
            && self.bytes < limits.session_commands_bytes
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pipeline.is_empty() && self.answered.is_empty()
    }

    pub(super) fn proven(&self, up_to: u64) {
        self.session.proven(up_to);
    }

    /// A session that ended, or whose client came back on another connection, is over; so is one
    /// whose token is.
    pub(super) fn over(&self) -> Option<Why> {
        let outbox = self.session.outbox();
        if outbox.is_closed() && !outbox.is_revoked() {
            return Some(Why::RESTART);
        }
        // By either clock: the wall clock may jump, and the other may have been set by one that
        // was wrong.
        let is_over = self.until.is_some_and(|until| until <= Instant::now())
            || self.session.caller().bearer().is_over();
        (outbox.is_revoked() || is_over).then_some(Why::UNAUTHENTICATED)
    }

    /// When it is over by itself.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) async fn changed(&mut self) {
        self.session.outbox().changed().await;
    }

    pub(super) async fn ready(&mut self) {
        let outbox = self.session.outbox();
        tokio::select! {
            answered = next(&mut self.pipeline, &self.gateway, &self.session) => {
                self.answered.push_back(answered);
            }
            () = outbox.changed() => {}
        }
    }

    pub(super) fn take(&mut self, output: &mut Output) {
        loop {
            while let Some((Asked { to, bytes }, answer)) = self.next_answer() {
                self.bytes -= bytes;
                if let Err(refusal) = &answer {
                    self.gateway.chat.refused(refusal);
                }
                output
                    .frames
                    .extend(D::answer(&to, answer).map(Frame::Text));
            }
            let taken = self.session.outbox().take(WRITTEN_AT_ONCE);
            output.written = taken.up_to;
            output.more = taken.more;
            if taken.prove {
                output.prove = Some(self.gateway.limits.proof_delay);
            }
            let events = taken.events.iter().map(|event| D::event(event));
            output.frames.extend(events.map(Frame::Text));
            match taken.answer {
                // It is the next answer of the pipeline.
                Some(let_go) => let_go(taken.up_to),
                None => return,
            }
        }
    }

    fn next_answer(&mut self) -> Option<(Asked<D::Target>, Answer)> {
        if let Some(answered) = self.answered.pop_front() {
            return Some(answered);
        }
        // However much this task has done in this turn: an answer that is there has its place
        // before the events that come after it.
        let next = next(&mut self.pipeline, &self.gateway, &self.session);
        unconstrained(next).now_or_never()
    }

    /// Ends the session. What was taken is carried out, although nobody hears the answers.
    pub(super) async fn end(mut self, how: Ending) {
        self.session.end(how);
        while !self.pipeline.is_empty() {
            drop(next(&mut self.pipeline, &self.gateway, &self.session).await);
        }
    }
}

/// The next answer of `pipeline`, whose commands are carried out for `session`.
async fn next<T>(
    pipeline: &mut Pipeline<T>,
    gateway: &Gateway,
    session: &Arc<Session>,
) -> (T, Answer) {
    pipeline
        .next(|command| begin(&gateway.chat, session, command))
        .await
}
