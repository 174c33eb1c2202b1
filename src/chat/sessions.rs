//! Sessions: what a connected client asks beyond what REST offers.

use std::sync::Arc;

use entities::ids::{ConversationId, Seq};
use ractor::ActorRef;
use ractor::rpc::CallResult;

use super::{Caller, Chat};
use crate::actors::conversation::{Caught, ConversationMsg, Page, Pages};
use crate::actors::session::outbox::Outbox;
use crate::actors::session::{Ending, SessionMsg};
use crate::actors::supervisor::SupervisorMsg;
use crate::actors::tell;
use crate::error::ChatError;
use crate::wire::reply::Joined;

/// How many missed messages the answer of a join has at most (contract, `join_conversation`).
const MISSED_MAX: usize = 100;

/// A live session, in the hands of the task that owns its socket.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    actor: ActorRef<SessionMsg>,
    outbox: Arc<Outbox>,
}

impl Session {
    /// Whose it is.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What waits to be written.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The peer has received everything up to this entry of the outbox.
    pub fn proven(&self, up_to: u64) {
        tell(&self.actor, SessionMsg::Proven { up_to });
    }

    /// The socket is gone. A session that is dropped without this counts as broken off.
    pub fn end(&self, how: Ending) {
        tell(&self.actor, SessionMsg::Ended { how });
    }
}

impl Drop for Session {
    /// Whatever happens to the task of a socket, its session ends. One that has ended already
    /// hears nothing of this.
    fn drop(&mut self) {
        let how = Ending::BrokenOff;
        tell(&self.actor, SessionMsg::Ended { how });
    }
}

impl Chat {
    /// Opens a session for `caller`: from now on their events wait in its outbox.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when the server cannot take it now.
    pub async fn open_session(&self, caller: Caller) -> Result<Session, ChatError> {
        let _permit = self.admit()?;
        let neighbours = &self.0.neighbours;
        let outbox = Outbox::new(neighbours.limits.outbox_bytes);
        let open = |reply| SupervisorMsg::OpenSession {
            person: Arc::clone(&caller.0),
            outbox: Arc::clone(&outbox),
            reply,
        };
        let time = neighbours.limits.command_time;
        match neighbours.supervisor.call(open, Some(time)).await {
            Ok(CallResult::Success(actor)) => Ok(Session {
                caller,
                actor,
                outbox,
            }),
            _ => Err(ChatError::Overloaded),
        }
    }

    /// Joins a conversation. The answer takes its place in the session's outbox: it is let go
    /// when everything before it has been taken from there.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn join(
        &self,
        session: &Session,
        conversation: ConversationId,
        after: Option<Seq>,
    ) -> Result<Joined, ChatError> {
        let caller = &session.caller;
        let missed = match after {
            None => None,
            Some(after) => {
                let limit = MISSED_MAX;
                let page = Page::After { after, limit };
                let Pages { messages, .. } = self.pages(caller, conversation, page).await?;
                let most = MISSED_MAX;
                Some(Caught {
                    after,
                    messages,
                    most,
                })
            }
        };
        let question = |ask| ConversationMsg::Join {
            by: caller.id(),
            missed,
            session: session.actor.clone(),
            ask,
        };
        self.begin(conversation, question).await?.answer().await
    }

    /// Leaves a conversation, which ends the caller's typing there.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn leave(
        &self,
        session: &Session,
        conversation: ConversationId,
    ) -> Result<(), ChatError> {
        self.set_typing(&session.caller, conversation, false)
            .await?;
        let (ask, pending) = self.ask()?;
        tell(&session.actor, SessionMsg::Leave { conversation, ask });
        pending.answer().await
    }

    /// The same as [`Chat::set_typing`], from a session: it ends with the user's last one.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn type_in(
        &self,
        session: &Session,
        conversation: ConversationId,
        typing: bool,
    ) -> Result<crate::wire::reply::Typing, ChatError> {
        let answer = self
            .set_typing(&session.caller, conversation, typing)
            .await?;
        if typing {
            tell(&session.actor, SessionMsg::TypedIn { conversation });
        }
        Ok(answer)
    }
}
