//! How long does it take to put an event into the outbox of everybody who hears it, and to take it out?

use std::hint::black_box;
use std::sync::Arc;

use super::scene;
use crate::actors::session::outbox::Outbox;
use crate::config::Limits;

/// As many bytes as a socket's task takes at once.
const TAKEN_AT_ONCE: usize = 64 << 10;

/// As many sessions as that on `/ws`, where what is taken is gone.
pub fn plain(sessions: usize) -> impl FnMut() {
    let bytes_max = Limits::default().outbox_bytes;
    let outboxes: Vec<_> = (0..sessions).map(|_| Outbox::new(bytes_max)).collect();
    let event = scene::published(1).event;
    move || {
        for outbox in &outboxes {
            outbox.push(Arc::clone(&event), None, true);
        }
        for outbox in &outboxes {
            black_box(outbox.take(TAKEN_AT_ONCE));
        }
    }
}

/// As many on Socket.IO, where what is taken is kept until it is proven, as it is here at once.
pub fn recoverable(sessions: usize) -> impl FnMut() {
    let outbox = || Outbox::keeping(Limits::default().outbox_bytes, None);
    let outboxes: Vec<_> = (0..sessions).map(|_| outbox()).collect();
    let event = scene::published(1).event;
    move || {
        for outbox in &outboxes {
            outbox.push(Arc::clone(&event), None, true);
        }
        for outbox in &outboxes {
            let taken = outbox.take(TAKEN_AT_ONCE);
            outbox.proven(taken.up_to);
            black_box(taken);
        }
    }
}
