//! What the disk and the callers can do to the writer, and that it recovers.

use std::{sync::Arc, time::Duration};

use entities::ids::{ConversationId, Pair, UserId};
use sea_orm::ConnectionTrait;

use super::{Lab, column, options, said};
use crate::store::{Append, NewAccount, Store, StoreError, StoreOptions};

#[tokio::test]
async fn a_commit_that_fails_is_unknown_and_the_next_one_works() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let mut nowhere = conversation.clone();
    nowhere.id.0 = 99;
    // Puts the check of the foreign key off to the commit, once.
    let later = "PRAGMA defer_foreign_keys = ON";
    lab.store.writer.execute_unprepared(later).await.unwrap();
    let append = said(&nowhere, nowhere.pair.low, 0, 1);
    let failed = lab.store.append(&[&append], &[]).await.unwrap_err();
    assert!(matches!(failed, StoreError::Unknown(_)), "{failed:?}");
    assert!(!failed.is_conflict());

    lab.say(&conversation, conversation.pair.low, 0, 2).await;
    let lab = lab.reopen().await;
    assert_eq!(lab.all(conversation.id).await.len(), 2);
    assert_eq!(lab.all(nowhere.id).await.len(), 0);
}

/// SQLite ends a transaction by itself when the disk is full, and sqlx does not notice. Its next
/// transaction would be a savepoint; the first one to be rolled back would leave its transaction
/// open, and everything after that would be acknowledged without ever being committed.
#[tokio::test]
async fn after_a_full_disk_what_is_acknowledged_is_on_disk() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let (store, ann) = (&lab.store, conversation.pair.low);
    lab.say(&conversation, ann, 0, 1).await;
    let mut stored = 1;
    for round in 0..3 {
        let pages = column(&store.writer, "PRAGMA page_count", 0)
            .await
            .remove(0);
        let full = format!("PRAGMA max_page_count = {pages}");
        store.writer.execute_unprepared(&full).await.unwrap();
        let mut big = said(&conversation, ann, stored, 1);
        let message = Arc::get_mut(&mut big.messages[0]).unwrap();
        message.content = "x".repeat(1 << 20).into();
        let failed = store.append(&[&big], &[]).await.unwrap_err();
        assert!(
            matches!(failed, StoreError::Unavailable(_)),
            "{round}: {failed:?}"
        );

        let room = "PRAGMA max_page_count = 1000000";
        store.writer.execute_unprepared(room).await.unwrap();
        let twice = said(&conversation, ann, 0, 1);
        let refused = store.append(&[&twice], &[]).await.unwrap_err();
        assert!(refused.is_conflict(), "{round}: {refused:?}");
        for _ in 0..3 {
            lab.say(&conversation, ann, stored, 1).await;
            stored += 1;
            let seen = lab.all(conversation.id).await.len();
            assert_eq!(
                i64::try_from(seen).unwrap(),
                stored,
                "{round}: the readers see it"
            );
        }
    }
}

/// The statement that makes SQLite look for the messages in the tree of another table, which it takes for
/// damage; and the one that mends it.
async fn misplace_messages(lab: &Lab) -> [String; 2] {
    let root = "SELECT rootpage FROM sqlite_schema WHERE name =";
    let root_of = async |name: &str| {
        column(&lab.store.writer, &format!("{root} '{name}'"), 0)
            .await
            .remove(0)
    };
    let put = |page: String| {
        format!(
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET rootpage = {page} WHERE name = 'messages'; \
             PRAGMA writable_schema = RESET"
        )
    };
    [put(root_of("users").await), put(root_of("messages").await)]
}

#[tokio::test]
async fn a_damage_that_a_write_meets_ends_writing_for_good_and_reading_goes_on() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let (store, ann) = (&lab.store, conversation.pair.low);
    let cleo = lab.person("Cleo", 3).await;
    lab.say(&conversation, ann, 0, 1).await;
    let [damage, mend] = misplace_messages(&lab).await;
    store.writer.execute_unprepared(&damage).await.unwrap();
    let append = said(&conversation, ann, 1, 1);
    let broken = store.append(&[&append], &[]).await;
    assert!(matches!(broken, Err(StoreError::Broken)), "{broken:?}");
    store.writer.execute_unprepared(&mend).await.unwrap();

    let new = NewAccount {
        name: "Dan".to_owned(),
        email: "4@example.com".to_owned(),
        password_hash: "hash".to_owned(),
        now: 1,
    };
    let pair = Pair::of(ann, cleo);
    for (what, written) in [
        ("append", store.append(&[&append], &[]).await),
        ("create", store.create(new).await.map(drop)),
        (
            "create_conversation",
            store.create_conversation(pair, ann, 1).await.map(drop),
        ),
        (
            "set_chosen_status",
            store.set_chosen_status(ann, "busy").await,
        ),
        ("erase", store.erase(ann, 1).await),
        ("sign_in", store.sign_in(ann, 1, 2).await.map(drop)),
        ("check_writable", store.check_writable().await),
    ] {
        assert!(
            matches!(written, Err(StoreError::Broken)),
            "{what}: {written:?}"
        );
    }
    assert!(store.is_broken());
    assert_eq!(lab.all(conversation.id).await.len(), 1);
    assert_eq!(store.people(ann, "", 0, 10).await.unwrap().len(), 2);

    let log = lab.folder.path().join("test.db-wal");
    let before = std::fs::read(&log).unwrap();
    lab.store.close().await;
    assert_eq!(
        std::fs::read(&log).unwrap(),
        before,
        "the log stays as it is"
    );
    // The next start looks at it anew.
    let store = Store::open(&options(&lab.folder)).await.unwrap();
    store.append(&[&append], &[]).await.unwrap();
}

#[tokio::test]
async fn a_write_that_waited_while_the_disk_failed_is_not_made() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let ann = conversation.pair.low;
    let [damage, mend] = misplace_messages(&lab).await;
    lab.store.writer.execute_unprepared(&damage).await.unwrap();
    let append = said(&conversation, ann, 0, 1);
    let appends = [&append];
    let (first, second, third) = tokio::join!(
        lab.store.append(&appends, &[]),
        lab.store.set_chosen_status(ann, "busy"),
        lab.store.append(&[], &[]),
    );
    for written in [first, second, third] {
        assert!(matches!(written, Err(StoreError::Broken)), "{written:?}");
    }
    lab.store.writer.execute_unprepared(&mend).await.unwrap();
    let chosen = lab.store.account(ann).await.unwrap().unwrap().chosen;
    assert_eq!(chosen, "online");
}

#[tokio::test]
async fn a_busy_database_is_unavailable() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let other = lab.open_another().await;
    let lock = lab.store.begin().await.unwrap();
    let append = said(&conversation, conversation.pair.low, 0, 1);
    let busy = other.append(&[&append], &[]).await.unwrap_err();
    assert!(matches!(busy, StoreError::Unavailable(_)), "{busy:?}");
    let busy = other.set_chosen_status(conversation.pair.low, "busy").await;
    assert!(matches!(busy, Err(StoreError::Unavailable(_))), "{busy:?}");
    lock.rollback().await.unwrap();
    other.append(&[&append], &[]).await.unwrap();
}

#[tokio::test]
async fn who_waits_too_long_for_the_writer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let impatient = StoreOptions {
        acquire_timeout: Duration::from_millis(500),
        ..options(&folder)
    };
    let store = Store::open(&impatient).await.unwrap();
    let lock = store.begin().await.unwrap();
    let refused = store.append(&[], &[]).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    lock.rollback().await.unwrap();
    store.append(&[], &[]).await.unwrap();
}

/// Nobody should drop a write under way; if it happens, the writer must survive it.
#[tokio::test]
async fn a_write_that_is_dropped_is_stored_whole_or_not_at_all() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let ann = conversation.pair.low;
    let mut stored = 0;
    for micros in (0..3_000).step_by(100) {
        let append = said(&conversation, ann, stored, 20);
        let appends = [&append];
        let write = lab.store.append(&appends, &[]);
        let in_time = tokio::time::timeout(Duration::from_micros(micros), write)
            .await
            .is_ok();
        // The next write comes after all that the dropped one left behind.
        lab.store.check_writable().await.unwrap();
        let now = i64::try_from(lab.all(conversation.id).await.len()).unwrap();
        assert!(
            now == stored + 20 || (now == stored && !in_time),
            "{micros}: {stored} {now}"
        );
        stored = now;
    }
    lab.say(&conversation, ann, stored, 1).await;
    let lab = lab.reopen().await;
    assert_eq!(
        i64::try_from(lab.all(conversation.id).await.len()).unwrap(),
        stored + 1
    );
}

/// Actors and handlers run on any thread, so what they wait for must be able to change threads.
/// That this compiles is the test.
#[test]
fn every_call_may_change_threads() {
    fn may(_: impl Send + 'static) {}
    fn all(store: &Store, written: Vec<Append>) {
        let (user, pair) = (UserId(1), Pair::of(UserId(1), UserId(2)));
        let conversation = ConversationId(1);
        let own = store.clone();
        may(async move {
            let appends: Vec<&Append> = written.iter().collect();
            own.append(&appends, &[]).await
        });
        let own = store.clone();
        may(async move {
            let id = 7.to_string();
            let ids = [(user, id.as_str())];
            own.by_client_ids(conversation, &ids).await
        });
        let own = store.clone();
        may(async move { own.create_conversation(pair, user, 1).await });
        let own = store.clone();
        may(async move { own.list(user, None, 1).await });
        let own = store.clone();
        may(async move { own.people(user, "", 0, 1).await });
        may(store.clone().close());
    }
    let _: fn(&Store, Vec<Append>) = all;
}
