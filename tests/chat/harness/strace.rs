//! The real binary under strace: what it asks of the system, in which order, and what it is told.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

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
