//! Mode `restart`: a server with a large database is killed under load, and how long it takes until it serves again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::args_scale::Restart;
use crate::bulk::{self, Bulk};
use crate::disk;
use crate::http::{Answer, Connection, Target, refusal};
use crate::people::Person;
use crate::report::{Progress, Report};
use crate::seed::{Between, Seed};
use crate::server::Server;
use crate::stats;
use crate::survival::{self, Place};

/// One transaction of what is written before the start.
const TRANSACTION: u64 = 100_000;
const PAGE: usize = 100;
const FINDINGS_SHOWN: usize = 20;
const TAG: &str = "restart-";

const REMARKS: &[&str] = &[
    "Correct: after each SIGKILL every message that had been acknowledged was in the history, at its place and as it was",
    "sent, without a gap. Ready is from just before the exec to the 200 of /health/ready, asked every 2 ms. Medians over",
    "the rounds, with the lowest and the highest. The kernel has the database's pages still: after a power cut the",
    "disk would have to be read.",
];

/// Measures, and prints the figures when nothing was lost.
pub(crate) async fn run(options: &Restart) -> Result<()> {
    if options.common.url.is_some() {
        bail!("restart writes the database and kills the server, so --url cannot be used with it");
    }
    disk::room_for(options.messages, usize::from(options.size))?;
    let shape = format!(
        "restart: {} messages of {} bytes in {} conversations; {} rounds of {} s of sending, {} under way, SIGKILL",
        options.messages,
        options.size,
        options.conversations,
        options.rounds,
        options.seconds,
        options.in_flight
    );
    let mut report = Report::new(&options.common, shape, ["restart"].into_iter(), REMARKS);
    for run in 1..=options.common.runs {
        let progress = Progress::new(format!("restart {run}/{}", options.common.runs));
        one(options, &progress, &mut report).await?;
    }
    report.print();
    Ok(())
}

async fn one(options: &Restart, progress: &Progress, report: &mut Report) -> Result<()> {
    let data = Server::new_data()?;
    let database = Server::database(&data);
    let world = World::write(&database, options, progress).await?;
    let size = bytes(&database)?;
    let mut server = Server::start_on(data).await?;
    report.add(
        0,
        vec![
            ("database, MiB", Some(size / (1024.0 * 1024.0))),
            (
                "ready after a clean end, ms",
                Some(stats::milliseconds(server.ready_after)),
            ),
        ],
    );
    let mut acked = Acked::new();
    for round in 1..=options.rounds {
        progress.say(&format!("round {round} of {}: sending", options.rounds));
        let load = Load::new(&world, &server.target, options.in_flight);
        let mut sending = Box::pin(load.send());
        tokio::select! {
            () = sleep(Duration::from_secs(options.seconds)) => load.over.set(true),
            ended = &mut sending => {
                let error = ended.err().context("the senders stopped too soon")?;
                return Err(server.explain(error).await);
            }
        }
        let data = server.kill().await?;
        // Answers that were on their way are still read.
        sending.await?;
        let fresh = load.acked.into_inner();
        let count: usize = fresh.values().map(Vec::len).sum();
        ensure!(
            count > 0,
            "nothing was acknowledged before the kill: the round proves nothing"
        );
        for (place, fresh) in fresh {
            acked.entry(place).or_default().extend(fresh);
        }
        let log = bytes(&Server::database(&data).with_extension("db-wal")).unwrap_or_default();
        server = Server::start_on(data).await?;
        report.add(
            0,
            vec![
                (
                    "ready after SIGKILL, ms",
                    Some(stats::milliseconds(server.ready_after)),
                ),
                ("log left to read again, MiB", Some(log / (1024.0 * 1024.0))),
                (
                    "acknowledged before the kill, all there",
                    Some(count as f64),
                ),
            ],
        );
        progress.say(&format!(
            "round {round} of {}: {count} messages are checked",
            options.rounds
        ));
        if let Err(error) = world.check(&server.target, &acked).await {
            return Err(server.explain(error).await);
        }
    }
    server.stop().await
}

fn bytes(file: &Path) -> Result<f64> {
    let found = std::fs::metadata(file);
    let found = found.with_context(|| format!("cannot see the size of {}", file.display()))?;
    Ok(found.len() as f64)
}

/// What was acknowledged in each conversation, by its place in the list of them.
type Acked = BTreeMap<usize, Vec<Place>>;

/// Who talks to whom.
struct World {
    senders: Vec<Person>,
    conversations: Vec<Between>,
    /// The last position of each before the first start.
    heads: Vec<u64>,
    size: usize,
    /// Goes on from round to round, so that no message is sent twice.
    next: Cell<u64>,
}

impl World {
    async fn write(database: &Path, options: &Restart, progress: &Progress) -> Result<Self> {
        let count = u64::from(options.conversations);
        let size = usize::from(options.size);
        let seed = Seed::open(database).await?;
        let (mut senders, mut conversations) = (Vec::new(), Vec::new());
        for number in 0..options.conversations as usize {
            let people = [
                seed.person(2 * number).await?,
                seed.person(2 * number + 1).await?,
            ];
            conversations.push(seed.conversation([people[0].id, people[1].id]).await?);
            let [first, _] = people;
            senders.push(first);
            progress.say(&format!("{number} conversations are written"));
        }
        // The first ones take what is left over.
        let heads: Vec<_> = (0..count)
            .map(|place| options.messages / count + u64::from(place < options.messages % count))
            .collect();
        let mut written = 0;
        for bulks in transactions(&conversations, &heads) {
            seed.messages(&bulks, size).await?;
            written += bulks.iter().map(|bulk| bulk.to - bulk.from).sum::<u64>();
            progress.say(&format!("{written} messages are written"));
        }
        progress.say("closing the database");
        seed.close().await;
        Ok(Self {
            senders,
            conversations,
            heads,
            size,
            next: Cell::new(0),
        })
    }

    /// Looks for everything that was acknowledged in any round.
    async fn check(&self, target: &Target, acked: &Acked) -> Result<()> {
        let mut connection = Connection::open(target).await?;
        let mut findings = Vec::new();
        for (&place, acked) in acked {
            let stored = self.stored(&mut connection, place).await?;
            let losses = survival::losses(self.heads[place], acked, &stored);
            let conversation = self.conversations[place].conversation;
            findings.extend(
                losses
                    .iter()
                    .map(|loss| format!("\n  conversation {conversation}: {loss}")),
            );
        }
        if findings.is_empty() {
            return Ok(());
        }
        let more = if findings.len() > FINDINGS_SHOWN {
            "\n  …"
        } else {
            ""
        };
        let shown = findings[..findings.len().min(FINDINGS_SHOWN)].concat();
        bail!(
            "the run was not correct, {} findings:{shown}{more}",
            findings.len()
        )
    }

    /// Everything that was sent to a conversation since the first start, oldest first.
    async fn stored(&self, connection: &mut Connection, place: usize) -> Result<Vec<Place>> {
        let (mut stored, mut after) = (Vec::new(), self.heads[place]);
        let conversation = self.conversations[place].conversation;
        loop {
            let path =
                format!("/api/messages/conversation/{conversation}?after_seq={after}&limit={PAGE}");
            let answer = connection
                .call("GET", &path, Some(&self.senders[place].token), None)
                .await?;
            let messages = answer.pointer("/data/messages").and_then(Value::as_array);
            let messages = messages.context("a page of the history has no data.messages")?;
            for message in messages {
                stored.push(self.place_of(message)?);
            }
            if messages.len() < PAGE {
                return Ok(stored);
            }
            let last = stored.last().map_or(0, |place| place.seq);
            ensure!(
                last > after,
                "the history goes round in circles after seq {after}"
            );
            after = last;
        }
    }

    fn place_of(&self, message: &Value) -> Result<Place> {
        let seq = message.get("seq").and_then(Value::as_u64);
        let tag = message.get("client_message_id").and_then(Value::as_str);
        let number = tag.and_then(|tag| tag.strip_prefix(TAG)?.parse().ok());
        let content = message.get("content").and_then(Value::as_str);
        let number = number.filter(|number| content == Some(&bulk::content(*number, self.size)));
        Ok(Place {
            seq: seq.context("a message of the history has no seq")?,
            number,
        })
    }
}

/// Cuts the messages of all conversations into transactions; none names a conversation twice.
fn transactions(conversations: &[Between], heads: &[u64]) -> Vec<Vec<Bulk>> {
    let (mut all, mut current, mut count) = (Vec::new(), Vec::new(), 0);
    for (&between, &head) in conversations.iter().zip(heads) {
        let mut from = 0;
        while from < head {
            let to = head.min(from + TRANSACTION - count);
            current.push(Bulk {
                between,
                from,
                to,
                unread: 0,
            });
            count += to - from;
            from = to;
            if count == TRANSACTION {
                all.push(std::mem::take(&mut current));
                count = 0;
            }
        }
    }
    all.push(current);
    all
}

/// The senders of one round.
struct Load<'a> {
    world: &'a World,
    target: Target,
    in_flight: u16,
    /// From here on a broken connection is what was wanted.
    over: Cell<bool>,
    acked: RefCell<Acked>,
}

impl<'a> Load<'a> {
    fn new(world: &'a World, target: &Target, in_flight: u16) -> Self {
        Self {
            world,
            target: target.clone(),
            in_flight,
            over: Cell::new(false),
            acked: RefCell::default(),
        }
    }

    /// Sends until the server is gone; fails when it goes, or refuses, before that was wanted.
    async fn send(&self) -> Result<()> {
        let sending = (0..self.in_flight).map(|_| async {
            match self.send_on().await {
                Err(_) if self.over.get() => Ok(()),
                ended => ended,
            }
        });
        try_join_all(sending).await.map(drop)
    }

    async fn send_on(&self) -> Result<()> {
        let mut connection = Connection::open(&self.target).await?;
        loop {
            let number = self.world.next.replace(self.world.next.get() + 1);
            let place = number as usize % self.world.conversations.len();
            let seq = self.send_one(&mut connection, place, number).await?;
            let number = Some(number);
            let mut acked = self.acked.borrow_mut();
            acked.entry(place).or_default().push(Place { seq, number });
        }
    }

    async fn send_one(
        &self,
        connection: &mut Connection,
        place: usize,
        number: u64,
    ) -> Result<u64> {
        let body = json!({
            "conversation_id": self.world.conversations[place].conversation,
            "content": bulk::content(number, self.world.size),
            "client_message_id": format!("{TAG}{number}"),
        });
        let body = body.to_string();
        let request = format!(
            "POST /api/messages/send HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.target.host,
            self.world.senders[place].token,
            body.len()
        );
        let Answer { status, body } = connection.exchange(request.as_bytes()).await?;
        if !(200..300).contains(&status) {
            return Err(Error::msg(format!(
                "the server refused a send: {status} {}",
                refusal(body)
            )));
        }
        let answer: Value = serde_json::from_slice(body).context("an answer is not JSON")?;
        let seq = answer.pointer("/data/seq").and_then(Value::as_u64);
        seq.context("the answer to a send has no data.seq")
    }
}
