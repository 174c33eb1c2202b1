//! Sessions: what a connected client asks beyond what REST offers.

use std::sync::Arc;

use entities::ids::{ConversationId, Seq};
use ractor::ActorId;
use ractor::rpc::CallResult;

use super::quotas::{Allowance, SocketPlace};
use super::{Caller, Chat, Ending, SessionKey};
use crate::actors::conversation::{Caught, ConversationMsg, Page, Pages};
use crate::actors::session::SessionMsg;
use crate::actors::session::attachment::{Attachment, Resumption};
use crate::actors::session::outbox::Outbox;
use crate::actors::supervisor::SupervisorMsg;
use crate::actors::{Neighbours, tell};
use crate::error::ChatError;
use crate::wire::reply::Joined;

/// How many missed messages the answer of a join has at most (contract, `join_conversation`).
const MISSED_MAX: usize = 100;

/// A live session, in the hands of the task that owns its socket. One that is dropped without
/// [`Session::end`] counts as broken off.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    attachment: Attachment,
    /// Its socket's.
    place: SocketPlace,
}

/// What a client says that was here before and lost its connection.
#[derive(Clone, Debug)]
pub struct Comeback {
    /// The private name of its session ([`SessionKey::pid`]).
    pub pid: String,
    /// The number of the last event that it has, of this session or of one before.
    pub offset: Option<u64>,
}

impl Session {
    /// Whose it is.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What its person may still do.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.place.allowance
    }

    /// What the actors know it by.
    pub(super) fn id(&self) -> ActorId {
        self.attachment.session.get_id()
    }

    /// Its names, if it can be taken up again. They stay the same when it is.
    #[must_use]
    pub fn key(&self) -> Option<&SessionKey> {
        self.attachment.key.as_deref()
    }

    /// What waits to be written. When another connection takes the session over, this is closed.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.attachment.outbox
    }

    /// The peer has received everything up to this entry of the outbox.
    pub fn proven(&self, up_to: u64) {
        let attachment = self.attachment.number;
        let proven = SessionMsg::Proven { up_to, attachment };
        tell(&self.attachment.session, proven);
    }

    /// The socket is gone. If it broke off, a session with a key waits for its client.
    pub fn end(&self, how: Ending) {
        self.attachment.end(how);
    }
}

impl Chat {
    /// Opens a session for `caller`, whose socket has a `place` by [`Chat::place_for`]: from now on
    /// their events wait in its outbox. It ends with its socket.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when the server cannot take it now;
    /// [`ChatError::Unauthenticated`] when their token has ended meanwhile.
    pub async fn open_session(
        &self,
        caller: Caller,
        place: SocketPlace,
    ) -> Result<Session, ChatError> {
        let outbox = Outbox::new(self.0.neighbours.limits.outbox_bytes);
        self.begin_session(caller, place, outbox, None).await
    }

    /// Opens a session that can be taken up again, or takes up the one that a returning client
    /// names. In that case it keeps its [`Session::key`], and everything that the client missed
    /// waits in its outbox; otherwise it is a new one.
    ///
    /// # Errors
    /// Those of [`Chat::open_session`]; [`ChatError::RateLimited`] when its person has too many
    /// sockets for another session.
    pub async fn open_recoverable(
        &self,
        caller: Caller,
        comeback: Option<Comeback>,
    ) -> Result<Session, ChatError> {
        let mut stale = None;
        if let Some(comeback) = comeback {
            stale = comeback.offset;
            if let Some(attachment) = self.resume(&caller, comeback).await? {
                let place = self.place_beyond(&caller);
                let session = Session {
                    caller,
                    attachment,
                    place,
                };
                return self.still_admitted(session).await;
            }
        }
        let place = self.place_for(&caller)?;
        let outbox = Outbox::keeping(self.0.neighbours.limits.outbox_bytes, stale);
        let key = Arc::new(SessionKey::random());
        self.begin_session(caller, place, outbox, Some(key)).await
    }

    async fn begin_session(
        &self,
        caller: Caller,
        place: SocketPlace,
        outbox: Arc<Outbox>,
        key: Option<Arc<SessionKey>>,
    ) -> Result<Session, ChatError> {
        let _permit = self.admit()?;
        let Neighbours {
            supervisor, limits, ..
        } = &self.0.neighbours;
        let open = |reply| SupervisorMsg::OpenSession {
            person: Arc::clone(&caller.person),
            bearer: caller.bearer,
            outbox,
            key,
            reply,
        };
        match supervisor.call(open, Some(limits.command_time)).await {
            Ok(CallResult::Success(attachment)) => {
                let session = Session {
                    caller,
                    attachment,
                    place,
                };
                self.still_admitted(session).await
            }
            _ => Err(ChatError::Overloaded),
        }
    }

    /// Asks again whether its token counts, now that the session would hear of its end: it may
    /// have ended in between.
    async fn still_admitted(&self, session: Session) -> Result<Session, ChatError> {
        let people = &self.0.neighbours.people;
        match people.bearer(session.caller.bearer).await {
            Ok(_) => Ok(session),
            Err(refusal) => {
                session.end(Ending::Goodbye);
                Err(refusal)
            }
        }
    }

    /// A new hold on the session that `comeback` names, if the caller may have it. A session that
    /// ends meanwhile is one that cannot be taken up.
    async fn resume(
        &self,
        caller: &Caller,
        Comeback { pid, offset }: Comeback,
    ) -> Result<Option<Attachment>, ChatError> {
        let Some(session) = self.0.neighbours.directory.resumable(&pid) else {
            return Ok(None);
        };
        let (ask, pending) = self.ask(caller.id())?;
        let person = Arc::clone(&caller.person);
        let resumption = Resumption {
            person,
            bearer: caller.bearer,
            offset,
            has_waited: false,
            ask,
        };
        tell(&session, SessionMsg::Resume(resumption));
        Ok(pending.answer().await.unwrap_or_default())
    }

    /// Joins a conversation. The answer takes its place in the session's outbox: it is let go
    /// when everything before it has been taken from there.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`]; [`ChatError::RateLimited`].
    pub async fn join(
        &self,
        session: &Session,
        conversation: ConversationId,
        after: Option<Seq>,
    ) -> Result<Joined, ChatError> {
        session.allowance().join()?;
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
            session: session.attachment.session.clone(),
            attachment: session.attachment.number,
            ask,
        };
        let by = caller.id();
        let pending = self.begin(by, conversation, question).await?;
        pending.answer().await
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
        self.tell_typing(&session.caller, conversation, false)
            .await?;
        let (ask, pending) = self.ask(session.caller.id())?;
        let leave = SessionMsg::Leave {
            conversation,
            attachment: session.attachment.number,
            ask,
        };
        tell(&session.attachment.session, leave);
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
        if session.allowance().may_type() {
            self.tell_typing(&session.caller, conversation, typing)
                .await?;
            if typing {
                let typed = SessionMsg::TypedIn { conversation };
                tell(&session.attachment.session, typed);
            }
        }
        Ok(crate::wire::reply::Typing {
            conversation_id: conversation,
            is_typing: typing,
        })
    }
}
