//! What an actor that fails leaves behind for those who look on.

use super::client::Client;
use super::*;
use crate::actors::journal::Outcome;

/// The next typing that a client is told.
async fn typing(client: &mut Client) -> bool {
    loop {
        let (name, data) = client.hear().await;
        if name == "user_typing" {
            return data["isTyping"].as_bool().expect("yes or no");
        }
    }
}

#[tokio::test]
async fn typing_that_a_failed_conversation_told_is_ended_by_its_successor() {
    let lab = Lab::start().await;
    let anas = lab.connect(&lab.ana, None).await;
    let mut bens = lab.connect(&lab.ben, None).await;
    lab.type_in(&anas).await;
    assert!(typing(&mut bens).await);
    let actor = lab.actor();
    actor.cast(ConversationMsg::Panic).expect("it lives");
    actor.wait(None).await.expect("it ends");
    lab.send("one").await;
    assert!(!typing(&mut bens).await);
    lab.end().await;
}

#[tokio::test]
async fn what_waits_behind_a_panic_is_handled_by_the_next_in_order() {
    let lab = Lab::start().await;
    lab.send("one").await;
    let actor = lab.actor();
    // All are accepted before the first is handled: this thread does not yield in between.
    actor.cast(ConversationMsg::Panic).expect("it lives");
    let (second, third) = (lab.begin("two").await, lab.begin("three").await);
    assert_eq!(seq(second.answer().await), 2);
    assert_eq!(seq(third.answer().await), 3);
    actor.wait(None).await.expect("it ends");
    assert_eq!(lab.send("four").await, 4);
    assert_eq!(lab.stored().await, ["one", "two", "three", "four"]);
    lab.end().await;
}

#[tokio::test]
async fn the_outcome_of_a_batch_that_a_failed_conversation_had_out_is_not_the_next_ones() {
    let lab = Lab::start().await;
    lab.send("one").await;
    lab.occupy_the_journal();
    let actor = lab.actor();
    actor.cast(ConversationMsg::Panic).expect("it lives");
    let second = lab.begin("two").await;
    let settled = ConversationMsg::Settled(Outcome::Committed);
    actor.cast(settled).expect("it lives");
    assert_eq!(seq(second.answer().await), 2);
    assert_eq!(lab.stored().await, ["one", "two"]);
    lab.end().await;
}
