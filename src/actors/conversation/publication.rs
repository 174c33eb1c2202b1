//! What the two people are told of one committed batch.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use entities::ids::{ConversationId, MessageId, Pair, Seq, UserId};
use serde_json::value::{RawValue, to_raw_value};

use super::Context;
use crate::store::Message;
use crate::wire::event::{ConversationUpdated, Event, NewMessage};
use crate::wire::view::{MessageView, Timestamp};

/// A committed batch, encoded once for every session of both people.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) conversation: ConversationId,
    pub(crate) pair: Pair,
    pub(crate) messages: Vec<Published>,
    last: Arc<RawValue>,
    /// How many messages each has not read now.
    pub(crate) unread: [i64; 2],
    /// Whether this batch made that less by a send or a read of theirs.
    pub(crate) count_moved: [bool; 2],
    updated: [OnceLock<Arc<Event>>; 2],
}

/// A message as its event.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) event: Arc<Event>,
    pub(crate) sender: UserId,
    pub(crate) seq: Seq,
}

impl Published {
    /// The `new_message` of a message that is encoded already.
    pub(crate) fn new(message: &Message, encoded: &RawValue) -> Self {
        let payload = NewMessage {
            message: encoded,
            conversation_id: message.conversation,
        };
        Self {
            event: Arc::new(Event::new(&payload)),
            sender: message.sender,
            seq: message.seq,
        }
    }
}

impl Publication {
    /// The publication of `messages`, the last of which is `last`.
    pub(crate) fn new(
        conversation: ConversationId,
        pair: Pair,
        messages: Vec<Published>,
        last: Arc<RawValue>,
        unread: [i64; 2],
        count_moved: [bool; 2],
    ) -> Self {
        Self {
            conversation,
            pair,
            messages,
            last,
            unread,
            count_moved,
            updated: Default::default(),
        }
    }

    /// The `conversation_updated` for one side, encoded when the first session needs it.
    pub(crate) fn updated(&self, side: usize) -> &Arc<Event> {
        self.updated[side].get_or_init(|| {
            Arc::new(updated(
                self.conversation,
                Some(&self.last),
                self.unread[side],
            ))
        })
    }
}

/// A `conversation_updated`.
pub(crate) fn updated(
    conversation_id: ConversationId,
    last_message: Option<&RawValue>,
    unread_count: i64,
) -> Event {
    let payload = ConversationUpdated {
        conversation_id,
        last_message,
        unread_count,
    };
    Event::new(&payload)
}

/// How `message` is shown.
pub(crate) fn view<'a>(message: &'a Message, context: &'a Context) -> MessageView<'a> {
    let sender = usize::from(context.people[1].0 == message.sender);
    MessageView {
        id: MessageId::new(message.conversation, message.seq),
        conversation_id: message.conversation,
        seq: message.seq,
        sender_id: message.sender,
        sender_name: Cow::Borrowed(&context.people[sender].1),
        content: Cow::Borrowed(&message.content),
        r#type: "text",
        client_message_id: message.client_message_id.as_deref().map(Cow::Borrowed),
        is_read: context.read[1 - sender] >= message.seq,
        created_at: Timestamp(message.created_at),
    }
}

/// `message`, encoded.
///
/// # Panics
/// Never: a message has string keys and no fallible parts.
pub(crate) fn encode(message: &Message, context: &Context) -> Arc<RawValue> {
    let encoded = to_raw_value(&view(message, context));
    encoded.expect("messages can be encoded").into()
}
