//! Those who stay in modes `storm` and `deaf`: they write over REST at a steady rate, on a thread of their own, so that
//! what happens to the others costs the generator nothing that is counted as theirs.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};

use crate::bulk;
use crate::http::{Answer, Connection, Target, refusal};
use crate::people::Person;
use crate::told::Post;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
const TAG: &str = "storm-";

/// Everybody who writes, and how.
pub(crate) struct Plan {
    pub(crate) target: Target,
    /// Each with the conversations that they write into, in turns.
    pub(crate) writers: Vec<(Person, Vec<u64>)>,
    /// Messages a second, of all together.
    pub(crate) rate: u32,
    pub(crate) size: usize,
    pub(crate) epoch: Instant,
}

/// A message that was acknowledged; times are from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) conversation: u64,
    pub(crate) seq: u64,
    pub(crate) number: u64,
    /// When it left, or should have, while its writer still waited for the answer to their last.
    pub(crate) left: Duration,
    pub(crate) acked: Duration,
    /// How late the generator was with it.
    pub(crate) lag: Duration,
}

/// How long the answers took to what left in this time.
pub(crate) fn latencies(sent: &[Sent], time: Range<Duration>) -> Vec<Duration> {
    let meant = sent.iter().filter(|sent| time.contains(&sent.left));
    meant
        .map(|sent| sent.acked.saturating_sub(sent.left))
        .collect()
}

/// The running thread; dropping this stops it.
pub(crate) struct Steady {
    stop: Arc<AtomicBool>,
    outcome: oneshot::Receiver<Result<Vec<Sent>>>,
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Steady {
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, outcome) = oneshot::channel();
        let stopped = Arc::clone(&stop);
        let body = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let sent = runtime
                .context("cannot start a runtime")
                .and_then(|runtime| runtime.block_on(plan.carry_out(&stopped)));
            drop(told.send(sent));
        };
        let thread = thread::Builder::new().name("steady".to_owned()).spawn(body);
        thread.context("cannot start a thread")?;
        Ok(Self { stop, outcome })
    }

    /// Returns when the thread fails, and never otherwise.
    pub(crate) async fn failed(&mut self) -> Error {
        match (&mut self.outcome).await {
            Ok(Ok(_)) => Error::msg("the steady users stopped too soon"),
            Ok(Err(error)) => error,
            Err(_) => Error::msg("the steady users' thread panicked"),
        }
    }

    /// Stops when everything that was sent is answered.
    pub(crate) async fn finish(mut self) -> Result<Vec<Sent>> {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = (&mut self.outcome).await;
        outcome.context("the steady users' thread panicked")?
    }
}

impl Plan {
    async fn carry_out(&self, stop: &AtomicBool) -> Result<Vec<Sent>> {
        let mut writers = Vec::with_capacity(self.writers.len());
        for (place, (person, conversations)) in self.writers.iter().enumerate() {
            writers.push(Writer {
                plan: self,
                place,
                person,
                conversations,
                connection: Connection::open(&self.target).await?,
                stop,
            });
        }
        let started = Instant::now();
        let writing = writers.into_iter().map(|writer| writer.write(started));
        let sent = try_join_all(writing).await?;
        Ok(sent.into_iter().flatten().collect())
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    place: usize,
    person: &'a Person,
    conversations: &'a [u64],
    connection: Connection,
    stop: &'a AtomicBool,
}

impl Writer<'_> {
    async fn write(mut self, started: Instant) -> Result<Vec<Sent>> {
        let (writers, rate) = (self.plan.writers.len(), f64::from(self.plan.rate));
        let mut sent = Vec::new();
        let mut answered = started;
        for (turn, &conversation) in self.conversations.iter().cycle().enumerate() {
            let number = (turn * writers + self.place) as u64;
            let due = started + Duration::from_secs_f64(number as f64 / rate);
            sleep_until(due.into()).await;
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let now = Instant::now();
            // A message that had to wait for the answer to the last is as late as that; one that had not is late only
            // because this thread was, which is not the server's doing.
            let left = if answered > due { due } else { now };
            let lag = now.saturating_duration_since(due.max(answered));
            let seq = self.send(conversation, number).await?;
            answered = Instant::now();
            sent.push(Sent {
                conversation,
                seq,
                number,
                left: left.saturating_duration_since(self.plan.epoch),
                acked: answered.saturating_duration_since(self.plan.epoch),
                lag,
            });
        }
        Ok(sent)
    }

    async fn send(&mut self, conversation: u64, number: u64) -> Result<u64> {
        let body = json!({
            "conversation_id": conversation,
            "content": bulk::content(number, self.plan.size),
            "client_message_id": tag(number),
        });
        let body = body.to_string();
        let request = format!(
            "POST /api/messages/send HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.plan.target.host,
            self.person.token,
            body.len()
        );
        let answer = timeout(ANSWER_TIMEOUT, self.connection.exchange(request.as_bytes()));
        let Answer { status, body } = answer
            .await
            .with_context(|| format!("a send was not answered within {ANSWER_TIMEOUT:?}"))??;
        if !(200..300).contains(&status) {
            bail!("the server refused a send: {status} {}", refusal(body));
        }
        let answer: Value = serde_json::from_slice(body).context("an answer is not JSON")?;
        let seq = answer.pointer("/data/seq").and_then(Value::as_u64);
        seq.context("the answer to a send has no data.seq")
    }
}

fn tag(number: u64) -> String {
    format!("{TAG}{number}")
}

/// Which message this is; `None` when it is not as it was sent.
pub(crate) fn number(post: &Post, size: usize) -> Option<u64> {
    let tag = post.client_message_id.as_deref()?;
    let number = tag.strip_prefix(TAG)?.parse().ok()?;
    (post.content == bulk::content(number, size)).then_some(number)
}
