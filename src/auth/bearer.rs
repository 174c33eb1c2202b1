//! What a token says that counts, and what makes it count no more. Pure.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use entities::ids::{SignInId, UserId};

/// What a token that counts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose it is.
    pub user: UserId,
    /// When it was made, in seconds since the epoch; 0 if it does not say.
    pub issued_at: i64,
    /// The last second in which it counts, since the epoch.
    pub until: i64,
    /// The sign-in that it comes from; `None` if it was made elsewhere.
    pub sign_in: Option<SignInId>,
}

/// What ends tokens before their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Those that were made before this moment, in seconds since the epoch.
    Before(i64),
    /// Those of one sign-in.
    SignIn(SignInId),
    /// All: the account is gone.
    Account,
}

impl Revocation {
    /// Whether it ends the token that says this.
    #[must_use]
    pub fn ends(self, bearer: &Bearer) -> bool {
        match self {
            Self::Before(moment) => bearer.issued_at < moment,
            Self::SignIn(id) => bearer.sign_in == Some(id),
            Self::Account => true,
        }
    }
}

impl Bearer {
    /// Whether it is past its end, by the wall clock.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until < now()
    }

    /// When that will be, if it is not too far away: with the end of its last second.
    #[must_use]
    pub fn end(&self) -> Option<Instant> {
        let end = Duration::from_secs(u64::try_from(self.until).ok()?.checked_add(1)?);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Instant::now().checked_add(end.saturating_sub(since))
    }
}

/// The time of the wall clock, in whole seconds since the epoch. Before the epoch no token counts.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(i64::MAX, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEARER: Bearer = Bearer {
        user: UserId(7),
        issued_at: 100,
        until: 200,
        sign_in: Some(SignInId(3)),
    };

    #[test]
    fn a_revocation_ends_what_came_before_it_and_nothing_else() {
        assert!(Revocation::Before(101).ends(&BEARER));
        assert!(!Revocation::Before(100).ends(&BEARER));
        assert!(Revocation::SignIn(SignInId(3)).ends(&BEARER));
        assert!(!Revocation::SignIn(SignInId(4)).ends(&BEARER));
        let sign_in = None;
        let elsewhere = Bearer { sign_in, ..BEARER };
        assert!(!Revocation::SignIn(SignInId(3)).ends(&elsewhere));
        assert!(Revocation::Account.ends(&elsewhere));
    }

    #[test]
    fn a_token_is_over_after_its_last_second() {
        let until = now() + 100;
        assert!(!Bearer { until, ..BEARER }.is_over());
        assert!(BEARER.is_over());
    }
}
