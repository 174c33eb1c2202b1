//! A client of mode `storm`: joined to a conversation, cut off, and back with the stock client's timing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use crate::args_scale::Way;
use crate::backoff;
use crate::bulk::scatter;
use crate::engine::Engine;
use crate::http::{Target, refusal};
use crate::people::Person;
use crate::reunion::Seen;

use crate::steady;
use crate::told::{self, Missed, Post, Told};

/// What the run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Opening,
    /// Everybody loses their connection.
    Broken,
    Over,
}

/// What all clients have in common.
pub(crate) struct Common {
    pub(crate) way: Way,
    pub(crate) target: Target,
    /// Bytes of a message's content.
    pub(crate) size: usize,
    /// Times are from here.
    pub(crate) epoch: Instant,
    /// How many may open their first connection together.
    pub(crate) opening: Semaphore,
    pub(crate) joined: AtomicUsize,
    pub(crate) back: AtomicUsize,
    pub(crate) told: AtomicUsize,
    /// Of the waits before an attempt.
    pub(crate) random: AtomicU64,
}

/// What became of a client.
#[derive(Default)]
pub(crate) struct Fate {
    pub(crate) seen: Vec<Seen>,
    /// When it was let in again and in its conversation.
    pub(crate) joined: Option<Duration>,
    pub(crate) recovered: bool,
    /// Attempts to come back that came to nothing.
    pub(crate) failures: u32,
}

pub(crate) struct Client {
    common: Arc<Common>,
    person: Person,
    conversation: u64,
    pid: Option<String>,
    offset: Option<String>,
    /// The session that `pid` names had its join acknowledged.
    is_joined: bool,
    fate: Fate,
}

impl Client {
    pub(crate) fn new(common: Arc<Common>, person: Person, conversation: u64) -> Self {
        Self {
            common,
            person,
            conversation,
            pid: None,
            offset: None,
            is_joined: false,
            fate: Fate::default(),
        }
    }

    pub(crate) async fn live(mut self, mut stage: watch::Receiver<Stage>) -> Result<Fate> {
        let mut engine = {
            let common = Arc::clone(&self.common);
            let opening = common.opening.acquire().await;
            let _permit = opening.context("nobody opens connections any more")?;
            let mut engine = Engine::open(self.common.way, &self.common.target).await?;
            self.enter(&mut engine).await?;
            engine
        };
        self.common.joined.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            ended = self.listen(&mut engine) => {
                ended.context("a connection ended before the break")?;
            }
            _ = stage.wait_for(|stage| *stage >= Stage::Broken) => {}
        }
        drop(engine);
        tokio::select! {
            ended = self.return_for_good() => ended?,
            _ = stage.wait_for(|stage| *stage >= Stage::Over) => {}
        }
        Ok(self.fate)
    }

    /// Comes back as often as it has to.
    async fn return_for_good(&mut self) -> Result<()> {
        let mut failures = 0;
        loop {
            sleep(backoff::delay(failures, self.random())).await;
            let opened = Engine::open(self.common.way, &self.common.target).await;
            let Ok(mut engine) = opened else {
                self.fate.failures += 1;
                failures += 1;
                continue;
            };
            // For the stock client an attempt has succeeded when the connection is open.
            failures = 0;
            if let Err(error) = self.stay(&mut engine).await {
                if error.is::<Refused>() {
                    return Err(error);
                }
                self.fate.failures += 1;
            }
        }
    }

    async fn stay(&mut self, engine: &mut Engine) -> Result<()> {
        self.fate.recovered = self.enter(engine).await?;
        if self
            .fate
            .joined
            .replace(self.common.epoch.elapsed())
            .is_none()
        {
            self.common.back.fetch_add(1, Ordering::Relaxed);
        }
        self.listen(engine).await
    }

    /// Until it is let in and in its conversation; whether the server took its old session up again.
    async fn enter(&mut self, engine: &mut Engine) -> Result<bool> {
        let mut auth = json!({ "token": self.person.token });
        if let Some(pid) = &self.pid {
            auth["pid"] = json!(pid);
            if let Some(offset) = &self.offset {
                auth["offset"] = json!(offset);
            }
        }
        engine.say(format!("40{auth}"));
        // A server may tell what was missed before it lets in: stock clients keep that until they are.
        let (mut early, mut reached) = (Vec::new(), None);
        loop {
            let packet = engine.next().await?;
            let (told, offset) = told::read(&packet);
            reached = offset.or(reached);
            match told {
                Told::In { pid } => {
                    let recovered = pid.is_some() && pid == self.pid;
                    self.pid = pid;
                    self.note(reached);
                    if recovered {
                        early.drain(..).for_each(|post| self.take(&post));
                    }
                    if !recovered || !self.is_joined {
                        self.is_joined = false;
                        self.join(engine, early).await?;
                        self.is_joined = true;
                    }
                    return Ok(recovered);
                }
                Told::Message(post) => early.push(post),
                Told::Ping => engine.say("3".to_owned()),
                Told::Other => {}
                Told::Goodbye => bail!("the server closed a connection as it was entered"),
                Told::Joined(_) | Told::Wrong => return Err(refused(&packet)),
            }
        }
    }

    /// Joins, and takes what it has missed. What a session that has not joined is told of its
    /// conversation comes again in the answer, and is left out here: that is what `early` is.
    async fn join(&mut self, engine: &mut Engine, mut early: Vec<Post>) -> Result<()> {
        let after = self
            .fate
            .seen
            .iter()
            .map(|seen| seen.seq)
            .max()
            .unwrap_or(0);
        let join =
            json!(["join_conversation", {"conversationId": self.conversation, "afterSeq": after}]);
        engine.say(format!("420{join}"));
        loop {
            let packet = engine.next().await?;
            let (told, offset) = told::read(&packet);
            self.note(offset);
            match told {
                Told::Message(post) => early.push(post),
                Told::Joined(Missed { has_more: true, .. }) => {
                    bail!(Refused(
                        "a client missed more than a join's answer holds: lower --rate".to_owned()
                    ))
                }
                Told::Joined(missed) => {
                    early.retain(|post| post.seq > missed.head_seq);
                    for post in missed.messages.iter().chain(&early) {
                        self.take(post);
                    }
                    return Ok(());
                }
                Told::Ping => engine.say("3".to_owned()),
                Told::Other => {}
                Told::Goodbye => bail!("the server closed a connection before it had joined"),
                Told::In { .. } | Told::Wrong => return Err(refused(&packet)),
            }
        }
    }

    async fn listen(&mut self, engine: &mut Engine) -> Result<()> {
        loop {
            let packet = engine.next().await?;
            let (told, offset) = told::read(&packet);
            self.note(offset);
            match told {
                Told::Message(post) => self.take(&post),
                Told::Ping => engine.say("3".to_owned()),
                Told::Other => {}
                Told::Goodbye => bail!("the server closed a connection"),
                Told::In { .. } | Told::Joined(_) | Told::Wrong => return Err(refused(&packet)),
            }
        }
    }

    fn note(&mut self, offset: Option<String>) {
        if offset.is_some() {
            self.offset = offset;
        }
    }

    fn take(&mut self, post: &Post) {
        let sound = post.conversation_id == self.conversation;
        let number = steady::number(post, self.common.size).filter(|_| sound);
        self.fate.seen.push(Seen {
            seq: post.seq,
            number,
            at: self.common.epoch.elapsed(),
        });
        self.common.told.fetch_add(1, Ordering::Relaxed);
    }

    /// From 0 up to 1.
    fn random(&self) -> f64 {
        let number = self.common.random.fetch_add(1, Ordering::Relaxed);
        (scatter(number) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The server said what no client can put right by coming back.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

fn refused(packet: &str) -> anyhow::Error {
    let told = packet.trim_start_matches(|c: char| c.is_ascii_digit());
    let told = if told.is_empty() { packet } else { told };
    let told = refusal(told.as_bytes());
    Refused(format!("the server told a client: {told}")).into()
}
