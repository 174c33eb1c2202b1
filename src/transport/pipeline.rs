//! Keeps the order of one socket: commands are handled and answered in the order in which they
//! came. Consecutive sends may be under way together; anything else waits for what came before
//! it (contract, "Socket.IO").

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::connection::Work;
use super::dispatch::{Answer, Begun, finish};
use crate::error::ChatError;
use crate::wire::command::Command;

/// The commands of one socket that are not answered yet. `T` is how an answer finds its way
/// back: what the client called it.
pub(super) struct Pipeline<T> {
    waiting: VecDeque<(T, Result<Command, ChatError>)>,
    beginning: Option<(T, Work<Begun>)>,
    under_way: VecDeque<(T, UnderWay)>,
}

enum UnderWay {
    Done(Answer),
    Sent(Work<Answer>),
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            beginning: None,
            under_way: VecDeque::new(),
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
    pub(super) async fn next(&mut self, begin: impl Fn(Command) -> Work<Begun>) -> (T, Answer) {
        poll_fn(|context| self.poll(context, &begin)).await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        begin: &impl Fn(Command) -> Work<Begun>,
    ) -> Poll<(T, Answer)> {
        while self.poll_beginning(context, begin) {}
        let Some((_, front)) = self.under_way.front_mut() else {
            return Poll::Pending;
        };
        let answer = match front {
            UnderWay::Done(answer) => answer.clone(),
            UnderWay::Sent(work) => std::task::ready!(work.as_mut().poll(context)),
        };
        match self.under_way.pop_front() {
            Some((to, _)) => Poll::Ready((to, answer)),
            None => Poll::Pending,
        }
    }

    /// Begins the next command if its turn has come; whether that changed anything.
    fn poll_beginning(
        &mut self,
        context: &mut Context<'_>,
        begin: &impl Fn(Command) -> Work<Begun>,
    ) -> bool {
        if let Some((to, mut work)) = self.beginning.take() {
            let under_way = match work.as_mut().poll(context) {
                Poll::Pending => {
                    self.beginning = Some((to, work));
                    return false;
                }
                Poll::Ready(Begun::Done(answer)) => UnderWay::Done(answer),
                Poll::Ready(Begun::Sent(pending)) => UnderWay::Sent(Box::pin(finish(pending))),
            };
            self.under_way.push_back((to, under_way));
            return true;
        }
        let Some((_, next)) = self.waiting.front() else {
            return false;
        };
        let only_sends = || {
            let mut all = self.under_way.iter();
            all.all(|(_, one)| matches!(one, UnderWay::Sent(_)))
        };
        let turn =
            self.under_way.is_empty() || (matches!(next, Ok(Command::Send(..))) && only_sends());
        if !turn {
            return false;
        }
        match self.waiting.pop_front() {
            Some((to, Ok(command))) => self.beginning = Some((to, begin(command))),
            Some((to, Err(refusal))) => {
                self.under_way.push_back((to, UnderWay::Done(Err(refusal))));
            }
            None => return false,
        }
        true
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
    use tokio::sync::oneshot;

    fn other() -> Result<Command, ChatError> {
        Ok(Command::SetStatus(Status::Busy))
    }

    fn send() -> Result<Command, ChatError> {
        let draft = Draft {
            content: "hi".to_owned(),
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

        fn begin(&self) -> impl Fn(Command) -> Work<Begun> {
            let (ends, begun) = (Arc::clone(&self.ends), Arc::clone(&self.begun));
            move |_| {
                *begun.lock().expect("a lock") += 1;
                let ended = ends.lock().expect("a lock").pop_front().expect("expected");
                Box::pin(async move {
                    drop(ended.await);
                    Begun::Done(Err(ChatError::Internal))
                })
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
