//! Mode `idle`: many connections that have joined a conversation and say nothing, in waves, and what one of them costs
//! the server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use crate::args_scale::{Held, Idle, WAVES_MAX};
use crate::files;
use crate::http::Target;
use crate::lines::Lines;
use crate::memory::{self, Kernel, Memory};
use crate::report::{Metrics, Progress, Report};
use crate::scene::{Cast, Scene};
use crate::server::Server;
use crate::usage::Usage;

/// The kernel counts CPU time in steps of 10 ms: less than this would be mostly rounding.
const CPU_TIME_MIN: Duration = Duration::from_millis(100);
/// How long a server may take to close its end of connections that said goodbye.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Files that a server may have open now and had not before: of its own, no connections.
const OTHER_FILES_MAX: usize = 8;

const REMARKS: &[&str] = &[
    "Every connection was authenticated, had joined, and was still open at the end of its wave. Memory per connection:",
    "what the process had more than with the first connection alone, at the end of the wave, divided by the others.",
    "The kernel's memory is that of the server's end alone, half of what the sockets here take, and is in no other row.",
];

/// The name of a figure in each wave.
macro_rules! each_wave {
    ($name:literal) => {
        [
            concat!("wave 1: ", $name),
            concat!("wave 2: ", $name),
            concat!("wave 3: ", $name),
            concat!("wave 4: ", $name),
            concat!("wave 5: ", $name),
        ]
    };
}

const CONNECTS: [&str; WAVES_MAX] = each_wave!("connects/s, authenticated and joined");
const PROPORTIONAL: [&str; WAVES_MAX] = each_wave!("memory per connection (PSS), KiB");
const RESIDENT: [&str; WAVES_MAX] = each_wave!("memory per connection (RSS), KiB");
const SLABS: [&str; WAVES_MAX] = each_wave!("kernel memory per connection (slabinfo), KiB");
const GROUP: [&str; WAVES_MAX] = each_wave!("kernel memory per connection (cgroup), KiB");
const UNREAD: [&str; WAVES_MAX] = each_wave!("kernel memory per connection, KiB");
const CPU: [&str; WAVES_MAX] = each_wave!("server CPU per connection, µs/s");
const PONGS: [&str; WAVES_MAX] = each_wave!("pings answered while held");

/// Measures, and prints the figures when every connection held.
pub(crate) async fn run(options: &Idle) -> Result<()> {
    files::room_for(u64::from(options.connections))?;
    let shape = format!(
        "idle: {} connections, one of each person, joined to a conversation of two, held {} s, {} times",
        options.connections, options.seconds, options.waves
    );
    let transports = options.transports();
    let names = transports.iter().map(|held| held.name());
    let mut report = Report::new(&options.common, shape, names, REMARKS);
    for run in 1..=options.common.runs {
        for (column, &held) in transports.iter().enumerate() {
            let label = format!("{} {run}/{}", held.name(), options.common.runs);
            let progress = Progress::new(label);
            report.add(column, one(options, held, &progress).await?);
        }
    }
    report.print();
    Ok(())
}

/// One run, with a server of its own unless an address was given.
async fn one(options: &Idle, held: Held, progress: &Progress) -> Result<Metrics> {
    let people = usize::from(options.connections).next_multiple_of(2);
    let pairs: Vec<_> = (0..people).step_by(2).map(|at| [at, at + 1]).collect();
    let pairs = &pairs;
    let cast = Cast { people, pairs };
    let seconds = Duration::from_secs(options.seconds);
    if let Some(url) = &options.common.url {
        let target = Target::resolve(url).await?;
        let scene = cast.register(&target, progress).await?;
        let trial = Trial::new(held, &target, &scene, options.common.pid, seconds);
        return trial.measure(options, progress).await;
    }
    // Written beforehand: hashing passwords takes memory of which the allocator keeps a part, and would give it to
    // the connections, which would then seem cheaper than they are.
    let data = Server::new_data()?;
    let scene = cast.seed(&Server::database(&data), progress).await?;
    let mut server = Server::start_on(data).await?;
    let trial = Trial::new(held, &server.target, &scene, Some(server.pid), seconds);
    match trial.measure(options, progress).await {
        Ok(metrics) => server.stop().await.map(|()| metrics),
        Err(error) => Err(server.explain(error).await),
    }
}

struct Trial<'a> {
    held: Held,
    target: &'a Target,
    scene: &'a Scene,
    pid: Option<u32>,
    seconds: Duration,
}

/// What the server holds at one moment; `None` when its process is not known.
type Holding = Option<(Memory, Kernel)>;

impl<'a> Trial<'a> {
    fn new(
        held: Held,
        target: &'a Target,
        scene: &'a Scene,
        pid: Option<u32>,
        seconds: Duration,
    ) -> Self {
        Self {
            held,
            target,
            scene,
            pid,
            seconds,
        }
    }

    async fn measure(&self, options: &Idle, progress: &Progress) -> Result<Metrics> {
        let count = usize::from(options.connections);
        // The first pays for what is made once and for all, and stays.
        let mut first = Lines::new(self.held, self.target, self.scene);
        first.open(0..1, progress).await?;
        let before = self.holding()?;
        let files = self.pid.and_then(memory::open_files);
        let mut metrics = vec![
            ("connections", Some(count as f64)),
            (
                "server memory (PSS) with one of them, MiB",
                mebibytes(before),
            ),
        ];
        for wave in 0..usize::from(options.waves) {
            tokio::select! {
                held = self.wave(wave, count, before, progress) => metrics.extend(held?),
                ended = first.hold(Duration::MAX) => bail!(ended.err().context("the first ended")?),
            }
            progress.say("the server closes its ends");
            self.wait_until_closed(files).await?;
        }
        let name = "server memory (PSS) with one again, MiB";
        metrics.push((name, mebibytes(self.holding()?)));
        first.close(progress).await?;
        Ok(metrics)
    }

    async fn wave(
        &self,
        wave: usize,
        count: usize,
        before: Holding,
        progress: &Progress,
    ) -> Result<Metrics> {
        let others = count - 1;
        let mut lines = Lines::new(self.held, self.target, self.scene);
        let started = Instant::now();
        lines.open(1..count, progress).await?;
        let opening = started.elapsed();
        progress.say(&format!("holding {count} connections, wave {}", wave + 1));
        let (from, pongs) = (self.usage()?, lines.pongs());
        let started = Instant::now();
        lines.hold(self.seconds).await?;
        let (to, time) = (self.usage()?, started.elapsed());
        let pongs = lines.pongs() - pongs;
        let holding = self.holding()?;
        lines.close(progress).await?;

        let each = |bytes: Option<f64>| bytes.map(|bytes| bytes / 1024.0);
        let both = before.zip(holding);
        let grown = |of: fn(Memory) -> Option<u64>| {
            let ((from, _), (to, _)) = both?;
            Some((of(to)? as f64 - of(from)? as f64) / others as f64)
        };
        let kernel = both.and_then(|((_, from), (_, to))| to.grown(from, others));
        let kernel_name = match holding.map(|(_, kernel)| kernel) {
            Some(Kernel::Slabs(_)) => SLABS,
            Some(Kernel::Group(_)) => GROUP,
            Some(Kernel::Unknown) | None => UNREAD,
        };
        let cpu = from
            .zip(to)
            .map(|(from, to)| to.cpu.saturating_sub(from.cpu));
        let cpu = cpu.filter(|cpu| *cpu >= CPU_TIME_MIN);
        let cpu = cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / time.as_secs_f64() / count as f64);
        Ok(vec![
            (CONNECTS[wave], Some(others as f64 / opening.as_secs_f64())),
            (
                PROPORTIONAL[wave],
                each(grown(|memory| memory.proportional)),
            ),
            (RESIDENT[wave], each(grown(|memory| Some(memory.resident)))),
            (kernel_name[wave], each(kernel)),
            (CPU[wave], cpu),
            (PONGS[wave], Some(pongs as f64)),
        ])
    }

    /// Returns when the server has closed what this side has, so that no wave stands upon another.
    async fn wait_until_closed(&self, before: Option<usize>) -> Result<()> {
        let Some((before, pid)) = before.zip(self.pid) else {
            return Ok(()); // Nobody knows; every goodbye was answered.
        };
        let started = Instant::now();
        loop {
            let open = memory::open_files(pid).context("the server's process is not there")?;
            let left = open.saturating_sub(before);
            if left <= OTHER_FILES_MAX {
                return Ok(());
            }
            if started.elapsed() > CLOSING_TIMEOUT {
                bail!(
                    "the server still had {left} files open {CLOSING_TIMEOUT:?} after all said goodbye"
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn holding(&self) -> Result<Holding> {
        let holding = self.pid.map(|pid| Ok((Memory::of(pid)?, Kernel::now(pid))));
        holding.transpose()
    }

    fn usage(&self) -> Result<Option<Usage>> {
        let usage = self.pid.map(Usage::of).transpose();
        usage.context("the server's process is not there")
    }
}

fn mebibytes(holding: Holding) -> Option<f64> {
    let bytes = holding?.0.proportional?;
    Some(bytes as f64 / (1024.0 * 1024.0))
}
