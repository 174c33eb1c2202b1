//! Accounts: who people are, and what they are seen as.

use entities::ids::UserId;

use super::{Caller, Chat};
use crate::actors::people::Person;
use crate::actors::presence::PresenceMsg;
use crate::actors::tell;
use crate::error::ChatError;
use crate::wire::query::{PeopleQuery, Query};
use crate::wire::reply::{NumberedPage, People};
use crate::wire::view::{OneUser, Status, UserView};

impl Chat {
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
        let _permit = self.admit_by(caller.id())?;
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
    /// [`ChatError::Invalid`]; [`ChatError::RateLimited`].
    pub async fn users(&self, caller: &Caller, query: &Query) -> Result<People, ChatError> {
        let _permit = self.admit_by(caller.id())?;
        let PeopleQuery {
            search,
            page,
            limit,
        } = query.people()?;
        self.allowance(caller.id()).list()?;
        let offset = ((page - 1) * limit).cast_unsigned();
        let found =
            self.0
                .neighbours
                .store
                .people(caller.id(), &search, offset, limit.cast_unsigned() + 1);
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
        let (ask, pending) = self.ask(user)?;
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
            last_seen_at: person.shown_last_seen(),
        }
    }

    pub(super) fn own_view(&self, person: &Person) -> UserView {
        UserView {
            email: Some(person.email.to_string()),
            ..self.view(person)
        }
    }
}
