//! The journal's write: what many conversations have to say, in one transaction.

use std::sync::Arc;

use entities::{
    ids::{ConversationId, UserId},
    messages, participants, users,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Iterable,
    QueryFilter, Statement, Value,
    sea_query::{Expr, InsertStatement, OnConflict, Query},
};
use smallvec::SmallVec;

use super::{Marks, Message, Store, StoreError, commit};

/// What one conversation writes.
#[derive(Clone, Debug)]
pub struct Append {
    /// Which conversation.
    pub conversation: ConversationId,
    /// New messages of this conversation; their positions go on from the last stored one.
    pub messages: Vec<Arc<Message>>,
    /// How far its people are now; those who are not named stay where they were.
    pub marks: SmallVec<[MarksRow; 2]>,
}

/// One person's new place in a conversation, and who the other is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarksRow {
    /// The new place, whole.
    pub marks: Marks,
    /// The other participant.
    pub other: UserId,
}

/// The end of somebody's last session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Whose.
    pub user: UserId,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

/// Rows go out in pieces of 1, 2, 4 … 256, so that a batch of any size uses few SQL texts and
/// each stays prepared: SQLite takes longer to understand such a text than to carry it out.
const PIECES: usize = 9;

/// The SQL texts of every piece, made once. The text of `2^n` rows is at `n`.
#[derive(Debug)]
pub(super) struct AppendSql {
    backend: DbBackend,
    messages: [String; PIECES],
    marks: [String; PIECES],
}

impl Store {
    /// Writes everything in one transaction; when this returns `Ok`, all of it is on disk. No
    /// conversation may be named twice.
    ///
    /// The caller must not drop the future before it is done. The connection would survive that
    /// (it rolls back before its next use), but nobody would know whether the commit went
    /// through.
    ///
    /// # Errors
    /// See [`StoreError`]; all or nothing was written. [`StoreError::is_conflict`] when a
    /// message's position or its client's id is taken.
    pub async fn append(
        &self,
        appends: &[&Append],
        last_seen: &[LastSeen],
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let written = self.append_in(&transaction, appends, last_seen).await;
        if let Err(cause) = written {
            // A transaction that cannot be rolled back is ended by the end of its connection.
            transaction.rollback().await.ok();
            return Err(StoreError::uncommitted(cause));
        }
        commit(transaction).await
    }

    async fn append_in(
        &self,
        transaction: &DatabaseTransaction,
        appends: &[&Append],
        last_seen: &[LastSeen],
    ) -> Result<(), DbErr> {
        for statement in self.append_sql.statements(appends) {
            transaction.execute_raw(statement).await?;
        }
        for seen in last_seen {
            users::Entity::update_many()
                .col_expr(users::Column::LastSeenAt, seen.at.into())
                .filter(users::Column::Id.eq(seen.user))
                .exec(transaction)
                .await?;
        }
        Ok(())
    }
}

impl AppendSql {
    /// The texts for this database. About 60 KB.
    pub(super) fn new(backend: DbBackend) -> Self {
        let texts = |make: fn(DbBackend, usize) -> String| {
            std::array::from_fn(|power| make(backend, 1 << power))
        };
        Self {
            backend,
            messages: texts(insert_messages),
            marks: texts(upsert_marks),
        }
    }

    /// The statements that write all of `appends`.
    fn statements(&self, appends: &[&Append]) -> Vec<Statement> {
        let mut statements = Vec::new();
        let messages = appends.iter().flat_map(|append| &append.messages);
        let count = appends.iter().map(|append| append.messages.len()).sum();
        self.insert(
            &mut statements,
            &self.messages,
            count,
            messages,
            bind_message,
        );
        let marks = appends.iter().flat_map(|append| {
            let conversation = append.conversation;
            append.marks.iter().map(move |row| (conversation, row))
        });
        let count = appends.iter().map(|append| append.marks.len()).sum();
        self.insert(&mut statements, &self.marks, count, marks, bind_marks);
        statements
    }

    /// Binds `count` rows, the largest pieces first.
    fn insert<T>(
        &self,
        statements: &mut Vec<Statement>,
        texts: &[String; PIECES],
        count: usize,
        mut rows: impl Iterator<Item = T>,
        bind: impl Fn(T, &mut Vec<Value>),
    ) {
        let mut left = count;
        while left > 0 {
            let power = (left.ilog2() as usize).min(PIECES - 1);
            let piece = 1 << power;
            let mut values = Vec::with_capacity(piece * participants::Column::iter().len());
            for row in rows.by_ref().take(piece) {
                bind(row, &mut values);
            }
            let text = &texts[power];
            statements.push(Statement::from_sql_and_values(self.backend, text, values));
            left -= piece;
        }
    }
}

/// In the order of the columns in `messages`.
fn bind_message(message: &Arc<Message>, values: &mut Vec<Value>) {
    values.extend([
        message.conversation.into(),
        message.seq.into(),
        message.sender.into(),
        message.content.as_str().into(),
        message.client_message_id.as_deref().into(),
        message.created_at.into(),
    ]);
}

/// In the order of the columns in `participants`.
fn bind_marks((conversation, row): (ConversationId, &MarksRow), values: &mut Vec<Value>) {
    values.extend([
        row.marks.user.into(),
        conversation.into(),
        row.other.into(),
        row.marks.head.into(),
        row.marks.read.into(),
        row.marks.delivered.into(),
        row.marks.active_at.into(),
    ]);
}

fn insert_messages(backend: DbBackend, rows: usize) -> String {
    let mut insert = Query::insert();
    insert
        .into_table(messages::Entity)
        .columns(messages::Column::iter());
    placeholders(&mut insert, messages::Column::iter().len(), rows);
    backend.build(&insert).sql
}

fn upsert_marks(backend: DbBackend, rows: usize) -> String {
    use participants::Column;
    let mut upsert = Query::insert();
    upsert
        .into_table(participants::Entity)
        .columns(Column::iter())
        .on_conflict(
            OnConflict::columns([Column::UserId, Column::ConversationId])
                .update_columns([
                    Column::HeadSeq,
                    Column::LastReadSeq,
                    Column::LastDeliveredSeq,
                    Column::ActiveAt,
                ])
                .to_owned(),
        );
    placeholders(&mut upsert, Column::iter().len(), rows);
    backend.build(&upsert).sql
}

/// Gives an insert its rows; their values are bound later, and only their places count here.
fn placeholders(insert: &mut InsertStatement, columns: usize, rows: usize) {
    for _ in 0..rows {
        insert.values_panic(std::iter::repeat_n(Expr::val(0), columns));
    }
}
