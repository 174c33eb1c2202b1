//! Messages: what is said, read and typed.

use entities::ids::{ConversationId, Seq};
use ractor::MessagingErr;

use super::{Caller, Chat, Pending, Session};
use crate::actors::conversation::{Asker, ConversationMsg, Page, Pages, view};
use crate::error::ChatError;
use crate::wire::command::Draft;
use crate::wire::query::{HistoryQuery, Query};
use crate::wire::reply::{History, NumberedPage, ReadMark, Sent, Typing};

/// Why a send was not begun at once.
#[derive(Debug)]
pub enum NotBegun {
    /// Its conversation has to be woken first. Here is the draft again.
    Asleep(Draft),
    /// For this reason.
    Refused(ChatError),
}

impl Chat {
    /// Begins to send a message. When this returns, the message has its place in the order; the
    /// answer comes when it is on disk.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] or [`ChatError::RateLimited`] when it was not begun. The answer:
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`], [`ChatError::Conflict`] for a
    /// `client_message_id` that was used for another content, [`ChatError::Internal`] or
    /// [`ChatError::Overloaded`] when it could not be stored.
    pub async fn begin_send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        draft: Draft,
    ) -> Result<Pending<Sent>, ChatError> {
        let by = caller.id();
        let (ask, pending) = self.ask_to_send(&self.allowance(by))?;
        let asker = Asker {
            ask,
            since: self.begun(&pending),
            session: None,
        };
        let send = ConversationMsg::Send { by, draft, asker };
        self.put(conversation, send, pending).await
    }

    /// [`Chat::begin_send`] of a session without waiting: only if the conversation is awake.
    ///
    /// # Errors
    /// [`NotBegun::Asleep`] gives the draft back, for [`Chat::begin_send`].
    pub fn begin_send_awake(
        &self,
        session: &Session,
        conversation: ConversationId,
        draft: Draft,
    ) -> Result<Pending<Sent>, NotBegun> {
        let by = session.caller().id();
        let Some(at) = self.awake(conversation) else {
            return Err(NotBegun::Asleep(draft));
        };
        // A conversation that takes leave in this moment has it counted twice, a small thing once
        // in a minute at most.
        let (ask, pending) = self
            .ask_to_send(session.allowance())
            .map_err(NotBegun::Refused)?;
        let asker = Asker {
            ask,
            since: self.begun(&pending),
            session: Some(session.id()),
        };
        match at.cast(ConversationMsg::Send { by, draft, asker }) {
            Ok(()) => Ok(pending),
            Err(MessagingErr::SendErr(ConversationMsg::Send { draft, .. })) => {
                Err(NotBegun::Asleep(draft))
            }
            Err(_) => Err(NotBegun::Refused(ChatError::Overloaded)),
        }
    }

    /// Sends a message: [`Chat::begin_send`] and its answer.
    ///
    /// # Errors
    /// Those of [`Chat::begin_send`] and of its answer.
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        draft: Draft,
    ) -> Result<Sent, ChatError> {
        self.begin_send(caller, conversation, draft)
            .await?
            .answer()
            .await
    }

    /// Moves the caller's read position forward, to the head if `up_to` is absent.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn mark_read(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        up_to: Option<Seq>,
    ) -> Result<ReadMark, ChatError> {
        let by = caller.id();
        let question = |ask| ConversationMsg::MarkRead { by, up_to, ask };
        self.begin(by, conversation, question).await?.answer().await
    }

    /// The caller types, or does not any more. Who says so too often is believed, and nobody told:
    /// what they see of themselves is right, and what is not told ends by itself.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn set_typing(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        typing: bool,
    ) -> Result<Typing, ChatError> {
        if self.allowance(caller.id()).may_type() {
            self.tell_typing(caller, conversation, typing).await?;
        }
        Ok(Typing {
            conversation_id: conversation,
            is_typing: typing,
        })
    }

    /// The conversation hears that the caller types, or does not any more.
    pub(super) async fn tell_typing(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        typing: bool,
    ) -> Result<(), ChatError> {
        let by = caller.id();
        let question = |ask| ConversationMsg::SetTyping { by, typing, ask };
        let pending = self.begin(by, conversation, question).await?;
        pending.answer().await
    }

    /// A page of history. Of `query`: `limit`, and `page`, `before_seq` or `after_seq`. Pages are
    /// counted from `before_seq`, or from the head.
    ///
    /// # Errors
    /// [`ChatError::Invalid`], [`ChatError::NotFound`], [`ChatError::NotAParticipant`];
    /// [`ChatError::RateLimited`].
    pub async fn history(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        query: &Query,
    ) -> Result<History, ChatError> {
        let HistoryQuery {
            page,
            limit,
            before,
            after,
        } = query.history()?;
        // One more than is shown tells whether there are more.
        let most = usize::try_from(limit).unwrap_or(0) + 1;
        let wanted = match after {
            Some(after) => Page::After { after, limit: most },
            None => Page::Before {
                before,
                skip: (page - 1) * limit,
                limit: most,
            },
        };
        let Pages {
            mut messages,
            context,
        } = self.pages(caller, conversation, wanted).await?;
        let has_more = messages.len() == most;
        messages.truncate(most - 1);
        Ok(History {
            messages: messages
                .iter()
                .map(|one| view(one, &context).into_owned())
                .collect(),
            head_seq: context.head,
            pagination: NumberedPage {
                page,
                limit,
                has_more,
            },
        })
    }

    pub(super) async fn pages(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        page: Page,
    ) -> Result<Pages, ChatError> {
        let by = caller.id();
        let (ask, pending) = self.ask(by)?;
        self.allowance(by).read_history()?;
        let question = ConversationMsg::ReadHistory { by, page, ask };
        let pending = self.put(conversation, question, pending).await?;
        pending.answer().await
    }
}
