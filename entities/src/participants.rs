//! How far each person is in each of their conversations: two rows for each conversation.

use sea_orm::entity::prelude::*;

use crate::ids::{ConversationId, Seq, UserId};

/// One person's place in one conversation. What they have not read is `head_seq − last_read_seq`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "participants")]
pub struct Model {
    /// Whose place this is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// In which conversation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: ConversationId,
    /// The other participant.
    pub other_id: UserId,
    /// The conversation's last message; the same in both rows.
    pub head_seq: Seq,
    /// The last message that this person has read.
    pub last_read_seq: Seq,
    /// The last message that this person's clients have proven to have.
    pub last_delivered_seq: Seq,
    /// When the conversation last had a message; before the first one, when it was started.
    pub active_at: i64,
}

/// No joins are declared: `store` writes those it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
