//! Sends over REST: as many keep-alive connections as sends under way, each waiting for its answer.

use std::cell::RefCell;

use anyhow::{Context, Result, bail};

use crate::http::{Answer, Connection, Target, refusal};
use crate::ledger::Ledger;
use crate::message::{Cast, Template};
use crate::people::Couple;
use crate::scan;

pub(crate) struct Connections {
    senders: Vec<Sender>,
}

/// One connection; it sends for whoever's turn it is.
struct Sender {
    connection: Connection,
    requests: [Template; 2],
}

impl Connections {
    pub(crate) async fn open(
        target: &Target,
        couple: &Couple,
        cast: &Cast,
        count: usize,
    ) -> Result<Self> {
        let [first, second] = &couple.people;
        let requests = [
            cast.request(0, &target.host, &first.token),
            cast.request(1, &target.host, &second.token),
        ];
        let mut senders = Vec::with_capacity(count);
        for _ in 0..count {
            senders.push(Sender {
                connection: Connection::open(target).await?,
                requests: requests.clone(),
            });
        }
        Ok(Self { senders })
    }

    /// A future for each connection, done when there is no more to send and all of it is answered.
    pub(crate) fn send_all(
        &mut self,
        ledger: &RefCell<Ledger>,
    ) -> impl Iterator<Item = impl Future<Output = Result<()>>> {
        self.senders
            .iter_mut()
            .map(move |sender| sender.send_all(ledger))
    }
}

impl Sender {
    async fn send_all(&mut self, ledger: &RefCell<Ledger>) -> Result<()> {
        loop {
            let ticket = ledger.borrow_mut().take();
            let Some(ticket) = ticket else { return Ok(()) };
            let request = self.requests[usize::from(ticket.sender)].fill(ticket.number);
            let Answer { status, body } = self.connection.exchange(request).await?;
            if !(200..300).contains(&status) {
                bail!("the server refused a send: {status} {}", refusal(body));
            }
            let message = scan::answer(body).context("the answer to a send is not JSON")?;
            ledger.borrow_mut().acknowledged(ticket, &message)?;
        }
    }
}
