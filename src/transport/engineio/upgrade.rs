//! The way from long polling to a WebSocket, seen from the new socket: the client tries it with a
//! probe, stops polling, and then says that it goes on there (Engine.IO protocol, "Upgrade").

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use super::packet;
use crate::transport::connection::{End, Frame, Why};
use crate::transport::frames::{Frames, Received};
use crate::transport::server::Place;

/// A WebSocket and its place among the server's connections.
pub(super) struct Candidate {
    pub(super) frames: Frames,
    pub(super) place: Option<Place>,
}

/// An upgrade under way.
pub(super) struct Attempt {
    candidate: Candidate,
    is_probed: bool,
    until: Instant,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The client has not done its part.
    Waiting,
    /// The client has tried the socket, and stops polling now.
    Probed,
    /// The client goes on here.
    Done,
    /// It comes to nothing; polling goes on.
    Failed(End),
}

impl Attempt {
    /// It must be done by `until`.
    pub(super) fn new(candidate: Candidate, until: Instant) -> Self {
        Self {
            candidate,
            is_probed: false,
            until,
        }
    }

    /// Whether the client waits for its last poll to be answered.
    pub(super) fn is_probed(&self) -> bool {
        self.is_probed
    }

    pub(super) fn into_candidate(self) -> Candidate {
        self.candidate
    }

    /// The next step. Nothing is lost if this is dropped before it is ready.
    pub(super) async fn step(&mut self) -> Step {
        let until = self.until;
        tokio::select! {
            biased;
            step = self.frame() => step,
            () = sleep_until(until) => Step::Failed(End::Refused(Why::PROTOCOL)),
        }
    }

    /// The next step, if the client has done it already.
    pub(super) fn step_now(&mut self) -> Step {
        self.frame().now_or_never().unwrap_or(Step::Waiting)
    }

    async fn frame(&mut self) -> Step {
        let frames = &mut self.candidate.frames;
        if let Err(end) = frames.flush().await {
            return Step::Failed(end);
        }
        let text = match frames.next().await {
            Ok(Received::Text(text)) => text,
            Ok(Received::Control | Received::Pong(_)) => return Step::Waiting,
            Ok(Received::Binary(_)) => return Step::Failed(End::Refused(Why::PROTOCOL)),
            Err(end) => return Step::Failed(end),
        };
        match text.as_str() {
            packet::PROBE if !self.is_probed => {
                self.is_probed = true;
                // It is the first frame, so there is room for it; the next step sends it off.
                let answer = Frame::Text(packet::PROBE_ANSWER.into());
                match frames.feed(answer).now_or_never() {
                    Some(Ok(())) => Step::Probed,
                    _ => Step::Failed(End::Lost),
                }
            }
            packet::UPGRADE if self.is_probed => Step::Done,
            _ => Step::Failed(End::Refused(Why::PROTOCOL)),
        }
    }
}
