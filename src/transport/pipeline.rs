//! Keeps the order of one socket: commands are handled and answered in the order in which they
//! came. Consecutive sends may be under way together; anything else waits for what came before
//! it (contract, "Socket.IO").

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::connection::Work;
use super::dispatch::{Answer, Begun};
use crate::chat::Pending;
use crate::error::ChatError;
use crate::wire::command::Command;
use crate::wire::reply::Sent;

/// The commands of one socket that are not answered yet. `T` is how an answer finds its way
/// back: what the client called it.
pub(super) struct Pipeline<T> {
    waiting: VecDeque<(T, Result<Command, ChatError>)>,
    beginning: Option<(T, Work<Begun>)>,
    /// Sends that wait for the disk; or one answer, alone.
    under_way: VecDeque<(T, UnderWay)>,
    /// Rings when the first of them may have taken too long. There is one for all: a timer for
    /// each would be a good part of what a send costs.
    clock: Option<Pin<Box<Sleep>>>,
}

enum UnderWay {
    Done(Answer),
    Sent(Pending<Sent>),
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            beginning: None,
            under_way: VecDeque::new(),
            clock: None,
        }
    }
}

impl<T> Pipeline<T> {
    /// Whether every command is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many commands are not answered yet.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.beginning.is_some()) + self.under_way.len()
    }

    /// Takes a command, or the refusal of one that could not be read: that is an answer too, and
    /// has its place.
    pub(super) fn push(&mut self, to: T, command: Result<Command, ChatError>) {
        self.waiting.push_back((to, command));
    }

    /// The next answer in order; pending for ever while nothing is asked. `begin` carries out a
    /// command. Nothing is lost if this is dropped before it is ready.
    pub(super) async fn next(&mut self, begin: impl Fn(Command) -> Begun) -> (T, Answer) {
        poll_fn(|context| self.poll(context, &begin)).await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        begin: &impl Fn(Command) -> Begun,
    ) -> Poll<(T, Answer)> {
        self.begin_all(context, begin);
        let Some((to, front)) = self.under_way.pop_front() else {
            return Poll::Pending;
        };
        let mut pending = match front {
            UnderWay::Done(answer) => return Poll::Ready((to, answer)),
            UnderWay::Sent(pending) => pending,
        };
        if let Poll::Ready(sent) = pending.poll(context) {
            return Poll::Ready((to, sent.map(|sent| sent.message)));
        }
        self.watch(context, pending.until());
        self.under_way.push_front((to, UnderWay::Sent(pending)));
        Poll::Pending
    }

    /// Begins every command whose turn has come.
    fn begin_all(&mut self, context: &mut Context<'_>, begin: &impl Fn(Command) -> Begun) {
        loop {
            if let Some((to, mut work)) = self.beginning.take() {
                let Poll::Ready(begun) = work.as_mut().poll(context) else {
                    self.beginning = Some((to, work));
                    return;
                };
                self.begun(to, begun);
            }
            let Some((to, command)) = self.next_due() else {
                return;
            };
            let begun = match command {
                Ok(command) => begin(command),
                Err(refusal) => Begun::Done(Err(refusal)),
            };
            self.begun(to, begun);
        }
    }

    /// The next command in line, if its turn has come.
    fn next_due(&mut self) -> Option<(T, Result<Command, ChatError>)> {
        let (_, next) = self.waiting.front()?;
        let turn = match self.under_way.back() {
            None => true,
            Some((_, UnderWay::Sent(_))) => matches!(next, Ok(Command::Send(..))),
            Some((_, UnderWay::Done(_))) => false,
        };
        if turn { self.waiting.pop_front() } else { None }
    }

    fn begun(&mut self, to: T, begun: Begun) {
        match begun {
            Begun::Done(answer) => self.under_way.push_back((to, UnderWay::Done(answer))),
            Begun::Sent(pending) => self.under_way.push_back((to, UnderWay::Sent(pending))),
            Begun::Later(work) => self.beginning = Some((to, work)),
        }
    }

    /// Has the task woken at `until` at the latest. The clock may still be set for a send that
    /// has been answered since: then it rings early, and is set anew.
    fn watch(&mut self, context: &mut Context<'_>, until: Instant) {
        let until = until.into();
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if clock.as_mut().poll(context).is_ready() {
            clock.as_mut().reset(until);
            if clock.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::command::Draft;
    use crate::wire::view::Status;
    use entities::ids::ConversationId;
    use futures_util::FutureExt as _;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::sync::oneshot;

    fn other() -> Result<Command, ChatError> {
        Ok(Command::SetStatus(Status::Busy))
    }

    fn send() -> Result<Command, ChatError> {
        let draft = Draft {
            content: "hi".into(),
            client_message_id: None,
        };
        Ok(Command::Send(ConversationId(1), draft))
    }

    /// Begins commands as it is told to, and remembers how many it has begun.
    #[derive(Default)]
    struct Stage {
        ends: Arc<Mutex<VecDeque<oneshot::Receiver<()>>>>,
        begun: Arc<Mutex<usize>>,
    }

    impl Stage {
        fn expect(&self) -> oneshot::Sender<()> {
            let (end, ended) = oneshot::channel();
            self.ends.lock().expect("a lock").push_back(ended);
            end
        }

        fn begin(&self) -> impl Fn(Command) -> Begun {
            let (ends, begun) = (Arc::clone(&self.ends), Arc::clone(&self.begun));
            move |_| {
                *begun.lock().expect("a lock") += 1;
                let ended = ends.lock().expect("a lock").pop_front().expect("expected");
                Begun::Later(Box::pin(async move {
                    drop(ended.await);
                    Begun::Done(Err(ChatError::Internal))
                }))
            }
        }

        fn begun(&self) -> usize {
            *self.begun.lock().expect("a lock")
        }
    }

    #[test]
    fn what_is_no_send_waits_for_what_came_before_it() {
        let stage = Stage::default();
        let mut pipeline = Pipeline::default();
        let (first, second) = (stage.expect(), stage.expect());
        pipeline.push(1, other());
        pipeline.push(2, other());
        assert!(pipeline.next(stage.begin()).now_or_never().is_none());
        assert_eq!(stage.begun(), 1);
        drop(first);
        let answered = pipeline
            .next(stage.begin())
            .now_or_never()
            .expect("answered");
        assert_eq!(answered.0, 1);
        assert!(pipeline.next(stage.begin()).now_or_never().is_none());
        assert_eq!(stage.begun(), 2);
        drop(second);
        let answered = pipeline
            .next(stage.begin())
            .now_or_never()
            .expect("answered");
        assert_eq!(answered.0, 2);
        assert!(pipeline.is_empty());
    }

    #[test]
    fn a_refusal_has_its_place_in_the_order() {
        let stage = Stage::default();
        let mut pipeline = Pipeline::default();
        let first = stage.expect();
        pipeline.push(1, send());
        pipeline.push(2, Err(ChatError::UnknownEvent));
        assert!(pipeline.next(stage.begin()).now_or_never().is_none());
        drop(first);
        let answered = pipeline
            .next(stage.begin())
            .now_or_never()
            .expect("answered");
        assert_eq!(answered.0, 1);
        let answered = pipeline
            .next(stage.begin())
            .now_or_never()
            .expect("answered");
        assert_eq!(
            (answered.0, answered.1.err()),
            (2, Some(ChatError::UnknownEvent))
        );
    }

    #[tokio::test]
    async fn sends_that_take_too_long_are_given_up_together() {
        let mut pipeline = Pipeline::default();
        let until = Instant::now() + Duration::from_millis(20);
        let (never, port) = oneshot::channel();
        let (nor_this, other_port) = oneshot::channel();
        let ports = Mutex::new(VecDeque::from([port, other_port]));
        let begin = |_| {
            let port = ports.lock().expect("a lock").pop_front();
            Begun::Sent(Pending::of(port.expect("expected"), until))
        };
        pipeline.push(1, send());
        pipeline.push(2, send());
        let late = (1, Some(ChatError::Overloaded));
        let patience = Duration::from_secs(10);
        let given_up = tokio::time::timeout(patience, pipeline.next(begin)).await;
        let (to, answer) = given_up.expect("given up");
        assert_eq!((to, answer.err()), late);
        assert!(until <= Instant::now());
        let (to, answer) = pipeline.next(begin).now_or_never().expect("no more time");
        assert_eq!((to, answer.err()), (2, late.1));
        drop((never, nor_this));
    }

    #[test]
    fn what_is_not_answered_counts() {
        let stage = Stage::default();
        let mut pipeline = Pipeline::default();
        let first = stage.expect();
        pipeline.push(1, send());
        pipeline.push(2, Err(ChatError::UnknownEvent));
        assert_eq!(pipeline.len(), 2);
        assert!(pipeline.next(stage.begin()).now_or_never().is_none());
        assert_eq!(pipeline.len(), 2);
        drop(first);
        assert!(pipeline.next(stage.begin()).now_or_never().is_some());
        assert_eq!(pipeline.len(), 1);
    }
}
