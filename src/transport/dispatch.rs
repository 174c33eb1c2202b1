//! The one match that all sockets share: from a command to its answer.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::connection::Work;
use crate::chat::{Chat, NotBegun, Pending, Session};
use crate::error::ChatError;
use crate::wire::command::Command;
use crate::wire::event;
use crate::wire::reply::{Sent, StatusSet};

/// The `data` of an answer, encoded, or why there is none.
pub(super) type Answer = Result<Arc<RawValue>, ChatError>;

/// What became of a command so far.
pub(super) enum Begun {
    /// It is done.
    Done(Answer),
    /// It is a send that has its place in the order and waits for the disk. The next send may
    /// begin meanwhile.
    Sent(Pending<Sent>),
    /// It is under way, and has no place in the order yet.
    Later(Work<Begun>),
}

/// Carries out `command` for `session`; a send is only begun.
pub(super) fn begin(chat: &Chat, session: &Arc<Session>, command: Command) -> Begun {
    let command = match command {
        Command::Send(conversation, draft) => {
            match chat.begin_send_awake(session, conversation, draft) {
                Ok(pending) => return Begun::Sent(pending),
                Err(NotBegun::Refused(refusal)) => return Begun::Done(Err(refusal)),
                Err(NotBegun::Asleep(draft)) => Command::Send(conversation, draft),
            }
        }
        other => other,
    };
    let work = carry_out(chat.clone(), Arc::clone(session), command);
    Begun::Later(Box::pin(work))
}

/// What has to wait for somebody.
async fn carry_out(chat: Chat, session: Arc<Session>, command: Command) -> Begun {
    let caller = session.caller();
    let answer = match command {
        Command::Send(conversation, draft) => {
            match chat.begin_send(caller, conversation, draft).await {
                Ok(pending) => return Begun::Sent(pending),
                Err(refusal) => Err(refusal),
            }
        }
        Command::Join {
            conversation,
            after,
        } => chat.join(&session, conversation, after).await.map(encode),
        Command::Leave(conversation_id) => {
            let left = chat.leave(&session, conversation_id).await;
            left.map(|()| encode(event::LeftConversation { conversation_id }))
        }
        Command::SetTyping(conversation, typing) => {
            let set = chat.type_in(&session, conversation, typing).await;
            set.map(encode)
        }
        Command::MarkRead {
            conversation,
            up_to,
        } => chat
            .mark_read(caller, conversation, up_to)
            .await
            .map(encode),
        Command::SetStatus(status) => {
            let set = chat.set_status(caller, status).await;
            set.map(|_| encode(StatusSet { status }))
        }
    };
    Begun::Done(answer)
}

/// # Panics
/// Never: answers have string keys and no fallible parts.
fn encode(data: impl Serialize) -> Arc<RawValue> {
    to_raw_value(&data).expect("answers can be encoded").into()
}
