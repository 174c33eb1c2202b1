//! What goes wrong inside the server, by points that only a test build has (feature `faults`).

mod crashes;
mod panics;
mod poison;
