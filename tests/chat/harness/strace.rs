//! The real binary under strace: what it asks of the system, in which order, and what it is told.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::harness::process::ServerProcess;
use crate::harness::wait::within;

/// Has `command` run under strace with `options`, which writes what it sees to `trace`. The process
/// that is started is the command itself, not strace: it gets the signals.
pub(crate) fn under(command: &mut Command, options: &[&str], trace: &Path) {
    let inner = command.as_std();
    let mut outer = Command::new("strace");
    outer
        .args(["-D", "-f", "-qq", "-o"])
        .arg(trace)
        .args(options)
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap_or_default());
    }
    if let Some(directory) = inner.get_current_dir() {
        outer.current_dir(directory);
    }
    *command = outer;
}

/// A strace that looks on and interferes, until [`Attached::detach`].
#[derive(Debug)]
pub(crate) struct Attached(Child);

/// Has strace look on at a server that runs already, with `options`: from now on what they ask for
/// happens. (Where a process may only trace its children, this takes root.)
async fn attach(server: &ServerProcess, options: &[&str]) -> Attached {
    let mut child = Command::new("strace")
        .args(["-f", "-p", &server.pid().to_string(), "-o", "/dev/null"])
        .args(options)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("strace runs");
    let told = child.stderr.take().expect("its standard error");
    let mut told = BufReader::new(told).lines();
    let first = within("strace to be there", told.next_line()).await;
    let first = first.expect("a line").unwrap_or_default();
    assert!(first.contains("attached"), "{first}");
    // It tells of each new thread, and would die if nobody listened.
    tokio::spawn(async move { while let Ok(Some(_)) = told.next_line().await {} });
    Attached(child)
}

/// What the database is written to; the second is its log.
pub(crate) const FILES: [&str; 2] = ["duologue.db", "duologue.db-wal"];

/// Has `change` happen to these calls on `files` of a server with its database in `directory`, from now
/// on: `error=EIO`, `error=EIO:when=1`.
pub(crate) async fn inject(
    server: &ServerProcess,
    directory: &Path,
    files: &[&str],
    calls: &str,
    change: &str,
) -> Attached {
    let real = directory.canonicalize().expect("a directory");
    let paths = files
        .iter()
        .map(|name| real.join(name).display().to_string());
    let paths: Vec<String> = paths.collect();
    let trace = format!("trace={calls}");
    let inject = format!("inject={calls}:{change}");
    let mut options = vec!["-e", &trace, "-e", &inject];
    for path in &paths {
        options.extend(["-P", path]);
    }
    attach(server, &options).await
}

impl Attached {
    /// Lets the server go on as if nothing had been.
    pub(crate) async fn detach(mut self) {
        within("strace to end", self.0.kill())
            .await
            .expect("killed");
    }
}

/// One call of the system.
#[derive(Debug)]
pub(crate) struct Call {
    /// The lines of the trace between which it ran.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
    /// As strace shows it: `fsync(12</tmp/a.db-wal>) = 0`.
    pub(crate) text: String,
}

/// The calls of a trace that have ended, in the order of their ends.
pub(crate) fn calls(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        // A thread's number is padded: `12   fsync(…`.
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        let (begun, text) = if let Some(first) = text.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (number, first));
            continue;
        } else if let Some((_, second)) = text
            .split_once(" resumed>")
            .filter(|_| text.starts_with("<..."))
        {
            let (begun, first) = open.remove(thread).expect("a call that was begun");
            (begun, format!("{first}{second}"))
        } else {
            (number, text.to_owned())
        };
        let ended = number;
        calls.push(Call { begun, ended, text });
    }
    calls
}

impl Call {
    /// Whether it is one of `names` on a file or socket whose name contains `on`.
    pub(crate) fn is(&self, names: &[&str], on: &str) -> bool {
        let Some((name, arguments)) = self.text.split_once('(') else {
            return false;
        };
        let file = arguments.split_once('>').map_or("", |(file, _)| file);
        names.contains(&name) && format!("{file}>").contains(on)
    }

    /// Whether the system did it.
    pub(crate) fn is_done(&self) -> bool {
        let result = self
            .text
            .rsplit_once(" = ")
            .map_or("", |(_, result)| result);
        !result.starts_with('-') && !result.starts_with('?') && !result.is_empty()
    }
}
