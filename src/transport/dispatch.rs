//! The one match that all sockets share: from a command to its answer.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::chat::{Chat, Pending, Session};
use crate::error::ChatError;
use crate::wire::command::Command;
use crate::wire::event;
use crate::wire::reply::{Sent, StatusSet};

/// The `data` of an answer, encoded, or why there is none.
pub(super) type Answer = Result<Arc<RawValue>, ChatError>;

/// A command that has its place in the order.
pub(super) enum Begun {
    /// It is done.
    Done(Answer),
    /// It is a send that waits for the disk. The next send may begin meanwhile.
    Sent(Pending<Sent>),
}

/// Carries out `command` for `session`; a send is only begun.
pub(super) async fn begin(chat: Chat, session: Arc<Session>, command: Command) -> Begun {
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
            left.map(|()| encode(event::Conversation { conversation_id }))
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

/// The answer of a send that was begun.
pub(super) async fn finish(pending: Pending<Sent>) -> Answer {
    pending.answer().await.map(|sent| sent.message)
}

/// # Panics
/// Never: answers have string keys and no fallible parts.
fn encode(data: impl Serialize) -> Arc<RawValue> {
    to_raw_value(&data).expect("answers can be encoded").into()
}
