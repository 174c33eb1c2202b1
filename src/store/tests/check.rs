//! That a check finds each kind of fault, and none in a sound database.

use entities::ids::Seq;
use sea_orm::ConnectionTrait;

use super::{Lab, column, options};
use crate::store::{Conversation, OpenError, ReadOnly, Report, Store};

/// Two people with a conversation of five messages, three of one and two of the other.
async fn lab() -> (Lab, Conversation) {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 3).await;
    lab.say(&conversation, conversation.pair.high, 3, 2).await;
    let ids = "UPDATE messages SET client_message_id = 'c' || seq";
    lab.store.writer.execute_unprepared(ids).await.unwrap();
    (lab, conversation)
}

async fn report(lab: &Lab) -> Result<Report, OpenError> {
    let database = ReadOnly::open(&options(&lab.folder)).await.unwrap();
    let report = database.check().await;
    database.close().await;
    report
}

/// What is found after `plant` was carried out on a sound database.
async fn faults(plant: &str) -> Vec<String> {
    let (lab, _) = lab().await;
    let sound = report(&lab).await.unwrap();
    assert_eq!(sound.faults, [""; 0]);
    lab.store.writer.execute_unprepared(plant).await.unwrap();
    report(&lab).await.unwrap().faults
}

#[tokio::test]
async fn a_sound_database_is_counted_beside_its_server() {
    let (lab, _) = lab().await;
    let expected = Report {
        faults: Vec::new(),
        conversations: 1,
        messages: 5,
    };
    assert_eq!(report(&lab).await.unwrap(), expected);
    // And without one.
    lab.store.clone().close().await;
    assert_eq!(report(&lab).await.unwrap(), expected);
    let store = Store::open(&options(&lab.folder)).await.unwrap();
    store.check_writable().await.unwrap();
}

#[tokio::test]
async fn a_check_finds_nothing_wrong_while_others_write() {
    let (lab, conversation) = lab().await;
    let writes = async {
        for head in 5..205 {
            lab.say(&conversation, conversation.pair.low, head, 1).await;
        }
    };
    let checks = async {
        for _ in 0..20 {
            assert_eq!(report(&lab).await.unwrap().faults, [""; 0]);
        }
    };
    tokio::join!(writes, checks);
}

#[tokio::test]
async fn each_broken_rule_is_told_in_a_line() {
    for (plant, line) in [
        (
            "DELETE FROM messages WHERE seq = 2",
            "conversation 1: 4 messages stand at positions 1 to 5",
        ),
        (
            "DELETE FROM messages WHERE seq = 1",
            "conversation 1: 4 messages stand at positions 2 to 5",
        ),
        (
            "UPDATE participants SET head_seq = 6 WHERE user_id = 2",
            "conversation 1: its last message is 5, and for user 2 it is 6",
        ),
        (
            "DROP INDEX messages_by_client_id; UPDATE messages SET client_message_id = 'c1' WHERE seq = 3",
            "conversation 1: user 1 has 2 messages with one client_message_id, the first at 1",
        ),
        (
            "DELETE FROM participants WHERE user_id = 2",
            "conversation 1: users 1 and 2 are not each other's other in it",
        ),
        (
            "UPDATE participants SET other_id = 1 WHERE user_id = 1",
            "conversation 1: users 1 and 2 are not each other's other in it",
        ),
        (
            "INSERT INTO participants VALUES (3, 1, 1, 5, 0, 0, 1)",
            "conversation 1: user 3 has a place in it, and is not one of its two people",
        ),
        (
            "INSERT INTO participants VALUES (1, 9, 2, 0, 0, 0, 1)",
            "conversation 9: user 1 has a place in it, and is not one of its two people",
        ),
        (
            "UPDATE participants SET last_read_seq = 6, last_delivered_seq = 6 WHERE user_id = 2",
            "conversation 1: user 2 has read up to 6 of 5",
        ),
        (
            "UPDATE participants SET last_delivered_seq = 6 WHERE user_id = 2",
            "conversation 1: user 2 has received up to 6 of 5",
        ),
        (
            "UPDATE participants SET last_delivered_seq = 4 WHERE user_id = 2",
            "conversation 1: user 2 has read up to 5, and received up to 4",
        ),
        (
            "UPDATE messages SET sender_id = 3 WHERE seq = 4",
            "conversation 1: message 4 is from user 3, who is not one of its two people",
        ),
        (
            "PRAGMA foreign_keys = OFF; UPDATE conversations SET created_by = 9; \
             INSERT INTO messages VALUES (7, 1, 1, 'lost', NULL, 1)",
            "messages that name conversations which are not there: 1",
        ),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = \
             replace(sql, 'head_seq > last_read_seq', 'head_seq >= last_read_seq') \
             WHERE name = 'participants_unread'",
            "missing from index participants_unread",
        ),
    ] {
        let found = faults(plant).await;
        let told = found.iter().filter(|fault| fault.contains(line)).count();
        assert_eq!(told, 1, "{plant}: {found:?}");
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_a_fault() {
    let (lab, _) = lab().await;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'";
    let root: usize = column(&lab.store.writer, root, 0).await[0].parse().unwrap();
    lab.store.clone().close().await;
    let path = lab.folder.path().join("test.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let found = report(&lab).await.unwrap().faults;
    let unreadable = found.iter().any(|fault| fault.contains("cannot be read"));
    assert!(unreadable, "{found:?}");
    let in_lines = found.iter().all(|fault| !fault.contains('\n'));
    assert!(in_lines, "{found:?}");
}

#[tokio::test]
async fn of_many_faults_of_a_kind_the_first_are_told() {
    let many = "WITH RECURSIVE n(i) AS (VALUES (6) UNION ALL SELECT i + 1 FROM n LIMIT 300) \
        INSERT INTO messages SELECT 1, i, 3, 'x', NULL, 1 FROM n";
    let found = faults(many).await;
    let of_kind = found
        .iter()
        .filter(|fault| fault.contains("from user 3"))
        .count();
    assert_eq!(of_kind, 100);
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("more of this kind")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_database_of_another_version_is_not_checked() {
    let (lab, _) = lab().await;
    let writer = &lab.store.writer;
    let older = "DELETE FROM seaql_migrations WHERE version LIKE '%participants'";
    writer.execute_unprepared(older).await.unwrap();
    let why = report(&lab).await.unwrap_err();
    assert!(matches!(why, OpenError::Older { .. }), "{why}");
    let newer = "INSERT INTO seaql_migrations VALUES ('m20991231_000001_fly', 1)";
    writer.execute_unprepared(newer).await.unwrap();
    let why = report(&lab).await.unwrap_err();
    assert!(matches!(why, OpenError::Newer { .. }), "{why}");
}

#[tokio::test]
async fn what_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let why = ReadOnly::open(&options(&folder)).await.unwrap_err();
    assert!(matches!(why, OpenError::Missing { .. }), "{why}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("test.db-wal"), "a log").unwrap();
    let why = ReadOnly::open(&options(&folder)).await.unwrap_err();
    assert!(matches!(why, OpenError::Lost { .. }), "{why}");
    std::fs::remove_file(folder.path().join("test.db-wal")).unwrap();
    std::fs::write(folder.path().join("test.db"), "a text".repeat(1000)).unwrap();
    let why = ReadOnly::open(&options(&folder)).await.unwrap_err();
    assert!(matches!(why, OpenError::NotADatabase { .. }), "{why}");
}

#[tokio::test]
async fn nothing_can_be_written_through_it() {
    let (lab, conversation) = lab().await;
    let database = ReadOnly::open(&options(&lab.folder)).await.unwrap();
    let refused = database.db.execute_unprepared("DELETE FROM messages").await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
    let all = lab.store.after(conversation.id, Seq::ZERO, 10).await;
    assert_eq!(all.unwrap().len(), 5);
}
