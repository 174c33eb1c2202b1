//! Who has signed in where.

use entities::ids::{SignInId, UserId};
use entities::sign_ins;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{CaseStatement, Expr},
};

use super::{Store, StoreError};

/// For how long a sign-in is kept whose tokens are all over, in milliseconds: two days. They may be over
/// because the clock is ahead, and then one that was ended must not count again when it goes back.
pub(super) const KEPT: i64 = 2 * 24 * 60 * 60 * 1_000;

/// A sign-in that has not ended. All times in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Whose it is.
    pub user: UserId,
    /// How often its refresh token was exchanged.
    pub generation: i64,
    /// When that last happened. None of its tokens is dated later, also if the clock went back since.
    pub renewed_at: i64,
}

impl Store {
    /// Notes that `user` signs in at `now`, with tokens that end by `expires_at`. Those of theirs
    /// whose tokens have all ended two days ago are forgotten.
    ///
    /// # Errors
    /// See [`StoreError`]; the same holds for every write here.
    pub async fn sign_in(
        &self,
        user: UserId,
        now: i64,
        expires_at: i64,
    ) -> Result<SignInId, StoreError> {
        let transaction = self.begin().await?;
        let over = sign_ins::Entity::delete_many()
            .filter(sign_ins::Column::UserId.eq(user))
            .filter(sign_ins::Column::ExpiresAt.lt(now.saturating_sub(KEPT)))
            .exec(&transaction)
            .await;
        over.map_err(|cause| self.unwritten(cause))?;
        let row = sign_ins::ActiveModel {
            user_id: Set(user),
            generation: Set(0),
            renewed_at: Set(now),
            expires_at: Set(expires_at),
            ended_at: Set(None),
            ..Default::default()
        };
        let inserted = sign_ins::Entity::insert(row).exec(&transaction).await;
        let inserted = inserted.map_err(|cause| self.unwritten(cause))?;
        self.commit(transaction).await?;
        Ok(inserted.last_insert_id)
    }

    /// The sign-in `id`, unless it has ended.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn living_sign_in(&self, id: SignInId) -> Result<Option<SignIn>, StoreError> {
        let found = sign_ins::Entity::find_by_id(id)
            .filter(sign_ins::Column::EndedAt.is_null())
            .one(&self.readers)
            .await;
        let found = found.map_err(StoreError::uncommitted)?;
        Ok(found.map(|row| SignIn {
            user: row.user_id,
            generation: row.generation,
            renewed_at: row.renewed_at,
        }))
    }

    /// The refresh token of `generation` is exchanged at `now` for the next one; the new tokens
    /// end by `expires_at`. Whether it was the newest, and the sign-in had not ended.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn renew_sign_in(
        &self,
        id: SignInId,
        generation: i64,
        now: i64,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        let renewed = sign_ins::Entity::update_many()
            .col_expr(sign_ins::Column::Generation, (generation + 1).into())
            .col_expr(
                sign_ins::Column::RenewedAt,
                not_below(sign_ins::Column::RenewedAt, now),
            )
            .col_expr(
                sign_ins::Column::ExpiresAt,
                not_below(sign_ins::Column::ExpiresAt, expires_at),
            )
            .filter(
                Condition::all()
                    .add(sign_ins::Column::Id.eq(id))
                    .add(sign_ins::Column::Generation.eq(generation))
                    .add(sign_ins::Column::EndedAt.is_null()),
            );
        Ok(self.update(renewed).await? > 0)
    }

    /// Ends the sign-in `id` of `user` at `now`, if it has not ended yet.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_sign_in(
        &self,
        user: UserId,
        id: SignInId,
        now: i64,
    ) -> Result<(), StoreError> {
        let ended = sign_ins::Entity::update_many()
            .col_expr(sign_ins::Column::EndedAt, now.into())
            .filter(sign_ins::Column::Id.eq(id))
            .filter(sign_ins::Column::UserId.eq(user))
            .filter(sign_ins::Column::EndedAt.is_null());
        self.update(ended).await.map(drop)
    }

    /// The sign-ins of `user` that have ended before their time.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ended_sign_ins(&self, user: UserId) -> Result<Vec<SignInId>, StoreError> {
        sign_ins::Entity::find()
            .select_only()
            .column(sign_ins::Column::Id)
            .filter(sign_ins::Column::UserId.eq(user))
            .filter(sign_ins::Column::EndedAt.is_not_null())
            .into_tuple()
            .all(&self.readers)
            .await
            .map_err(StoreError::uncommitted)
    }
}

/// The newer of two times: what a clock that went back must not make old.
fn not_below(column: sign_ins::Column, time: i64) -> Expr {
    let stays = column.gt(time);
    CaseStatement::new()
        .case(stays, Expr::col(column))
        .finally(time)
        .into()
}

/// The second since the epoch to which the newest token of `user` from signing in here may be dated; 0 if
/// there is none.
pub(super) async fn last_issued(
    transaction: &DatabaseTransaction,
    user: UserId,
) -> Result<i64, DbErr> {
    let newest = sign_ins::Entity::find()
        .select_only()
        .column_as(sign_ins::Column::RenewedAt.max(), "newest")
        .filter(sign_ins::Column::UserId.eq(user))
        .into_tuple::<Option<i64>>()
        .one(transaction)
        .await?;
    Ok(newest.flatten().unwrap_or(0) / 1_000)
}
