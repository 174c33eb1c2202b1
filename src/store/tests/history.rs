//! History in both directions, repeated sends, and waking up.

use std::sync::Arc;

use entities::ids::{ConversationId, Pair, Seq};

use super::{Lab, column, message, said};
use crate::store::{Message, messages::by_client_ids_sql};

fn seqs(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.seq.0).collect()
}

#[tokio::test]
async fn history_pages_run_in_both_directions_without_gap_or_repeat() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let other = lab
        .start(lab.person("Eve", 3).await, conversation.pair.low, 5)
        .await;
    lab.say(&conversation, conversation.pair.low, 0, 23).await;
    lab.say(&other, conversation.pair.low, 0, 40).await;
    let (id, store) = (conversation.id, &lab.store);

    let (mut down, mut up_to) = (Vec::new(), Seq::MAX);
    while up_to > Seq::ZERO {
        let page = store.newest(id, up_to, 5).await.unwrap();
        up_to = page.last().map_or(Seq::ZERO, |last| Seq(last.seq.0 - 1));
        down.extend(page);
    }
    assert_eq!(seqs(&down), (1..=23).rev().collect::<Vec<_>>());
    assert!(down.iter().all(|message| message.conversation == id));

    let (mut up, mut after) = (Vec::new(), Seq::ZERO);
    loop {
        let page = store.after(id, after, 5).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        up.extend(page);
    }
    down.reverse();
    assert_eq!(up, down);
    assert_eq!(
        seqs(&store.newest(id, Seq(9), 2).await.unwrap()),
        [9, 8],
        "up_to is included"
    );
    assert_eq!(
        seqs(&store.after(id, Seq(9), 2).await.unwrap()),
        [10, 11],
        "after is not"
    );
    assert_eq!(
        store.newest(ConversationId(99), Seq::MAX, 5).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn sent_messages_are_found_by_their_senders_ids() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let Pair {
        low: ann,
        high: bob,
    } = conversation.pair;
    let mut append = said(&conversation, ann, 0, 4);
    append.messages = [
        (1, ann, Some("a")),
        (2, bob, Some("a")),
        (3, ann, Some("b")),
        (4, ann, None),
    ]
    .map(|(seq, sender, client_id)| {
        Arc::new(Message {
            client_message_id: client_id.map(Into::into),
            ..message(conversation.id, seq, sender)
        })
    })
    .to_vec();
    lab.store.append(&[&append], &[]).await.unwrap();
    for (asked, expected) in [
        (&[][..], &[][..]),
        (&[(ann, "a")], &[1]),
        (&[(bob, "a")], &[2]),
        (&[(bob, "b")], &[]),
        // Each asks for one, and not for the other's of the same name.
        (&[(bob, "a"), (ann, "b")], &[2, 3]),
        (&[(ann, "a"), (ann, "b"), (ann, "c")], &[1, 3]),
    ] {
        let found = lab
            .store
            .by_client_ids(conversation.id, asked)
            .await
            .unwrap();
        let mut found = seqs(&found);
        found.sort_unstable();
        assert_eq!(found, expected, "{asked:?}");
    }
    let elsewhere = ConversationId(conversation.id.0 + 1);
    assert_eq!(
        lab.store
            .by_client_ids(elsewhere, &[(ann, "a")])
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn a_repeated_send_is_looked_up_in_its_index() {
    let lab = Lab::open().await;
    let by_index = "INDEX messages_by_client_id \
         (conversation_id=? AND sender_id=? AND client_message_id=?)";
    for rows in [1, 2, 16, 256] {
        let question = format!("EXPLAIN QUERY PLAN {}", by_client_ids_sql(rows));
        let plan = column(&lab.store.readers, &question, 3).await;
        let of_messages = plan.iter().filter(|step| step.contains("messages"));
        let of_messages: Vec<_> = of_messages.collect();
        assert_eq!(of_messages.len(), 1, "{plan:?}");
        assert!(of_messages[0].contains(by_index), "{plan:?}");
    }
}

#[tokio::test]
async fn a_conversation_wakes_up_with_its_marks_and_its_newest_messages() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let store = &lab.store;
    let empty = store.load(&conversation, 10).await.unwrap().unwrap();
    assert_eq!(empty.tail, []);
    assert_eq!(empty.marks[0].head, Seq::ZERO);
    assert_eq!(empty.marks[1].active_at, conversation.created_at);

    lab.say(&conversation, conversation.pair.high, 0, 9).await;
    let loaded = store.load(&conversation, 4).await.unwrap().unwrap();
    assert_eq!(seqs(&loaded.tail), [6, 7, 8, 9]);
    let expected = said(&conversation, conversation.pair.high, 0, 9).marks;
    assert_eq!(
        loaded.marks,
        [&expected[0], &expected[1]].map(|row| row.marks.clone())
    );

    let loaded = store.load(&conversation, 0).await.unwrap().unwrap();
    assert_eq!((loaded.tail.len(), loaded.marks[0].head), (0, Seq(9)));

    let mut missing = conversation;
    missing.id = ConversationId(99);
    assert_eq!(store.load(&missing, 4).await.unwrap(), None);
}
