//! Whose turn it is to send: drawn up before a run, so that a message costs a look into a list.

use std::sync::Arc;

use crate::message::Seat;

/// Draws of a conversation before they begin again: enough for the rare ones of thousands to come up.
const DRAWS: usize = 1 << 18;
/// The same draws each time, for each server.
const SEED: u64 = 1;

/// Every conversation in turn, first one of its people, the next time the other.
pub(super) fn even(conversations: usize) -> Arc<[Seat]> {
    let people = (0..2).flat_map(|person| {
        (0..conversations).map(move |conversation| Seat::new(conversation, person))
    });
    people.collect()
}

/// The n-th conversation with a probability that goes with `1 / n^exponent`; its people alternate.
pub(super) fn zipf(conversations: usize, exponent: f64) -> Arc<[Seat]> {
    let shares = (1..=conversations).map(|n| (n as f64).powf(-exponent));
    let bounds: Vec<f64> = shares
        .scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
        .collect();
    let whole = bounds.last().copied().unwrap_or_default();
    let (mut random, mut next) = (fastrand::Rng::with_seed(SEED), vec![0; conversations]);
    let draw = |_| {
        let point = random.f64() * whole;
        let conversation = bounds
            .partition_point(|bound| *bound <= point)
            .min(conversations - 1);
        next[conversation] = 1 - next[conversation];
        Seat::new(conversation, 1 - next[conversation])
    };
    (0..DRAWS).map(draw).collect()
}
