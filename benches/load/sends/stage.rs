//! A server to be measured, and the people who will talk on it. They are registered once, however many runs there are:
//! hashing 2,000 passwords takes a minute.

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::cores;
use crate::http::Target;
use crate::people::{self, Couple};
use crate::report::Progress;
use crate::server::Server;

pub(super) struct Stage {
    place: Place,
    pub(super) couples: Vec<Couple>,
    /// Each conversation's last `seq` before the next run.
    pub(super) heads: Vec<u64>,
    /// The number of the next run's first message: what has its tag already is not sent again.
    pub(super) first_number: u32,
    /// The core of a server of our own, if it has one to itself.
    core: Option<usize>,
}

enum Place {
    /// What a server that was stopped left behind; each run has a copy.
    Prepared(TempDir),
    /// A server that somebody else runs, and its process if that is known.
    Elsewhere(Target, Option<u32>),
}

/// A server that is ready for a run.
pub(super) struct Open {
    own: Option<Server>,
    pub(super) target: Target,
    pub(super) pid: Option<u32>,
}

impl Stage {
    /// Registers two people for each of the conversations, at `url` or on a server of our own.
    pub(super) async fn set(
        url: Option<&str>,
        pid: Option<u32>,
        conversations: usize,
    ) -> Result<Self> {
        let progress = Progress::new("registering".to_owned());
        let told = |count| {
            let done = count as f64 / conversations as f64;
            progress.advance(done, &format!("{} people", 2 * count));
        };
        let (place, couples) = if let Some(url) = url {
            let target = Target::resolve(url).await?;
            let couples = people::couples(&target, conversations, told).await?;
            (Place::Elsewhere(target, pid), couples)
        } else {
            let server = Server::start().await?;
            match people::couples(&server.target, conversations, told).await {
                Ok(couples) => (Place::Prepared(server.into_data().await?), couples),
                Err(error) => return Err(server.explain(error).await),
            }
        };
        Ok(Self {
            place,
            heads: vec![0; couples.len()],
            couples,
            first_number: 0,
            core: None,
        })
    }

    /// Whether the server's process is known.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self.place, Place::Elsewhere(_, None))
    }

    /// The server gets this core, and no other.
    pub(super) async fn keep_on(&mut self, core: usize) -> Result<()> {
        match self.place {
            Place::Prepared(_) => self.core = Some(core),
            Place::Elsewhere(_, pid) => {
                let pid = pid.context(
                    "the server gets a core of its own: name its process with --pid (--vs-pid)",
                )?;
                cores::pin(pid, core).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn open(&self) -> Result<Open> {
        match &self.place {
            Place::Prepared(data) => {
                let server = Server::start_from(data, self.core).await?;
                Ok(Open {
                    target: server.target.clone(),
                    pid: Some(server.pid),
                    own: Some(server),
                })
            }
            Place::Elsewhere(target, pid) => Ok(Open {
                own: None,
                target: target.clone(),
                pid: *pid,
            }),
        }
    }

    /// A run is over, which left the conversations at `heads` and sent the messages before `next_number`. A server of
    /// our own is not met again.
    pub(super) fn left_at(&mut self, heads: Vec<u64>, next_number: u32) {
        if let Place::Elsewhere(..) = self.place {
            (self.heads, self.first_number) = (heads, next_number);
        }
    }
}

impl Open {
    /// Stops a server of our own; if that has died, this is the reason of every other error.
    pub(super) async fn close<T>(self, result: Result<T>) -> Result<T> {
        match (self.own, result) {
            (Some(mut server), Ok(value)) => server.stop().await.map(|()| value),
            (Some(server), Err(error)) => Err(server.explain(error).await),
            (None, result) => result,
        }
    }
}
