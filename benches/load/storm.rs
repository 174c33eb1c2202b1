//! Mode `storm`: many clients lose their connection at once, and come back with the stock client's timing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::args_scale::{Storm, Way};
use crate::comeback::{self, Client, Fate, Stage};
use crate::files;
use crate::http::Target;
use crate::memory::Memory;
use crate::report::{Metrics, Progress, Report};
use crate::reunion::{self, Acked};
use crate::scene::{Cast, Scene};
use crate::server::Server;
use crate::stats;
use crate::steady::{Plan, Sent, Steady, latencies};
use crate::usage::Usage;

/// How many open their first connection together.
const OPENING: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Sends go on for so long when all are back.
const AFTERMATH: Duration = Duration::from_secs(1);
/// How long nothing at all may come while messages are owed.
const EVENT_PATIENCE: Duration = Duration::from_secs(5);
/// How long to listen on, for events that should not come.
const SURPLUS_WAIT: Duration = Duration::from_millis(300);
const FINDINGS_SHOWN: usize = 20;

const REMARKS: &[&str] = &[
    "Correct: every acknowledged message was told to the client that was away, once and in order. A client is back when",
    "it was let in, was in its conversation, and had been told all that was acknowledged until then. Steady users send",
    "over REST on a schedule; what waits for the answer to its writer's last message counts from when it was due.",
];

/// Measures, and prints the figures when nothing was lost.
pub(crate) async fn run(options: &Storm) -> Result<()> {
    let ways = options.ways();
    let clients = u64::from(options.clients);
    if options.steady > options.clients {
        bail!(
            "--steady {} are more than the {clients} --clients that they write to",
            options.steady
        );
    }
    // Polling clients have three connections for a moment.
    let each = if ways.contains(&Way::PollingFirst) {
        3
    } else {
        1
    };
    files::room_for(clients * each + u64::from(options.steady))?;
    let shape = format!(
        "storm: {clients} clients of Socket.IO lose their connection at once, {} steady users send them {} messages/s \
         of {} bytes",
        options.steady, options.rate, options.size
    );
    let names = ways.iter().map(|way| way.name());
    let mut report = Report::new(&options.common, shape, names, REMARKS);
    for run in 1..=options.common.runs {
        for (column, &way) in ways.iter().enumerate() {
            let label = format!("{} {run}/{}", way.name(), options.common.runs);
            let progress = Progress::new(label);
            report.add(column, one(options, way, &progress).await?);
        }
    }
    report.print();
    Ok(())
}

/// One run, with a server of its own unless an address was given.
async fn one(options: &Storm, way: Way, progress: &Progress) -> Result<Metrics> {
    let clients = usize::from(options.clients);
    let steady = usize::from(options.steady);
    // The steady users come after the clients, and share them out among each other.
    let pairs: Vec<_> = (0..clients).map(|at| [at, clients + at % steady]).collect();
    let (people, pairs) = (clients + steady, &pairs);
    let cast = Cast { people, pairs };
    if let Some(url) = &options.common.url {
        let target = Target::resolve(url).await?;
        let scene = cast.register(&target, progress).await?;
        let trial = Trial::new(options, way, &target, &scene, options.common.pid);
        return trial.measure(progress).await;
    }
    let data = Server::new_data()?;
    let scene = cast.seed(&Server::database(&data), progress).await?;
    let mut server = Server::start_on(data).await?;
    let trial = Trial::new(options, way, &server.target, &scene, Some(server.pid));
    match trial.measure(progress).await {
        Ok(metrics) => server.stop().await.map(|()| metrics),
        Err(error) => Err(server.explain(error).await),
    }
}

struct Trial<'a> {
    options: &'a Storm,
    scene: &'a Scene,
    pid: Option<u32>,
    common: Arc<comeback::Common>,
    stage: watch::Sender<Stage>,
}

/// When what happened, from the start of the run, and what the server had used by then.
struct Course {
    calm: Duration,
    broken: Duration,
    back: Duration,
    usage: Option<[Usage; 2]>,
    memory: Option<[Memory; 2]>,
}

impl<'a> Trial<'a> {
    fn new(
        options: &'a Storm,
        way: Way,
        target: &Target,
        scene: &'a Scene,
        pid: Option<u32>,
    ) -> Self {
        let common = comeback::Common {
            way,
            target: target.clone(),
            size: usize::from(options.size),
            epoch: Instant::now(),
            opening: Semaphore::new(OPENING),
            joined: 0.into(),
            back: 0.into(),
            told: 0.into(),
            random: getrandom::u64().unwrap_or_default().into(),
        };
        Self {
            options,
            scene,
            pid,
            common: Arc::new(common),
            stage: watch::Sender::new(Stage::Opening),
        }
    }

    async fn measure(&self, progress: &Progress) -> Result<Metrics> {
        let mut clients = JoinSet::new();
        let people = self.scene.people.iter().zip(&self.scene.conversations);
        for (person, &conversation) in people {
            let client = Client::new(Arc::clone(&self.common), person.clone(), conversation);
            let living = client.live(self.stage.subscribe());
            let place = clients.len();
            clients.spawn(async move { Ok((place, living.await?)) });
        }
        let played = tokio::select! {
            played = self.play(progress) => played,
            Some(ended) = clients.join_next() => Err(reason(ended)),
        };
        let (course, sent) = played?;
        self.stage.send_replace(Stage::Over);
        let mut fates: Vec<_> = (0..self.scene.conversations.len())
            .map(|_| Fate::default())
            .collect();
        while let Some(ended) = clients.join_next().await {
            let (place, fate) = ended??;
            fates[place] = fate;
        }
        self.judge(&course, &sent, &fates)
    }

    /// Calm, break, return; everything but what the clients do.
    async fn play(&self, progress: &Progress) -> Result<(Course, Vec<Sent>)> {
        let count = self.scene.conversations.len();
        let elapsed = || self.common.epoch.elapsed();
        while self.common.joined.load(Ordering::Relaxed) < count {
            progress.say(&format!(
                "{} have joined",
                self.common.joined.load(Ordering::Relaxed)
            ));
            sleep(LOOK_EVERY).await;
        }
        let mut steady = Steady::start(self.plan())?;
        progress.say("calm");
        let calm = elapsed();
        tokio::select! {
            () = sleep(Duration::from_secs(self.options.calm)) => {}
            error = steady.failed() => return Err(error),
        }
        let before = self.used()?;
        let broken = elapsed();
        self.stage.send_replace(Stage::Broken);
        tokio::select! {
            back = self.all_back(broken, progress) => back?,
            error = steady.failed() => return Err(error),
        }
        let (back, after) = (elapsed(), self.used()?);
        tokio::select! {
            () = sleep(AFTERMATH) => {}
            error = steady.failed() => return Err(error),
        }
        let sent = steady.finish().await?;
        // Not a failure when it takes too long: the checker knows what exactly is missing.
        self.all_told(sent.len()).await;
        sleep(SURPLUS_WAIT).await;
        let (usage, memory) = match before.zip(after) {
            Some(((from, before), (to, after))) => (Some([from, to]), Some([before, after])),
            None => (None, None),
        };
        let course = Course {
            calm,
            broken,
            back,
            usage,
            memory,
        };
        Ok((course, sent))
    }

    fn plan(&self) -> Plan {
        let (clients, steady) = (
            self.scene.conversations.len(),
            usize::from(self.options.steady),
        );
        let conversations = |place: usize| {
            let all = self.scene.conversations.iter();
            all.skip(place).step_by(steady).copied().collect()
        };
        let writers = self.scene.people[clients..].iter().enumerate();
        Plan {
            target: self.common.target.clone(),
            writers: writers
                .map(|(place, person)| (person.clone(), conversations(place)))
                .collect(),
            rate: u32::from(self.options.rate),
            size: self.common.size,
            epoch: self.common.epoch,
        }
    }

    async fn all_back(&self, broken: Duration, progress: &Progress) -> Result<()> {
        let (count, patience) = (self.scene.conversations.len(), self.options.patience);
        loop {
            let back = self.common.back.load(Ordering::Relaxed);
            if back >= count {
                return Ok(());
            }
            progress.say(&format!("{back} are back"));
            if self.common.epoch.elapsed() > broken + Duration::from_secs(patience) {
                bail!("only {back} of {count} clients were back {patience} s after the break");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn all_told(&self, owed: usize) {
        let told = || self.common.told.load(Ordering::Relaxed);
        let (mut last, mut since) = (told(), Instant::now());
        while told() < owed && since.elapsed() < EVENT_PATIENCE {
            if told() != last {
                (last, since) = (told(), Instant::now());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn used(&self) -> Result<Option<(Usage, Memory)>> {
        let used = self
            .pid
            .map(|pid| anyhow::Ok((Usage::of(pid)?, Memory::of(pid)?)));
        used.transpose()
            .context("the server's process is not there")
    }

    fn judge(&self, course: &Course, sent: &[Sent], fates: &[Fate]) -> Result<Metrics> {
        let mut acked: HashMap<u64, Vec<Acked>> = HashMap::new();
        for sent in sent {
            acked.entry(sent.conversation).or_default().push(Acked {
                seq: sent.seq,
                number: sent.number,
                at: sent.acked,
            });
        }
        let (mut findings, mut times) = (Vec::new(), Vec::with_capacity(fates.len()));
        for (fate, conversation) in fates.iter().zip(&self.scene.conversations) {
            let acked = acked.get(conversation).map_or(&[][..], Vec::as_slice);
            let misses = reunion::misses(acked, &fate.seen);
            findings.extend(
                misses
                    .iter()
                    .map(|miss| format!("\n  conversation {conversation}: {miss}")),
            );
            let joined = fate.joined.context("a client is not back")?;
            let caught_up = reunion::caught_up(joined, acked, &fate.seen);
            times.push(caught_up.saturating_sub(course.broken));
        }
        if sent.is_empty() {
            bail!("nothing was acknowledged: the run proves nothing");
        }
        if !findings.is_empty() {
            let more = if findings.len() > FINDINGS_SHOWN {
                "\n  …"
            } else {
                ""
            };
            let shown = &findings[..findings.len().min(FINDINGS_SHOWN)];
            bail!(
                "the run was not correct, {} findings:{}{more}",
                findings.len(),
                shown.concat()
            );
        }
        Ok(metrics(course, sent, fates, times))
    }
}

fn reason(ended: Result<Result<(usize, Fate)>, tokio::task::JoinError>) -> Error {
    match ended {
        Ok(Ok(_)) => Error::msg("a client ended too soon"),
        Ok(Err(error)) => error,
        Err(panicked) => panicked.into(),
    }
}

fn metrics(course: &Course, sent: &[Sent], fates: &[Fate], mut times: Vec<Duration>) -> Metrics {
    let mut before = latencies(sent, course.calm..course.broken);
    let mut during = latencies(sent, course.broken..course.back);
    let mut lags: Vec<_> = sent.iter().map(|sent| sent.lag).collect();
    let mut ms = |share| {
        let before = stats::quantile_ms(&mut before, share);
        let during = stats::quantile_ms(&mut during, share);
        (before, during, stats::ratio(during, before))
    };
    let (p50, p99) = (ms(0.5), ms(0.99));
    let back = |times: &mut [Duration], share| {
        stats::quantile(times, share).map(|time| time.as_secs_f64())
    };
    let cpu = course
        .usage
        .map(|[from, to]| to.cpu.saturating_sub(from.cpu).as_secs_f64());
    let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
    let failures: u32 = fates.iter().map(|fate| fate.failures).sum();
    let recovered = fates.iter().filter(|fate| fate.recovered).count();
    vec![
        ("clients", Some(fates.len() as f64)),
        ("messages acknowledged and told", Some(sent.len() as f64)),
        ("back and caught up p50, s", back(&mut times, 0.5)),
        ("back and caught up p99, s", back(&mut times, 0.99)),
        ("back and caught up max, s", back(&mut times, 1.0)),
        ("sessions taken up again", Some(recovered as f64)),
        ("joined again", Some((fates.len() - recovered) as f64)),
        ("attempts that failed", Some(f64::from(failures))),
        ("steady users, send → ack before p50, ms", p50.0),
        ("steady users, send → ack before p99, ms", p99.0),
        ("steady users, send → ack meanwhile p50, ms", p50.1),
        ("steady users, send → ack meanwhile p99, ms", p99.1),
        ("steady users, p50 meanwhile/before", p50.2),
        ("steady users, p99 meanwhile/before", p99.2),
        (
            "generator late with a send p99, ms",
            stats::quantile_ms(&mut lags, 0.99),
        ),
        ("server CPU until all were back, s", cpu),
        (
            "server memory (RSS) before the break, MiB",
            course.memory.map(|[before, _]| mebibytes(before.resident)),
        ),
        (
            "server memory (RSS) peak, MiB",
            course.memory.map(|[_, after]| mebibytes(after.peak)),
        ),
    ]
}
