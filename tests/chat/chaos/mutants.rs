//! Servers with a fault put in, each of which the checker must find.

use std::time::Duration;

use tokio::time::Instant;

use super::checker::judge;
use super::world::World;
use super::{Cast, first_few, say};

/// Reached only when nobody gets on.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets clients talk to a server with `faults` for as long as each takes for so many sends, and finds that
/// this promise is not kept.
async fn is_found(faults: &str, promise: u8) {
    let world = World::new(faults).await;
    let cast = Cast::in_world(&world, 1, fastrand::u64(..)).await;
    let progress: Vec<_> = cast.clients.iter().map(|one| one.progress()).collect();
    let history = cast.live(async {
        let began = Instant::now();
        let done = |count: usize| count >= 60;
        while !progress
            .iter()
            .all(|one| done(one.load(std::sync::atomic::Ordering::SeqCst)))
        {
            assert!(began.elapsed() < PATIENCE, "nobody gets on: {faults}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let violations = judge(&history.await);
    let found = violations.iter().any(|one| one.promise == promise);
    say(&format!("{faults}:\n{}", first_few(&violations)));
    assert!(
        found,
        "{faults} breaks promise {promise}, and nobody noticed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_acknowledges_what_it_does_not_write_is_found() {
    is_found("journal.commit=drop%25", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_leaves_out_one_event_in_a_hundred_is_found() {
    is_found("conversation.publish=drop%100", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_one_thing_in_a_hundred_twice_is_found() {
    is_found("conversation.publish=double%100", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_swaps_two_messages_once_in_a_while_is_found() {
    is_found("conversation.order=swap%10", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_moves_a_position_back_once_in_a_while_is_found() {
    is_found("conversation.moved=back%10", 5).await;
}
