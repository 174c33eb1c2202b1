//! Accounts: who people are.

use std::time::{SystemTime, UNIX_EPOCH};

use entities::ids::{MAX_SAFE_INTEGER, UserId};

use super::{Caller, Chat};
use crate::actors::people::Person;
use crate::actors::presence::PresenceMsg;
use crate::actors::{tell, wall_clock};
use crate::error::ChatError;
use crate::store::{Account, NewAccount};
use crate::wire::command::{Login, Query, Register};
use crate::wire::reply::{NumberedPage, People};
use crate::wire::view::{OneUser, SignedIn, Status, UserView};

/// How many entries a page has at most, whatever is asked for.
pub(super) const PAGE_MAX: i64 = 100;

impl Chat {
    /// Makes an account.
    ///
    /// # Errors
    /// [`ChatError::Conflict`] when the e-mail address is taken; [`ChatError::Overloaded`] when
    /// too many passwords wait to be hashed.
    pub async fn register(&self, register: Register) -> Result<SignedIn, ChatError> {
        let _permit = self.admit()?;
        let Register {
            name,
            email,
            password,
        } = register;
        let taken = || ChatError::Conflict("This e-mail address is already registered.");
        let store = &self.0.neighbours.store;
        if store.credentials(&email).await?.is_some() {
            return Err(taken());
        }
        let password_hash = self.0.passwords.hash(password).await?;
        let now = wall_clock();
        let account = store
            .create(NewAccount {
                name,
                email,
                password_hash,
                now,
            })
            .await?;
        self.signed_in(account.ok_or_else(taken)?)
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`ChatError::InvalidCredentials`], the same in text and time for an unknown e-mail address
    /// and a wrong password.
    pub async fn login(&self, login: Login) -> Result<SignedIn, ChatError> {
        let _permit = self.admit()?;
        let found = self.0.neighbours.store.credentials(&login.email).await?;
        let (account, kept) = found.unzip();
        let right = self.0.passwords.check(login.password, kept).await?;
        match account {
            Some(account) if right => self.signed_in(account),
            _ => Err(ChatError::InvalidCredentials),
        }
    }

    fn signed_in(&self, account: Account) -> Result<SignedIn, ChatError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        let token = self.0.tokens.issue(account.id, &account.name, now)?;
        let user = self.own_view(&Person::from(account));
        Ok(SignedIn { user, token })
    }

    /// The caller, as they see themselves.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`] if the account is gone.
    pub async fn me(&self, caller: &Caller) -> Result<OneUser, ChatError> {
        self.user(caller, caller.id())
            .await
            .map_err(|error| match error {
                ChatError::NotFound(_) => ChatError::Unauthenticated,
                other => other,
            })
    }

    /// One person.
    ///
    /// # Errors
    /// [`ChatError::NotFound`].
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<OneUser, ChatError> {
        let _permit = self.admit()?;
        let person = self.0.neighbours.people.find(id).await?;
        let person = person.ok_or(ChatError::NotFound("user"))?;
        let user = match id == caller.id() {
            true => self.own_view(&person),
            false => self.view(&person),
        };
        Ok(OneUser { user })
    }

    /// The people whom the caller can message, by name. Of `query`: `search`, `page`, `limit`.
    ///
    /// # Errors
    /// [`ChatError::Invalid`].
    pub async fn users(&self, caller: &Caller, query: &Query) -> Result<People, ChatError> {
        let _permit = self.admit()?;
        let limit = query.number("limit", 1..=PAGE_MAX)?.unwrap_or(100);
        let page = query
            .number("page", 1..=MAX_SAFE_INTEGER / PAGE_MAX)?
            .unwrap_or(1);
        let search = query.text("search").unwrap_or_default();
        if search.contains('\0') {
            return Err(ChatError::field("search", "must not contain NUL"));
        }
        let offset = ((page - 1) * limit).cast_unsigned();
        let found =
            self.0
                .neighbours
                .store
                .people(caller.id(), search, offset, limit.cast_unsigned() + 1);
        let mut found = found.await?;
        let has_more = found.len() as i64 > limit;
        if has_more {
            found.pop();
        }
        let people = found
            .into_iter()
            .map(|account| self.view(&Person::from(account)))
            .collect();
        let pagination = NumberedPage {
            page,
            limit,
            has_more,
        };
        Ok((people, pagination))
    }

    /// Chooses what the caller is seen as while they are there.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when it cannot be kept now.
    pub async fn set_status(&self, caller: &Caller, chosen: Status) -> Result<OneUser, ChatError> {
        let (chat, user) = (self.clone(), caller.id());
        self.to_the_end(async move { chat.choose(user, chosen).await })
            .await?;
        self.me(caller).await
    }

    async fn choose(&self, user: UserId, chosen: Status) -> Result<(), ChatError> {
        let (ask, pending) = self.ask()?;
        {
            let _one_at_a_time = self.0.choosing.lock().await;
            let store = &self.0.neighbours.store;
            store.set_chosen_status(user, chosen.as_str()).await?;
            let choose = PresenceMsg::Choose { user, chosen, ask };
            tell(&self.0.neighbours.presence, choose);
        }
        pending.answer().await
    }

    /// A person as others see them.
    pub(super) fn view(&self, person: &Person) -> UserView {
        UserView {
            id: person.id,
            name: person.name.to_string(),
            email: None,
            status: self.0.neighbours.directory.status(person.id),
            last_seen_at: person.last_seen_at,
        }
    }

    fn own_view(&self, person: &Person) -> UserView {
        UserView {
            email: Some(person.email.to_string()),
            ..self.view(person)
        }
    }
}
