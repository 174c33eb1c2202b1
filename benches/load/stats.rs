//! Figures out of many measurements.

use std::time::Duration;

/// The value below which a share of `times` lies, by the nearest rank; `None` of nothing.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> Option<Duration> {
    times.sort_unstable();
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied()
}

/// The same in milliseconds.
pub(crate) fn quantile_ms(times: &mut [Duration], share: f64) -> Option<f64> {
    quantile(times, share).map(milliseconds)
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How many times `base` goes into `value`.
pub(crate) fn ratio(value: Option<f64>, base: Option<f64>) -> Option<f64> {
    let base = base.filter(|base| *base > 0.0)?;
    value.map(|value| value / base)
}
