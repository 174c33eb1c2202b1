//! Many people, and who of them talks to whom: written into the database before the server starts, or registered
//! over REST at a server that is there already.

use std::path::Path;

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::http::{Connection, Target};
use crate::people::{self, Person};
use crate::report::Progress;
use crate::seed::Seed;

/// Passwords are hashed on as many cores as there are; more requests would only wait.
const REGISTERING: usize = 4;

/// People, and the conversations between them.
pub(crate) struct Scene {
    pub(crate) people: Vec<Person>,
    /// In the order in which the pairs were named.
    pub(crate) conversations: Vec<u64>,
}

/// How many people, and the pairs that have a conversation, as places in the list of people.
pub(crate) struct Cast<'a> {
    pub(crate) people: usize,
    pub(crate) pairs: &'a [[usize; 2]],
}

impl Cast<'_> {
    pub(crate) async fn seed(&self, database: &Path, progress: &Progress) -> Result<Scene> {
        let seed = Seed::open(database).await?;
        let mut people = Vec::with_capacity(self.people);
        for number in 0..self.people {
            people.push(seed.person(number).await?);
            progress.say(&format!("{number} people are written"));
        }
        let mut conversations = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs {
            let between = seed.conversation(pair.map(|at| people[at].id)).await?;
            conversations.push(between.conversation);
            progress.say(&format!(
                "{} conversations are written",
                conversations.len()
            ));
        }
        seed.close().await;
        Ok(Scene {
            people,
            conversations,
        })
    }

    pub(crate) async fn register(&self, target: &Target, progress: &Progress) -> Result<Scene> {
        let mut free = Vec::with_capacity(REGISTERING);
        for _ in 0..REGISTERING {
            free.push(Connection::open(target).await?);
        }
        // Each connection takes every fourth; what they made is put in order afterwards.
        let shares = free.into_iter().enumerate().map(|(share, connection)| {
            let numbers = (share..self.people).step_by(REGISTERING);
            register_all(connection, numbers, progress)
        });
        let shares: Vec<Vec<Person>> = stream::iter(shares)
            .buffered(REGISTERING)
            .try_collect()
            .await?;
        let mut shares: Vec<_> = shares.into_iter().map(Vec::into_iter).collect();
        let people: Vec<_> = (0..self.people)
            .filter_map(|number| shares[number % REGISTERING].next())
            .collect();
        if people.len() != self.people {
            bail!(
                "only {} of {} people were registered",
                people.len(),
                self.people
            );
        }
        let mut connection = Connection::open(target).await?;
        let mut conversations = Vec::with_capacity(self.pairs.len());
        for [first, second] in self.pairs {
            let opened = people::converse(&mut connection, &people[*first], &people[*second]);
            conversations.push(opened.await?);
            progress.say(&format!("{} conversations are made", conversations.len()));
        }
        Ok(Scene {
            people,
            conversations,
        })
    }
}

async fn register_all(
    mut connection: Connection,
    numbers: impl Iterator<Item = usize>,
    progress: &Progress,
) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for number in numbers {
        people.push(people::register(&mut connection, &number.to_string()).await?);
        progress.say(&format!("{} people are registered", number + 1));
    }
    Ok(people)
}
