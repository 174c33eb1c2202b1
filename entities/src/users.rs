//! People's accounts.

use sea_orm::entity::prelude::*;

use crate::ids::UserId;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Counted up from 1 by the database.
    #[sea_orm(primary_key)]
    pub id: UserId,
    /// The name as its owner wrote it.
    pub name: String,
    /// The name in lower case, for order and search.
    pub name_key: String,
    /// In lower case; nobody else has it.
    #[sea_orm(unique)]
    pub email: String,
    /// An argon2 string, salt and parameters included.
    pub password_hash: String,
    /// What the owner chose to show: `online`, `busy` or `offline`.
    pub chosen_status: String,
    /// Tokens issued before this time count no more, in seconds since the epoch.
    pub tokens_from: i64,
    /// When the last session went; `None` before the first one did.
    pub last_seen_at: Option<i64>,
    /// When the account was made.
    pub created_at: i64,
    /// When its owner deleted it; `None` if nobody did. What is left then is that there was one.
    pub deleted_at: Option<i64>,
}

/// No joins are declared: `store` writes those it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
