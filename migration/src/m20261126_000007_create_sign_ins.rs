//! Who has signed in where.

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
                    .table(SignIns::Table)
                    .col(big_pk_auto(SignIns::Id))
                    .col(big_integer(SignIns::UserId))
                    .col(big_integer(SignIns::Generation).default(0))
                    .col(big_integer(SignIns::RenewedAt))
                    .col(big_integer(SignIns::ExpiresAt))
                    .col(big_integer_null(SignIns::EndedAt))
                    .foreign_key(
                        ForeignKey::create()
                            .from(SignIns::Table, SignIns::UserId)
                            .to(Users::Table, Users::Id),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("sign_ins_by_user")
                    .table(SignIns::Table)
                    .col(SignIns::UserId)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(SignIns::Table).to_owned())
            .await
    }
}

#[derive(DeriveIden)]
enum SignIns {
    Table,
    Id,
    UserId,
    Generation,
    RenewedAt,
    ExpiresAt,
    EndedAt,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
}
