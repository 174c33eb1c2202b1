//! The real binary, in a process of its own: for signals, kills, and what it says when it
//! cannot start.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use duologue::config::Config;
use reqwest::Method;
use tokio::process::{Child, Command};

use crate::harness::door::{Carried, Door};
use crate::harness::wait::{until, within};

/// A running `duologue`. Dropping it kills it, and shows what it said if the test has failed.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    pub(crate) door: Arc<Door>,
    child: Child,
    log: PathBuf,
}

/// What a `duologue` that ended has left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `duologue` in `directory`, with a fixed secret, no quotas, and nothing else in its environment.
pub(crate) fn duologue(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duologue"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", database_url(&directory.join("duologue.db")))
        .env("JWT_SECRET", Config::TEST_SECRET)
        .env("RATE_LIMITS", "off")
        .env("LISTEN", free_address().to_string())
        .current_dir(directory)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// `sqlite://` and a path.
pub(crate) fn database_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// An address that no other test of this binary uses, below the ports that the kernel gives to
/// connections. Another program may have it: then the start is tried again with the next one.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + (std::process::id() % 200) as u16 * 100;
    let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Runs `duologue` to its end, which must come by itself.
pub(crate) async fn run(mut command: Command) -> Ended {
    let output = within("duologue to end by itself", command.output()).await;
    let output = output.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// `duologue check` of the database in `directory`, beside a server or without one.
pub(crate) async fn check(directory: &Path) -> Ended {
    let mut command = duologue(directory);
    command.arg("check");
    run(command).await
}

/// Runs a start that cannot succeed: the one line that says why.
pub(crate) async fn refusal(command: Command) -> String {
    let ended = run(command).await;
    assert!(!ended.status.success(), "{ended:?}");
    assert!(
        ended.status.code().is_some(),
        "it ended by itself: {ended:?}"
    );
    let lines: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "one line says why: {ended:?}");
    for inner in [
        "panicked",
        "backtrace",
        "RUST_BACKTRACE",
        "Error {",
        "Some(",
    ] {
        assert!(!ended.stderr.contains(inner), "{ended:?}");
    }
    lines[0].to_owned()
}

impl ServerProcess {
    /// A server with its database in `directory`.
    pub(crate) async fn start(directory: &Path) -> Self {
        Self::start_with(directory, |_| {}).await
    }

    /// The same with a change to its command line or environment.
    pub(crate) async fn start_with(directory: &Path, change: impl Fn(&mut Command)) -> Self {
        for _ in 0..5 {
            if let Some(server) = Self::try_start(directory, &change).await {
                return server;
            }
        }
        panic!("five ports in a row are taken");
    }

    /// The same server at another's door: whoever went in there comes here from now on.
    pub(crate) fn behind(mut self, door: &Arc<Door>) -> Self {
        door.moved(self.door.address());
        self.door = Arc::clone(door);
        self
    }

    /// `None` when another program has the port.
    async fn try_start(directory: &Path, change: &impl Fn(&mut Command)) -> Option<Self> {
        let address = free_address();
        let log = directory.join("server.log");
        let file = File::create(&log).expect("a log file");
        let mut command = duologue(directory);
        command.env("LISTEN", address.to_string());
        change(&mut command);
        command
            .stdout(file.try_clone().expect("the log file once more"))
            .stderr(file);
        let child = command.spawn().expect("the binary runs");
        let mut server = Self {
            door: Door::to(address),
            child,
            log,
        };
        let started = until("the server to be ready", async || server.is_ready().await).await;
        started.then_some(server)
    }

    /// `Some(true)` once it serves, `Some(false)` when the port is taken.
    async fn is_ready(&mut self) -> Option<bool> {
        if let Some(status) = self.child.try_wait().expect("a child") {
            let log = self.log();
            assert!(log.contains("in use"), "it did not start ({status}): {log}");
            return Some(false);
        }
        let ready = self
            .door
            .try_call(Method::GET, "/health/ready", Carried::default())
            .await;
        ready.filter(|answer| answer.status == 200).map(|_| true)
    }

    /// What it wrote to standard output and standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }

    /// Ends it with SIGKILL: nothing can be finished.
    pub(crate) async fn kill(mut self) {
        within("the killed server", self.child.kill())
            .await
            .expect("a child that ran");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("a server that runs")
    }

    /// Sends it a signal, by its pid.
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.expect("kill(1)").success(), "no {signal} to {pid}");
    }

    /// Waits for its end, and tells how it ended and what it wrote.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the server to end", self.child.wait())
            .await
            .expect("a child");
        (status, self.log())
    }
}

/// A test that fails shows the server's side of it: its directory is gone afterwards.
impl Drop for ServerProcess {
    #[expect(clippy::print_stderr, reason = "it is told beside the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("the server at {} said:\n{log}", self.door.address());
        }
    }
}
