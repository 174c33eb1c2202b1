//! Copies of the database.

use std::os::unix::fs::PermissionsExt;

use entities::ids::Seq;

use super::{Lab, options};
use crate::store::{BackupError, ReadOnly, Store, StoreOptions};

#[tokio::test]
async fn a_copy_holds_everything_for_its_owner_alone() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    lab.say(&conversation, conversation.pair.low, 0, 100).await;
    let database = ReadOnly::open(&options(&lab.folder)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's a copy.db");
    let bytes = database.back_up(&file).await.unwrap();
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(metadata.len(), bytes);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "and nothing beside it");

    let url = format!("sqlite://{}", file.display());
    let copy = Store::open(&StoreOptions::new(url)).await.unwrap();
    let all = copy.after(conversation.id, Seq::ZERO, 1_000).await.unwrap();
    assert_eq!(all, lab.all(conversation.id).await);
    lab.say(&conversation, conversation.pair.low, 100, 1).await;
    assert_eq!(copy.after(conversation.id, Seq(100), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_copy_replaces_nothing_and_leaves_nothing_behind_when_it_fails() {
    let lab = Lab::open().await;
    let database = ReadOnly::open(&options(&lab.folder)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    for (name, text) in [("copy.db", "mine"), ("copy.db.new", "half a copy")] {
        let there = folder.path().join(name);
        std::fs::write(&there, text).unwrap();
        let refused = database.back_up(&file).await.unwrap_err();
        assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
        assert!(refused.to_string().contains(name), "{refused}");
        assert_eq!(std::fs::read_to_string(&there).unwrap(), text);
        std::fs::remove_file(&there).unwrap();
    }
    let nowhere = folder.path().join("missing/copy.db");
    let refused = database.back_up(&nowhere).await.unwrap_err();
    assert!(
        matches!(refused, BackupError::Unwritable { .. }),
        "{refused}"
    );

    // A connection that is closed cannot copy.
    database.db.clone().close().await.unwrap();
    let refused = database.back_up(&file).await.unwrap_err();
    assert!(matches!(refused, BackupError::Failed { .. }), "{refused}");
    assert!(!refused.to_string().contains('\n'), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
