//! Who is let in, and what too much is.

use super::*;

#[tokio::test]
async fn a_session_that_opens_while_its_token_ends_is_not_overlooked() {
    let lab = Lab::start().await;
    let late = lab.ana.clone();
    lab.chat.log_out_everywhere(&lab.ana).await.expect("done");
    let refused = lab
        .chat
        .open_session(late.clone(), lab.place(&late))
        .await
        .err();
    assert_eq!(refused, Some(ChatError::Unauthenticated));
    let refused = lab.chat.open_recoverable(late, None).await.err();
    assert_eq!(refused, Some(ChatError::Unauthenticated));
    lab.end().await;
}

#[tokio::test]
async fn too_many_commands_at_once_are_refused_at_once() {
    let lab = Lab::start().await;
    let all = Arc::clone(&lab.chat.0.admission);
    let taken = all
        .acquire_many_owned(Limits::default().commands_max as u32)
        .await;
    let refused = lab.chat.total_unread(&lab.ana).await;
    assert_eq!(refused.err(), Some(ChatError::Overloaded));
    lab.send("one").await;
    drop(taken);
    assert!(lab.chat.total_unread(&lab.ana).await.is_ok());
    lab.end().await;
}

#[tokio::test]
async fn too_many_sends_at_once_are_refused_at_once() {
    let lab = Lab::start().await;
    let all = Arc::clone(&lab.chat.0.sends);
    let taken = all
        .acquire_many_owned(Limits::default().sends_max as u32)
        .await;
    let draft = Draft {
        content: "hi".into(),
        client_message_id: None,
    };
    let refused = lab.chat.send(&lab.ana, lab.id, draft).await;
    assert_eq!(refused.err(), Some(ChatError::Overloaded));
    assert!(lab.chat.total_unread(&lab.ana).await.is_ok());
    drop(taken);
    assert_eq!(lab.send("one").await, 1);
    lab.end().await;
}
