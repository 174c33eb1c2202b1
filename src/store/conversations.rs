//! Who talks to whom, how far each of them is, and what concerns a person rather than a
//! conversation: their list and their total of unread messages.

use entities::{
    conversations,
    ids::{ConversationId, Pair, Seq, UserId},
    participants,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QuerySelect, Statement, TryInsertResult,
};

use super::{Account, Message, Store, StoreError};

/// A conversation; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Counted up from 1.
    pub id: ConversationId,
    /// Whose it is.
    pub pair: Pair,
    /// Who started it.
    pub created_by: UserId,
    /// When it was started, in milliseconds since the epoch.
    pub created_at: i64,
}

/// How far one person is in one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Whose place this is.
    pub user: UserId,
    /// The conversation's last message.
    pub head: Seq,
    /// The last message that they have read.
    pub read: Seq,
    /// The last message that their clients have proven to have.
    pub delivered: Seq,
    /// When the conversation last had a message (before the first: when it was started), in
    /// milliseconds since the epoch.
    pub active_at: i64,
}

/// A conversation as it stands in one participant's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The conversation.
    pub conversation: Conversation,
    /// How far the person is whose list this is.
    pub mine: Marks,
    /// How far the other is.
    pub theirs: Marks,
    /// The other.
    pub other: Account,
    /// `None` before the first message.
    pub last_message: Option<Message>,
}

/// A stretch of one person's list. Both databases understand `$1`. Every row comes from
/// `participants_by_activity` in its order, and joins by primary key.
pub(super) const LIST: &str = "\
    SELECT mine.conversation_id, mine.user_id, mine.other_id, mine.active_at, mine.head_seq, \
           mine.last_read_seq, mine.last_delivered_seq, \
           theirs.head_seq AS their_head_seq, theirs.last_read_seq AS their_read_seq, \
           theirs.last_delivered_seq AS their_delivered_seq, \
           theirs.active_at AS their_active_at, \
           conversations.created_by, conversations.created_at, \
           users.name, users.email, users.chosen_status, users.tokens_from, users.last_seen_at, \
           users.deleted_at, \
           messages.sender_id, messages.content, messages.client_message_id, \
           messages.created_at AS sent_at \
    FROM participants AS mine \
    JOIN participants AS theirs ON theirs.user_id = mine.other_id \
        AND theirs.conversation_id = mine.conversation_id \
    JOIN conversations ON conversations.id = mine.conversation_id \
    JOIN users ON users.id = mine.other_id \
    LEFT JOIN messages ON messages.conversation_id = mine.conversation_id \
        AND messages.seq = mine.head_seq \
    WHERE mine.user_id = $1 AND (mine.active_at, mine.conversation_id) < ($2, $3) \
    ORDER BY mine.active_at DESC, mine.conversation_id DESC \
    LIMIT $4";

/// The first comparison is the condition of the partial index `participants_unread`, which holds
/// all that is asked; the second, which follows from it, is a range of the index, and makes SQLite
/// prefer it to the person's whole list.
pub(super) const TOTAL_UNREAD: &str = "\
    SELECT CAST(COALESCE(SUM(head_seq - last_read_seq), 0) AS BIGINT) AS unread \
    FROM participants \
    WHERE user_id = $1 AND head_seq > last_read_seq AND head_seq > 0";

impl Store {
    /// The conversation with this id.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError> {
        let found = conversations::Entity::find_by_id(id)
            .one(&self.readers)
            .await;
        Ok(found
            .map_err(StoreError::uncommitted)?
            .map(Conversation::from))
    }

    /// The conversation of two people.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn conversation_of(&self, pair: Pair) -> Result<Option<Conversation>, StoreError> {
        find_of(&self.readers, pair).await
    }

    /// The conversation of two people, made by `by` at `now` (in milliseconds since the epoch)
    /// if it was not there; and whether it was made now. However many ask at the same moment,
    /// one conversation is made. Both must have accounts.
    ///
    /// # Errors
    /// See [`StoreError`]; after [`StoreError::Unknown`] it may be there, and the same call again
    /// finds out.
    pub async fn create_conversation(
        &self,
        pair: Pair,
        by: UserId,
        now: i64,
    ) -> Result<(Conversation, bool), StoreError> {
        if let Some(found) = self.conversation_of(pair).await? {
            return Ok((found, false));
        }
        let transaction = self.begin().await?;
        let row = conversations::ActiveModel {
            low_user_id: Set(pair.low),
            high_user_id: Set(pair.high),
            created_by: Set(by),
            created_at: Set(now),
            ..Default::default()
        };
        let inserted = conversations::Entity::insert(row)
            .on_conflict_do_nothing_on([
                conversations::Column::LowUserId,
                conversations::Column::HighUserId,
            ])
            .exec(&transaction)
            .await
            .map_err(|cause| self.unwritten(cause))?;
        let TryInsertResult::Inserted(inserted) = inserted else {
            let found = find_of(&transaction, pair).await?;
            let missing = || DbErr::RecordNotFound(format!("the conversation of {pair:?}"));
            let found = found.ok_or_else(|| StoreError::Failed(missing()))?;
            return Ok((found, false));
        };
        let id = inserted.last_insert_id;
        participants::Entity::insert_many(both_at_the_start(id, pair, now))
            .exec_without_returning(&transaction)
            .await
            .map_err(|cause| self.unwritten(cause))?;
        self.commit(transaction).await?;
        let conversation = Conversation {
            id,
            pair,
            created_by: by,
            created_at: now,
        };
        Ok((conversation, true))
    }

    /// Everybody who shares a conversation with `user`, in no order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn peers(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        participants::Entity::find()
            .select_only()
            .column(participants::Column::OtherId)
            .filter(participants::Column::UserId.eq(user))
            .into_tuple()
            .all(&self.readers)
            .await
            .map_err(StoreError::uncommitted)
    }

    /// The conversations of `user`, in no order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn conversations_of(&self, user: UserId) -> Result<Vec<ConversationId>, StoreError> {
        participants::Entity::find()
            .select_only()
            .column(participants::Column::ConversationId)
            .filter(participants::Column::UserId.eq(user))
            .into_tuple()
            .all(&self.readers)
            .await
            .map_err(StoreError::uncommitted)
    }

    /// A stretch of somebody's conversations, newest activity first. `before` is where the last
    /// stretch ended: the [`Marks::active_at`] of its last row (of `mine`) and the conversation's
    /// id. What becomes active in between is at the front, and so in no later stretch.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn list(
        &self,
        user: UserId,
        before: Option<(i64, ConversationId)>,
        limit: u64,
    ) -> Result<Vec<Listed>, StoreError> {
        let (active_at, conversation) = before.unwrap_or((i64::MAX, ConversationId(i64::MAX)));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [
            user.into(),
            active_at.into(),
            conversation.into(),
            limit.into(),
        ];
        let backend = self.readers.get_database_backend();
        let query = Statement::from_sql_and_values(backend, LIST, values);
        let rows = ListRow::find_by_statement(query).all(&self.readers).await;
        let rows = rows.map_err(StoreError::uncommitted)?;
        Ok(rows.into_iter().map(Listed::from).collect())
    }

    /// How many messages somebody has not read, in all their conversations.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn total_unread(&self, user: UserId) -> Result<i64, StoreError> {
        let backend = self.readers.get_database_backend();
        let query = Statement::from_sql_and_values(backend, TOTAL_UNREAD, [user.into()]);
        let row = self.readers.query_one_raw(query).await;
        let row = row.map_err(StoreError::uncommitted)?;
        row.map_or(Ok(0), |row| row.try_get_by_index(0))
            .map_err(StoreError::uncommitted)
    }
}

async fn find_of(
    db: &impl ConnectionTrait,
    pair: Pair,
) -> Result<Option<Conversation>, StoreError> {
    let found = conversations::Entity::find()
        .filter(conversations::Column::LowUserId.eq(pair.low))
        .filter(conversations::Column::HighUserId.eq(pair.high))
        .one(db)
        .await;
    Ok(found
        .map_err(StoreError::uncommitted)?
        .map(Conversation::from))
}

/// Both people's places in a conversation without a message.
fn both_at_the_start(
    conversation: ConversationId,
    pair: Pair,
    now: i64,
) -> [participants::ActiveModel; 2] {
    [(pair.low, pair.high), (pair.high, pair.low)].map(|(user, other)| participants::ActiveModel {
        user_id: Set(user),
        conversation_id: Set(conversation),
        other_id: Set(other),
        head_seq: Set(Seq::ZERO),
        last_read_seq: Set(Seq::ZERO),
        last_delivered_seq: Set(Seq::ZERO),
        active_at: Set(now),
    })
}

impl From<conversations::Model> for Conversation {
    fn from(row: conversations::Model) -> Self {
        Self {
            id: row.id,
            pair: Pair {
                low: row.low_user_id,
                high: row.high_user_id,
            },
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}

impl From<participants::Model> for Marks {
    fn from(row: participants::Model) -> Self {
        Self {
            user: row.user_id,
            head: row.head_seq,
            read: row.last_read_seq,
            delivered: row.last_delivered_seq,
            active_at: row.active_at,
        }
    }
}

/// A row of [`LIST`]. The last four are missing together, before the first message.
#[derive(Debug, FromQueryResult)]
struct ListRow {
    conversation_id: ConversationId,
    user_id: UserId,
    other_id: UserId,
    active_at: i64,
    head_seq: Seq,
    last_read_seq: Seq,
    last_delivered_seq: Seq,
    their_head_seq: Seq,
    their_read_seq: Seq,
    their_delivered_seq: Seq,
    their_active_at: i64,
    created_by: UserId,
    created_at: i64,
    name: String,
    email: String,
    chosen_status: String,
    tokens_from: i64,
    last_seen_at: Option<i64>,
    deleted_at: Option<i64>,
    sender_id: Option<UserId>,
    content: Option<String>,
    client_message_id: Option<String>,
    sent_at: Option<i64>,
}

impl From<ListRow> for Listed {
    fn from(row: ListRow) -> Self {
        let last_message = match (row.sender_id, row.content, row.sent_at) {
            (Some(sender), Some(content), Some(created_at)) => Some(Message {
                conversation: row.conversation_id,
                seq: row.head_seq,
                sender,
                content: content.into(),
                client_message_id: row.client_message_id.map(Into::into),
                created_at,
            }),
            _ => None,
        };
        Self {
            conversation: Conversation {
                id: row.conversation_id,
                pair: Pair::of(row.user_id, row.other_id),
                created_by: row.created_by,
                created_at: row.created_at,
            },
            mine: Marks {
                user: row.user_id,
                head: row.head_seq,
                read: row.last_read_seq,
                delivered: row.last_delivered_seq,
                active_at: row.active_at,
            },
            theirs: Marks {
                user: row.other_id,
                head: row.their_head_seq,
                read: row.their_read_seq,
                delivered: row.their_delivered_seq,
                active_at: row.their_active_at,
            },
            other: Account {
                id: row.other_id,
                name: row.name,
                email: row.email,
                chosen: row.chosen_status,
                tokens_from: row.tokens_from,
                last_seen_at: row.last_seen_at,
                deleted: row.deleted_at.is_some(),
            },
            last_message,
        }
    }
}
