//! What is printed: a line that moves while a run goes on, and the figures when all runs were correct.

use std::io::{IsTerminal, stderr};
use std::process::Command;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::args::Common;
use crate::server::Server;
use crate::usage;

/// The figures of one run, by name; `None` is not known.
pub(crate) type Metrics = Vec<(&'static str, Option<f64>)>;

pub(crate) const ACK_LATENCY: [&str; 4] = [
    "send → ack p50, ms",
    "send → ack p99, ms",
    "send → ack p99.9, ms",
    "send → ack max, ms",
];
pub(crate) const DELIVERY_LATENCY: [&str; 4] = [
    "send → other side p50, ms",
    "send → other side p99, ms",
    "send → other side p99.9, ms",
    "send → other side max, ms",
];
pub(crate) const GENERATOR_SHARE: &str = "generator, % of its one core";
const BAR_COLUMNS: usize = 24;
/// Beyond this the generator had no time to spare, and the figure is its own.
pub(crate) const GENERATOR_SHARE_MAX: f64 = 85.0;

/// p50, p99, p99.9 and maximum of nanoseconds, in milliseconds.
pub(crate) fn quantiles(names: &[&'static str; 4], histogram: &Histogram<u64>) -> Metrics {
    let values = [
        histogram.value_at_quantile(0.5),
        histogram.value_at_quantile(0.99),
        histogram.value_at_quantile(0.999),
        histogram.max(),
    ];
    names
        .iter()
        .zip(values)
        .map(|(&name, nanoseconds)| (name, Some(nanoseconds as f64 / 1e6)))
        .collect()
}

/// One line on a terminal's standard error; silent when that is a file.
pub(crate) struct Progress {
    label: Option<String>,
}

impl Progress {
    pub(crate) fn new(label: String) -> Self {
        Self {
            label: stderr().is_terminal().then_some(label),
        }
    }

    /// A bar for how far it is, from 0 to 1, and what there is so far.
    pub(crate) fn show(&self, done: f64, acked: usize, elapsed: Duration) {
        let rate = acked as f64 / elapsed.as_secs_f64().max(0.001);
        let (acked, rate) = (figure(acked as f64), figure(rate));
        self.advance(done, &format!("{acked} acknowledged, {rate}/s"));
    }

    pub(crate) fn advance(&self, done: f64, text: &str) {
        let (done, width) = (done.clamp(0.0, 1.0), BAR_COLUMNS);
        let full = (done * width as f64) as usize;
        let bar = format!("{:━<full$}{:─<rest$}", "", "", rest = width - full);
        self.say(&format!("{bar} {:3.0} %, {text}", done * 100.0));
    }

    pub(crate) fn say(&self, text: &str) {
        if let Some(label) = &self.label {
            eprint!("\r\x1b[K{label}: {text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.label.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

/// Collects the runs of each column and prints them as a table.
pub(crate) struct Report {
    heading: Vec<(&'static str, String)>,
    columns: Vec<(&'static str, Vec<Metrics>)>,
    runs: u16,
    remarks: &'static [&'static str],
}

impl Report {
    /// To be made before the first run: it notes how busy the machine was. The remarks stand below
    /// the table.
    pub(crate) fn new(
        common: &Common,
        shape: String,
        columns: impl Iterator<Item = &'static str>,
        remarks: &'static [&'static str],
    ) -> Self {
        let arguments: Vec<_> = std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench")
            .collect();
        let (server, data) = match &common.url {
            Some(url) => (url.clone(), "wherever that server keeps it".to_owned()),
            None => (
                "a fresh process and database for each run".to_owned(),
                data(),
            ),
        };
        let heading = vec![
            ("machine", usage::machine()),
            ("commit", commit(common.url.is_some())),
            (
                "command",
                format!("cargo bench --bench load -- {}", arguments.join(" ")),
            ),
            ("server", server),
            ("data", data),
            ("load", shape),
        ];
        Self {
            heading,
            columns: columns.map(|name| (name, Vec::new())).collect(),
            runs: common.runs,
            remarks,
        }
    }

    pub(crate) fn add(&mut self, column: usize, metrics: Metrics) {
        if let Some((_, runs)) = self.columns.get_mut(column) {
            runs.push(metrics);
        }
    }

    pub(crate) fn print(&self) {
        for (name, text) in &self.heading {
            println!("{name:<9}{text}");
        }
        println!();
        for line in self.table() {
            println!("{line}");
        }
        println!();
        for remark in self.remarks {
            println!("{remark}");
        }
        if self.runs > 1 {
            println!(
                "Medians of {} runs, with the lowest and the highest.",
                self.runs
            );
        }
        if self
            .values(GENERATOR_SHARE)
            .any(|share| share > GENERATOR_SHARE_MAX)
        {
            println!(
                "The generator was at the end of its core: these rates are its own, the server may be faster."
            );
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        let metrics = self
            .columns
            .iter()
            .flat_map(|(_, runs)| runs.iter().flatten());
        metrics
            .filter(move |(other, _)| *other == name)
            .filter_map(|(_, value)| *value)
    }

    fn table(&self) -> Vec<String> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self
            .columns
            .iter()
            .flat_map(|(_, runs)| runs.iter().flatten())
        {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let mut table = vec![vec![String::new()]];
        table[0].extend(self.columns.iter().map(|(name, _)| (*name).to_owned()));
        for name in names {
            let cells = self.columns.iter().map(|(_, runs)| cell(name, runs));
            table.push(std::iter::once(name.to_owned()).chain(cells).collect());
        }
        align(&table)
    }
}

/// The median of a figure over the runs, and its range when there is one.
fn cell(name: &str, runs: &[Metrics]) -> String {
    let all = runs.iter().flatten().filter(|(other, _)| *other == name);
    let mut values: Vec<f64> = all.filter_map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let middle = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (
        values.first(),
        values.last(),
        values.get(middle.0),
        values.get(middle.1),
    ) {
        (Some(low), Some(high), Some(left), Some(right)) => {
            let median = figure(f64::midpoint(*left, *right));
            if values.len() == 1 {
                median
            } else {
                format!("{median} ({}–{})", figure(*low), figure(*high))
            }
        }
        _ => "unknown".to_owned(),
    }
}

fn align(table: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        table
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("{cell:>0$}", width(column) + 3),
        });
        cells.collect::<String>()
    };
    table.iter().map(line).collect()
}

/// Three digits that count, or all before the point.
fn figure(value: f64) -> String {
    match value {
        1000.0.. => {
            let digits = format!("{value:.0}");
            let (head, tail) = digits.split_at(digits.len() % 3);
            let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
            let head = (!head.is_empty()).then(|| head.into());
            head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
        }
        100.0.. => format!("{value:.0}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"), // a count
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn data() -> String {
    let kind = usage::file_system(Server::data_root());
    let warning = if kind == "tmpfs" {
        ": in memory, where a sync to disk costs nothing"
    } else {
        ""
    };
    format!("SQLite on {kind}{warning}")
}

/// The commit that is checked out here; with `elsewhere` it says nothing of the server.
fn commit(elsewhere: bool) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    let changed = if changed {
        ", with changes that are not committed"
    } else {
        ""
    };
    let whose = if elsewhere { " of the generator" } else { "" };
    format!("{commit}{whose}{changed}")
}
