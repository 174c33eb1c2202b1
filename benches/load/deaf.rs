//! Mode `deaf`: many people stop reading while they are written to, or never read what they asked for. What do the
//! others notice, and when are those connections gone?

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::args_scale::{Deaf, Ears};
use crate::bulk::Bulk;
use crate::ears::{self, Act, Reader};
use crate::files;
use crate::http::{Connection, Target};
use crate::memory::{Memory, open_sockets};
use crate::people::Person;
use crate::report::{Metrics, Progress, Report};
use crate::scene::{Cast, Scene};
use crate::seed::{Between, Seed};
use crate::server::Server;
use crate::stats;
use crate::steady::{Plan, Sent, Steady, latencies};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Sends go on for so long when all readers are gone.
const AFTERMATH: Duration = Duration::from_secs(3);
/// Bytes of content of what is written to the readers, and of the page that they do not read.
const LONG: usize = 4_000;
const PAGE: u64 = 100;
/// Those who write to the readers.
const FLOODERS: usize = 20;

const REMARKS: &[&str] = &[
    "Correct: each acknowledged message got the next place of its conversation, and at the end the server held no socket",
    "of a reader and called none of them online. The others send over REST on a schedule, into conversations of their own;",
    "what waits for the answer to its writer's last message counts from when it was due. Readers have small buffers and",
    "segments, as over a network. Gone: the server's process has closed its end.",
];

/// Measures, and prints the figures when nothing was lost.
pub(crate) async fn run(options: &Deaf) -> Result<()> {
    ensure!(
        options.common.url.is_none(),
        "deaf looks into the server's process, and starts one of its own: --url is not for it"
    );
    let readers = usize::from(options.readers);
    files::room_for((readers + FLOODERS + usize::from(options.steady)) as u64)?;
    let shape = format!(
        "deaf: {readers} people stop reading, {} others send {} messages/s of {} bytes",
        options.steady, options.rate, options.size
    );
    let kinds = options.kinds();
    let names = kinds.iter().map(|kind| kind.name());
    let mut report = Report::new(&options.common, shape, names, REMARKS);
    for run in 1..=options.common.runs {
        for (column, &kind) in kinds.iter().enumerate() {
            let progress = Progress::new(format!("{} {run}/{}", kind.name(), options.common.runs));
            report.add(column, one(options, kind, &progress).await?);
        }
    }
    report.print();
    Ok(())
}

/// One run, with a server of its own.
async fn one(options: &Deaf, kind: Ears, progress: &Progress) -> Result<Metrics> {
    let (readers, steady) = (usize::from(options.readers), usize::from(options.steady));
    // The readers, those who write to them, the others, and the others' friends, whom nobody hears of.
    let others = readers + FLOODERS;
    let to_readers = (0..readers).map(|at| [at, readers + at % FLOODERS]);
    let to_friends = (0..steady).map(|at| [others + at, others + steady + at]);
    let pairs: Vec<_> = to_readers.chain(to_friends).collect();
    let cast = Cast {
        people: others + 2 * steady,
        pairs: &pairs,
    };
    let data = Server::new_data()?;
    let scene = cast.seed(&Server::database(&data), progress).await?;
    if kind == Ears::Rest {
        write_pages(&scene, &data, readers).await?;
    }
    let mut server = Server::start_on(data).await?;
    let trial = Trial {
        options,
        kind,
        scene: &scene,
        target: &server.target,
        pid: server.pid,
        epoch: Instant::now(),
    };
    match trial.measure(progress).await {
        Ok(metrics) => server.stop().await.map(|()| metrics),
        Err(error) => Err(server.explain(error).await),
    }
}

/// A page that is worth not reading, in the first conversation: all who do not read ask for that.
async fn write_pages(scene: &Scene, data: &tempfile::TempDir, readers: usize) -> Result<()> {
    let seed = Seed::open(&Server::database(data)).await?;
    let people = [scene.people[0].id, scene.people[readers].id];
    let bulk = Bulk {
        between: Between {
            conversation: scene.conversations[0],
            people,
        },
        from: 0,
        to: PAGE,
        unread: 0,
    };
    seed.messages(&[bulk], LONG).await?;
    seed.close().await;
    Ok(())
}

struct Trial<'a> {
    options: &'a Deaf,
    kind: Ears,
    scene: &'a Scene,
    target: &'a Target,
    pid: u32,
    epoch: Instant,
}

/// When what happened, from the start of the run, and the server's memory.
struct Course {
    calm: Duration,
    deaf: Duration,
    /// When half of the readers were gone, and all.
    half: Duration,
    gone: Duration,
    /// When none of them was called online any more.
    offline: Option<Duration>,
    memory: [Memory; 3],
}

impl Trial<'_> {
    async fn measure(&self, progress: &Progress) -> Result<Metrics> {
        let readers = usize::from(self.options.readers);
        let mut others = Steady::start(self.others())?;
        // Nobody is written to over REST: there it is the answers that are not read.
        let flood = self.kind.are_told().then(|| Steady::start(self.flood()));
        let mut flood = flood.transpose()?;
        let mut crowd = JoinSet::new();
        let played = tokio::select! {
            played = self.play(&mut crowd, progress) => played,
            error = others.failed() => Err(error),
            error = failed(&mut flood) => Err(error),
        };
        let course = played?;
        let sent = others.finish().await?;
        let flooded = match flood {
            Some(flood) => flood.finish().await?,
            None => Vec::new(),
        };
        ensure!(
            !sent.is_empty() && flooded.is_empty() != self.kind.are_told(),
            "nothing was acknowledged: the run proves nothing"
        );
        numbered(&sent)?;
        numbered(&flooded)?;
        Ok(metrics(&course, &sent, flooded.len(), readers))
    }

    /// Calm, silence, the end of the readers.
    async fn play(&self, crowd: &mut JoinSet<Result<()>>, progress: &Progress) -> Result<Course> {
        let readers = usize::from(self.options.readers);
        sleep(LOOK_EVERY).await;
        let without = open_sockets(self.pid).context("the server's process is not there")?;
        let act = tokio::sync::watch::Sender::new(Act::Reading);
        let narrow = self.target.clone().narrow();
        let page = ears::page(
            &narrow,
            &self.scene.people[0].token,
            self.scene.conversations[0],
        );
        for number in 0..readers {
            let reader = Reader::open(self.kind, &narrow, &self.scene.people[number], &page);
            crowd.spawn(reader.await?.live(act.subscribe()));
            progress.say(&format!("{} are connected", number + 1));
        }
        let calm = self.epoch.elapsed();
        progress.say("all read");
        sleep(Duration::from_secs(self.options.calm)).await;
        let before = Memory::of(self.pid)?;
        let deaf = self.epoch.elapsed();
        act.send_replace(Act::Deaf);
        let mut half = None;
        loop {
            let there = open_sockets(self.pid).context("the server's process is not there")?;
            let left = there.saturating_sub(without);
            progress.say(&format!("{left} are there that do not read"));
            if left <= readers / 2 {
                half = half.or(Some(self.epoch.elapsed()));
            }
            if left == 0 {
                break;
            }
            ensure!(
                self.epoch.elapsed() < deaf + Duration::from_secs(self.options.patience),
                "{left} of {readers} readers were still there {} s after they stopped reading",
                self.options.patience
            );
            if let Some(ended) = crowd.try_join_next() {
                ended??;
            }
            sleep(LOOK_EVERY).await;
        }
        let gone = self.epoch.elapsed();
        let peak = Memory::of(self.pid)?;
        let offline = if self.kind.are_told() {
            Some(self.all_offline(progress).await?)
        } else {
            None
        };
        sleep(AFTERMATH).await;
        let after = Memory::of(self.pid)?;
        act.send_replace(Act::Over);
        Ok(Course {
            calm,
            deaf,
            half: half.unwrap_or(gone),
            gone,
            offline,
            memory: [before, peak, after],
        })
    }

    /// Those who write to the readers, each into every conversation of theirs.
    fn flood(&self) -> Plan {
        let readers = usize::from(self.options.readers);
        let of = |at: usize| {
            let all = self.scene.conversations[..readers].iter();
            all.skip(at).step_by(FLOODERS).copied().collect()
        };
        let writers = (0..FLOODERS).map(|at| (self.scene.people[readers + at].clone(), of(at)));
        self.plan(writers.collect(), self.options.flood, LONG)
    }

    /// The others, each into the conversation with a friend.
    fn others(&self) -> Plan {
        let readers = usize::from(self.options.readers);
        let people = self.scene.people[readers + FLOODERS..].iter();
        let writers = people.zip(&self.scene.conversations[readers..]);
        let writers = writers.map(|(person, friend)| (person.clone(), vec![*friend]));
        self.plan(
            writers.collect(),
            self.options.rate,
            self.options.size.into(),
        )
    }

    fn plan(&self, writers: Vec<(Person, Vec<u64>)>, rate: u16, size: usize) -> Plan {
        Plan {
            target: self.target.clone(),
            writers,
            rate: rate.into(),
            size,
            epoch: self.epoch,
        }
    }

    /// When those who wrote to them see none of the readers online.
    async fn all_offline(&self, progress: &Progress) -> Result<Duration> {
        let readers = usize::from(self.options.readers);
        let mut connection = Connection::open(self.target).await?;
        for number in 0..readers {
            let (path, writer) = (
                format!("/api/users/{}", self.scene.people[number].id),
                &self.scene.people[readers + number % FLOODERS],
            );
            loop {
                let answer = connection.call("GET", &path, Some(&writer.token), None);
                let status = answer.await?;
                let status = status.pointer("/data/user/status").and_then(Value::as_str);
                match status {
                    Some("offline") => break,
                    Some(_) => sleep(LOOK_EVERY).await,
                    None => bail!("the answer to {path} has no data.user.status"),
                }
            }
            progress.say(&format!("{} are offline", number + 1));
        }
        Ok(self.epoch.elapsed())
    }
}

/// Returns when those who write to the readers fail, and never otherwise.
async fn failed(flood: &mut Option<Steady>) -> Error {
    match flood {
        Some(flood) => flood.failed().await,
        None => std::future::pending().await,
    }
}

/// Fails unless the messages of each conversation have its places, one after the other.
fn numbered(sent: &[Sent]) -> Result<()> {
    let mut places: Vec<_> = sent.iter().map(|it| (it.conversation, it.seq)).collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        let ((conversation, seq), (other, next)) = (pair[0], pair[1]);
        ensure!(
            conversation != other || next == seq + 1,
            "the run was not correct: in conversation {conversation} seq {next} was acknowledged next to {seq}"
        );
    }
    Ok(())
}

fn metrics(course: &Course, sent: &[Sent], flooded: usize, readers: usize) -> Metrics {
    let mut before = latencies(sent, course.calm..course.deaf);
    let mut during = latencies(sent, course.deaf..course.gone);
    let mut lags: Vec<_> = sent.iter().map(|sent| sent.lag).collect();
    let p99 = |times: &mut [Duration]| stats::quantile_ms(times, 0.99);
    let (p99_before, p99_during) = (p99(&mut before), p99(&mut during));
    let since = |at: Duration| Some(at.saturating_sub(course.deaf).as_secs_f64());
    let memory = |at: usize| Some(course.memory[at].resident as f64 / (1024.0 * 1024.0));
    vec![
        ("readers", Some(readers as f64)),
        ("messages to them", Some(flooded as f64)),
        ("messages of the others", Some(sent.len() as f64)),
        ("half of the readers gone after, s", since(course.half)),
        ("all of the readers gone after, s", since(course.gone)),
        (
            "none called online after, s",
            course.offline.and_then(since),
        ),
        ("others, send → ack before p99, ms", p99_before),
        ("others, send → ack meanwhile p99, ms", p99_during),
        (
            "others, p99 meanwhile/before",
            stats::ratio(p99_during, p99_before),
        ),
        (
            "generator late with a send p99, ms",
            stats::quantile_ms(&mut lags, 0.99),
        ),
        ("server memory (RSS) before, MiB", memory(0)),
        ("server memory when all were gone, MiB", memory(1)),
        ("server memory at the end, MiB", memory(2)),
    ]
}
