//! Who talks to whom in all subjects, and what they say.

use std::sync::Arc;

use entities::ids::{ConversationId, Seq, UserId};

use crate::actors::conversation::Context;
use crate::actors::conversation::publication::{Published, encode};
use crate::store::Message;
use crate::wire::command::Draft;

pub(super) const CONVERSATION: ConversationId = ConversationId(1_234);
pub(super) const PEOPLE: [UserId; 2] = [UserId(1_001), UserId(1_002)];
/// Of the wall clock, in milliseconds since the epoch.
pub(super) const NOW: i64 = 1_790_000_000_000;
/// 64 bytes, in which nothing has to be escaped.
pub(super) const CONTENT: &str = "The train is late, so I will be there at half past six, not six.";

/// As long as what `crypto.randomUUID()` makes, another for each number, and as scattered, which is
/// what the database's index has to cope with.
pub(super) fn client_message_id(number: i64) -> Arc<str> {
    // Times an odd number: no two give the same.
    let scattered = number.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{scattered:016x}-5eed-c0ffee00000000").into()
}

/// What the first of the two asks to be sent as number `number`.
pub(super) fn draft(number: i64) -> Draft {
    Draft {
        content: CONTENT.into(),
        client_message_id: Some(client_message_id(number)),
    }
}

/// The message that such a draft becomes at the same position.
pub(super) fn message(seq: i64) -> Message {
    Message {
        conversation: CONVERSATION,
        seq: Seq(seq),
        sender: PEOPLE[0],
        content: CONTENT.into(),
        client_message_id: Some(client_message_id(seq)),
        created_at: NOW,
    }
}

/// What is needed to show a message.
pub(super) fn context() -> Context {
    Context {
        people: [(PEOPLE[0], "Ana".into()), (PEOPLE[1], "Ben".into())],
        read: [Seq(1), Seq(0)],
        head: Seq(1),
    }
}

/// A message as its event.
pub(super) fn published(seq: i64) -> Published {
    let message = message(seq);
    Published::new(&message, &encode(&message, &context()))
}

/// The payload of a `send_message`.
pub(super) fn payload() -> String {
    let (chat, id) = (CONVERSATION, client_message_id(1));
    format!(r#"{{"conversationId":{chat},"content":"{CONTENT}","clientMessageId":"{id}"}}"#)
}
