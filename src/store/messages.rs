//! What was said: pages of history, and what a conversation needs to wake up.

use std::sync::Arc;

use entities::{
    ids::{ConversationId, Seq, UserId},
    messages, participants,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement};

use super::{Conversation, Marks, Store, StoreError};

/// A message. Its id is [`entities::ids::MessageId::new`] of its conversation and position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was said.
    pub conversation: ConversationId,
    /// Its position there.
    pub seq: Seq,
    /// Who said it.
    pub sender: UserId,
    /// The text exactly as it was sent. Shared, like the next: the database is given it as it is.
    pub content: Arc<str>,
    /// The sender's own name for it.
    pub client_message_id: Option<Arc<str>>,
    /// When the server numbered it, in milliseconds since the epoch.
    pub created_at: i64,
}

/// What a conversation needs to wake up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How far both are, the smaller user id first. Their `head` is the last message's position.
    pub marks: [Marks; 2],
    /// The newest messages, oldest first.
    pub tail: Vec<Message>,
}

impl Store {
    /// The messages of a conversation up to and including `up_to`, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn newest(
        &self,
        conversation: ConversationId,
        up_to: Seq,
        limit: u64,
    ) -> Result<Vec<Message>, StoreError> {
        let page = of(conversation)
            .filter(messages::Column::Seq.lte(up_to))
            .order_by_desc(messages::Column::Seq);
        self.messages(page.limit(limit)).await
    }

    /// The messages of a conversation that come after `after`, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u64,
    ) -> Result<Vec<Message>, StoreError> {
        let page = of(conversation)
            .filter(messages::Column::Seq.gt(after))
            .order_by_asc(messages::Column::Seq);
        self.messages(page.limit(limit)).await
    }

    /// Those of the named messages that are stored, in no order. Each is named by its sender and
    /// the sender's own name for it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn by_client_ids(
        &self,
        conversation: ConversationId,
        ids: &[(UserId, &str)],
    ) -> Result<Vec<Message>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // A number of rows that is a power of two keeps the number of SQL texts small, and so all
        // of them prepared. The rows that fill it up name nobody.
        let rows = ids.len().next_power_of_two();
        let filling = std::iter::repeat_n((UserId(0), ""), rows - ids.len());
        let asked = ids.iter().copied().chain(filling);
        let mut values = Vec::with_capacity(1 + 2 * rows);
        values.push(conversation.into());
        values.extend(asked.flat_map(|(sender, id)| [sender.into(), id.into()]));
        let backend = self.readers.get_database_backend();
        let query = Statement::from_sql_and_values(backend, by_client_ids_sql(rows), values);
        let found = messages::Entity::find()
            .from_raw_sql(query)
            .all(&self.readers);
        let found = found.await.map_err(StoreError::uncommitted)?;
        Ok(found.into_iter().map(Message::from).collect())
    }

    /// Everything that a conversation needs to wake up, with its `tail_max` newest messages;
    /// `None` when it is not there. Nobody may write to the conversation meanwhile.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn load(
        &self,
        conversation: &Conversation,
        tail_max: u64,
    ) -> Result<Option<Loaded>, StoreError> {
        let both = conversation.pair.both();
        let rows = participants::Entity::find()
            .filter(participants::Column::ConversationId.eq(conversation.id))
            .filter(participants::Column::UserId.is_in(both))
            .order_by_asc(participants::Column::UserId)
            .all(&self.readers)
            .await
            .map_err(StoreError::uncommitted)?;
        let Ok([low, high]) = <[participants::Model; 2]>::try_from(rows) else {
            return Ok(None);
        };
        // The messages themselves say which is the last, whatever the rows beside them say.
        let mut tail = self
            .newest(conversation.id, Seq::MAX, tail_max.max(1))
            .await?;
        let head = tail.first().map_or(Seq::ZERO, |newest| newest.seq);
        tail.truncate(usize::try_from(tail_max).unwrap_or(usize::MAX));
        tail.reverse();
        let marks = [low, high].map(|row| Marks {
            head,
            ..Marks::from(row)
        });
        Ok(Some(Loaded { marks, tail }))
    }

    async fn messages(&self, query: Select<messages::Entity>) -> Result<Vec<Message>, StoreError> {
        let rows = query.all(&self.readers).await;
        let rows = rows.map_err(StoreError::uncommitted)?;
        Ok(rows.into_iter().map(Message::from).collect())
    }
}

impl From<messages::Model> for Message {
    fn from(row: messages::Model) -> Self {
        Self {
            conversation: row.conversation_id,
            seq: row.seq,
            sender: row.sender_id,
            content: row.content.into(),
            client_message_id: row.client_message_id.map(Arc::from),
            created_at: row.created_at,
        }
    }
}

fn of(conversation: ConversationId) -> Select<messages::Entity> {
    messages::Entity::find().filter(messages::Column::ConversationId.eq(conversation))
}

/// Looks up `rows` messages, each by its whole unique key. Given lists or alternatives of such
/// keys, SQLite would read the whole conversation instead. Both databases understand `$1`.
pub(super) fn by_client_ids_sql(rows: usize) -> String {
    let row = |number: usize| format!("(${}, ${})", 2 * number + 2, 2 * number + 3);
    let asked: Vec<_> = (0..rows).map(row).collect();
    format!(
        "WITH asked (sender_id, client_message_id) AS (VALUES {}) \
         SELECT messages.* FROM asked CROSS JOIN messages \
         WHERE messages.conversation_id = $1 AND messages.sender_id = asked.sender_id \
         AND messages.client_message_id = asked.client_message_id",
        asked.join(", ")
    )
}
