//! Who may come in, and until when: signing in, staying signed in, and every way to end that.
//!
//! What ends is first noted on disk, then in memory, and then told to the sockets. A socket that
//! opens meanwhile asks again when everybody can see it (see [`Chat::open_session`]), so none is
//! overlooked.

use std::time::Duration;

use entities::ids::{ConversationId, SignInId, UserId};

use super::{Caller, Chat};
use crate::actors::conversation::ConversationMsg;
use crate::actors::people::Person;
use crate::actors::session::SessionMsg;
use crate::actors::{tell, wall_clock};
use crate::auth::Revocation;
use crate::error::ChatError;
use crate::store::{Account, NewAccount, SignIn};
use crate::wire::account::{Login, NewPassword, Register};
use crate::wire::view::{SignedIn, TokenPair};

/// How long the refresh token before the newest is still exchanged: the answer that brought the
/// newest may have been lost.
const LOST_ANSWER: Duration = Duration::from_secs(30);

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
            refresh,
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
        self.signed_in(account.ok_or_else(taken)?, refresh).await
    }

    /// Signs in.
    ///
    /// # Errors
    /// [`ChatError::InvalidCredentials`], the same in text and time for an unknown e-mail address
    /// and a wrong password.
    pub async fn login(&self, login: Login) -> Result<SignedIn, ChatError> {
        let _permit = self.admit()?;
        let account = self.recognize(&login.email, login.password).await?;
        let neither = "The e-mail address or the password is wrong.";
        let account = account.ok_or(ChatError::InvalidCredentials(neither))?;
        self.signed_in(account, login.refresh).await
    }

    /// The account with this e-mail address, if the password is its own.
    async fn recognize(&self, email: &str, password: String) -> Result<Option<Account>, ChatError> {
        let found = self.0.neighbours.store.credentials(email).await?;
        let (account, kept) = found.unzip();
        let right = self.0.passwords.check(password, kept).await?;
        Ok(account.filter(|_| right))
    }

    /// The caller's own account, if the password is its own: a token alone does not do.
    async fn vouched(&self, caller: &Caller, password: String) -> Result<Account, ChatError> {
        let account = self.recognize(&caller.person.email, password).await?;
        account.ok_or(ChatError::InvalidCredentials("The password is wrong."))
    }

    /// Notes the sign-in, and issues its tokens.
    async fn signed_in(&self, account: Account, refresh: bool) -> Result<SignedIn, ChatError> {
        let store = &self.0.neighbours.store;
        let now = wall_clock();
        let sign_in = store.sign_in(account.id, now, self.all_over(now)).await?;
        let person = Person::from(account);
        let tokens = self.issue(&person, sign_in, refresh.then_some(0), now)?;
        let user = self.own_view(&person);
        Ok(SignedIn { user, tokens })
    }

    /// When all that is issued at `now` has ended; both in milliseconds since the epoch.
    fn all_over(&self, now: i64) -> i64 {
        self.0.tokens.all_over(now / 1_000).saturating_mul(1_000)
    }

    /// A token for `person`, and a refresh token of this generation, dated to `now`, in milliseconds
    /// since the epoch: the time that is kept with the sign-in, so that whatever ends all tokens finds
    /// out how far it must reach.
    fn issue(
        &self,
        person: &Person,
        sign_in: SignInId,
        generation: Option<i64>,
        now: i64,
    ) -> Result<TokenPair, ChatError> {
        // In the second in which all tokens were ended, new ones are dated to the next: by its
        // date alone one is told from the other.
        let now = Ord::max(now / 1_000, person.tokens_from);
        let tokens = &self.0.tokens;
        let renewal = |generation| tokens.issue_renewal(sign_in, generation, now);
        Ok(TokenPair {
            token: tokens.issue(person.id, &person.name, now, Some(sign_in))?,
            refresh_token: generation.map(renewal).transpose()?,
        })
    }

    /// Exchanges a refresh token for a new token and the next refresh token. One that was
    /// exchanged before has been stolen, from whoever has the newest or by them: its sign-in ends.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`] for one that does not count; [`ChatError::RateLimited`] for one
    /// whose sign-in asks too often, which counts as before.
    pub async fn refresh(&self, token: &str) -> Result<TokenPair, ChatError> {
        let _permit = self.admit()?;
        let renewal = self.0.tokens.verify_renewal(token)?;
        let (id, generation) = (renewal.renews, renewal.generation);
        self.may_renew(id)?;
        let neighbours = &self.0.neighbours;
        let refused = || ChatError::Unauthenticated;
        let living = neighbours.store.living_sign_in(id).await?;
        let living = living.ok_or_else(refused)?;
        let person = neighbours.people.find(living.user).await?;
        let person = person.ok_or_else(refused)?;
        if person.deleted || renewal.iat < person.tokens_from {
            return Err(refused());
        }
        let now = wall_clock();
        let (store, over) = (&neighbours.store, self.all_over(now));
        if store.renew_sign_in(id, generation, now, over).await? {
            return self.issue(&person, id, Some(generation + 1), now);
        }
        // Somebody was faster; perhaps the same client, whose answer was lost.
        let living = store.living_sign_in(id).await?.ok_or_else(refused)?;
        if is_repeated(&living, generation, now) {
            return self.issue(&person, id, Some(living.generation), living.renewed_at);
        }
        tracing::warn!(
            user = living.user.0,
            "an exchanged refresh token came again"
        );
        self.end_sign_in(living.user, id).await?;
        Err(refused())
    }

    /// Ends the sign-in that the caller's token comes from: its tokens count no more, and its
    /// sockets close.
    ///
    /// # Errors
    /// [`ChatError::Forbidden`] for a token that was made elsewhere.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), ChatError> {
        let _permit = self.admit()?;
        let why = "This token does not come from signing in here, and ends by itself.";
        let sign_in = caller.bearer.sign_in.ok_or(ChatError::Forbidden(why))?;
        self.end_sign_in(caller.id(), sign_in).await
    }

    async fn end_sign_in(&self, user: UserId, sign_in: SignInId) -> Result<(), ChatError> {
        let chat = self.clone();
        self.to_the_end(async move {
            let store = &chat.0.neighbours.store;
            store.end_sign_in(user, sign_in, wall_clock()).await?;
            chat.revoke(user, Revocation::SignIn(sign_in));
            Ok(())
        })
        .await
    }

    /// Ends every token of the caller, on all devices.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when it cannot be noted now.
    pub async fn log_out_everywhere(&self, caller: &Caller) -> Result<(), ChatError> {
        let _permit = self.admit()?;
        let (chat, user) = (self.clone(), caller.id());
        self.to_the_end(async move {
            let from = seconds().saturating_add(1);
            let from = chat.0.neighbours.store.end_tokens(user, from).await?;
            chat.revoke(user, Revocation::Before(from));
            Ok(())
        })
        .await
    }

    /// Changes the caller's password, which ends every token of theirs; they get new ones.
    ///
    /// # Errors
    /// [`ChatError::InvalidCredentials`] if the current password is another.
    pub async fn change_password(
        &self,
        caller: &Caller,
        change: NewPassword,
    ) -> Result<SignedIn, ChatError> {
        let _permit = self.admit()?;
        let mut account = self.vouched(caller, change.current).await?;
        let hash = self.0.passwords.hash(change.new).await?;
        let (chat, user) = (self.clone(), caller.id());
        let ended = self.to_the_end(async move {
            let store = &chat.0.neighbours.store;
            let from = seconds().saturating_add(1);
            let from = store.change_password(user, hash, from).await?;
            chat.revoke(user, Revocation::Before(from));
            Ok(from)
        });
        account.tokens_from = ended.await?;
        self.signed_in(account, change.refresh).await
    }

    /// Erases who the caller is. What they wrote stays in the conversations of the others, under
    /// another name.
    ///
    /// # Errors
    /// [`ChatError::InvalidCredentials`] if the password is another.
    pub async fn delete_account(&self, caller: &Caller, password: String) -> Result<(), ChatError> {
        let _permit = self.admit()?;
        self.vouched(caller, password).await?;
        let (chat, user) = (self.clone(), caller.id());
        self.to_the_end(async move {
            let store = &chat.0.neighbours.store;
            store.erase(user, wall_clock()).await?;
            chat.revoke(user, Revocation::Account);
            for conversation in store.conversations_of(user).await? {
                chat.tell_renamed(conversation, user);
            }
            Ok(())
        })
        .await
    }

    /// A conversation that sleeps reads the name when it wakes.
    fn tell_renamed(&self, conversation: ConversationId, user: UserId) {
        if let Some(at) = self.awake(conversation) {
            at.tell(ConversationMsg::Erased { user });
        }
    }

    /// In memory and to the sockets, those without a client included.
    fn revoke(&self, user: UserId, revocation: Revocation) {
        let neighbours = &self.0.neighbours;
        neighbours.people.revoke(user, revocation);
        for session in neighbours.directory.sessions(user) {
            tell(&session, SessionMsg::Revoked(revocation));
        }
    }
}

/// Whether this generation was exchanged a moment ago, and its answer may be lost. A clock that went
/// back further than a moment makes nothing young again.
fn is_repeated(living: &SignIn, generation: i64, now: i64) -> bool {
    let since = u128::from(now.abs_diff(living.renewed_at));
    generation + 1 == living.generation && since <= LOST_ANSWER.as_millis()
}

/// The time of the wall clock, in seconds since the epoch: what tokens count in.
fn seconds() -> i64 {
    wall_clock() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_repeated_once_and_for_a_moment() {
        let living = SignIn {
            user: UserId(1),
            generation: 4,
            renewed_at: 1_000_000,
        };
        assert!(is_repeated(&living, 3, 1_000_000));
        assert!(is_repeated(&living, 3, 1_030_000));
        assert!(!is_repeated(&living, 3, 1_030_001));
        assert!(!is_repeated(&living, 2, 1_000_000));
        assert!(!is_repeated(&living, 4, 1_000_000), "it is the newest");
        assert!(is_repeated(&living, 3, 970_000), "the clock went back");
        assert!(!is_repeated(&living, 3, 969_999), "further than a moment");
    }
}
