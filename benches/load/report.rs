//! What is printed: a line that moves while a run goes on, and the figures when all runs were correct.

use std::io::{IsTerminal, stderr};
use std::process::Command;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::Common;
use crate::server::Server;
use crate::table::{Spread, align, cell, figure};
use crate::usage;

/// A name, and the figures of each run.
type Column = (&'static str, Vec<Metrics>);

/// How the second of two servers is called, and what stands beside them.
const OTHER: &str = "the other";
const RATIO: &str = "ratio";

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

/// Collects the runs of each column and prints them, for people or for machines.
pub(crate) struct Report {
    heading: Vec<(&'static str, String)>,
    columns: Vec<Column>,
    runs: u16,
    remarks: &'static [&'static str],
    json: bool,
    /// Each column is followed by the same of another server.
    paired: bool,
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
            json: common.json,
            paired: false,
        }
    }

    /// Each column stands twice from now on, the second time for the server at `url`, and the two are compared.
    pub(crate) fn against(mut self, url: &str) -> Self {
        self.heading.push(("against", url.to_owned()));
        let twice = self.columns.iter().map(|(name, _)| *name);
        let twice = twice.flat_map(|name| [(name, Vec::new()), (OTHER, Vec::new())]);
        self.columns = twice.collect();
        self.paired = true;
        self
    }

    pub(crate) fn add(&mut self, column: usize, metrics: Metrics) {
        if let Some((_, runs)) = self.columns.get_mut(column) {
            runs.push(metrics);
        }
    }

    pub(crate) fn print(&self) {
        if self.json {
            println!("{:#}", self.to_json());
            return;
        }
        for (name, text) in &self.heading {
            println!("{name:<9}{text}");
        }
        let width = if self.paired { 2 } else { self.columns.len() };
        for columns in self.columns.chunks(width) {
            println!();
            for line in self.table(columns) {
                println!("{line}");
            }
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
        let mut shares = self
            .columns
            .iter()
            .flat_map(|it| values(GENERATOR_SHARE, it));
        if shares.any(|share| share > GENERATOR_SHARE_MAX) {
            println!(
                "The generator was at the end of its core: these rates are its own, the server may be faster."
            );
        }
    }

    fn table(&self, columns: &[Column]) -> Vec<String> {
        let mut table = vec![vec![String::new()]];
        table[0].extend(columns.iter().map(|(name, _)| (*name).to_owned()));
        if self.paired {
            table[0].push(RATIO.to_owned());
        }
        for name in names(columns) {
            let mut row = vec![name.to_owned()];
            row.extend(columns.iter().map(|column| cell(spread(name, column))));
            if let ([one, other], true) = (columns, self.paired) {
                row.push(cell(ratio(name, one, other)));
            }
            table.push(row);
        }
        align(&table)
    }

    /// Everything that the table says, and every run's figures.
    fn to_json(&self) -> Value {
        let heading = self.heading.iter().map(|(name, text)| (*name, json!(text)));
        let mut whole: serde_json::Map<_, _> = heading
            .map(|(name, text)| (name.to_owned(), text))
            .collect();
        let figures = |run: &Metrics| -> Value {
            run.iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect()
        };
        let column = |column: &Column| {
            let median = |name| spread(name, column).map(|spread| spread.median);
            let medians: Value = names(std::slice::from_ref(column))
                .into_iter()
                .map(|name| (name.to_owned(), json!(median(name))))
                .collect();
            let runs: Vec<_> = column.1.iter().map(figures).collect();
            json!({"name": column.0, "runs": runs, "medians": medians})
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        whole.insert("columns".to_owned(), json!(columns));
        if self.paired {
            let ratios: Vec<_> = self.columns.chunks(2).map(ratios).collect();
            whole.insert("ratios".to_owned(), json!(ratios));
        }
        whole.insert("remarks".to_owned(), json!(self.remarks));
        Value::Object(whole)
    }
}

/// Every figure of some columns, each once.
fn names(columns: &[Column]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, _) in columns.iter().flat_map(|(_, runs)| runs.iter().flatten()) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// A figure in each run of a column, where it is known.
fn values<'a>(name: &'a str, (_, runs): &'a Column) -> impl Iterator<Item = f64> + 'a {
    let all = runs
        .iter()
        .flatten()
        .filter(move |(other, _)| *other == name);
    all.filter_map(|(_, value)| *value)
}

fn spread(name: &str, column: &Column) -> Option<Spread> {
    Spread::of(values(name, column).collect())
}

/// A figure of one server to that of the other, run by run.
fn ratio(name: &str, one: &Column, other: &Column) -> Option<Spread> {
    let pairs = values(name, one).zip(values(name, other));
    let ratios = pairs.map(|(one, other)| one / other);
    Spread::of(ratios.filter(|ratio| ratio.is_finite()).collect())
}

fn ratios(pair: &[Column]) -> Value {
    let [one, other] = pair else {
        return Value::Null;
    };
    let of = |name| {
        ratio(name, one, other).map(
            |Spread {
                 median, low, high, ..
             }| json!({"median": median, "low": low, "high": high}),
        )
    };
    let ratios: Value = names(pair)
        .into_iter()
        .map(|name| (name.to_owned(), json!(of(name))))
        .collect();
    json!({"name": one.0, "ratios": ratios})
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
