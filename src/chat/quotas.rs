//! What people and addresses may have, and what of it is spent (`--rate-limits`).
//!
//! A session keeps its person's [`Allowance`], so that a send over a socket costs a
//! compare-and-swap for its rate and another for its place. REST looks it up.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;
use std::time::Instant;

use entities::ids::{SignInId, UserId};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};

use super::{Caller, Chat};
use crate::config;
use crate::error::ChatError;
use crate::quota::{Address, Bucket, Count, Exceeded, Held, Rate};

/// The quotas of everybody.
#[derive(Debug)]
pub(super) struct Quotas {
    rules: Arc<Rules>,
    people: Cache<UserId, Arc<Spent>, UnitWeighter, DefaultHashBuilder, WhileUsed>,
    /// By a hash of the e-mail address, which is not kept.
    accounts: Cache<u64, Arc<Bucket>>,
    hasher: RandomState,
    logins: Cache<Address, Arc<Bucket>>,
    registrations: Cache<Address, Arc<Bucket>>,
    refreshes: Cache<Address, Arc<Bucket>>,
    sign_ins: Cache<SignInId, Arc<Bucket>>,
}

/// What holds for everybody.
#[derive(Debug)]
struct Rules {
    limits: config::Quotas,
    /// When the buckets' time began.
    started: Instant,
}

/// What one person has spent.
#[derive(Debug)]
struct Spent {
    rules: Arc<Rules>,
    sends: Bucket,
    lists: Bucket,
    history: Bucket,
    joins: Bucket,
    conversations: Bucket,
    typing: Bucket,
    commands: Count,
    sockets: Count,
}

/// What one person may still do. Without quotas, everything.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Option<Arc<Spent>>);

/// A socket's place among those of its person, as long as this lives.
#[derive(Debug)]
pub struct SocketPlace {
    pub(super) allowance: Allowance,
    #[expect(dead_code, reason = "held")]
    held: Option<Held>,
}

impl Rules {
    fn take(&self, bucket: &Bucket, rate: &Rate) -> Result<(), ChatError> {
        let taken = bucket.take(rate, self.started.elapsed());
        taken.map_err(ChatError::RateLimited)
    }
}

impl Quotas {
    pub(super) fn new(limits: &config::Quotas) -> Self {
        let most = limits.kept_max;
        let (weighter, hasher) = (UnitWeighter, DefaultHashBuilder::default());
        Self {
            people: Cache::with(most, most as u64, weighter, hasher, WhileUsed),
            accounts: Cache::new(most),
            hasher: RandomState::new(),
            logins: Cache::new(most),
            registrations: Cache::new(most),
            refreshes: Cache::new(most),
            sign_ins: Cache::new(most),
            rules: Arc::new(Rules {
                limits: limits.clone(),
                started: Instant::now(),
            }),
        }
    }

    fn allowance(&self, person: UserId) -> Allowance {
        let new = || {
            Arc::new(Spent {
                rules: Arc::clone(&self.rules),
                sends: Bucket::default(),
                lists: Bucket::default(),
                history: Bucket::default(),
                joins: Bucket::default(),
                conversations: Bucket::default(),
                typing: Bucket::default(),
                commands: Count::default(),
                sockets: Count::default(),
            })
        };
        Allowance(Some(kept(&self.people, &person, new)))
    }

    /// Takes one from what `key` may have of `rate`.
    fn take<K: Clone + Eq + Hash>(
        &self,
        buckets: &Cache<K, Arc<Bucket>>,
        key: &K,
        rate: &Rate,
    ) -> Result<(), ChatError> {
        self.rules.take(&kept(buckets, key, Arc::default), rate)
    }
}

impl Chat {
    /// What the quotas say, if there are any.
    fn within(
        &self,
        quotas: impl FnOnce(&Quotas) -> Result<(), ChatError>,
    ) -> Result<(), ChatError> {
        self.0.quotas.as_ref().map_or(Ok(()), quotas)
    }

    /// What `person` may still do.
    pub(super) fn allowance(&self, person: UserId) -> Allowance {
        let quotas = self.0.quotas.as_ref();
        quotas.map_or(Allowance(None), |quotas| quotas.allowance(person))
    }

    /// Whether somebody at `from` may try to register.
    ///
    /// # Errors
    /// [`ChatError::RateLimited`].
    pub fn may_register(&self, from: Address) -> Result<(), ChatError> {
        self.within(|quotas| {
            let rate = &quotas.rules.limits.registrations;
            quotas.take(&quotas.registrations, &from, rate)
        })
    }

    /// Whether somebody at `from` may try to sign in to the account of `email`, which need not
    /// exist: the answer tells nothing of that.
    ///
    /// # Errors
    /// [`ChatError::RateLimited`].
    pub fn may_login(&self, from: Address, email: &str) -> Result<(), ChatError> {
        self.within(|quotas| {
            let limits = &quotas.rules.limits;
            // The address first: one that has none left must not use up the account's.
            quotas.take(&quotas.logins, &from, &limits.logins_by_address)?;
            let account = quotas.hasher.hash_one(email);
            quotas.take(&quotas.accounts, &account, &limits.logins_by_account)
        })
    }

    /// Whether somebody at `from` may say their password again: whoever has only their token could
    /// guess it here as well.
    ///
    /// # Errors
    /// Those of [`Chat::may_login`], with which this shares.
    pub fn may_confirm(&self, from: Address, caller: &Caller) -> Result<(), ChatError> {
        self.may_login(from, &caller.person.email)
    }

    /// Whether somebody at `from` may exchange a refresh token, whatever it is.
    ///
    /// # Errors
    /// [`ChatError::RateLimited`].
    pub fn may_refresh(&self, from: Address) -> Result<(), ChatError> {
        self.within(|quotas| {
            let rate = &quotas.rules.limits.refreshes_by_address;
            quotas.take(&quotas.refreshes, &from, rate)
        })
    }

    /// Whether a refresh token of this sign-in may be exchanged. One that is refused is as good as
    /// before.
    pub(super) fn may_renew(&self, sign_in: SignInId) -> Result<(), ChatError> {
        self.within(|quotas| {
            let rate = &quotas.rules.limits.refreshes_by_sign_in;
            quotas.take(&quotas.sign_ins, &sign_in, rate)
        })
    }

    /// A place for one more socket of somebody.
    ///
    /// # Errors
    /// [`ChatError::RateLimited`] if they have as many as a person may.
    pub fn place_for(&self, caller: &Caller) -> Result<SocketPlace, ChatError> {
        let allowance = self.allowance(caller.id());
        let held = allowance.connect()?;
        Ok(SocketPlace { allowance, held })
    }

    /// The same for a socket that takes a session over: in that session's stead, so there is
    /// always room. Its old socket may still seem to live.
    pub(super) fn place_beyond(&self, caller: &Caller) -> SocketPlace {
        let allowance = self.allowance(caller.id());
        let held = allowance.hold(|spent| (&spent.sockets, u32::MAX));
        let held = held.unwrap_or_default();
        SocketPlace { allowance, held }
    }
}

impl Allowance {
    fn take(&self, which: impl FnOnce(&Spent) -> (&Bucket, &Rate)) -> Result<(), ChatError> {
        let Some(spent) = &self.0 else {
            return Ok(());
        };
        let (bucket, rate) = which(spent);
        spent.rules.take(bucket, rate)
    }

    fn hold(&self, which: impl FnOnce(&Spent) -> (&Count, u32)) -> Result<Option<Held>, ChatError> {
        let Some(spent) = &self.0 else {
            return Ok(None);
        };
        let (count, most) = which(spent);
        let exceeded = || ChatError::RateLimited(Exceeded::held(most));
        count.hold(most).map(Some).ok_or_else(exceeded)
    }

    /// Whether there are any limits to it.
    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn send(&self) -> Result<(), ChatError> {
        self.take(|spent| (&spent.sends, &spent.rules.limits.sends))
    }

    pub(super) fn list(&self) -> Result<(), ChatError> {
        self.take(|spent| (&spent.lists, &spent.rules.limits.lists))
    }

    /// A page of history, or what a join catches up with.
    pub(super) fn read_history(&self) -> Result<(), ChatError> {
        self.take(|spent| (&spent.history, &spent.rules.limits.history))
    }

    pub(super) fn join(&self) -> Result<(), ChatError> {
        self.take(|spent| (&spent.joins, &spent.rules.limits.joins))
    }

    pub(super) fn make_conversation(&self) -> Result<(), ChatError> {
        self.take(|spent| (&spent.conversations, &spent.rules.limits.conversations))
    }

    /// Whether their typing is told.
    pub(super) fn may_type(&self) -> bool {
        self.take(|spent| (&spent.typing, &spent.rules.limits.typing))
            .is_ok()
    }

    /// A place among their sockets.
    fn connect(&self) -> Result<Option<Held>, ChatError> {
        self.hold(|spent| (&spent.sockets, spent.rules.limits.sockets_max))
    }

    /// A place among their commands under way.
    pub(super) fn begin(&self) -> Result<Option<Held>, ChatError> {
        self.hold(|spent| (&spent.commands, spent.rules.limits.commands_max))
    }
}

/// Forgets nobody who has a socket or a command under way: those count.
#[derive(Clone, Debug)]
struct WhileUsed;

impl Lifecycle<UserId, Arc<Spent>> for WhileUsed {
    type RequestState = ();

    fn is_pinned(&self, _: &UserId, spent: &Arc<Spent>) -> bool {
        spent.commands.get() > 0 || spent.sockets.get() > 0
    }
}

/// What is kept under `key`, made if need be.
fn kept<K, V, L>(
    cache: &Cache<K, Arc<V>, UnitWeighter, DefaultHashBuilder, L>,
    key: &K,
    new: impl FnOnce() -> Arc<V>,
) -> Arc<V>
where
    K: Clone + Eq + Hash,
    L: Lifecycle<K, Arc<V>> + Clone,
{
    let made = cache.get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(new()));
    match made {
        Ok(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(change: impl FnOnce(&mut config::Quotas)) -> Quotas {
        let mut limits = config::Quotas::default();
        change(&mut limits);
        Quotas::new(&limits)
    }

    #[test]
    fn who_has_a_socket_is_not_forgotten_and_who_has_none_is() {
        let quotas = quotas(|limits| {
            limits.kept_max = 64;
            limits.sockets_max = 1;
        });
        let connect = |person| quotas.allowance(UserId(person)).connect();
        let held = connect(1).expect("the first");
        for person in 2..1_000 {
            drop(connect(person));
        }
        assert!(quotas.people.len() <= 64, "{}", quotas.people.len());
        let refused = connect(1).expect_err("the second");
        assert_eq!(refused, ChatError::RateLimited(Exceeded::held(1)));
        drop(held);
        assert!(connect(1).is_ok());
    }

    #[test]
    fn what_one_has_spent_another_has_not() {
        let quotas =
            quotas(|limits| limits.lists = Rate::of(1, std::time::Duration::from_secs(3_600)));
        assert_eq!(quotas.allowance(UserId(1)).list(), Ok(()));
        assert!(quotas.allowance(UserId(1)).list().is_err());
        assert_eq!(quotas.allowance(UserId(2)).list(), Ok(()));
    }
}
