//! The journal's transaction: all of it or nothing, byte for byte.

use std::sync::Arc;

use entities::ids::{Pair, Seq, UserId};
use smallvec::smallvec;

use super::{Lab, column, message, said};
use crate::store::{Append, Conversation, Marks, MarksRow, Message, StoreError};

/// Texts that a careless path through SQL, UTF-8 or padding would change.
const TRICKY: [&str; 6] = [
    " leading and trailing \n",
    "'; DROP TABLE messages; --",
    "👩‍👩‍👧 e\u{301} \u{202e}rtl",
    "\u{1}\u{7f}\u{10ffff}",
    "?1 $1 %s {}",
    r#"back\slash "quote""#,
];

fn tricky(conversation: &Conversation, seq: i64) -> Message {
    let pick = usize::try_from(seq).unwrap();
    Message {
        content: TRICKY[pick % TRICKY.len()].repeat(1 + pick % 7).into(),
        client_message_id: (pick % 2 == 0).then(|| format!("id-{seq}").into()),
        ..message(conversation.id, seq, conversation.pair.both()[pick % 2])
    }
}

#[tokio::test]
async fn batches_of_every_size_come_back_byte_for_byte() {
    let lab = Lab::open().await;
    let me = lab.person("Me", 0).await;
    let mut conversations = Vec::new();
    for number in 1..=3 {
        let other = lab.person("Somebody", number).await;
        conversations.push(lab.start(me, other, 5).await);
    }
    let mut expected = vec![Vec::new(); conversations.len()];
    for size in (0..=17).chain([31, 63, 64, 65, 255, 256, 257, 511, 513, 600]) {
        let mut appends: Vec<_> = conversations.iter().map(|it| said(it, me, 0, 0)).collect();
        for turn in 0..size {
            let which = turn % conversations.len();
            let seq = i64::try_from(expected[which].len()).unwrap() + 1;
            let message = tricky(&conversations[which], seq);
            expected[which].push(message.clone());
            appends[which].messages.push(Arc::new(message));
        }
        let appends: Vec<_> = appends.iter().collect();
        lab.store.append(&appends, &[]).await.unwrap();
    }
    let lab = lab.reopen().await;
    for (conversation, expected) in conversations.iter().zip(expected) {
        assert_eq!(lab.all(conversation.id).await, expected);
    }
}

#[tokio::test]
async fn marks_of_many_conversations_replace_what_was_there() {
    let lab = Lab::open().await;
    let me = lab.person("Me", 0).await;
    let mut conversations = Vec::new();
    for number in 1..=150 {
        let other = lab.person("Somebody", number).await;
        conversations.push(lab.start(me, other, 5).await);
    }
    let row = |pair: Pair, user: UserId, number: i64| MarksRow {
        marks: Marks {
            user,
            head: Seq(number + 4),
            read: Seq(number + 2),
            delivered: Seq(number + 3),
            active_at: number,
        },
        other: pair.both()[1 - pair.side(user).unwrap()],
    };
    // 450 rows: two for each of 150 conversations, and later mine alone again.
    for round in [100, 2000] {
        let mut appends = Vec::new();
        for (number, conversation) in (round..).zip(&conversations) {
            let pair = conversation.pair;
            let mut marks = smallvec![row(pair, me, number)];
            if round == 100 {
                marks.push(row(pair, pair.high, number));
            }
            appends.push(Append {
                conversation: conversation.id,
                messages: Vec::new(),
                marks,
            });
        }
        let appends: Vec<_> = appends.iter().collect();
        lab.store.append(&appends, &[]).await.unwrap();
    }
    let list = lab.store.list(me, None, 1000).await.unwrap();
    assert_eq!(list.len(), conversations.len());
    for listed in list {
        let at = conversations
            .iter()
            .position(|it| *it == listed.conversation)
            .unwrap();
        let at = i64::try_from(at).unwrap();
        let pair = listed.conversation.pair;
        assert_eq!(listed.mine, row(pair, me, 2000 + at).marks);
        assert_eq!(listed.theirs, row(pair, pair.high, 100 + at).marks);
        assert_eq!(listed.other.id, pair.high);
    }
}

/// Two conversations with 10 messages each, of which the first has a client's id.
async fn two_with_ten() -> (Lab, Conversation, Conversation) {
    let lab = Lab::open().await;
    let one = lab.conversation().await;
    let two = lab.start(one.pair.low, lab.person("Eve", 3).await, 5).await;
    for conversation in [&one, &two] {
        let mut append = said(conversation, conversation.pair.low, 0, 10);
        append.messages[0] = Arc::new(named(conversation, 1, conversation.pair.low, "id-1"));
        lab.store.append(&[&append], &[]).await.unwrap();
    }
    (lab, one, two)
}

fn named(conversation: &Conversation, seq: i64, sender: UserId, client_id: &str) -> Message {
    Message {
        client_message_id: Some(client_id.into()),
        ..message(conversation.id, seq, sender)
    }
}

/// The whole database as text, to see that nothing changed.
async fn everything(lab: &Lab) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT conversation_id || ' ' || seq || content FROM messages ORDER BY 1",
        "SELECT user_id || ' ' || conversation_id || ' ' || head_seq || ' ' || last_read_seq \
         FROM participants ORDER BY 1",
    ] {
        all.extend(column(&lab.store.readers, sql, 0).await);
    }
    all
}

/// Tries to store `broken` between two good conversations' messages; sees that it is refused as a
/// conflict, that nothing of the batch is stored, and that the store goes on working.
async fn is_refused_whole(broken: impl Fn(&Conversation) -> Message) {
    let (lab, one, two) = two_with_ten().await;
    let before = everything(&lab).await;
    let good = said(&one, one.pair.low, 10, 40);
    let mut bad = said(&two, two.pair.low, 10, 40);
    bad.messages[25] = Arc::new(broken(&two));

    let refused = lab.store.append(&[&good, &bad], &[]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused:?}");
    assert!(refused.is_conflict(), "{refused:?}");
    assert_eq!(everything(&lab).await, before);

    lab.store.append(&[&good], &[]).await.unwrap();
    let lab = lab.reopen().await;
    assert_eq!(lab.all(one.id).await.len(), 50);
    assert_eq!(lab.all(two.id).await.len(), 10);
}

#[tokio::test]
async fn a_taken_client_id_refuses_the_whole_batch() {
    is_refused_whole(|two| named(two, 36, two.pair.low, "id-1")).await;
}

#[tokio::test]
async fn a_taken_position_refuses_the_whole_batch() {
    is_refused_whole(|two| message(two.id, 7, two.pair.low)).await;
}

#[tokio::test]
async fn a_client_id_is_taken_for_one_sender_in_one_conversation() {
    let (lab, one, two) = two_with_ten().await;
    let mut first = said(&one, one.pair.low, 10, 1);
    first.messages[0] = Arc::new(named(&one, 11, one.pair.high, "id-1"));
    let mut second = said(&two, two.pair.low, 10, 1);
    second.messages[0] = Arc::new(named(&two, 11, two.pair.low, "id-2"));
    lab.store.append(&[&first, &second], &[]).await.unwrap();
}

#[tokio::test]
async fn a_conversation_that_is_not_there_is_refused_but_is_no_conflict() {
    let (lab, mut one, _) = two_with_ten().await;
    one.id.0 = 99;
    let refused = lab
        .store
        .append(&[&said(&one, one.pair.low, 0, 1)], &[])
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused:?}");
    assert!(!refused.is_conflict());
}
