//! Which two people talk to each other: one row for each pair, decided by the unique key.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Conversations::Table)
                    .col(big_pk_auto(Conversations::Id))
                    .col(big_integer(Conversations::LowUserId))
                    .col(big_integer(Conversations::HighUserId))
                    .col(big_integer(Conversations::CreatedBy))
                    .col(big_integer(Conversations::CreatedAt))
                    .foreign_key(&mut to_users(
                        "conversations_low_user",
                        Conversations::LowUserId,
                    ))
                    .foreign_key(&mut to_users(
                        "conversations_high_user",
                        Conversations::HighUserId,
                    ))
                    .foreign_key(&mut to_users(
                        "conversations_creator",
                        Conversations::CreatedBy,
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("conversations_by_pair")
                    .table(Conversations::Table)
                    .col(Conversations::LowUserId)
                    .col(Conversations::HighUserId)
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Conversations::Table).to_owned())
            .await
    }
}

/// The rule that `column` names an account.
fn to_users(name: &str, column: Conversations) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(Conversations::Table, column)
        .to(Users::Table, Users::Id)
        .to_owned()
}

#[derive(DeriveIden)]
enum Conversations {
    Table,
    Id,
    LowUserId,
    HighUserId,
    CreatedBy,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
}
