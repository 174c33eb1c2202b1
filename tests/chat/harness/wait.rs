//! Waiting: for an event, never for time to pass.

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a test waits for what must come. Reached only by a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Awaits `future`, and fails with `what` was being waited for.
pub(crate) async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
    }
}

/// Asks again and again until `probe` has an answer: for what is told by no event.
pub(crate) async fn until<T>(what: impl Display, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_millis()
}

/// Lets the clock move on, so that what happens next has a later time than what happened before.
pub(crate) async fn next_millisecond() {
    let before = now_ms();
    while now_ms() <= before {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}
