//! Does mode `overload` of the load generator tell when a server is normal again, and not call a chance a load?

#[path = "../benches/load/recovery.rs"]
mod recovery;

use std::time::Duration;

use recovery::{PIECE, Probe, Recovery, judge};

const TIME: Duration = Duration::from_secs(10);
const PER_PIECE: usize = 50;

/// A hundred probes a second, each normal.
fn calm() -> Vec<(Duration, Probe)> {
    let probes = (0..1_000).map(|number| (Duration::from_millis(10 * number), Probe::Normal));
    probes.collect()
}

/// The time after the load, with the probes of these numbers as they are said to be.
fn with(others: impl IntoIterator<Item = (usize, Probe)>) -> Recovery {
    let mut probes = calm();
    for (number, probe) in others {
        probes[number].1 = probe;
    }
    judge(&probes, TIME)
}

#[test]
fn a_calm_time_is_normal_at_once() {
    let expected = Recovery {
        normal_after: Some(Duration::ZERO),
        slow_since: 0.0,
    };
    assert_eq!(with([]), expected);
}

#[test]
fn slow_probes_in_a_row_end_with_their_piece() {
    let recovery = with((0..7).map(|number| (number, Probe::Slow)));
    assert_eq!(recovery.normal_after, Some(PIECE));
    assert_eq!(recovery.slow_since, 0.0);
}

#[test]
fn a_slow_probe_here_and_there_is_counted_and_is_no_load() {
    let recovery = with([120, 400, 401, 990].map(|number| (number, Probe::Slow)));
    assert_eq!(recovery.normal_after, Some(Duration::ZERO));
    assert_eq!(recovery.slow_since, 0.004);
}

#[test]
fn three_slow_probes_of_a_piece_are_not_normal() {
    let recovery = with([400, 420, 449].map(|number| (number, Probe::Slow)));
    assert_eq!(recovery.normal_after, Some(9 * PIECE));
}

#[test]
fn the_last_piece_that_is_not_normal_counts() {
    let recovery = with([(10, Probe::Refused), (610, Probe::Refused)]);
    assert_eq!(recovery.normal_after, Some(13 * PIECE));
}

#[test]
fn one_refusal_is_not_normal() {
    let recovery = with([(100, Probe::Refused)]);
    assert_eq!(recovery.normal_after, Some(3 * PIECE));
}

#[test]
fn a_load_that_is_felt_to_the_end_has_no_end() {
    let recovery = with((950..1_000).map(|number| (number, Probe::Slow)));
    assert_eq!(recovery.normal_after, None);
    assert_eq!(recovery.slow_since, 0.05);
}

#[test]
fn a_time_without_an_answer_is_not_normal() {
    let mut probes = calm();
    probes.drain(PER_PIECE..2 * PER_PIECE);
    assert_eq!(judge(&probes, TIME).normal_after, Some(2 * PIECE));
}
