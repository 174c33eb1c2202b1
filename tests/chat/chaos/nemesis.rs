//! What happens to the server and to the line, one thing after the other, drawn from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::world::World;
use crate::corpus::{CALLS, corpus};
use crate::harness::dial::Dial;
use crate::harness::door::Carried;
use crate::harness::person::Person;
use crate::harness::server::Locked;
use crate::harness::strace;

/// Reached only when somebody does not get on any more.
const RECOVERY: Duration = Duration::from_secs(60);

/// How many connections a storm is made of.
const STORM: usize = 60;

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Kill,
    Terminate,
    Stop,
    Cut,
    Freeze,
    Lock,
    FillDisk,
    Storm,
    Attack,
}

const DEEDS: [Deed; 9] = [
    Deed::Kill,
    Deed::Terminate,
    Deed::Stop,
    Deed::Cut,
    Deed::Freeze,
    Deed::Lock,
    Deed::FillDisk,
    Deed::Storm,
    Deed::Attack,
];

/// Whoever does it.
pub(super) struct Nemesis {
    pub(super) rng: fastrand::Rng,
    /// Those who come in a storm.
    pub(super) people: Vec<Person>,
    /// Who attacks, and a conversation of theirs.
    pub(super) eve: (Person, i64),
    /// What each client has seen acknowledged.
    pub(super) progress: Vec<(String, Arc<AtomicUsize>)>,
}

impl Nemesis {
    /// Does one thing after the other for so long, and after each waits until every client gets on.
    pub(super) async fn rage(&mut self, world: &mut World, time: Duration) {
        let began = Instant::now();
        // Each once, in some order, before anything twice.
        let mut left: Vec<Deed> = Vec::new();
        while began.elapsed() < time {
            if left.is_empty() {
                left = DEEDS.to_vec();
                self.rng.shuffle(&mut left);
            }
            let deed = left.pop().expect("one is left");
            let moment = self.rng.u64(50..800);
            sleep(Duration::from_millis(moment)).await;
            let at = began.elapsed();
            let what = self.does(deed, world).await;
            let healed = Instant::now();
            self.everybody_gets_on(deed).await;
            super::say(&format!(
                "{:>5.1} s {deed:?} {what}; all got on after {:.1} s",
                at.as_secs_f32(),
                healed.elapsed().as_secs_f32()
            ));
        }
    }

    async fn does(&mut self, deed: Deed, world: &mut World) -> String {
        let while_ms = self.rng.u64(100..3_000);
        let pause = Duration::from_millis(while_ms);
        match deed {
            Deed::Kill => {
                world.kill().await;
                world.start().await;
            }
            Deed::Terminate => {
                world.terminate().await;
                world.start().await;
            }
            Deed::Stop => {
                world.server().signal("-STOP").await;
                sleep(pause).await;
                world.server().signal("-CONT").await;
                return format!("for {while_ms} ms");
            }
            Deed::Cut => {
                let share = self.rng.f32();
                let cut = world.proxy.cut(|| self.rng.f32() <= share);
                return format!("of {cut} connections");
            }
            Deed::Freeze => {
                let frozen = world.proxy.freeze(|| self.rng.u8(0..3) == 0);
                return format!("of {frozen} connections");
            }
            Deed::Lock => {
                let locked = Locked::in_directory(world.directory()).await;
                sleep(pause).await;
                locked.unlock().await;
                return format!("for {while_ms} ms");
            }
            Deed::FillDisk => {
                fill_disk(world, pause).await;
                return format!("for {while_ms} ms");
            }
            Deed::Storm => self.storm(world).await,
            Deed::Attack => self.attack(world).await,
        }
        String::new()
    }

    /// All break off at once, and come back at once with many others.
    async fn storm(&mut self, world: &World) {
        world.proxy.cut(|| true);
        let mut coming = Vec::new();
        for _ in 0..STORM {
            let person = self.rng.choice(&self.people).expect("people").clone();
            coming.push(tokio::spawn(async move {
                let dial = Dial::to(&person.door).bearer(&person.token);
                if let Ok(Ok(mut socket)) = timeout(RECOVERY / 4, dial.try_open()).await {
                    socket.send("typing_start", json!({"conversationId": 1}));
                    socket
                        .arrival_by(Instant::now() + Duration::from_secs(1))
                        .await;
                }
            }));
        }
        for one in coming {
            one.await.expect("one of the storm");
        }
    }

    /// What the fuzz targets found, as bodies, as frames, and as whatever a connection is.
    async fn attack(&mut self, world: &World) {
        let mut inputs = corpus();
        self.rng.shuffle(&mut inputs);
        let (eve, own) = &self.eve;
        let dial = Dial::to(&eve.door).bearer(&eve.token);
        let mut socket = timeout(RECOVERY, dial.try_open())
            .await
            .ok()
            .and_then(Result::ok);
        for input in inputs.iter().take(50) {
            let (method, path) = self.rng.choice(CALLS).expect("calls");
            let path = path.replace("{}", &own.to_string());
            let carried = Carried::raw("application/json", input.clone()).by(&eve.token);
            drop(
                eve.door
                    .try_call(Method::clone(method), &path, carried)
                    .await,
            );
            if let Some(socket) = &mut socket {
                socket.text(&String::from_utf8_lossy(input));
            }
            if let Ok(mut raw) = TcpStream::connect(world.direct.address()).await {
                drop(raw.write_all(input).await);
            }
        }
    }

    /// Waits until every client has seen one more send acknowledged.
    async fn everybody_gets_on(&self, after: Deed) {
        let count = |(_, progress): &(String, Arc<AtomicUsize>)| progress.load(Ordering::SeqCst);
        let before: Vec<usize> = self.progress.iter().map(count).collect();
        let deadline = Instant::now() + RECOVERY;
        loop {
            let both = std::iter::zip(&self.progress, &before);
            let behind = both.filter(|(one, before)| count(one) <= **before);
            let behind: Vec<&str> = behind.map(|((name, _), _)| &**name).collect();
            if behind.is_empty() {
                return;
            }
            let waited = Instant::now() > deadline;
            assert!(
                !waited,
                "{RECOVERY:?} after {after:?} these do not get on: {behind:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// For a while the disk has no room for anything that the database writes.
async fn fill_disk(world: &World, time: Duration) {
    let (server, directory) = (world.server(), world.directory());
    let full = "error=ENOSPC";
    let full = strace::inject(server, directory, &strace::FILES, "pwrite64", full).await;
    sleep(time).await;
    full.detach().await;
}
