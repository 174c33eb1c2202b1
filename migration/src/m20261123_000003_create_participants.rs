//! How far each person is in each of their conversations.
//!
//! A row's user and conversation are those of a conversation that was made in the same
//! transaction, so no foreign key is checked for each row of the journal's upserts.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// Answers "how much has this person not read, in all" from the few rows that have something
/// unread. In SQL, because the query builder knows no indexed expressions in all its back ends.
const PARTICIPANTS_UNREAD: &str = "CREATE INDEX participants_unread \
     ON participants (user_id, (head_seq - last_read_seq)) WHERE head_seq > last_read_seq";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table(Participants::Table)
            .col(big_integer(Participants::UserId))
            .col(big_integer(Participants::ConversationId))
            .col(big_integer(Participants::OtherId))
            .col(big_integer(Participants::HeadSeq))
            .col(big_integer(Participants::LastReadSeq))
            .col(big_integer(Participants::LastDeliveredSeq))
            .col(big_integer(Participants::ActiveAt))
            .primary_key(
                Index::create()
                    .col(Participants::UserId)
                    .col(Participants::ConversationId),
            )
            .to_owned();
        if manager.get_database_backend() == DbBackend::Sqlite {
            // The row lives in the primary key's tree: one lookup instead of two.
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;
        manager
            .create_index(
                Index::create()
                    .name("participants_by_activity")
                    .table(Participants::Table)
                    .col(Participants::UserId)
                    .col(Participants::ActiveAt)
                    .col(Participants::ConversationId)
                    .to_owned(),
            )
            .await?;
        manager
            .get_connection()
            .execute_unprepared(PARTICIPANTS_UNREAD)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Participants::Table).to_owned())
            .await
    }
}

#[derive(DeriveIden)]
enum Participants {
    Table,
    UserId,
    ConversationId,
    OtherId,
    HeadSeq,
    LastReadSeq,
    LastDeliveredSeq,
    ActiveAt,
}
