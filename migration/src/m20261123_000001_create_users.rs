//! People's accounts.

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
                    .table(Users::Table)
                    .col(big_pk_auto(Users::Id))
                    .col(text(Users::Name))
                    .col(text(Users::NameKey))
                    .col(text_uniq(Users::Email))
                    .col(text(Users::PasswordHash))
                    .col(text(Users::ChosenStatus).default("online"))
                    .col(big_integer(Users::TokensFrom).default(0))
                    .col(big_integer_null(Users::LastSeenAt))
                    .col(big_integer(Users::CreatedAt))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("users_by_name")
                    .table(Users::Table)
                    .col(Users::NameKey)
                    .col(Users::Id)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Users::Table).to_owned())
            .await
    }
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    Name,
    NameKey,
    Email,
    PasswordHash,
    ChosenStatus,
    TokensFrom,
    LastSeenAt,
    CreatedAt,
}
