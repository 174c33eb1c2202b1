//! When is a server normal again after a load? Judged by probes that go on after it.
//!
//! A single slow probe says nothing: one of some hundred is slow on a machine at rest too. What a load leaves behind
//! comes in numbers: a refusal, or several slow probes of a short piece of time.

use std::time::Duration;

/// The time after the load is judged in pieces of this length.
pub(crate) const PIECE: Duration = Duration::from_millis(500);
/// So many of a piece's probes may be slow, of a hundred.
const SLOW_OF_100: usize = 5;

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Normal,
    Slow,
    Refused,
}

/// How the time after a load went.
#[derive(Debug, PartialEq)]
pub(crate) struct Recovery {
    /// From the end of the load to the end of the last piece that was not normal; `None` when that is the end.
    pub(crate) normal_after: Option<Duration>,
    /// Of the probes since then (of all when it is not known), the share that was slow.
    pub(crate) slow_since: f64,
}

/// `probes` are what became of each, and when it was due after the end of the load; they go on for `time`.
pub(crate) fn judge(probes: &[(Duration, Probe)], time: Duration) -> Recovery {
    let pieces = piece(time);
    let bad = (0..pieces).rev().find(|piece| !is_normal(probes, *piece));
    let since = bad.map_or(0, |bad| bad + 1);
    let normal_after = (since < pieces).then(|| PIECE * since);
    let counted = normal_after.unwrap_or_default();
    let later = || probes.iter().filter(|(due, _)| *due >= counted);
    let slow = later().filter(|(_, probe)| *probe != Probe::Normal).count();
    Recovery {
        normal_after,
        slow_since: slow as f64 / later().count().max(1) as f64,
    }
}

fn is_normal(probes: &[(Duration, Probe)], of: u32) -> bool {
    let mut all = 0;
    let mut slow = 0;
    for (_, probe) in probes.iter().filter(|(due, _)| piece(*due) == of) {
        match probe {
            Probe::Refused => return false,
            Probe::Slow => slow += 1,
            Probe::Normal => {}
        }
        all += 1;
    }
    // Nobody knows of a time without a probe whether it was normal.
    all > 0 && 100 * slow <= SLOW_OF_100 * all
}

fn piece(time: Duration) -> u32 {
    (time.as_nanos() / PIECE.as_nanos()) as u32
}
