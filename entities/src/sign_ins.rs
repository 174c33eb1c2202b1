//! Who has signed in where: a row for each time that somebody did.

use sea_orm::entity::prelude::*;

use crate::ids::{SignInId, UserId};

/// A sign-in, from the password to the log-out.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_ins")]
pub struct Model {
    /// Counted up from 1 by the database; none is given out twice.
    #[sea_orm(primary_key)]
    pub id: SignInId,
    /// Whose it is.
    pub user_id: UserId,
    /// How often its refresh token was exchanged; only the newest counts.
    pub generation: i64,
    /// When that last happened. No token of it is dated later.
    pub renewed_at: i64,
    /// When the last token of it has ended; after that the row means nothing.
    pub expires_at: i64,
    /// When its tokens were ended before their time; `None` if they were not.
    pub ended_at: Option<i64>,
}

/// No joins are declared: `store` writes those it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
