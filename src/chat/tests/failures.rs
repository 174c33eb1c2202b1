//! What an actor that fails leaves behind for those who look on.

use super::client::Client;
use super::*;

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
