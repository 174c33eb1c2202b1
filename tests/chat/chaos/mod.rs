//! Whatever happens to server, disk and line, the promises of the README are kept: clients over all three
//! transports write down what they asked and were told, a nemesis does its worst meanwhile, and a checker
//! judges what was written down against what the server holds in the end.
//!
//! `CHAOS_SECONDS` says how long (60), `CHAOS_SEED` what is drawn (at random); both are told.

mod checker;
#[cfg(test)]
mod checker_tests;
mod client;
mod history;
mod line;
#[cfg(feature = "faults")]
mod mutants;
mod nemesis;
mod proxy;
mod world;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use checker::{Violation, judge};
use client::{Client, Run};
use history::{History, Side, Talk};
use nemesis::Nemesis;
use world::World;

use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::door::Door;
use crate::harness::person::Person;
use crate::harness::wait::within;

/// Everybody's connections may have gone without a word: 25 s to the next ping, 20 to its deadline, 5 of
/// grace, and some more.
const GONE: Duration = Duration::from_secs(90);

const TRANSPORTS: [Transport; 3] = [
    Transport::WebSocket,
    Transport::SocketIo,
    Transport::Polling,
];

/// For whoever runs it with `--nocapture`, or reads a failure.
#[expect(clippy::print_stderr, reason = "a run tells what it drew")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// People, each with a client on every transport.
struct Cast {
    talks: Vec<(i64, [Person; 2])>,
    clients: Vec<Client>,
    over: watch::Sender<bool>,
    run: Run,
    /// Past the proxy.
    direct: Arc<Door>,
}

impl Cast {
    /// So many pairs in the world, each in one conversation.
    async fn in_world(world: &World, pairs: usize, seed: u64) -> Self {
        let (over, told) = watch::channel(false);
        let run = Run {
            began: Instant::now(),
            over: told,
            seed,
        };
        let direct = Arc::clone(&world.direct);
        let mut cast = Self {
            talks: Vec::new(),
            clients: Vec::new(),
            over,
            run,
            direct,
        };
        for pair in 1..=pairs {
            let ana = world.door.person(&format!("Ana {pair}")).await;
            let ben = world.door.person(&format!("Ben {pair}")).await;
            let chat = ana.chat_with(&ben).await;
            for person in [&ana, &ben] {
                let of = |transport| Client::new(person, transport, chat, &cast.run);
                let clients = TRANSPORTS.map(of);
                cast.clients.extend(clients);
            }
            cast.talks.push((chat, [ana, ben]));
        }
        cast
    }

    fn people(&self) -> impl Iterator<Item = Person> {
        self.talks.iter().flat_map(|(_, people)| people.clone())
    }

    /// Lets the clients live while `meanwhile` happens, and then finish: what they tell, and what is there.
    async fn live(self, meanwhile: impl Future<Output = ()>) -> History {
        let lives = self
            .clients
            .into_iter()
            .map(|client| tokio::spawn(client.run()));
        let lives: Vec<_> = lives.collect();
        meanwhile.await;
        self.over.send(true).expect("they still live");
        let mut clients = Vec::new();
        for life in lives {
            clients.push(life.await.expect("a client"));
        }
        for client in &mut clients {
            within("what was asked to be acknowledged", client.settle()).await;
        }
        for client in &mut clients {
            within("what was missed", client.catch_up()).await;
        }
        let mut talks = Vec::new();
        for (chat, people) in &self.talks {
            talks.push(at_end(&self.direct, *chat, people, &self.run).await);
        }
        let clients = clients.into_iter().map(Client::into_log).collect();
        History { clients, talks }
    }
}

/// What the server holds of a conversation, told to somebody who was never there.
async fn at_end(world: &Arc<Door>, chat: i64, people: &[Person; 2], run: &Run) -> Talk {
    let mut sides = Vec::new();
    for person in people {
        let person = &person.at(world);
        let side = person.participant(chat, person).await;
        sides.push(Side {
            user: person.id,
            read: number(&side["last_read_seq"]),
            delivered: number(&side["last_delivered_seq"]),
            unread: person.unread().await,
        });
    }
    let mut reader = Client::new(&people[0].at(world), Transport::WebSocket, chat, run);
    within("the whole history", reader.catch_up()).await;
    let messages = reader.into_log().holds;
    Talk {
        chat,
        messages,
        sides,
    }
}

/// Each of them, and somebody who looks, past the proxy.
fn cast_of(people: &[Person], direct: &Arc<Door>) -> Vec<(Person, Person)> {
    let others = people.iter().rev().map(|other| other.at(direct));
    people.iter().cloned().zip(others).collect()
}

fn first_few(violations: &[Violation]) -> String {
    let few = violations.iter().take(10);
    let few: Vec<String> = few
        .map(|one| format!("promise {}: {}", one.promise, one.what))
        .collect();
    few.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_promises_are_kept() {
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let time = Duration::from_secs(setting("CHAOS_SECONDS").unwrap_or(60));
    say(&format!(
        "CHAOS_SEED={seed} CHAOS_SECONDS={}",
        time.as_secs()
    ));
    let mut world = World::new("").await;
    let cast = Cast::in_world(&world, 3, seed).await;
    let [eve, mallory] = world.door.people(["Eve", "Mallory"]).await;
    let own = eve.chat_with(&mallory).await;
    let progress = cast.clients.iter().map(|one| (one.name(), one.progress()));
    let people: Vec<Person> = cast.people().collect();
    let mut nemesis = Nemesis {
        rng: fastrand::Rng::with_seed(seed),
        people: people.clone(),
        eve: (eve, own),
        progress: progress.collect(),
    };
    let direct = Arc::clone(&world.direct);
    let history = cast
        .live(async {
            nemesis.rage(&mut world, time).await;
            for (one, other) in cast_of(&people, &direct) {
                other.sees_as(&one, "online").await;
            }
        })
        .await;

    let violations = judge(&history);
    assert!(
        violations.is_empty(),
        "CHAOS_SEED={seed}\n{}",
        first_few(&violations)
    );
    // Nobody has said goodbye, and some lines are frozen still.
    for (one, other) in cast_of(&people, &direct) {
        let offline = async {
            while other.sees(&one).await["status"] != "offline" {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let gone = timeout(GONE, offline).await;
        assert!(gone.is_ok(), "{} is there after {GONE:?}", one.name);
    }
    let checked = world.end().await;
    assert!(
        checked.starts_with("sound: "),
        "CHAOS_SEED={seed} {checked}"
    );
    let said = history.talks.iter().map(|talk| talk.messages.len());
    say(&format!("{} messages, {checked}", said.sum::<usize>()));
}
