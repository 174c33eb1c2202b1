//! What was said. The primary key is the order of each conversation, and on disk its place too.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table(Messages::Table)
            .col(big_integer(Messages::ConversationId))
            .col(big_integer(Messages::Seq))
            .col(big_integer(Messages::SenderId))
            .col(text(Messages::Content))
            .col(text_null(Messages::ClientMessageId))
            .col(big_integer(Messages::CreatedAt))
            .primary_key(
                Index::create()
                    .col(Messages::ConversationId)
                    .col(Messages::Seq),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("messages_conversation")
                    .from(Messages::Table, Messages::ConversationId)
                    .to(Conversations::Table, Conversations::Id),
            )
            .to_owned();
        if manager.get_database_backend() == DbBackend::Sqlite {
            // Rows lie in the order of the primary key, so a page of history is one stretch of
            // the file.
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;
        manager
            .create_index(
                Index::create()
                    .name("messages_by_client_id")
                    .table(Messages::Table)
                    .col(Messages::ConversationId)
                    .col(Messages::SenderId)
                    .col(Messages::ClientMessageId)
                    .unique()
                    .and_where(Expr::col(Messages::ClientMessageId).is_not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Messages::Table).to_owned())
            .await
    }
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    ConversationId,
    Seq,
    SenderId,
    Content,
    ClientMessageId,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Conversations {
    Table,
    Id,
}
