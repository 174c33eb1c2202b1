//! People's accounts.

use entities::{ids::UserId, users};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    SqlErr, sea_query::LikeExpr,
};

use super::{Store, StoreError, sign_ins::last_issued};

/// A person as the server knows them. The password is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Counted up from 1.
    pub id: UserId,
    /// The name as its owner wrote it.
    pub name: String,
    /// In lower case.
    pub email: String,
    /// What the owner chose to show: `online`, `busy` or `offline`.
    pub chosen: String,
    /// Tokens issued before this time count no more, in seconds since the epoch.
    pub tokens_from: i64,
    /// When the last session went, in milliseconds since the epoch; `None` before the first did.
    pub last_seen_at: Option<i64>,
    /// Whether its owner has deleted it.
    pub deleted: bool,
}

/// What is shown where the name of a deleted account was.
pub const DELETED_NAME: &str = "Deleted account";

/// What an account is made of.
#[derive(Clone)]
pub struct NewAccount {
    /// The name as its owner wrote it.
    pub name: String,
    /// In lower case.
    pub email: String,
    /// An argon2 string, salt and parameters included.
    pub password_hash: String,
    /// The time, in milliseconds since the epoch.
    pub now: i64,
}

/// What no name contains stands in front of `%`, `_` and itself in a pattern, so that they mean
/// themselves. Not the backslash, which PostgreSQL reads in a way of its own.
const ESCAPE: char = '!';

/// A pattern beyond this many bytes is refused by SQLite, and is longer than any name.
const LONGEST_SEARCH: usize = 4096;

impl Store {
    /// Makes an account, with the status `online`; `None` when the e-mail is taken.
    ///
    /// # Errors
    /// See [`StoreError`]; after [`StoreError::Unknown`] the account may be there.
    pub async fn create(&self, new: NewAccount) -> Result<Option<Account>, StoreError> {
        let row = users::ActiveModel {
            name_key: Set(fold(&new.name)),
            name: Set(new.name.clone()),
            email: Set(new.email.clone()),
            password_hash: Set(new.password_hash),
            chosen_status: Set("online".to_owned()),
            tokens_from: Set(0),
            last_seen_at: Set(None),
            created_at: Set(new.now),
            deleted_at: Set(None),
            ..Default::default()
        };
        let transaction = self.begin().await?;
        let id = match users::Entity::insert(row).exec(&transaction).await {
            Ok(inserted) => inserted.last_insert_id,
            Err(error) => match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => return Ok(None),
                _ => return Err(self.unwritten(error)),
            },
        };
        self.commit(transaction).await?;
        Ok(Some(Account {
            id,
            name: new.name,
            email: new.email,
            chosen: "online".to_owned(),
            tokens_from: 0,
            last_seen_at: None,
            deleted: false,
        }))
    }

    /// The account with this id.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let found = users::Entity::find_by_id(id).one(&self.readers).await;
        Ok(found.map_err(StoreError::uncommitted)?.map(Account::from))
    }

    /// The account with this e-mail (in lower case), and its password's hash.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn credentials(&self, email: &str) -> Result<Option<(Account, String)>, StoreError> {
        let found = users::Entity::find()
            .filter(users::Column::Email.eq(email))
            .filter(users::Column::DeletedAt.is_null())
            .one(&self.readers)
            .await
            .map_err(StoreError::uncommitted)?;
        Ok(found.map(|mut row| {
            let password_hash = std::mem::take(&mut row.password_hash);
            (Account::from(row), password_hash)
        }))
    }

    /// A stretch of the people that `me` can write to, by name: those whose name contains
    /// `search` in whichever letter case, or everybody when it is empty. Never `me`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn people(
        &self,
        me: UserId,
        search: &str,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let mut query = users::Entity::find()
            .filter(users::Column::Id.ne(me))
            .filter(users::Column::DeletedAt.is_null());
        if !search.is_empty() {
            let pattern = containing(search);
            // No name has a NUL, and both databases stumble over it.
            if pattern.len() > LONGEST_SEARCH || search.contains('\0') {
                return Ok(Vec::new());
            }
            let pattern = LikeExpr::new(pattern).escape(ESCAPE);
            query = query.filter(users::Column::NameKey.into_expr().like(pattern));
        }
        let found = query
            .order_by_asc(users::Column::NameKey)
            .order_by_asc(users::Column::Id)
            .offset(offset)
            .limit(limit)
            .all(&self.readers)
            .await
            .map_err(StoreError::uncommitted)?;
        Ok(found.into_iter().map(Account::from).collect())
    }

    /// Keeps the status that somebody chose to show.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set_chosen_status(&self, id: UserId, chosen: &str) -> Result<(), StoreError> {
        let update = users::Entity::update_many()
            .col_expr(users::Column::ChosenStatus, chosen.into())
            .filter(users::Column::Id.eq(id));
        self.update(update).await.map(drop)
    }

    /// Ends every token of `id` that was issued until now: from the moment on that this tells, others
    /// count. That is `from`, in seconds since the epoch, unless tokens may be dated to it already or
    /// later, because it was that before or the clock was ahead: then it is the second after.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_tokens(&self, id: UserId, from: i64) -> Result<i64, StoreError> {
        self.end_tokens_and(id, from, None).await
    }

    /// Changes the password of `id`, and ends every token with it: see [`Store::end_tokens`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn change_password(
        &self,
        id: UserId,
        password_hash: String,
        from: i64,
    ) -> Result<i64, StoreError> {
        self.end_tokens_and(id, from, Some(password_hash)).await
    }

    async fn end_tokens_and(
        &self,
        id: UserId,
        from: i64,
        password_hash: Option<String>,
    ) -> Result<i64, StoreError> {
        let transaction = self.begin().await?;
        let before = users::Entity::find_by_id(id)
            .select_only()
            .column(users::Column::TokensFrom)
            .into_tuple::<i64>()
            .one(&transaction)
            .await;
        let before = before.map_err(|cause| self.unwritten(cause))?;
        let issued = last_issued(&transaction, id).await;
        let issued = issued.map_err(|cause| self.unwritten(cause))?;
        let newest = Ord::max(before.unwrap_or(0), issued);
        let from = Ord::max(from, newest.saturating_add(1));
        let mut update = users::Entity::update_many()
            .col_expr(users::Column::TokensFrom, from.into())
            .filter(users::Column::Id.eq(id));
        if let Some(hash) = password_hash {
            update = update.col_expr(users::Column::PasswordHash, hash.into());
        }
        let updated = update.exec(&transaction).await;
        updated.map_err(|cause| self.unwritten(cause))?;
        self.commit(transaction).await?;
        Ok(from)
    }

    /// Erases who `id` was at `now`, in milliseconds since the epoch: what is left is a row that
    /// conversations name. What they wrote is the other person's conversation too, and stays.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn erase(&self, id: UserId, now: i64) -> Result<(), StoreError> {
        let update = users::Entity::update_many()
            .col_expr(users::Column::Name, DELETED_NAME.into())
            .col_expr(users::Column::NameKey, fold(DELETED_NAME).into())
            // No address, so it is nobody's: whoever had it can register anew.
            .col_expr(users::Column::Email, format!("deleted:{id}").into())
            .col_expr(users::Column::PasswordHash, "".into())
            .col_expr(users::Column::ChosenStatus, "offline".into())
            .col_expr(users::Column::LastSeenAt, Option::<i64>::None.into())
            .col_expr(users::Column::DeletedAt, now.into())
            .filter(users::Column::Id.eq(id))
            .filter(users::Column::DeletedAt.is_null());
        self.update(update).await.map(drop)
    }
}

impl From<users::Model> for Account {
    fn from(row: users::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            chosen: row.chosen_status,
            tokens_from: row.tokens_from,
            last_seen_at: row.last_seen_at,
            deleted: row.deleted_at.is_some(),
        }
    }
}

/// A name in lower case, letter by letter: [`str::to_lowercase`] writes a Greek sigma in two ways,
/// depending on whether the word goes on, and a search for the beginning of a name would miss it.
fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// The pattern for names that contain `search`.
fn containing(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for letter in fold(search).chars() {
        if matches!(letter, '%' | '_' | ESCAPE) {
            pattern.push(ESCAPE);
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
