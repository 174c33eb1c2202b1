//! The bodies about conversations and messages, and the commands of sockets.

use entities::ids::{ConversationId, MAX_SAFE_INTEGER, Seq, UserId};
use serde_json::{Value, json};

use super::{Input, body};
use crate::wire::command::{self, CONTENT_CHARACTERS_MAX, Command, Draft};

pub(super) fn status(input: &Input<'_>) {
    let write = |status: &crate::wire::view::Status| json!({"status": status});
    if let Some((status, tree)) = body(input, command::status, |status| status, write) {
        assert_eq!(tree["status"], status.as_str());
    }
}

pub(super) fn conversation(input: &Input<'_>) {
    const ME: UserId = UserId(1);
    let read = |text: &str| command::create_conversation(text, ME);
    let write = |other: &UserId| json!({"type": "direct", "participant_ids": [other, ME]});
    if let Some((other, tree)) = body(input, read, |other| other, write) {
        assert!(other != ME && is_id(other.0));
        let listed = tree["participant_ids"].as_array().expect("a list");
        let fine = |id: &Value| [ME.0, other.0].map(Some).contains(&id.as_i64());
        assert!(listed.iter().all(fine));
    }
}

pub(super) fn send(input: &Input<'_>) {
    let taken = body(
        input,
        command::send_body,
        |sent| sent,
        |(id, draft)| {
            json!({
                "conversation_id": id,
                "content": draft.content,
                "client_message_id": draft.client_message_id,
            })
        },
    );
    if let Some(((id, draft), tree)) = taken {
        is_sound_draft(id, &draft);
        assert_eq!(tree["content"], *draft.content);
        assert_eq!(
            tree["client_message_id"].as_str(),
            draft.client_message_id.as_deref()
        );
    }
}

pub(super) fn read(input: &Input<'_>) {
    let write = |up_to: &Option<Seq>| json!({"up_to_seq": up_to});
    if let Some((up_to, tree)) = body(input, command::read_body, |up_to| up_to, write) {
        assert_eq!(tree["up_to_seq"].as_i64(), up_to.map(|seq| seq.0));
        is_sound_position(up_to);
    }
}

pub(super) fn typing(input: &Input<'_>) {
    let write = |typing: &bool| json!({"isTyping": typing});
    if let Some((typing, tree)) = body(input, command::typing_body, |typing| typing, write) {
        assert_eq!(tree["isTyping"], typing);
    }
}

/// A command is within the limits of the contract. It as an event: its name and its data.
pub(super) fn event(command: &Command) -> (&'static str, Value) {
    let place = |id: &ConversationId| {
        assert!(is_id(id.0));
        json!({"conversationId": id})
    };
    match command {
        Command::Join {
            conversation,
            after,
        } => {
            is_sound_position(*after);
            let data = json!({"conversationId": conversation, "afterSeq": after});
            ("join_conversation", data)
        }
        Command::Leave(conversation) => ("leave_conversation", place(conversation)),
        Command::SetTyping(conversation, true) => ("typing_start", place(conversation)),
        Command::SetTyping(conversation, false) => ("typing_stop", place(conversation)),
        Command::Send(conversation, draft) => {
            is_sound_draft(*conversation, draft);
            let Draft {
                content,
                client_message_id,
            } = draft;
            let data = json!({"conversationId": conversation, "content": content, "type": "text",
                "clientMessageId": client_message_id});
            ("send_message", data)
        }
        Command::MarkRead {
            conversation,
            up_to,
        } => {
            is_sound_position(*up_to);
            let data = json!({"conversationId": conversation, "upToSeq": up_to});
            ("mark_read", data)
        }
        Command::SetStatus(status) => ("status_update", json!({"status": status})),
    }
}

fn is_id(number: i64) -> bool {
    (1..=MAX_SAFE_INTEGER).contains(&number)
}

fn is_sound_position(position: Option<Seq>) {
    assert!(position.is_none_or(|seq| (0..=MAX_SAFE_INTEGER).contains(&seq.0)));
}

fn is_sound_draft(conversation: ConversationId, draft: &Draft) {
    assert!(is_id(conversation.0));
    let characters = draft.content.trim().chars().count();
    assert!((1..=CONTENT_CHARACTERS_MAX).contains(&characters));
    assert!(!draft.content.contains('\0'));
    if let Some(id) = &draft.client_message_id {
        assert!((1..=64).contains(&id.len()));
        assert!(
            id.bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        );
    }
}
