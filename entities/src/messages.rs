//! What was said. A row never changes.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, Seq, UserId};

/// A message. Its id is made of its first two fields (see [`crate::ids::MessageId::new`]).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    /// Where it was said.
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    /// The position there: 1, 2, 3 … without a gap.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: Seq,
    /// Who said it.
    pub sender_id: UserId,
    /// The text exactly as it was sent.
    pub content: String,
    /// The sender's own name for the message, by which a repeated send is known.
    pub client_message_id: Option<String>,
    /// When the server numbered it.
    pub created_at: i64,
}

/// No joins are declared: `store` writes those it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
