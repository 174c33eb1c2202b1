//! Which two people talk to each other. A row never changes.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, UserId};

/// A conversation between two people, of which each pair has one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub struct Model {
    /// Counted up from 1 by the database.
    #[sea_orm(primary_key)]
    pub id: ConversationId,
    /// The participant with the smaller id.
    pub low_user_id: UserId,
    /// The participant with the larger id.
    pub high_user_id: UserId,
    /// The participant who started it.
    pub created_by: UserId,
    /// When it was started.
    pub created_at: i64,
}

/// No joins are declared: `store` writes those it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
