//! Who people are: accounts, read from the database once and kept in memory, so that no request
//! needs a query to know who asks.

use std::sync::{Arc, Mutex, PoisonError};

use entities::ids::{SignInId, UserId};
use quick_cache::sync::Cache;

use crate::auth::{Bearer, Revocation};
use crate::error::ChatError;
use crate::store::{Account, DELETED_NAME, Store, StoreError};
use crate::wire::view::{Status, Timestamp};

/// A person as the server knows them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: Arc<str>,
    pub(crate) email: Arc<str>,
    /// What they chose to be seen as while they are there.
    pub(crate) chosen: Status,
    /// From when on tokens count, in seconds since the epoch.
    pub(crate) tokens_from: i64,
    /// Their sign-ins that were ended while tokens of them may still be out.
    pub(crate) ended: Arc<[SignInId]>,
    /// Whether they have deleted their account.
    pub(crate) deleted: bool,
    pub(crate) last_seen_at: Option<Timestamp>,
}

impl Person {
    /// Whether a token that is sound counts.
    fn admits(&self, bearer: &Bearer) -> bool {
        let sign_ins = self.ended.iter().copied().map(Revocation::SignIn);
        let mut revocations = sign_ins.chain([Revocation::Before(self.tokens_from)]);
        !self.deleted && !revocations.any(|revocation| revocation.ends(bearer))
    }

    /// When they were last here, as others are shown it.
    pub(crate) fn shown_last_seen(&self) -> Option<Timestamp> {
        self.last_seen_at.filter(|_| !self.deleted)
    }

    fn revoke(&mut self, revocation: Revocation) {
        match revocation {
            Revocation::Before(moment) => self.tokens_from = self.tokens_from.max(moment),
            Revocation::SignIn(id) => self.ended = self.ended.iter().copied().chain([id]).collect(),
            Revocation::Account => {
                self.deleted = true;
                self.name = DELETED_NAME.into();
                self.email = "".into();
            }
        }
    }
}

impl From<Account> for Person {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name.into(),
            email: account.email.into(),
            chosen: Status::from_word(&account.chosen).unwrap_or(Status::Online),
            tokens_from: account.tokens_from,
            ended: Arc::default(),
            deleted: account.deleted,
            last_seen_at: account.last_seen_at.map(Timestamp),
        }
    }
}

/// The people in memory, the least used forgotten first.
#[derive(Debug)]
pub(crate) struct People {
    cache: Cache<UserId, Arc<Person>>,
    /// One change at a time, so that none is lost.
    changing: Mutex<()>,
    store: Store,
}

impl People {
    /// At most `most` people of `store` in memory.
    pub(crate) fn new(store: Store, most: usize) -> Self {
        let cache = Cache::new(most);
        let changing = Mutex::default();
        Self {
            cache,
            changing,
            store,
        }
    }

    /// The person `id`, if there is one.
    ///
    /// # Errors
    /// When they are not in memory and the database does not answer.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<Arc<Person>>, StoreError> {
        // A guard that is dropped unfilled leaves no entry: who is not there is asked for again.
        let guard = match self.cache.get_value_or_guard_async(&id).await {
            Ok(person) => return Ok(Some(person)),
            Err(guard) => guard,
        };
        let Some(account) = self.store.account(id).await? else {
            return Ok(None);
        };
        let ended = self.store.ended_sign_ins(id).await?.into();
        let person = Arc::new(Person {
            ended,
            ..Person::from(account)
        });
        // If an update came in between, what was read here is not kept.
        if guard.insert(Arc::clone(&person)).is_err() {
            return Ok(self.cache.get(&id).or(Some(person)));
        }
        Ok(Some(person))
    }

    /// Whom a token that counts belongs to.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`] if there is no such person or the token counts no more;
    /// [`ChatError::Overloaded`] if the database does not answer.
    pub(crate) async fn bearer(&self, bearer: Bearer) -> Result<Arc<Person>, ChatError> {
        match self.find(bearer.user).await? {
            Some(person) if person.admits(&bearer) => Ok(person),
            _ => Err(ChatError::Unauthenticated),
        }
    }

    /// The person `id`, if they are in memory.
    pub(crate) fn known(&self, id: UserId) -> Option<Arc<Person>> {
        self.cache.get(&id)
    }

    /// Ends tokens of `id`, after it is on disk that they have ended.
    pub(crate) fn revoke(&self, id: UserId, revocation: Revocation) {
        self.update(id, |person| person.revoke(revocation));
    }

    /// Changes what is in memory of `id`, after the change is on its way to the database.
    pub(crate) fn update(&self, id: UserId, change: impl FnOnce(&mut Person)) {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(person) = self.cache.get(&id) {
            let mut changed = Person::clone(&person);
            change(&mut changed);
            self.cache.insert(id, Arc::new(changed));
        } else {
            // Somebody may be reading what was there before: that must not be kept.
            self.cache.remove(&id);
        }
    }
}
