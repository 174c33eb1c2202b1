//! What is not opened, and why: in a line that a person understands.

use entities::ids::Seq;
use sea_orm::ConnectionTrait;

use super::{Lab, options};
use crate::store::{OpenError, Store, StoreOptions, open::is_recent_enough};

#[test]
fn other_urls_are_refused_in_one_line_without_their_secrets() {
    for (url, says) in [
        ("postgres://me:secret@host/chat", "sqlite://"),
        ("secret", "sqlite://"),
        ("sqlite://", "path is missing"),
        ("sqlite::memory:", "in-memory"),
        ("sqlite://:memory:", "in-memory"),
        ("sqlite://secret.db?mode=memory", "in-memory"),
        ("sqlite://secret.db?mode=ro", "options"),
        ("sqlite://file:secret.db", "file:"),
    ] {
        let line = StoreOptions::new(url).path().unwrap_err().to_string();
        assert!(line.contains(says), "{url}: {line}");
        assert!(
            !line.contains('\n') && !line.contains("secret"),
            "{url}: {line}"
        );
    }
}

/// The line with which `Store::open` refuses.
async fn refusal(options: &StoreOptions) -> String {
    let line = Store::open(options).await.unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_in_one_line_and_left_alone() {
    let lab = Lab::open().await;
    let later = "INSERT INTO seaql_migrations VALUES ('m20991231_000001_fly', 1)";
    lab.store.writer.execute_unprepared(later).await.unwrap();
    lab.store.close().await;
    let path = lab.folder.path().join("test.db");
    let before = std::fs::read(&path).unwrap();
    let line = refusal(&options(&lab.folder)).await;
    assert!(
        line.contains("newer Duologue") && line.contains("test.db"),
        "{line}"
    );
    assert!(line.contains("m20991231_000001_fly"), "{line}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_is_refused_in_one_line_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let text = "Dear diary, this is a text and no database.\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let line = refusal(&options(&folder)).await;
    assert!(line.contains("test.db is not an SQLite database"), "{line}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

/// SQLite would make the database anew, and delete the log.
#[tokio::test]
async fn a_log_without_its_database_is_refused_in_one_line_and_kept() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (
        folder.path().join("test.db"),
        folder.path().join("test.db-wal"),
    );
    std::fs::copy(lab.folder.path().join("test.db-wal"), &log).unwrap();
    let before = std::fs::read(&log).unwrap();
    assert!(!before.is_empty());
    for left in ["gone", "empty", "behind a link"] {
        let mut options = options(&folder);
        if left != "gone" {
            std::fs::write(&path, "").unwrap();
        }
        if left == "behind a link" {
            std::os::unix::fs::symlink(&path, folder.path().join("link.db")).unwrap();
            options.url = options.url.replace("test.db", "link.db");
        }
        let line = refusal(&options).await;
        assert!(line.contains("gone or empty"), "{left}: {line}");
        assert!(line.contains("test.db-wal"), "{left}: {line}");
        assert_eq!(std::fs::read(&log).unwrap(), before, "{left}");
    }
    // With its database it is what it was.
    std::fs::copy(lab.folder.path().join("test.db"), &path).unwrap();
    let store = Store::open(&options(&folder)).await.unwrap();
    let all = store.after(conversation.id, Seq::ZERO, 10).await.unwrap();
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn a_damaged_database_is_refused_in_one_line_and_left_alone() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 100).await;
    lab.store.close().await;
    let path = lab.folder.path().join("test.db");
    let whole = std::fs::read(&path).unwrap();
    let overwritten = |range: std::ops::Range<usize>| {
        let mut bytes = whole.clone();
        bytes[range].fill(0xff);
        bytes
    };
    for (what, bytes) in [
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
        ("cut by a page", whole[..whole.len() - 4096].to_vec()),
        ("cut in its header", whole[..60].to_vec()),
        ("the table of tables", overwritten(100..4096)),
        ("the header", overwritten(16..100)),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        let line = refusal(&options(&lab.folder)).await;
        assert!(
            line.contains("test.db is damaged or cut off"),
            "{what}: {line}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}");
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/missing/test.db", folder.path().display());
    let line = refusal(&StoreOptions::new(url)).await;
    assert!(line.contains("missing/test.db: No such file"), "{line}");
    std::fs::create_dir(folder.path().join("test.db")).unwrap();
    let line = refusal(&options(&folder)).await;
    let path = folder.path().join("test.db");
    let expected = "error returned from database: (code: 14) unable to open database file";
    assert_eq!(
        line,
        format!("cannot open the database {}: {expected}", path.display())
    );
}

#[test]
fn a_library_that_loses_commits_is_too_old() {
    for version in ["3.51.3", "3.51.10", "3.52.0", "4.0"] {
        assert!(is_recent_enough(version), "{version}");
    }
    for version in ["3.51.2", "3.9.0", "3.51", "2.99.99", ""] {
        assert!(!is_recent_enough(version), "{version}");
    }
    let found = "3.51.2".to_owned();
    let line = OpenError::LibraryTooOld { found }.to_string();
    assert!(line.contains("3.51.2"), "{line}");
}
