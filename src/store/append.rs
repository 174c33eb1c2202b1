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
        self, Arguments as _, AssertSqlSafe, Encode, SqlSafeStr as _, SqlStr, Sqlite, Type,
        pool::PoolConnection,
        query, query_with,
        sqlite::{SqliteArguments, SqliteConnection},
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

/// How many rows one statement may have: any number up to 64, and a few above. A batch goes out in the
/// largest pieces that fit, nearly always in one, because each piece is a way to SQLite's thread and
/// back; and each text stays prepared, because SQLite takes longer to understand it than to carry
/// it out.
const PIECES: [usize; 72] = {
    let mut pieces = [0; 72];
    let mut place = 0;
    while place < pieces.len() {
        pieces[place] = match place {
            0..64 => place + 1,
            64..68 => 64 + 16 * (place - 63),
            _ => 128 + 32 * (place - 67),
        };
        place += 1;
    }
    pieces
};

/// The SQL texts of every piece, in the order of [`PIECES`], made once. About 400 KB.
#[derive(Debug)]
pub(super) struct AppendSql {
    messages: Texts,
    marks: Texts,
    /// The same behind the beginning of a transaction, and before its end: a statement on its own is a
    /// way to SQLite's thread and back, and there are few in a transaction.
    opening: Texts,
    closing: Texts,
}

type Texts = [Arc<str>; PIECES.len()];

/// The lock is taken at once, as in `Store::begin`.
const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const SEEN_LAST: &str = "UPDATE users SET last_seen_at = $1 WHERE id = $2";

impl Store {
    /// Writes everything in one transaction; when this returns `Ok`, all of it is on disk. No
    /// conversation may be named twice.
    ///
    /// The caller must not drop the future before it is done. The connection would be closed and
    /// made anew, but nobody would know whether the commit went through.
    ///
    /// # Errors
    /// See [`StoreError`]; all or nothing was written. [`StoreError::is_conflict`] when a
    /// message's position or its client's id is taken.
    pub async fn append(
        &self,
        appends: &[&Append],
        last_seen: &[LastSeen],
    ) -> Result<(), StoreError> {
        let steps = self.append_sql.steps(appends, last_seen);
        let steps = steps.map_err(|cause| StoreError::uncommitted(failed(cause)))?;
        let writer = self.writer.get_sqlite_connection_pool();
        let connection = writer.acquire().await;
        let connection = connection.map_err(|cause| StoreError::uncommitted(failed(cause)))?;
        self.disk.rely()?;
        let mut writing = Writing {
            connection,
            is_open: true,
        };
        let last = steps.len() - 1;
        for (place, step) in steps.into_iter().enumerate() {
            let done = self.take(step, place == last, &mut writing.connection);
            if let Err(error) = done.await {
                writing.undo().await;
                return Err(error);
            }
        }
        writing.is_open = false;
        let rows = appends
            .iter()
            .map(|append| append.messages.len() + append.marks.len());
        if self.log.has_grown(rows.sum::<usize>() + last_seen.len()) {
            self.tend_log(&mut writing.connection).await;
        }
        Ok(())
    }

    /// Takes one step; the last one is the commit. An error is judged before the connection is given
    /// back, so that whoever has it next knows.
    async fn take(
        &self,
        Step { text, values }: Step,
        is_last: bool,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        self.disk.rely()?;
        let taken = query_with(text, values).execute(connection).await;
        let error = match taken.map_err(failed) {
            Ok(_) => return Ok(()),
            Err(cause) if is_last => StoreError::Unknown(cause),
            Err(cause) => StoreError::uncommitted(cause),
        };
        Err(self.disk.judge(error))
    }
}

pub(super) fn failed(cause: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(cause.into()))
}

/// The writer's connection while a transaction may be open on it. One that is dropped like that is
/// closed, which ends the transaction; the pool makes another.
struct Writing {
    connection: PoolConnection<Sqlite>,
    is_open: bool,
}

impl Writing {
    /// Rolls back. Where nothing is left to roll back, SQLite has ended the transaction by itself,
    /// after a full disk say, and what it thinks of the connection is better not relied on.
    async fn undo(&mut self) {
        let undone = query("ROLLBACK").execute(&mut *self.connection).await;
        self.is_open = undone.is_err();
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl AppendSql {
    /// The texts for this database.
    pub(super) fn new(backend: DbBackend) -> Self {
        let texts = |make: &dyn Fn(usize) -> String| -> Texts {
            std::array::from_fn(|place| make(PIECES[place]).into())
        };
        Self {
            messages: texts(&|rows| insert_messages(backend, rows)),
            marks: texts(&|rows| upsert_marks(backend, rows)),
            opening: texts(&|rows| format!("{BEGIN}; {}", insert_messages(backend, rows))),
            closing: texts(&|rows| format!("{}; {COMMIT}", upsert_marks(backend, rows))),
        }
    }

    /// The steps of a transaction that writes all of it.
    fn steps(&self, appends: &[&Append], last_seen: &[LastSeen]) -> Result<Vec<Step>, sqlx::Error> {
        let mut steps = Vec::new();
        let mut messages = appends.iter().flat_map(|append| &append.messages);
        for (place, _) in pieces(appends.iter().map(|append| append.messages.len()).sum()) {
            let texts = match steps.is_empty() {
                true => &self.opening,
                false => &self.messages,
            };
            let rows = messages.by_ref().take(PIECES[place]);
            steps.push(Step::of(&texts[place], rows, bind_message)?);
        }
        if steps.is_empty() {
            steps.push(Step::from(BEGIN));
        }
        for seen in last_seen {
            let mut step = Step::from(SEEN_LAST);
            bind(&mut step.values, seen.at)?;
            bind(&mut step.values, seen.user.0)?;
            steps.push(step);
        }
        let mut marks = appends.iter().flat_map(|append| {
            let conversation = append.conversation;
            append.marks.iter().map(move |row| (conversation, row))
        });
        let mut is_closed = false;
        for (place, left) in pieces(appends.iter().map(|append| append.marks.len()).sum()) {
            is_closed = left == 0;
            let texts = match is_closed {
                true => &self.closing,
                false => &self.marks,
            };
            let rows = marks.by_ref().take(PIECES[place]);
            steps.push(Step::of(&texts[place], rows, bind_marks)?);
        }
        if !is_closed {
            steps.push(Step::from(COMMIT));
        }
        Ok(steps)
    }
}

/// The pieces in which `count` rows go out, the largest first: the place of each in [`PIECES`], and
/// how many rows are left after it.
fn pieces(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut left = count;
    std::iter::from_fn(move || {
        let place = PIECES
            .partition_point(|piece| *piece <= left)
            .checked_sub(1)?;
        left -= PIECES[place];
        Some((place, left))
    })
}

/// Statements that go out together, and their values.
struct Step {
    text: SqlStr,
    values: SqliteArguments,
}

impl From<&'static str> for Step {
    fn from(text: &'static str) -> Self {
        let values = SqliteArguments::default();
        let text = text.into_sql_str();
        Self { text, values }
    }
}

impl Step {
    fn of<T>(
        text: &Arc<str>,
        rows: impl Iterator<Item = T>,
        bind_row: impl Fn(T, &mut SqliteArguments) -> Result<(), sqlx::Error>,
    ) -> Result<Self, sqlx::Error> {
        let mut values = SqliteArguments::default();
        for row in rows {
            bind_row(row, &mut values)?;
        }
        let text = AssertSqlSafe(Arc::clone(text)).into_sql_str();
        Ok(Self { text, values })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_any_size_goes_out_whole_in_few_pieces() {
        assert!(PIECES.is_sorted_by(|one, next| one < next));
        for count in 0..=1_000 {
            let sizes: Vec<_> = pieces(count).map(|(place, _)| PIECES[place]).collect();
            assert_eq!(sizes.iter().sum::<usize>(), count);
            assert!(sizes.len() <= count / 256 + 2, "{sizes:?}");
            let last = pieces(count).last().map(|(_, left)| left);
            assert_eq!(last, (count > 0).then_some(0));
        }
    }
}
