//! How long does it take to move what somebody has read, or has proven to have received?

use std::hint::black_box;

use entities::ids::Seq;

use crate::actors::conversation::marks::{Marks, OwnSends, Position, Read};

/// A read, from the asking to the commit.
pub fn read() -> impl FnMut() {
    let (mut marks, mut up_to) = start();
    move || {
        up_to = up_to.next();
        let (side, reply) = (1, ());
        marks.read(Read { side, up_to, reply });
        settle(&mut marks);
    }
}

/// A proof of delivery, from its coming to the commit.
pub fn received() -> impl FnMut() {
    let (mut marks, mut up_to) = start();
    move || {
        up_to = up_to.next();
        marks.received(1, up_to);
        settle(&mut marks);
    }
}

fn start() -> (Marks<()>, Seq) {
    (Marks::new([Position::default(); 2]), Seq::ZERO)
}

fn settle(marks: &mut Marks<()>) {
    black_box(marks.propose([OwnSends::default(); 2]));
    black_box(marks.committed());
}
