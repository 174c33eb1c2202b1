//! Times what `subjects/` sets up. `benches/README.md` says how to run it.

use std::path::PathBuf;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput};
use duologue::subjects::{
    counting, encode, engineio, fanout, history, journal, marks, socketio, timeline, tokens,
    websocket,
};
use tempfile::TempDir;
use tikv_jemallocator::Jemalloc;

/// As in the server.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() {
    // Short, so that all of it is a matter of a minute or two; `--measurement-time` takes longer.
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .nresamples(10_000)
        .configure_from_args();
    memory(&mut criterion);
    wire(&mut criterion);
    sockets(&mut criterion);
    disk(&mut criterion);
    criterion.final_summary();
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Times the steps of `subject`, which is set up once, and only if it is asked for.
fn steps<S, O>(group: &mut Group<'_>, name: &str, subject: impl Fn() -> S)
where
    S: FnMut() -> O,
{
    let mut ready = None;
    group.bench_function(name, |bencher| {
        bencher.iter(ready.get_or_insert_with(&subject));
    });
}

/// The same for steps that use something up, which is made outside the time; `size` says how much
/// of that is there at once.
fn steps_with<G, S, I, O>(
    group: &mut Group<'_>,
    name: &str,
    size: BatchSize,
    subject: impl Fn() -> (G, S),
) where
    G: FnMut() -> I,
    S: FnMut(I) -> O,
{
    let mut ready = None;
    group.bench_function(name, |bencher| {
        let (given, step) = ready.get_or_insert_with(&subject);
        bencher.iter_batched(given, step, size);
    });
}

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timeline");
    let few = BatchSize::SmallInput;
    steps_with(&mut group, "new key", few, timeline::new_key);
    steps_with(&mut group, "known key", few, timeline::known_key);
    let settle = "settle a batch of 64";
    steps_with(&mut group, settle, BatchSize::LargeInput, timeline::settle);
    group.finish();

    let mut group = criterion.benchmark_group("marks");
    steps(&mut group, "read", marks::read);
    steps(&mut group, "received", marks::received);
    group.finish();

    let mut group = criterion.benchmark_group("counting");
    for messages in [1, 64] {
        let name = format!("a batch of {messages}");
        steps(&mut group, &name, || counting::batch(messages));
    }
    group.finish();

    let mut group = criterion.benchmark_group("tokens");
    steps_with(&mut group, "first seen", few, tokens::first_seen);
    steps(&mut group, "remembered", tokens::remembered);
    group.finish();
}

fn wire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engineio");
    steps(&mut group, "16 packets posted", engineio::posted);
    steps(&mut group, "16 packets polled", engineio::polled);
    group.finish();

    let mut group = criterion.benchmark_group("socketio");
    steps(&mut group, "packet of a send", socketio::packet);
    steps(&mut group, "command of a send", socketio::command);
    steps(&mut group, "acknowledgement", socketio::acknowledgement);
    group.finish();

    let mut group = criterion.benchmark_group("websocket");
    steps(&mut group, "frame of a send", websocket::frame);
    steps(&mut group, "command of a send", websocket::command);
    steps(&mut group, "answer", websocket::answer);
    group.finish();
}

fn sockets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    steps(&mut group, "for /ws", encode::plain);
    steps(&mut group, "for both", encode::both);
    group.finish();

    let mut group = criterion.benchmark_group("fanout");
    for sessions in [1, 2, 8] {
        let (plain, recoverable) = (
            format!("{sessions} on ws"),
            format!("{sessions} on socketio"),
        );
        steps(&mut group, &plain, || fanout::plain(sessions));
        steps(&mut group, &recoverable, || fanout::recoverable(sessions));
    }
    group.finish();
}

fn disk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.sampling_mode(SamplingMode::Flat);
    for conversations in [1, 256] {
        for messages in [1, 4, 16, 64, 256] {
            let room = Room::new();
            let database = room.database();
            let name = format!("{messages} of {conversations}");
            group.throughput(Throughput::Elements(messages as u64));
            // A batch goes on from the one before, so it is made after that.
            steps_with(&mut group, &name, BatchSize::PerIteration, || {
                journal::batch(&database, messages, conversations)
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("history");
    let room = Room::new();
    let archived = std::cell::LazyCell::new(|| history::Archived::new(&room.database()));
    steps(&mut group, "newest page", || archived.newest());
    steps(&mut group, "deep page", || archived.deep());
    group.finish();
}

/// A directory for a database, where the build is and not in memory.
struct Room(TempDir);

impl Room {
    fn new() -> Self {
        let made = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"));
        Self(made.expect("a directory"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("duologue.db")
    }
}
