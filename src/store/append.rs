//! The journal's write: what many conversations have to say, in one transaction.
//!
//! This is the server's hot statement, so it goes to SeaORM's driver directly, which takes the texts of
//! messages as they are shared in memory. As values of SeaORM each would be copied three times.

use std::sync::Arc;

use entities::{
    ids::{ConversationId, UserId},
    messages, participants,
};
use sea_orm::{
    DbBackend, DbErr, Iterable, RuntimeErr,
    sea_query::{Expr, InsertStatement, OnConflict, Query},
    sqlx::{
        self, Arguments as _, AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type, query_with,
        sqlite::SqliteArguments,
    },
};
use smallvec::SmallVec;

use super::{Marks, Message, Store, StoreError};

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

/// How many rows one statement may have. A batch goes out in the largest pieces that fit, so that
/// batches of any size use few SQL texts and each stays prepared: SQLite takes longer to
/// understand such a text than to carry it out.
const PIECES: [usize; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 32, 48, 64, 96, 128, 192, 256,
];

/// The SQL texts of every piece, in the order of [`PIECES`], made once. About 150 KB.
#[derive(Debug)]
pub(super) struct AppendSql {
    messages: [Arc<str>; PIECES.len()],
    marks: [Arc<str>; PIECES.len()],
}

const SEEN_LAST: &str = "UPDATE users SET last_seen_at = $1 WHERE id = $2";

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
        let writer = self.writer.get_sqlite_connection_pool();
        // The lock is taken at once, as in `Store::begin`.
        let begun = writer.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|cause| StoreError::uncommitted(failed(cause)))?;
        let sql = &self.append_sql;
        if let Err(cause) = sql.write(&mut transaction, appends, last_seen).await {
            // A transaction that cannot be rolled back is ended by the end of its connection.
            transaction.rollback().await.ok();
            return Err(StoreError::uncommitted(failed(cause)));
        }
        let committed = transaction.commit().await;
        committed.map_err(|cause| StoreError::Unknown(failed(cause)))
    }
}

fn failed(cause: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(cause.into()))
}

impl AppendSql {
    /// The texts for this database.
    pub(super) fn new(backend: DbBackend) -> Self {
        let texts = |make: fn(DbBackend, usize) -> String| {
            std::array::from_fn(|place| make(backend, PIECES[place]).into())
        };
        Self {
            messages: texts(insert_messages),
            marks: texts(upsert_marks),
        }
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        appends: &[&Append],
        last_seen: &[LastSeen],
    ) -> Result<(), sqlx::Error> {
        for Ready { text, values } in self.statements(appends)? {
            let write = query_with(AssertSqlSafe(text), values);
            write.execute(&mut *connection).await?;
        }
        for seen in last_seen {
            let mut values = SqliteArguments::default();
            bind(&mut values, seen.at)?;
            bind(&mut values, seen.user.0)?;
            let update = query_with(SEEN_LAST, values);
            update.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The statements that write all of `appends`.
    fn statements(&self, appends: &[&Append]) -> Result<Vec<Ready>, sqlx::Error> {
        let mut ready = Vec::new();
        let messages = appends.iter().flat_map(|append| &append.messages);
        let count = appends.iter().map(|append| append.messages.len()).sum();
        in_pieces(&mut ready, &self.messages, count, messages, bind_message)?;
        let marks = appends.iter().flat_map(|append| {
            let conversation = append.conversation;
            append.marks.iter().map(move |row| (conversation, row))
        });
        let count = appends.iter().map(|append| append.marks.len()).sum();
        in_pieces(&mut ready, &self.marks, count, marks, bind_marks)?;
        Ok(ready)
    }
}

/// A statement and its values.
struct Ready {
    text: Arc<str>,
    values: SqliteArguments,
}

/// Binds `count` rows, the largest pieces first.
fn in_pieces<T>(
    ready: &mut Vec<Ready>,
    texts: &[Arc<str>; PIECES.len()],
    count: usize,
    mut rows: impl Iterator<Item = T>,
    bind_row: impl Fn(T, &mut SqliteArguments) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let mut left = count;
    while left > 0 {
        let place = PIECES.partition_point(|piece| *piece <= left) - 1;
        let mut values = SqliteArguments::default();
        values.reserve(PIECES[place] * participants::Column::iter().len(), 0);
        for row in rows.by_ref().take(PIECES[place]) {
            bind_row(row, &mut values)?;
        }
        let text = Arc::clone(&texts[place]);
        ready.push(Ready { text, values });
        left -= PIECES[place];
    }
    Ok(())
}

fn bind<'t, T>(values: &mut SqliteArguments, value: T) -> Result<(), sqlx::Error>
where
    T: Encode<'t, Sqlite> + Type<Sqlite>,
{
    values.add(value).map_err(sqlx::Error::Encode)
}

/// In the order of the columns in `messages`.
fn bind_message(message: &Arc<Message>, values: &mut SqliteArguments) -> Result<(), sqlx::Error> {
    bind(values, message.conversation.0)?;
    bind(values, message.seq.0)?;
    bind(values, message.sender.0)?;
    bind(values, Arc::clone(&message.content))?;
    bind(values, message.client_message_id.clone())?;
    bind(values, message.created_at)
}

/// In the order of the columns in `participants`.
fn bind_marks(
    (conversation, row): (ConversationId, &MarksRow),
    values: &mut SqliteArguments,
) -> Result<(), sqlx::Error> {
    let marks = &row.marks;
    bind(values, marks.user.0)?;
    bind(values, conversation.0)?;
    bind(values, row.other.0)?;
    bind(values, marks.head.0)?;
    bind(values, marks.read.0)?;
    bind(values, marks.delivered.0)?;
    bind(values, marks.active_at)
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
