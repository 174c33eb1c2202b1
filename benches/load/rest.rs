//! Sends over REST: as many keep-alive connections as sends under way, each waiting for its answer.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::http::{Answer, Connection, Target, refusal};
use crate::ledger::{Fate, Ledger};
use crate::message::{Template, Ticket};
use crate::scan;
use crate::schedule::Schedule;

/// Servers close connections on which nothing is asked: Node after 5 s. One that is close to it is not used again.
const IDLE_MAX: Duration = Duration::from_secs(4);
const TOO_MANY_REQUESTS: u16 = 429;
const UNAVAILABLE: u16 = 503;

pub(crate) struct Connections {
    /// For each seat.
    requests: Vec<Template>,
    connections: Vec<Connection>,
}

impl Connections {
    pub(crate) async fn open(
        target: &Target,
        requests: Vec<Template>,
        count: usize,
    ) -> Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(target).await?);
        }
        Ok(Self {
            requests,
            connections,
        })
    }

    /// A future for each connection, done when there is no more to send and all of it is answered. A connection sends
    /// for whoever's turn it is.
    pub(crate) fn send_all(
        &mut self,
        ledger: &RefCell<Ledger>,
    ) -> impl Iterator<Item = impl Future<Output = Result<()>>> {
        let requests = &self.requests;
        self.connections
            .iter_mut()
            .map(move |connection| send_all(connection, requests, ledger))
    }
}

async fn send_all(
    connection: &mut Connection,
    requests: &[Template],
    ledger: &RefCell<Ledger>,
) -> Result<()> {
    let mut request = Vec::new();
    loop {
        let ticket = ledger.borrow_mut().take();
        let Some(ticket) = ticket else { return Ok(()) };
        requests[ticket.seat.index()].fill_into(ticket.number, &mut request);
        let Answer { status, body } = connection.exchange(&request).await?;
        if !(200..300).contains(&status) {
            bail!("the server refused a send: {status} {}", refusal(body));
        }
        let message = scan::answer(body).context("the answer to a send is not JSON")?;
        ledger.borrow_mut().acknowledged(ticket, &message)?;
    }
}

/// Connections for sends that have a time of their own: one that is free, or a new one.
pub(crate) struct Pool {
    target: Target,
    /// For each seat.
    requests: Vec<Template>,
    /// The one that was used last on top, so that no more are kept in use than it takes.
    idle: RefCell<Vec<(Connection, Instant)>>,
    open: Cell<usize>,
    pub(crate) limits: Limits,
}

/// What a server may do to the sends of a [`Pool`] before the run counts as failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at most. A send that finds none free is never made.
    pub(crate) connections: usize,
    /// Whether 429 and 503 are answers like others.
    pub(crate) refusals: bool,
}

impl Pool {
    pub(crate) fn new(target: &Target, requests: Vec<Template>, limits: Limits) -> Self {
        Self {
            target: target.clone(),
            requests,
            idle: RefCell::default(),
            open: Cell::new(0),
            limits,
        }
    }

    /// Sends on time to the end of the schedule, and returns when all of it is answered.
    pub(crate) async fn send_all(
        &self,
        schedule: &mut Schedule,
        ledger: &RefCell<Ledger>,
    ) -> Result<()> {
        let (mut sending, mut over) = (FuturesUnordered::new(), false);
        loop {
            tokio::select! {
                // The schedule first: it does not wait for answers to be read.
                biased;
                due = poll_fn(|task| schedule.poll_next(task)), if !over => match due? {
                    Some(due) => {
                        let ticket = ledger.borrow_mut().take_due(due)?;
                        sending.push(self.send(ticket, ledger));
                    }
                    None => {
                        over = true;
                        ledger.borrow_mut().close();
                    }
                },
                Some(sent) = sending.next() => sent?,
                else => return Ok(()),
            }
        }
    }

    async fn send(&self, ticket: Ticket, ledger: &RefCell<Ledger>) -> Result<()> {
        let Some(mut connection) = self.connection().await? else {
            if self.limits.refusals {
                return ledger.borrow_mut().lost(ticket, Fate::NeverMade);
            }
            bail!(
                "the server does not keep up: {} sends are under way, and each has a connection",
                self.limits.connections
            );
        };
        let mut request = Vec::new();
        self.requests[ticket.seat.index()].fill_into(ticket.number, &mut request);
        let Answer { status, body } = connection.exchange(&request).await?;
        match status {
            200..300 => {
                let message = scan::answer(body).context("the answer to a send is not JSON")?;
                ledger.borrow_mut().acknowledged(ticket, &message)?;
            }
            TOO_MANY_REQUESTS | UNAVAILABLE if self.limits.refusals => {
                ledger.borrow_mut().lost(ticket, Fate::Refused)?;
            }
            _ => bail!("the server refused a send: {status} {}", refusal(body)),
        }
        self.idle.borrow_mut().push((connection, Instant::now()));
        Ok(())
    }

    /// A request that is not a send, on a connection that is free; fails when the server does.
    pub(crate) async fn ask(&self, request: &[u8]) -> Result<()> {
        let connection = self.connection().await?;
        let mut connection = connection.context("the server does not keep up")?;
        let Answer { status, body } = connection.exchange(request).await?;
        if !(200..300).contains(&status) {
            bail!("the server refused a request: {status} {}", refusal(body));
        }
        self.idle.borrow_mut().push((connection, Instant::now()));
        Ok(())
    }

    /// `None` when there are as many as there may be, or can be.
    async fn connection(&self) -> Result<Option<Connection>> {
        let free = self.idle.borrow_mut().pop();
        if let Some((connection, since)) = free {
            if since.elapsed() < IDLE_MAX {
                return Ok(Some(connection));
            }
            // Those below have waited longer still. They stay: to close thousands holds up who sends.
            self.open.set(self.open.get() - 1);
        }
        if self.open.get() >= self.limits.connections {
            return Ok(None);
        }
        self.open.set(self.open.get() + 1);
        match Connection::open(&self.target).await {
            Ok(connection) => Ok(Some(connection)),
            // A server that is asked too much may well leave the door shut.
            Err(_) if self.limits.refusals => {
                self.open.set(self.open.get() - 1);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
