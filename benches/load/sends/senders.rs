//! Who sends, ready to start: connections for REST, or the sockets themselves.

use std::cell::RefCell;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::run::Pace;
use crate::args::Transport;
use crate::dial::Dialect;
use crate::http::Target;
use crate::ledger::Ledger;
use crate::message::{Cast, Template};
use crate::people::Couple;
use crate::rest::{Connections, Pool};
use crate::schedule::Schedule;
use crate::socket::{Pipeline, Sockets};
use crate::times::{Phase, Times};

/// What everybody's sockets speak.
pub(super) fn dialect(transport: Transport) -> Dialect {
    match transport {
        Transport::Rest | Transport::Ws => Dialect::Plain,
        Transport::SocketIo => Dialect::SocketIo,
    }
}

/// What each seat sends, with blanks for the number.
pub(super) fn templates(
    transport: Transport,
    target: &Target,
    couples: &[Couple],
    casts: &[Cast],
) -> Vec<Template> {
    let template = |couple: &Couple, cast: &Cast, person: u8| match transport {
        Transport::Rest => {
            let token = &couple.people[usize::from(person)].token;
            cast.request(person, &target.host, token)
        }
        Transport::Ws => cast.frame(person),
        Transport::SocketIo => cast.packet(person),
    };
    let both = |(couple, cast)| [template(couple, cast, 0), template(couple, cast, 1)];
    couples.iter().zip(casts).flat_map(both).collect()
}

pub(super) enum Senders {
    Rest(Connections),
    Sockets(Pipeline),
    RestOnTime(Pool, Vec<Phase>),
    SocketsOnTime(Pipeline, Vec<Phase>),
}

impl Senders {
    pub(super) async fn open(
        transport: Transport,
        target: &Target,
        templates: Vec<Template>,
        pace: Pace,
    ) -> Result<Self> {
        let pipeline = |frames, in_flight| Pipeline { frames, in_flight };
        Ok(match (transport, pace) {
            (Transport::Rest, Pace::Closed { in_flight, .. }) => {
                Self::Rest(Connections::open(target, templates, in_flight).await?)
            }
            (Transport::Rest, Pace::Open { phases, limits }) => {
                Self::RestOnTime(Pool::new(target, templates, limits), phases)
            }
            (_, Pace::Closed { in_flight, .. }) => Self::Sockets(pipeline(templates, in_flight)),
            (_, Pace::Open { phases, .. }) => {
                Self::SocketsOnTime(pipeline(templates, usize::MAX), phases)
            }
        })
    }

    /// Sends until the limit, and returns when all of it is answered.
    pub(super) async fn send_all(
        &mut self,
        sockets: &mut Sockets,
        ledger: &RefCell<Ledger>,
    ) -> Result<()> {
        let started = ledger.borrow().started();
        match self {
            Self::Rest(connections) => {
                let mut sending: FuturesUnordered<_> = connections.send_all(ledger).collect();
                let sent = async {
                    while let Some(result) = sending.next().await {
                        result?;
                    }
                    Ok(())
                };
                while_listening(sent, sockets, ledger).await
            }
            Self::RestOnTime(pool, phases) => {
                let mut schedule = Schedule::start(Times::new(phases.clone()), started)?;
                let sent = pool.send_all(&mut schedule, ledger);
                while_listening(sent, sockets, ledger).await
            }
            Self::Sockets(pipeline) => {
                let all = Ledger::all_answered;
                sockets.pump(ledger, Some(pipeline), all).await
            }
            Self::SocketsOnTime(pipeline, phases) => {
                let mut schedule = Schedule::start(Times::new(phases.clone()), started)?;
                sockets.pump_on_time(ledger, pipeline, &mut schedule).await
            }
        }
    }
}

async fn while_listening(
    sent: impl Future<Output = Result<()>>,
    sockets: &mut Sockets,
    ledger: &RefCell<Ledger>,
) -> Result<()> {
    tokio::select! {
        sent = sent => sent,
        broken = sockets.pump(ledger, None, |_| false) => broken,
    }
}
