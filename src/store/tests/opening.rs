//! Opening and closing: the schema, the settings, the files.

use std::os::unix::fs::PermissionsExt;

use entities::{
    conversations,
    ids::{ConversationId, Seq, SignInId, UserId},
    messages, participants, sign_ins, users,
};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};

use super::{Lab, column, options};
use crate::store::{Conversation, Store, StoreError, StoreOptions};

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' \
     AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'seaql%' ORDER BY name";

#[tokio::test]
async fn migrations_go_up_and_down_and_up_again() {
    let lab = Lab::open().await;
    let db = &lab.store.writer;
    let all = [
        "conversations",
        "messages",
        "participants",
        "sign_ins",
        "users",
    ];
    assert_eq!(column(db, TABLES, 0).await, all);
    Migrator::down(db, None).await.unwrap();
    assert_eq!(column(db, TABLES, 0).await, [""; 0]);
    Migrator::up(db, None).await.unwrap();
    assert_eq!(column(db, TABLES, 0).await, all);
    let without_rowid = "SELECT name FROM pragma_table_list WHERE wr = 1 ORDER BY name";
    assert_eq!(
        column(db, without_rowid, 0).await,
        ["messages", "participants"]
    );
}

#[tokio::test]
async fn a_migration_that_was_cut_off_leaves_nothing_behind() {
    let lab = Lab::open().await;
    let db = &lab.store.writer;
    Migrator::down(db, None).await.unwrap();
    // The last index of the third step cannot be made, because its name is taken.
    db.execute_unprepared("CREATE TABLE participants_unread (id INTEGER)")
        .await
        .unwrap();
    Migrator::up(db, None).await.unwrap_err();
    db.execute_unprepared("DROP TABLE participants_unread")
        .await
        .unwrap();
    Migrator::up(db, None).await.unwrap();
}

#[tokio::test]
async fn the_entities_of_people_and_pairs_match_their_tables() {
    let lab = Lab::open().await;
    let db = &lab.store.writer;
    let (low, high) = (UserId(1), UserId(2));
    for id in [low, high] {
        let user = users::Model {
            id,
            name: "Ann".to_owned(),
            name_key: "ann".to_owned(),
            email: format!("{id}@example.com"),
            password_hash: "hash".to_owned(),
            chosen_status: "busy".to_owned(),
            tokens_from: 7,
            last_seen_at: Some(8),
            created_at: 9,
            deleted_at: Some(10),
        };
        let row = user.clone().into_active_model();
        users::Entity::insert(row)
            .exec_without_returning(db)
            .await
            .unwrap();
        assert_eq!(
            users::Entity::find_by_id(id).one(db).await.unwrap(),
            Some(user)
        );
    }
    let sign_in = sign_ins::Model {
        id: SignInId(4),
        user_id: low,
        generation: 5,
        renewed_at: 6,
        expires_at: 7,
        ended_at: Some(8),
    };
    let row = sign_in.clone().into_active_model();
    sign_ins::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .unwrap();
    assert_eq!(
        sign_ins::Entity::find().one(db).await.unwrap(),
        Some(sign_in)
    );
    let conversation = conversations::Model {
        id: ConversationId(3),
        low_user_id: low,
        high_user_id: high,
        created_by: high,
        created_at: 10,
    };
    let row = conversation.clone().into_active_model();
    conversations::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .unwrap();
    assert_eq!(
        conversations::Entity::find().one(db).await.unwrap(),
        Some(conversation)
    );
}

#[tokio::test]
async fn the_entities_of_marks_and_messages_match_their_tables() {
    let lab = Lab::open().await;
    let Conversation { id, pair, .. } = lab.conversation().await;
    let db = &lab.store.writer;
    participants::Entity::delete_many().exec(db).await.unwrap();
    let participant = participants::Model {
        user_id: pair.low,
        conversation_id: id,
        other_id: pair.high,
        head_seq: Seq(4),
        last_read_seq: Seq(2),
        last_delivered_seq: Seq(3),
        active_at: 11,
    };
    let row = participant.clone().into_active_model();
    participants::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .unwrap();
    assert_eq!(
        participants::Entity::find().one(db).await.unwrap(),
        Some(participant)
    );
    let message = messages::Model {
        conversation_id: id,
        seq: Seq(4),
        sender_id: pair.low,
        content: "hello".into(),
        client_message_id: Some("c1".into()),
        created_at: 12,
    };
    let row = message.clone().into_active_model();
    messages::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .unwrap();
    assert_eq!(
        messages::Entity::find().one(db).await.unwrap(),
        Some(message)
    );
}

#[tokio::test]
async fn reopening_keeps_everything_in_one_file() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 3).await;
    let before = lab.all(conversation.id).await;
    let people = lab.store.people(UserId(0), "", 0, 10).await.unwrap();

    lab.store.clone().close().await;
    let files = std::fs::read_dir(lab.folder.path()).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(
        files,
        ["test.db"],
        "the log is emptied into the database and gone"
    );

    let lab = lab.reopen().await;
    assert_eq!(lab.all(conversation.id).await, before);
    assert_eq!(
        lab.store.people(UserId(0), "", 0, 10).await.unwrap(),
        people
    );
    assert_eq!(
        lab.store.conversation(conversation.id).await.unwrap(),
        Some(conversation)
    );
}

#[tokio::test]
async fn what_a_crash_left_in_the_log_is_in_the_file_after_the_start() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 3).await;
    let crashed = tempfile::tempdir().unwrap();
    for name in ["test.db", "test.db-wal"] {
        std::fs::copy(lab.folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let _started = Store::open(&options(&crashed)).await.unwrap();
    let file_alone = tempfile::tempdir().unwrap();
    let name = "test.db";
    std::fs::copy(crashed.path().join(name), file_alone.path().join(name)).unwrap();
    let store = Store::open(&options(&file_alone)).await.unwrap();
    let all = store.after(conversation.id, Seq::ZERO, 10).await.unwrap();
    assert_eq!(all, lab.all(conversation.id).await);
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn after_closing_every_call_is_refused() {
    let lab = Lab::open().await;
    lab.store.clone().close().await;
    let answer = lab.store.account(UserId(1)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    let answer = lab.store.append(&[], &[]).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn the_connections_have_their_settings() {
    let lab = Lab::open().await;
    let writer = &lab.store.writer;
    for (pragma, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("cache_size", "-65536"),
        ("temp_store", "2"),
        ("busy_timeout", "2000"),
        ("wal_autocheckpoint", "0"),
        ("journal_size_limit", "100663296"),
    ] {
        assert_eq!(
            column(writer, &format!("PRAGMA {pragma}"), 0).await,
            [value],
            "{pragma}"
        );
    }
    let readers = &lab.store.readers;
    assert_eq!(column(readers, "PRAGMA mmap_size", 0).await, ["0"]);
    assert_eq!(column(readers, "PRAGMA wal_autocheckpoint", 0).await, ["0"]);
    let refused = readers.execute_unprepared("DELETE FROM users").await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    let lab = Lab::open().await;
    lab.conversation().await;
    for name in ["test.db", "test.db-wal", "test.db-shm"] {
        let metadata = std::fs::metadata(lab.folder.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_path_may_hold_anything_a_file_name_may() {
    let folder = tempfile::tempdir().unwrap();
    for (in_url, name) in [
        ("with spaces.db", "with spaces.db"),
        ("with%20escapes.db", "with escapes.db"),
        ("100%.db", "100%.db"),
        ("a%3Fb%23c.db", "a?b#c.db"),
        ("Zoë.db?mode=rwc", "Zoë.db"),
    ] {
        let url = format!("sqlite://{}/{in_url}", folder.path().display());
        let options = StoreOptions::new(url);
        let store = Store::open(&options).await.unwrap();
        store.check_writable().await.unwrap();
        store.close().await;
        assert_eq!(options.path().unwrap(), folder.path().join(name));
        let size = std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size > 4096, "{name} has the tables");
    }
}

#[test]
fn a_relative_path_stays_relative() {
    for url in ["sqlite://chats/duologue.db", "sqlite:chats/duologue.db"] {
        let path = StoreOptions::new(url).path().unwrap();
        assert_eq!(path.to_str(), Some("chats/duologue.db"));
    }
}

#[tokio::test]
async fn readiness_needs_the_write_lock() {
    let lab = Lab::open().await;
    lab.store.check_writable().await.unwrap();
    let other = lab.open_another().await;
    let lock = lab.store.begin().await.unwrap();
    let answer = other.check_writable().await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    lock.rollback().await.unwrap();
    other.check_writable().await.unwrap();
}

#[tokio::test]
async fn readiness_is_a_write_that_gets_to_the_disk_and_leaves_all_as_it_was() {
    let lab = Lab::open().await;
    let log = lab.folder.path().join("test.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    let versions = "SELECT version FROM seaql_migrations";
    let before = (length(), column(&lab.store.readers, versions, 0).await);
    lab.store.check_writable().await.unwrap();
    let after = (length(), column(&lab.store.readers, versions, 0).await);
    assert!(after.0 > before.0, "{before:?} {after:?}");
    assert_eq!(after.1, before.1);
}
