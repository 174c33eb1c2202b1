//! When a stock Socket.IO client tries again: after 1 s, doubled with every failure up to 5 s, half of it more or less.

use std::time::Duration;

/// `reconnectionDelay`
const FIRST_MS: f64 = 1_000.0;
/// `reconnectionDelayMax`
const LONGEST_MS: f64 = 5_000.0;
/// `randomizationFactor`
const SPREAD: f64 = 0.5;

/// The wait before an attempt, of which `failures` went before since the connection broke, for a random number from
/// 0 up to 1. One number decides both how far and to which side: an even first digit makes the wait shorter.
pub(crate) fn delay(failures: u32, random: f64) -> Duration {
    let middle = FIRST_MS * 2_f64.powi(failures.min(16) as i32);
    let away = (random * SPREAD * middle).floor();
    let shorter = ((random * 10.0).floor() as u64).is_multiple_of(2);
    let chosen = if shorter {
        middle - away
    } else {
        middle + away
    };
    Duration::from_millis(chosen.min(LONGEST_MS) as u64)
}
