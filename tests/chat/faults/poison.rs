//! A message whose handling panics every time: refused in the end, and nobody else's affair.

use serde_json::json;
use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::faults::faulty;
use crate::harness::wait::until;

async fn a_poison_message_is_refused_as_a_fault_and_the_conversation_lives_on(
    transport: Transport,
) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    faults.are("conversation.send=panic~poison");
    for (round, key) in ["key", "another key"].into_iter().enumerate() {
        let answer = ana.post_once(chat, "poison", key).await;
        answer.refused(503, "overloaded");
        ben.send(chat, "good").await;
        let data = json!({"conversationId": chat, "content": "poison", "clientMessageId": key});
        let answer = anas.request("send_message", data).await;
        answer.refused("internal");
        ana.send(chat, "good").await;
        for _ in 0..3 {
            let answer = ana.post_once(chat, "poison", key).await;
            answer.refused(500, "internal");
        }
        assert_eq!(server.log().matches("panicked").count(), 2 * (round + 1));
    }
    // Without a key it is told by who says it, and what.
    ana.post_message(chat, "poison")
        .await
        .refused(503, "overloaded");
    for _ in 0..3 {
        ana.post_message(chat, "poison")
            .await
            .refused(500, "internal");
    }
    assert_eq!(server.log().matches("panicked").count(), 6);
    assert_eq!(ben.send(chat, "good").await["seq"], 5);
    assert_eq!(bens.seqs_until(chat, 5).await, [1, 2, 3, 4, 5]);
}

async fn a_message_that_cannot_be_told_is_stored_once_and_the_conversation_lives_on(
    transport: Transport,
) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
    faults.are("conversation.news=panic~poison");
    let answer = ana.post_once(chat, "poison", "key").await;
    answer.refused(503, "overloaded");
    // It may meet the next conversation, which fails to tell what the one before could not.
    let stored = until("an answer to the second try", async || {
        let answer = ana.post_once(chat, "poison", "key").await;
        (answer.status != 503).then(|| answer.ok())
    });
    let stored = stored.await;
    let next = ben.send(chat, "good").await;
    assert_eq!(bens.next_message().await, next);
    let history = ben.history(chat).await;
    let ids: Vec<_> = history.iter().map(|message| &message["id"]).collect();
    assert_eq!(ids, [&stored["id"], &next["id"]]);
    // Once when it was stored, once when the next one tried to tell it.
    assert_eq!(server.log().matches("panicked").count(), 2);
}

over_every_transport!(
    a_poison_message_is_refused_as_a_fault_and_the_conversation_lives_on,
    a_message_that_cannot_be_told_is_stored_once_and_the_conversation_lives_on,
);
