//! A panic in each actor: who waited is told, everything else goes on, nothing is lost or doubled.

use serde_json::json;
use tempfile::tempdir;

use crate::harness::arrival::Transport;
use crate::harness::faults::faulty;

async fn a_conversation_that_panics_at_a_send_is_back_for_the_next_command(transport: Transport) {
    let directory = tempdir().expect("a temporary directory");
    let (server, faults) = faulty(directory.path()).await;
    let [ana, ben, cleo] = server.door.people(["Ana", "Ben", "Cleo"]).await;
    let (chat, other) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    let (mut anas, mut bens) = (ana.connect(transport).await, ben.connect(transport).await);
    bens.join(chat).await;
    let first = ana.send(chat, "one").await;
    assert_eq!(bens.next_message().await, first);
    ana.typing(chat, true).await;
    assert_eq!(bens.next_event("user_typing").await["isTyping"], true);

    faults.are("conversation.send=panic@1");
    let answer = ana.post_once(chat, "two", "two").await;
    answer.refused(503, "overloaded");
    let elsewhere = ana.send(other, "unhurt").await;
    assert_eq!(elsewhere["seq"], 1);
    let again = json!({"conversationId": chat, "content": "two", "clientMessageId": "two"});
    let second = anas.request("send_message", again).await.ok();
    assert_eq!(second["seq"], 2);

    let (name, data) = bens.next_of(&["user_typing", "new_message"]).await;
    assert_eq!(
        (name.as_str(), &data["isTyping"]),
        ("user_typing", &json!(false))
    );
    assert_eq!(bens.next_message().await, second);
    assert_eq!(ben.history(chat).await, [first, second]);
    assert!(
        server.log().contains("conversation.send"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn a_server_with_faults_on_purpose_says_so_at_its_start() {
    let directory = tempdir().expect("a temporary directory");
    let (server, _) = faulty(directory.path()).await;
    let log = server.log();
    assert!(
        log.contains("WARN") && log.contains("faults on purpose"),
        "{log}"
    );
}

over_every_transport!(a_conversation_that_panics_at_a_send_is_back_for_the_next_command);
