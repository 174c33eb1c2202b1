//! When the log is moved into the database, which SQLite would do by itself, in silence.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::time::timeout;

use super::{Lab, column, said};
use crate::store::{
    Conversation,
    log::{LOOK_ROWS, Log},
};

/// What fills the log with a single message: 4 MiB, a thousand pages and more.
const FILL: usize = 4 << 20;

impl Lab {
    /// Stores one message that fills the log.
    async fn fill_the_log(&self, conversation: &Conversation, head: i64) {
        let mut big = said(conversation, conversation.pair.low, head, 1);
        let message = Arc::get_mut(&mut big.messages[0]).unwrap();
        message.content = "x".repeat(FILL).into();
        self.store.append(&[&big], &[]).await.unwrap();
    }

    /// Bytes in the database and in its log.
    fn lengths(&self) -> [usize; 2] {
        ["test.db", "test.db-wal"].map(|name| {
            let found = std::fs::metadata(self.folder.path().join(name)).unwrap();
            usize::try_from(found.len()).unwrap()
        })
    }
}

#[tokio::test]
async fn a_long_log_is_moved_into_the_database_by_the_next_messages_and_then_begun_anew() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let rows = i64::from(LOOK_ROWS);
    let mut head = 0;
    for round in 1..=3 {
        lab.fill_the_log(&conversation, head).await;
        let [before, log] = lab.lengths();
        assert!(before < round * FILL, "{round}: it is not moved at once");
        lab.say(&conversation, conversation.pair.low, head + 1, rows)
            .await;
        assert!(lab.lengths()[0] > round * FILL, "{round}: it is moved");
        assert!(log < FILL + FILL / 2, "{round}: and begun anew");
        head += 1 + rows;
    }
    let lab = lab.reopen().await;
    assert_eq!(lab.all(conversation.id).await.len(), head as usize);
}

#[tokio::test]
async fn a_long_log_is_moved_by_what_is_no_message_too() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.fill_the_log(&conversation, 0).await;
    for round in 0..LOOK_ROWS {
        let chosen = ["busy", "online"][round as usize % 2];
        let chosen = lab.store.set_chosen_status(conversation.pair.low, chosen);
        chosen.await.unwrap();
    }
    assert!(lab.lengths()[0] > FILL);
}

#[tokio::test]
async fn a_log_that_somebody_reads_is_moved_when_they_are_done() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let ann = conversation.pair.low;
    let rows = i64::from(LOOK_ROWS);
    let reading = lab.store.readers.begin().await.unwrap();
    let read = "SELECT count(*) FROM users";
    reading.execute_unprepared(read).await.unwrap();
    lab.fill_the_log(&conversation, 0).await;
    lab.say(&conversation, ann, 1, rows).await;
    assert!(lab.lengths()[0] < FILL, "it still is in the log alone");
    reading.rollback().await.unwrap();
    lab.say(&conversation, ann, 1 + rows, rows).await;
    assert!(lab.lengths()[0] > FILL);
}

#[tokio::test]
async fn once_nothing_is_written_any_more_there_is_no_log() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.fill_the_log(&conversation, 0).await;
    lab.store.sweep().await;
    assert!(lab.lengths()[1] > FILL, "there was something to write");
    lab.store.sweep().await;
    let [database, log] = lab.lengths();
    assert!(database > FILL && log == 0, "{database}, {log}");
    lab.say(&conversation, conversation.pair.low, 1, 1).await;
    assert!(lab.lengths()[1] > 0, "it is begun anew");
    let lab = lab.reopen().await;
    assert_eq!(lab.all(conversation.id).await.len(), 2);
}

#[tokio::test]
async fn a_log_that_is_read_when_nothing_is_written_any_more_is_cut_off_later_and_nobody_waits() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.fill_the_log(&conversation, 0).await;
    let reading = lab.store.readers.begin().await.unwrap();
    let read = "SELECT count(*) FROM users";
    reading.execute_unprepared(read).await.unwrap();
    let an_hour = "3600000";
    let patient = format!("PRAGMA busy_timeout = {an_hour}");
    let writer = &lab.store.writer;
    writer.execute_unprepared(&patient).await.unwrap();
    lab.store.sweep().await;
    let sweep = timeout(Duration::from_secs(60), lab.store.sweep());
    sweep.await.expect("it does not wait");
    assert!(lab.lengths()[1] > FILL, "nobody cuts off what is read");
    let patience = column(writer, "PRAGMA busy_timeout", 0).await;
    assert_eq!(patience, [an_hour], "who writes next waits for locks");
    reading.rollback().await.unwrap();
    lab.store.sweep().await;
    assert_eq!(lab.lengths()[1], 0);
}

#[tokio::test]
async fn a_log_of_what_is_no_message_is_cut_off_too() {
    let lab = Lab::open().await;
    for _ in 0..2 {
        lab.store.sweep().await;
    }
    assert_eq!(lab.lengths()[1], 0, "of what opening the store wrote");
    lab.conversation().await;
    assert!(lab.lengths()[1] > 0);
    for _ in 0..2 {
        lab.store.sweep().await;
    }
    assert_eq!(lab.lengths()[1], 0);
}

#[tokio::test]
async fn a_log_that_is_written_to_when_it_is_swept_is_left_as_it_is() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.fill_the_log(&conversation, 0).await;
    lab.store.sweep().await;
    let other = lab.open_another().await;
    let lock = other.begin().await.unwrap();
    let (_, _, unlocked) = tokio::join!(
        lab.say(&conversation, conversation.pair.low, 1, 1),
        lab.store.sweep(),
        lock.rollback(),
    );
    unlocked.unwrap();
    assert!(lab.lengths()[1] > FILL);
}

#[test]
fn a_log_is_emptied_once_after_a_sweep_in_which_nothing_was_written() {
    let log = Log::new(1);
    for _ in 0..2 {
        log.has_grown(1);
        assert_eq!(log.idle_rows(), None, "it was written to");
        let rows = log.idle_rows().expect("it was not");
        assert_eq!(log.idle_rows(), Some(rows), "it is not empty yet");
        log.emptied_of(rows);
        assert_eq!(log.idle_rows(), None, "it is empty");
    }
}
