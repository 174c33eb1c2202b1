//! The operator's own door: the figures, who sees them, and `duologue inspect`.

mod counts;
mod dashboard;
mod door;
mod inspect;
mod live;
