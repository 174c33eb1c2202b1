//! `duologue demo`: people who can be met at once, and nothing left of them afterwards.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::door::{Carried, Door};
use crate::harness::person::Person;
use crate::harness::process::{database_url, duologue, free_address, refusal, run};
use crate::harness::wait::within;

/// A running demo.
struct Demo {
    /// Where the process may leave something.
    temporary: TempDir,
    child: Child,
    rest: BufReader<ChildStdout>,
    /// What it printed.
    told: String,
}

/// What a link says.
struct Link {
    token: String,
    refresh: String,
}

impl Demo {
    /// One that has said everything.
    async fn start(address: SocketAddr) -> Self {
        let temporary = tempdir().expect("a temporary directory");
        let mut command = duologue(temporary.path());
        command
            .arg("demo")
            .env_remove("DATABASE_URL")
            .env("LISTEN", address.to_string())
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stdout = child.stdout.take().expect("its output");
        let (mut rest, mut told) = (BufReader::new(stdout), String::new());
        // The addresses come last.
        while !told.ends_with("cleo@example.org\n") {
            let line = within("the demo's next line", rest.read_line(&mut told)).await;
            assert_ne!(line.expect("UTF-8"), 0, "it ended: {told}");
        }
        Self {
            temporary,
            child,
            rest,
            told,
        }
    }

    /// Each person's link, with the page that it leads to.
    fn links(&self) -> (String, Vec<Link>) {
        let lines = self
            .told
            .lines()
            .filter_map(|line| line.split_once("#/enter?token="));
        let (pages, links): (Vec<_>, Vec<_>) = lines
            .map(|(page, tokens)| {
                let (token, refresh) = tokens.split_once("&refresh=").expect("two tokens");
                let [token, refresh] = [token, refresh].map(str::to_owned);
                (page.trim().to_owned(), Link { token, refresh })
            })
            .unzip();
        assert_eq!(links.len(), 3, "{}", self.told);
        (pages.first().expect("a page").clone(), links)
    }

    /// The way in, as the links say.
    fn door(&self) -> Arc<Door> {
        let (page, _) = self.links();
        let address = page
            .strip_prefix("http://localhost:")
            .and_then(|port| port.strip_suffix('/'));
        let port = address.expect("a port").parse().expect("a number");
        Door::to(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Where its database is.
    fn database(&self) -> PathBuf {
        let made = left_in(self.temporary.path());
        let [directory] = made.as_slice() else {
            panic!("one directory: {made:?}")
        };
        directory.join("demo.db")
    }

    /// Sends it a signal, and waits for its end.
    async fn ends_at(mut self, signal: &str) -> (ExitStatus, TempDir) {
        let pid = self.child.id().expect("a demo that runs").to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.expect("kill(1)").success());
        let status = within("the demo to end", self.child.wait()).await;
        let mut rest = String::new();
        let read = within("its last words", self.rest.read_to_string(&mut rest)).await;
        assert_eq!(read.expect("UTF-8"), 0, "it says no more: {rest}");
        (status.expect("a child"), self.temporary)
    }
}

fn left_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// The three, in the order of their links.
async fn people(demo: &Demo) -> Vec<Person> {
    let (door, mut people) = (demo.door(), Vec::new());
    for Link { token, .. } in demo.links().1 {
        let carried = Carried::default().by(&token);
        let me = door.call(Method::GET, "/api/users/me", carried).await.ok();
        let data = json!({"user": me["user"], "token": token});
        people.push(Person::new(&door, &data));
    }
    people
}

#[tokio::test]
async fn each_link_is_one_persons_and_they_have_talked() {
    let demo = Demo::start(free_address()).await;
    let people = people(&demo).await;
    let names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
    assert_eq!(names, ["Ana", "Ben", "Cleo"]);
    for (person, unread) in people.iter().zip([3, 0, 1]) {
        let list = person.get("/api/conversations").await.ok();
        let list = list["conversations"].as_array().expect("conversations");
        assert_eq!(list.len(), 2, "{}: with each of the others", person.name);
        let counts = list.iter().map(|one| number(&one["unread_count"]));
        assert_eq!(counts.sum::<i64>(), unread, "{}: {list:?}", person.name);
        for one in list {
            let chat = number(&one["id"]);
            assert!(person.history(chat).await.len() >= 8);
        }
    }

    let [ana, ben, _] = people.as_slice() else {
        unreachable!("three links")
    };
    let chat = ana.chat_with(ben).await;
    let mut bens = ben.connect(Transport::WebSocket).await;
    let message = ana.send(chat, "Hello from the other tab").await;
    assert_eq!(bens.next_message().await, message);
}

#[tokio::test]
async fn a_link_can_be_renewed_and_everybody_can_sign_in() {
    let demo = Demo::start(free_address()).await;
    let door = demo.door();
    for Link { refresh, .. } in demo.links().1 {
        let body = Carried::json(&json!({"refresh_token": refresh}));
        let renewed = door.call(Method::POST, "/api/auth/refresh", body).await;
        renewed.ok();
    }
    let password = demo.told.split('"').nth(1).expect("a password in quotes");
    let (_, addresses) = demo.told.rsplit_once(":\n").expect("the addresses");
    for line in addresses.lines() {
        let (name, email) = line.trim().split_once(' ').expect("a name and an address");
        let signed_in = door.login(email.trim(), password).await.ok();
        assert_eq!(signed_in["user"]["name"], Value::from(name));
    }
    assert_eq!(addresses.lines().count(), 3);
}

#[tokio::test]
async fn what_is_shown_is_sound() {
    let demo = Demo::start(free_address()).await;
    let mut check = duologue(demo.temporary.path());
    check.args(["check", "--database-url", &database_url(&demo.database())]);
    let told = run(check).await;
    let sound = "sound: 3 conversations, ";
    assert!(told.stdout.starts_with(sound), "{told:?}");
}

#[tokio::test]
async fn a_taken_port_is_another_port_and_that_is_told() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("its address");
    let demo = Demo::start(taken).await;
    let door = demo.door();
    assert_ne!(door.address().port(), taken.port());
    let said = format!(
        "{} is taken: the demo is on port {}",
        taken.port(),
        door.address().port()
    );
    assert!(demo.told.contains(&said), "{}", demo.told);
    assert_eq!(people(&demo).await.len(), 3);
}

#[tokio::test]
async fn it_leaves_nothing_behind_however_it_is_ended() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let demo = Demo::start(free_address()).await;
        assert!(demo.database().exists());
        // Somebody is there: it does not wait for them.
        let people = people(&demo).await;
        let ana = people.first().expect("Ana");
        let _socket = ana.connect(Transport::WebSocket).await;
        let (status, temporary) = demo.ends_at(signal).await;
        assert_eq!(status.code(), Some(0), "{signal}");
        let left = left_in(temporary.path());
        assert_eq!(left, Vec::<PathBuf>::new(), "{signal}");
    }
}

#[tokio::test]
async fn a_demo_that_cannot_start_leaves_nothing_behind() {
    let temporary = tempdir().expect("a temporary directory");
    let mut command = duologue(temporary.path());
    command.args(["demo", "--listen", "nowhere"]);
    command.env("TMPDIR", temporary.path());
    let why = refusal(command).await;
    assert!(why.contains("nowhere"), "{why}");
    assert_eq!(left_in(temporary.path()), Vec::<PathBuf>::new());
}
