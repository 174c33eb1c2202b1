//! The total of what a person has not read is added up from an index alone.
//!
//! SQLite does not take an expression's value out of an index, but looks up the row for it; of
//! plain columns it takes them.

use sea_orm_migration::prelude::*;

/// What the index was from `m20261123_000003` on.
const BEFORE: &str = "CREATE INDEX participants_unread \
     ON participants (user_id, (head_seq - last_read_seq)) WHERE head_seq > last_read_seq";

const COVERING: &str = "CREATE INDEX participants_unread \
     ON participants (user_id, head_seq, last_read_seq) WHERE head_seq > last_read_seq";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, COVERING).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, BEFORE).await
    }
}

async fn replace(manager: &SchemaManager<'_>, index: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection
        .execute_unprepared("DROP INDEX participants_unread")
        .await?;
    connection.execute_unprepared(index).await?;
    Ok(())
}
