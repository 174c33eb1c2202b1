//! What `--plot` draws: latency by percentile to the left, throughput over time to the right.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::svg::{Axis, Line, Panel, Stroke, document};
use crate::args::Transport;
use crate::bins::BIN;
use crate::ledger::Ledger;

/// What of the distribution is drawn at most: 99.99 %.
const NINES_MAX: f64 = 4.0;
const POINTS: u32 = 80;

pub(super) struct Picture {
    titles: Titles,
    columns: Vec<Column>,
}

/// What the two panels are called.
#[derive(Clone, Copy)]
pub(super) struct Titles {
    pub(super) latency: &'static str,
    pub(super) throughput: &'static str,
}

impl Titles {
    /// Of those modes that send messages.
    pub(super) const SENDS: Self = Self {
        latency: "Latency, ms (solid: send → ack, dashed: send → other side)",
        throughput: "Durable sends a second, each run",
    };
}

/// What one run adds to the picture.
pub(super) struct Curves {
    /// Nanoseconds: at most two, of which the second is drawn dashed.
    pub(super) latencies: Vec<Histogram<u64>>,
    /// How many a second, in stretches of [`BIN`].
    pub(super) throughput: Vec<f64>,
}

impl Curves {
    pub(super) fn of(ledger: &Ledger) -> Self {
        Self {
            latencies: vec![ledger.ack_latency.clone(), ledger.delivery_latency.clone()],
            throughput: ledger.bins.rates(),
        }
    }
}

struct Column {
    name: String,
    /// Of all runs together; empty before the first.
    latencies: Vec<Histogram<u64>>,
    /// Sends a second in each bin, of each run.
    throughput: Vec<Vec<f64>>,
}

impl Picture {
    /// With `paired`, each column is followed by the same of another server.
    pub(super) fn new(titles: Titles, transports: &[Transport], paired: bool) -> Self {
        let column = |name: String| Column {
            name,
            latencies: Vec::new(),
            throughput: Vec::new(),
        };
        let columns = transports.iter().flat_map(|transport| {
            let name = transport.name();
            let other = paired.then(|| column(format!("{name}, the other")));
            std::iter::once(column(name.to_owned())).chain(other)
        });
        Self {
            titles,
            columns: columns.collect(),
        }
    }

    pub(super) fn add(&mut self, column: usize, curves: &Curves) -> Result<()> {
        let column = &mut self.columns[column];
        if column.latencies.is_empty() {
            column.latencies.clone_from(&curves.latencies);
        } else {
            for (all, one) in column.latencies.iter_mut().zip(&curves.latencies) {
                all.add(one).context("cannot add up latencies")?;
            }
        }
        column.throughput.push(curves.throughput.clone());
        Ok(())
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let legend: Vec<_> = self.columns.iter().map(|it| it.name.as_str()).collect();
        let drawn = document(&legend, &self.latencies(), &self.throughput());
        fs::write(path, drawn).with_context(|| format!("cannot write {}", path.display()))
    }

    fn latencies(&self) -> Panel {
        let mut lines = Vec::new();
        for (colour, column) in self.columns.iter().enumerate() {
            let strokes = [Stroke::Solid, Stroke::Dashed];
            for (histogram, stroke) in column.latencies.iter().zip(strokes) {
                let points = percentiles(histogram);
                lines.push(Line {
                    colour,
                    stroke,
                    points,
                });
            }
        }
        let ticks = ["0", "90", "99", "99.9", "99.99"];
        let ticks = ticks.iter().enumerate();
        Panel {
            title: self.titles.latency.to_owned(),
            across: Axis::fixed(
                "percentile",
                NINES_MAX,
                ticks.map(|(at, label)| (at as f64, (*label).to_owned())),
            ),
            up: Axis::logarithmic(lines.iter().flat_map(Line::heights)),
            lines,
        }
    }

    fn throughput(&self) -> Panel {
        let mut lines = Vec::new();
        for (colour, column) in self.columns.iter().enumerate() {
            for rates in &column.throughput {
                let middle = |at: usize| (at as f64 + 0.5) * BIN.as_secs_f64();
                let points = rates.iter().enumerate();
                lines.push(Line {
                    colour,
                    stroke: Stroke::Solid,
                    points: points.map(|(at, rate)| (middle(at), *rate)).collect(),
                });
            }
        }
        let widths = lines
            .iter()
            .flat_map(|line| line.points.iter().map(|(x, _)| *x));
        Panel {
            title: self.titles.throughput.to_owned(),
            across: Axis::linear("seconds", widths),
            up: Axis::linear("", lines.iter().flat_map(Line::heights)),
            lines,
        }
    }
}

/// Milliseconds over the number of nines, as far as there were messages enough to tell.
fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let known = (histogram.len().max(1) as f64).log10().min(NINES_MAX);
    let nines = (0..=POINTS).map(|point| known * f64::from(point) / f64::from(POINTS));
    let at = |nines: f64| {
        let quantile = 1.0 - 10_f64.powf(-nines);
        (nines, histogram.value_at_quantile(quantile) as f64 / 1e6)
    };
    nines.map(at).collect()
}
