//! A client that loses its connection and comes back (contract, "Coming back"), below the sockets.

use futures_util::FutureExt as _;

use super::client::soon;
use super::*;
use crate::actors::session::SessionMsg;

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_and_has_joined_what_it_had_joined() {
    let lab = Lab::start().await;
    let (eve, elsewhere) = lab.friend_of(&lab.ben, "Eve").await;
    let mut bens = lab.connect(&lab.ben, None).await;
    bens.join(&lab).await;
    lab.send("one").await;
    lab.send("two").await;
    assert_eq!(bens.hear_message().await, "one");
    bens.session.end(Ending::BrokenOff);
    lab.say(&eve, elsewhere, "not here").await;
    lab.send("three").await;
    let (mut bens, same) = lab.back(bens).await;
    assert!(same);
    assert_eq!(bens.hear_message().await, "two");
    let (name, data) = bens.hear().await;
    assert_eq!(name, "conversation_updated", "{data}");
    assert_eq!(bens.hear_message().await, "three");
    lab.send("four").await;
    assert_eq!(bens.hear_message().await, "four");
    lab.end().await;
}

#[tokio::test]
async fn who_comes_back_takes_over_from_a_connection_that_still_seems_alive() {
    let lab = Lab::start().await;
    let mut old = lab.connect(&lab.ben, None).await;
    lab.send("one").await;
    assert_eq!(old.hear_message().await, "one");
    lab.send("two").await;
    let mut new = lab.connect(&lab.ben, Some(old.comeback())).await;
    assert_eq!(new.pid(), old.pid());
    assert!(old.session.outbox().is_closed());
    // Whatever the old one still says is of no interest.
    old.session.proven(99);
    old.session.end(Ending::Goodbye);
    drop(old);
    assert_eq!(new.hear_message().await, "two");
    lab.send("three").await;
    assert_eq!(new.hear_message().await, "three");
    lab.end().await;
}

#[tokio::test]
async fn who_said_goodbye_begins_anew() {
    let lab = Lab::start().await;
    let bens = lab.connect(&lab.ben, None).await;
    bens.session.end(Ending::Goodbye);
    let (bens, same) = lab.back(bens).await;
    assert!(!same);
    assert!(!bens.session.outbox().is_closed());
    lab.end().await;
}

#[tokio::test]
async fn a_goodbye_counts_also_when_the_client_is_back_before_it() {
    let lab = Lab::start().await;
    let bens = lab.connect(&lab.ben, None).await;
    let mut returning = Box::pin(lab.connect(&lab.ben, Some(bens.comeback())));
    assert!(returning.as_mut().now_or_never().is_none(), "it has asked");
    bens.session.end(Ending::Goodbye);
    assert_ne!(soon(returning).await.pid(), bens.pid());
    lab.end().await;
}

#[tokio::test]
async fn a_session_is_for_its_own_user_alone() {
    let lab = Lab::start().await;
    let bens = lab.connect(&lab.ben, None).await;
    bens.session.end(Ending::BrokenOff);
    let anas = lab.connect(&lab.ana, Some(bens.comeback())).await;
    assert_ne!(anas.pid(), bens.pid());
    lab.send("one").await;
    let (mut bens, same) = lab.back(bens).await;
    assert!(same, "Ben's is untouched");
    assert_eq!(bens.hear_message().await, "one");
    lab.end().await;
}

#[tokio::test]
async fn a_session_waits_so_long_and_no_longer() {
    let wait = Duration::from_millis(50);
    let lab = Lab::with(|limits| limits.recovery_time = wait).await;
    let bens = lab.connect(&lab.ben, None).await;
    bens.session.end(Ending::BrokenOff);
    // A time that is over after somebody came back ends nothing: the next one is whole again.
    let (bens, same) = lab.back(bens).await;
    assert!(same);
    let start = Instant::now();
    bens.session.end(Ending::BrokenOff);
    lab.until_gone(&bens.pid()).await;
    assert!(start.elapsed() >= wait);
    assert!(!lab.back(bens).await.1);
    lab.end().await;
}

#[tokio::test]
async fn an_offset_of_a_session_before_is_none_in_this_one() {
    let lab = Lab::start().await;
    let mut bens = lab.connect(&lab.ben, None).await;
    lab.send("one").await;
    bens.hear_message().await;
    bens.session.end(Ending::Goodbye);
    let (bens, same) = lab.back(bens).await;
    assert!(!same && bens.offset.is_some());
    lab.send("two").await;
    let (mut bens, same) = lab.back(bens).await;
    assert!(same, "it has heard nothing of this session");
    assert_eq!(bens.hear_message().await, "two");
    lab.end().await;
}

#[tokio::test]
async fn who_missed_more_than_is_known_begins_anew_and_the_old_session_ends() {
    let lab = Lab::start().await;
    for is_away in [true, false] {
        let mut bens = lab.connect(&lab.ben, None).await;
        lab.send("one").await;
        bens.hear_message().await;
        let unknown = Comeback {
            offset: bens.offset.map(|offset| offset + 1_000_000),
            ..bens.comeback()
        };
        if is_away {
            bens.session.end(Ending::BrokenOff);
        }
        let new = lab.connect(&lab.ben, Some(unknown)).await;
        assert_ne!(new.pid(), bens.pid());
        lab.until_gone(&bens.pid()).await;
        assert!(bens.session.outbox().is_closed());
    }
    lab.end().await;
}

#[tokio::test]
async fn a_join_whose_connection_is_gone_counts_and_is_told_to_the_next() {
    for takes_over in [false, true] {
        let hour = Duration::from_secs(3_600);
        let lab = Lab::with(|limits| limits.command_time = hour).await;
        lab.send("one").await;
        let bens = lab.connect(&lab.ben, None).await;
        let mut joining = Box::pin(lab.chat.join(&bens.session, lab.id, None));
        // It is with the conversation, which has no turn before this thread waits.
        assert!(joining.as_mut().now_or_never().is_none());
        let comeback = bens.comeback();
        let mut back = if takes_over {
            let mut back = lab.connect(&lab.ben, Some(comeback)).await;
            back.hear_only("joined_conversation", |_| false).await;
            assert_eq!(soon(joining).await.err(), Some(ChatError::Overloaded));
            back
        } else {
            bens.session.end(Ending::BrokenOff);
            assert_eq!(soon(joining).await.err(), Some(ChatError::Overloaded));
            let mut back = lab.connect(&lab.ben, Some(comeback)).await;
            back.hear_only("joined_conversation", |_| false).await;
            back
        };
        lab.send("two").await;
        assert_eq!(back.hear_message().await, "two");
        lab.end().await;
    }
}

#[tokio::test]
async fn delivered_is_what_was_proven_or_named_by_who_came_back() {
    let lab = Lab::start().await;
    let mut anas = lab.connect(&lab.ana, None).await;
    let bens = lab.connect(&lab.ben, None).await;
    lab.send("one").await;
    lab.send("two").await;
    // Both are written, and nobody knows whether they arrived.
    let mut written = 0;
    while written < 2 {
        bens.session.outbox().changed().await;
        let events = bens.session.outbox().take(usize::MAX).events;
        let message = br#"{"event":"new_message""#;
        let messages = events.iter().filter(|one| one.frame().starts_with(message));
        written += messages.count();
    }
    let (mut bens, _) = lab.back(bens).await;
    assert_eq!(bens.hear_message().await, "one");
    let (mut bens, _) = lab.back(bens).await;
    let delivered = anas.hear_only("messages_delivered", |_| false).await;
    assert_eq!(delivered["last_delivered_seq"], 1);
    assert_eq!(bens.hear_message().await, "two");
    bens.prove();
    let delivered = anas.hear_only("messages_delivered", |_| false).await;
    assert_eq!(delivered["last_delivered_seq"], 2);
    lab.end().await;
}

#[tokio::test]
async fn an_answer_that_may_be_lost_delivers_nothing() {
    let lab = Lab::start().await;
    lab.send("one").await;
    let mut anas = lab.connect(&lab.ana, None).await;
    let bens = lab.connect(&lab.ben, None).await;
    let joining = lab.chat.join(&bens.session, lab.id, Some(Seq::ZERO));
    let answering = async {
        loop {
            match bens.session.outbox().take(usize::MAX).answer {
                Some(let_go) => return let_go(1),
                None => bens.session.outbox().changed().await,
            }
        }
    };
    let (joined, ()) = tokio::join!(joining, answering);
    assert_eq!(
        joined
            .expect("joined")
            .missed
            .expect("asked")
            .messages
            .len(),
        1
    );
    // It does not know that it joined: the event behind the answer is sent again, the answer not.
    let (mut bens, _) = lab.back(bens).await;
    bens.hear_only("joined_conversation", |_| false).await;
    bens.prove();
    lab.send("two").await;
    assert_eq!(bens.hear_message().await, "two");
    bens.prove();
    let delivered = anas.hear_only("messages_delivered", |_| false).await;
    assert_eq!(delivered["last_delivered_seq"], 2, "and not one before");
    lab.end().await;
}

#[tokio::test]
async fn presence_is_of_sockets_not_of_sessions() {
    let grace = Duration::from_millis(100);
    let lab = Lab::with(|limits| limits.presence_grace = grace).await;
    let (eve, _) = lab.friend_of(&lab.ana, "Eve").await;
    let mut anas = lab.connect(&lab.ana, None).await;
    let bens = lab.connect(&lab.ben, None).await;
    let eves = lab.connect(&eve, None).await;
    anas.hear_status(&eve, "online").await;
    // Graces end in their order: Eve's after Ben's, who is back.
    let (bens, _) = lab.back(bens).await;
    eves.session.end(Ending::BrokenOff);
    anas.hear_status(&eve, "offline").await;
    bens.session.end(Ending::BrokenOff);
    anas.hear_status(&lab.ben, "offline").await;
    assert!(lab.session(&bens.pid()).is_some(), "it lives on");
    let (_bens, same) = lab.back(bens).await;
    assert!(same);
    anas.hear_status(&lab.ben, "online").await;
    lab.end().await;
}

#[tokio::test]
async fn typing_ends_with_the_socket_not_with_the_session() {
    let lab = Lab::with(|limits| {
        limits.presence_grace = Duration::from_millis(10);
        limits.typing_timeout = Duration::from_secs(3_600);
    });
    let lab = lab.await;
    let mut anas = lab.connect(&lab.ana, None).await;
    let bens = lab.connect(&lab.ben, None).await;
    lab.type_in(&bens).await;
    assert_eq!(
        anas.hear_only("user_typing", |_| false).await["isTyping"],
        true
    );
    bens.session.end(Ending::BrokenOff);
    assert_eq!(
        anas.hear_only("user_typing", |_| false).await["isTyping"],
        false
    );
    assert!(lab.back(bens).await.1);
    lab.end().await;
}

#[tokio::test]
async fn of_too_many_that_wait_the_oldest_is_forgotten() {
    let lab = Lab::with(|limits| limits.detached_max = 2).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(lab.connect(&lab.ben, None).await);
    }
    // One that is back does not count.
    let (first, _) = lab.back(clients.remove(0)).await;
    clients.push(first);
    for client in &clients {
        client.session.end(Ending::BrokenOff);
        // It refuses a stranger after it has heard of that.
        lab.connect(&lab.ana, Some(client.comeback())).await;
    }
    lab.until_gone(&clients[0].pid()).await;
    for (place, client) in clients.into_iter().enumerate() {
        assert_eq!(lab.back(client).await.1, place > 0, "{place}");
    }
    lab.end().await;
}

#[tokio::test]
async fn who_misses_more_than_fits_is_forgotten_at_once() {
    let lab = Lab::with(|limits| limits.outbox_bytes = 2_000).await;
    let bens = lab.connect(&lab.ben, None).await;
    bens.session.end(Ending::BrokenOff);
    for n in 0..12 {
        lab.send(&n.to_string()).await;
    }
    lab.until_gone(&bens.pid()).await;
    assert!(!lab.back(bens).await.1);
    lab.end().await;
}

#[tokio::test]
async fn a_session_that_fails_is_gone_and_was_there_once_at_most() {
    let grace = Duration::from_millis(10);
    let lab = Lab::with(|limits| limits.presence_grace = grace).await;
    let (eve, _) = lab.friend_of(&lab.ana, "Eve").await;
    let mut anas = lab.connect(&lab.ana, None).await;
    let (bens, eves) = (
        lab.connect(&lab.ben, None).await,
        lab.connect(&eve, None).await,
    );
    anas.hear_status(&eve, "online").await;
    let other = lab.connect(&lab.ben, None).await;
    bens.session.end(Ending::BrokenOff);
    let actor = lab.session(&bens.pid()).expect("it waits");
    actor.cast(SessionMsg::Panic).expect("it lives");
    lab.until_gone(&bens.pid()).await;
    eves.session.end(Ending::BrokenOff);
    // Ben has another one.
    anas.hear_status(&eve, "offline").await;
    assert!(!lab.back(bens).await.1);
    // One with a socket takes that along.
    let actor = lab.session(&other.pid()).expect("it lives");
    actor.cast(SessionMsg::Panic).expect("it lives");
    lab.until_gone(&other.pid()).await;
    assert!(other.session.outbox().is_closed());
    assert!(!lab.back(other).await.1);
    lab.end().await;
}
