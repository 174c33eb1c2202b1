//! Fills a database before the server starts on it, through the server's own library: over the wire a million
//! messages would take minutes, and a person's password alone 30 ms.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use duologue::auth::{self, Tokens};
use duologue::store::{NewAccount, Store, StoreOptions};
use entities::ids::{Pair, UserId};

use crate::people::Person;

/// Longer than any run.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody signs in with a password here, and no password has this hash.
const NO_HASH: &str = "none";

/// An open database that no server uses.
pub(crate) struct Seed {
    pub(crate) store: Store,
    tokens: Tokens,
    now: Duration,
}

/// A conversation, and the two ids in the order in which they were named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between {
    pub(crate) conversation: u64,
    pub(crate) people: [u64; 2],
}

impl Seed {
    pub(crate) async fn open(database: &Path) -> Result<Self> {
        let configured = std::env::var("JWT_SECRET").ok();
        let secret = auth::secret(configured.as_deref(), &auth::secret_file(database))?;
        let options = StoreOptions::new(format!("sqlite://{}", database.display()));
        let store = Store::open(&options).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            store: store.context("cannot make the database")?,
            tokens: Tokens::new(&secret, TOKEN_TTL),
            now: now.context("the clock stands before 1970")?,
        })
    }

    /// An account, with a token as if its owner had just signed in.
    pub(crate) async fn person(&self, number: usize) -> Result<Person> {
        let account = NewAccount {
            name: format!("Load {number}"),
            email: format!("load-{number}@example.com"),
            password_hash: NO_HASH.to_owned(),
            now: self.now_ms(),
        };
        let made = self.store.create(account).await;
        let made = made.context("cannot write an account")?;
        let account = made.context("the database is not empty")?;
        let token = self.tokens.issue(
            account.id,
            &account.name,
            self.now.as_secs().cast_signed(),
            None,
        )?;
        Ok(Person {
            id: account.id.0 as u64,
            token,
        })
    }

    pub(crate) async fn conversation(&self, people: [u64; 2]) -> Result<Between> {
        let [first, second] = people.map(|id| UserId(id as i64));
        let made = self
            .store
            .create_conversation(Pair::of(first, second), first, self.now_ms());
        let (conversation, _) = made.await.context("cannot write a conversation")?;
        Ok(Between {
            conversation: conversation.id.0 as u64,
            people,
        })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now.as_millis() as i64
    }

    /// Moves everything into the database's file, so that the server starts as after a clean end.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}
