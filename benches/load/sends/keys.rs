//! The key presses of mode `typing`: when each is due, how it is told, and what the other side must hear of them.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use tokio_tungstenite::tungstenite::Bytes;

use super::picture::Curves;
use crate::args::Transport;
use crate::bins::Bins;
use crate::http::Target;
use crate::message::Seat;
use crate::people::Couple;
use crate::report::{Metrics, quantiles};
use crate::rest::{Limits, Pool};
use crate::scan::Frame;
use crate::schedule::Schedule;
use crate::socket::{Listener, Sockets, complaint};

/// How long after the last key press the guide's page says that there are no more.
const STOP_AFTER: Duration = Duration::from_secs(2);
/// How long somebody pauses then.
const PAUSE: Duration = Duration::from_secs(1);

const LATENCY: [&str; 4] = [
    "change → other side p50, ms",
    "change → other side p99, ms",
    "change → other side p99.9, ms",
    "change → other side max, ms",
];

/// Who types how much. In each conversation it is the first of the two people.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) conversations: usize,
    pub(super) bursts: usize,
    pub(super) keys: usize,
    pub(super) keys_per_second: u32,
}

impl Plan {
    pub(super) fn presses(&self) -> usize {
        self.conversations * self.bursts * self.keys
    }

    /// From one burst to the next.
    fn period(&self) -> Duration {
        self.key(self.keys - 1) + STOP_AFTER + PAUSE
    }

    fn key(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / f64::from(self.keys_per_second))
    }

    /// When a burst begins; conversations begin one after the other, spread over a period.
    fn begins(&self, conversation: usize, burst: usize) -> Duration {
        let offset = self
            .period()
            .mul_f64(conversation as f64 / self.conversations as f64);
        offset + self.period() * burst as u32
    }

    fn stops(&self, conversation: usize, burst: usize) -> Duration {
        self.begins(conversation, burst) + self.key(self.keys - 1) + STOP_AFTER
    }

    /// To the last stop.
    pub(super) fn length(&self) -> Duration {
        self.stops(self.conversations - 1, self.bursts - 1)
    }

    /// Everything that is told, in the order of its time: when, in which conversation, and whether somebody types.
    fn told(&self) -> Vec<(Duration, usize, bool)> {
        let mut told = Vec::with_capacity(self.presses() + self.conversations * self.bursts);
        for conversation in 0..self.conversations {
            for burst in 0..self.bursts {
                let begins = self.begins(conversation, burst);
                told.extend((0..self.keys).map(|key| (begins + self.key(key), conversation, true)));
                told.push((self.stops(conversation, burst), conversation, false));
            }
        }
        told.sort_unstable();
        told
    }
}

/// Tells the key presses when they are due.
pub(super) struct Keyboard {
    told: VecDeque<(Duration, usize, bool)>,
    /// What is told in each conversation: that somebody ended, that somebody types.
    texts: Vec<[Bytes; 2]>,
    schedule: Schedule,
    started: Instant,
    lag: Histogram<u64>,
    /// For REST.
    pool: Option<Pool>,
}

impl Keyboard {
    pub(super) fn new(
        plan: &Plan,
        transport: Transport,
        target: &Target,
        couples: &[Couple],
        started: Instant,
        connections: usize,
    ) -> Result<Self> {
        let told = plan.told();
        let times: Vec<_> = told.iter().map(|(due, ..)| *due).collect();
        let limits = Limits {
            connections,
            refusals: false,
        };
        let pool = Pool::new(target, Vec::new(), limits);
        let text = |couple: &Couple, on| Bytes::from(text(transport, target, couple, on));
        let both = |couple| [text(couple, false), text(couple, true)];
        Ok(Self {
            told: told.into(),
            texts: couples.iter().map(both).collect(),
            schedule: Schedule::start(times.into_iter(), started)?,
            started,
            lag: Histogram::new(3)?,
            pool: (transport == Transport::Rest).then_some(pool),
        })
    }

    /// Types to the end, and returns when all that the other sides should hear was heard.
    pub(super) async fn type_all(
        &mut self,
        sockets: &mut Sockets,
        heard: &mut Heard,
    ) -> Result<()> {
        let Some(pool) = self.pool.take() else {
            return sockets
                .drive(heard, |task| self.poll_next(task), Heard::all)
                .await;
        };
        let posting = async {
            self.post_all(&pool).await?;
            pending().await
        };
        let over = |_: &mut TaskContext<'_>| Poll::Ready(Ok(None));
        tokio::select! {
            failed = posting => failed,
            done = sockets.drive(heard, over, Heard::all) => done,
        }
    }

    /// Hears what comes, for good.
    pub(super) async fn listen(sockets: &mut Sockets, heard: &mut Heard) -> Result<()> {
        sockets.drive(heard, |_| Poll::Pending, |_| false).await
    }

    pub(super) fn lag(&self) -> Duration {
        Duration::from_nanos(self.lag.value_at_quantile(0.99))
    }

    fn poll_next(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<Option<(Seat, Bytes)>>> {
        let Some(due) = ready!(self.schedule.poll_next(task))? else {
            return Poll::Ready(Ok(None));
        };
        let late = self.started.elapsed().saturating_sub(due);
        self.lag.record(late.as_nanos() as u64)?;
        let next = self.told.pop_front().map(|(_, conversation, on)| {
            let text = self.texts[conversation][usize::from(on)].clone();
            (Seat::new(conversation, 0), text)
        });
        Poll::Ready(Ok(next))
    }

    async fn post_all(&mut self, pool: &Pool) -> Result<()> {
        let (mut posting, mut over) = (FuturesUnordered::new(), false);
        loop {
            tokio::select! {
                biased;
                next = poll_fn(|task| self.poll_next(task)), if !over => match next? {
                    Some((_, request)) => posting.push(async move { pool.ask(&request).await }),
                    None => over = true,
                },
                Some(posted) = posting.next() => posted?,
                else => return Ok(()),
            }
        }
    }
}

fn text(transport: Transport, target: &Target, couple: &Couple, on: bool) -> String {
    let (conversation, host) = (couple.conversation, &target.host);
    let event = if on { "typing_start" } else { "typing_stop" };
    match transport {
        Transport::Rest => {
            let (token, body) = (&couple.people[0].token, format!(r#"{{"isTyping":{on}}}"#));
            format!(
                "POST /api/messages/conversation/{conversation}/typing HTTP/1.1\r\nHost: {host}\r\n\
                 Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        Transport::Ws => {
            format!(r#"{{"event":"{event}","data":{{"conversationId":{conversation}}}}}"#)
        }
        Transport::SocketIo => format!(r#"42["{event}",{{"conversationId":{conversation}}}]"#),
    }
}

/// What everybody heard.
pub(super) struct Heard {
    plan: Plan,
    started: Instant,
    /// Of each seat, in the order of arrival.
    changes: Vec<Vec<bool>>,
    count: usize,
    bins: Bins,
    latency: Histogram<u64>,
}

impl Heard {
    pub(super) fn new(plan: Plan, started: Instant) -> Result<Self> {
        Ok(Self {
            changes: vec![Vec::new(); 2 * plan.conversations],
            plan,
            started,
            count: 0,
            bins: Bins::default(),
            latency: Histogram::new(3)?,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn all(&self) -> bool {
        self.count >= 2 * self.plan.conversations * self.plan.bursts
    }

    pub(super) fn curves(&self) -> Curves {
        Curves {
            latencies: vec![self.latency.clone()],
            throughput: self.bins.rates(),
        }
    }

    pub(super) fn latencies(&self) -> Metrics {
        quantiles(&LATENCY, &self.latency)
    }

    /// Fails when anybody heard anything else than they should.
    pub(super) fn judge(&self) -> Result<()> {
        let expected = [true, false].repeat(self.plan.bursts);
        for (index, changes) in self.changes.iter().enumerate() {
            let seat = Seat::of_index(index);
            let right: &[bool] = if seat.person() == 0 { &[] } else { &expected };
            ensure!(
                changes == right,
                "the run was not correct: person {} of conversation {} heard the changes {changes:?}, and should have \
                 heard {right:?}",
                seat.person(),
                seat.conversation()
            );
        }
        Ok(())
    }
}

impl Listener for Heard {
    fn told(&mut self, seat: Seat, frame: Frame<'_>, text: &[u8]) -> Result<()> {
        match frame {
            Frame::Typing { on } => {
                let changes = &mut self.changes[seat.index()];
                let (conversation, burst) = (seat.conversation(), changes.len() / 2);
                changes.push(on);
                self.count += 1;
                let due = if on {
                    self.plan.begins(conversation, burst)
                } else {
                    self.plan.stops(conversation, burst)
                };
                let now = self.started.elapsed();
                self.bins.count(now);
                let late = now.saturating_sub(due);
                self.latency.record(late.as_nanos() as u64)?;
                Ok(())
            }
            Frame::NewMessage(_) => bail!("the server told a message that was never sent"),
            Frame::Reply { .. } | Frame::Other | Frame::Ping => Ok(()),
            Frame::Failure { .. } | Frame::Goodbye | Frame::Unreadable => {
                Err(complaint(frame, text))
            }
        }
    }
}
