//! An overview as a table for a person, at a terminal. Pure.

use std::fmt::Write as _;

use crate::metrics::Distribution;
use crate::metrics::figures::{Figures, Lively, Overview, Sample};

/// Rates are those of about so many seconds.
const LATELY: usize = 10;

/// The last minute of batch sizes is drawn.
const DRAWN: usize = 60;

/// From little to much.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `overview`, in lines of at most 100 columns.
pub(super) fn of(overview: &Overview) -> String {
    let mut out = String::new();
    let written = write(&mut out, overview);
    debug_assert!(written.is_ok(), "memory takes it");
    out
}

fn write(out: &mut String, overview: &Overview) -> std::fmt::Result {
    let Figures { totals, now, .. } = &overview.figures;
    let version = &overview.version;
    let up = duration(overview.uptime);
    let state = if now.writable { "" } else { ", CANNOT WRITE" };
    writeln!(out, "duologue {version}, up {up}{state}")?;
    writeln!(out)?;
    writeln!(
        out,
        "alive         {} conversations, {} sessions ({} of them away), {} services",
        now.conversations, now.sessions, now.sessions_away, now.services
    )?;
    rates(out, &overview.samples)?;
    writeln!(
        out,
        "queues        commands {}, sends {}, mailboxes {} (deepest {}), journal {}",
        now.commands_under_way,
        now.sends_under_way,
        now.mailboxes,
        now.mailbox_deepest,
        now.journal_waiting
    )?;
    writeln!(
        out,
        "outboxes      {} waiting, {} kept, the fullest {}",
        bytes(now.outbox_waiting),
        bytes(now.outbox_kept),
        bytes(now.outbox_fullest)
    )?;
    writeln!(
        out,
        "so far        sends {}, stored {}, known {}, deliveries {}",
        totals.sends, totals.stored, totals.known, totals.deliveries
    )?;
    times(out, "a send", &totals.send_time)?;
    times(out, "a commit", &totals.commit_time)?;
    let refused = totals.refusals.iter().filter(|(_, count)| *count > 0);
    let refused: Vec<_> = refused.map(|(code, n)| format!("{code} {n}")).collect();
    writeln!(out, "refused       {}", or_none(&refused.join(", ")))?;
    list(out, "busiest", &overview.busiest)?;
    list(out, "slowest", &overview.slowest)
}

/// What went on in the last seconds, and how large batches were in the last minute.
fn rates(out: &mut String, samples: &[Sample]) -> std::fmt::Result {
    let [.., _, newest] = samples else {
        return writeln!(out, "a second      (the first is not over)");
    };
    let older = samples[samples.len().saturating_sub(LATELY + 1)];
    let seconds = (newest.at - older.at) as f64 / 1_000.0;
    let rate = |of: fn(&Sample) -> u64| per(of(newest) - of(&older), seconds);
    writeln!(
        out,
        "a second      sends {:.1}, acknowledged {:.1}, deliveries {:.1}, refused {:.1}, commits {:.1}",
        rate(|sample| sample.sends),
        rate(|sample| sample.acknowledged),
        rate(|sample| sample.deliveries),
        rate(|sample| sample.refused),
        rate(|sample| sample.transactions),
    )?;
    let sizes = batch_sizes(samples);
    let sizes = &sizes[sizes.len().saturating_sub(DRAWN)..];
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    writeln!(
        out,
        "batch sizes   {}  at most {largest:.1} in a second of the last {}",
        bars(sizes),
        sizes.len()
    )
}

/// The messages of a transaction, on average, in each second.
fn batch_sizes(samples: &[Sample]) -> Vec<f64> {
    let pairs = samples.windows(2);
    let size = |pair: &[Sample]| {
        let commits = pair[1].commits - pair[0].commits;
        per(pair[1].messages - pair[0].messages, commits as f64)
    };
    pairs.map(size).collect()
}

fn bars(values: &[f64]) -> String {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let steps = (value / largest * (BARS.len() - 1) as f64).round();
        if largest > 0.0 {
            BARS[steps as usize]
        } else {
            BARS[0]
        }
    };
    values.iter().map(bar).collect()
}

fn times(out: &mut String, what: &str, of: &Distribution) -> std::fmt::Result {
    let at = |share| match (of.count(), of.quantile(share)) {
        (0, _) => "-".to_owned(),
        (_, None) => format!("> {}", millis(of.bounds.last().copied().unwrap_or(0))),
        (_, Some(bound)) => format!("<= {}", millis(bound)),
    };
    writeln!(
        out,
        "{what:<14}half {}, 99 % {}, of {}",
        at(0.5),
        at(0.99),
        of.count()
    )
}

fn list(out: &mut String, title: &str, of: &[Lively]) -> std::fmt::Result {
    writeln!(out)?;
    if of.is_empty() {
        return writeln!(out, "{title}: none lately");
    }
    writeln!(
        out,
        "{title:<14} {:>9} {:>9} {:>8} {:>8} {:>11} {:>8} {:>11}",
        "a second", "stored", "mailbox", "in line", "last batch", "largest", "slowest"
    )?;
    for one in of {
        writeln!(
            out,
            "{:>14} {:>9.1} {:>9} {:>8} {:>8} {:>11} {:>8} {:>11}",
            one.conversation,
            one.per_second,
            one.stored,
            one.mailbox,
            one.in_line,
            one.last_batch,
            one.largest_batch,
            millis(one.slowest)
        )?;
    }
    Ok(())
}

/// Nothing of nothing is none.
fn per(much: u64, of: f64) -> f64 {
    if of > 0.0 { much as f64 / of } else { 0.0 }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn millis(micros: u64) -> String {
    format!("{:.1} ms", micros as f64 / 1_000.0)
}

fn bytes(much: u64) -> String {
    match much {
        0..1_024 => format!("{much} B"),
        1_024..1_048_576 => format!("{:.1} KiB", much as f64 / 1_024.0),
        _ => format!("{:.1} MiB", much as f64 / 1_048_576.0),
    }
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, sends: u64, commits: u64, messages: u64) -> Sample {
        Sample {
            at,
            sends,
            commits,
            messages,
            ..Sample::default()
        }
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let samples: Vec<_> = (0..30).map(|n| sample(n * 1_000, n * n, 0, 0)).collect();
        let mut out = String::new();
        rates(&mut out, &samples).expect("memory");
        // From 19² to 29² in ten seconds.
        assert!(out.contains("sends 48.0,"), "{out}");
    }

    #[test]
    fn the_size_of_batches_is_that_of_each_second() {
        let samples = [
            sample(0, 0, 0, 0),
            sample(1_000, 0, 4, 8),
            sample(2_000, 0, 4, 8),
            sample(3_000, 0, 5, 24),
        ];
        assert_eq!(batch_sizes(&samples), [2.0, 0.0, 16.0]);
        assert_eq!(bars(&[2.0, 0.0, 16.0]), "▂▁█");
        assert_eq!(bars(&[0.0, 0.0]), "▁▁");
    }

    #[test]
    fn everything_is_told_also_of_a_server_that_just_began() {
        let mut overview = Overview::default();
        let told = of(&overview);
        assert!(told.contains("busiest: none lately") && told.contains("refused       nothing"));
        overview.figures.totals.refusals = vec![("overloaded".to_owned(), 3)];
        overview.busiest = vec![Lively {
            conversation: 77,
            per_second: 12.34,
            stored: 5_000,
            batches: 60,
            last_batch: 3,
            largest_batch: 64,
            mailbox: 2,
            in_line: 1,
            slowest: 4_250,
        }];
        let told = of(&overview);
        assert!(
            told.contains("overloaded 3") && told.contains("4.2 ms"),
            "{told}"
        );
        assert!(
            told.lines().all(|line| line.chars().count() <= 100),
            "{told}"
        );
    }
}
