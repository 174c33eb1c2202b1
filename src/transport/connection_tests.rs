//! The turn of a connection, with a carrier and a handler that do nothing else.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;

use super::*;

const FRAMES: usize = 50;

/// A peer that takes a frame now and then.
struct Dripping {
    taken: Arc<AtomicUsize>,
}

/// Has a turn's worth of frames to say, once.
struct Talking {
    said: bool,
}

impl Carrier for Dripping {
    async fn receive(&mut self, _: bool) -> Result<Incoming, End> {
        pending().await
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn can_stay(&self) -> bool {
        true
    }

    async fn feed(&mut self, _: Frame) -> Result<(), End> {
        sleep(Duration::from_millis(20)).await;
        self.taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn ping(&mut self, _: u64) -> Result<(), End> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(())
    }

    async fn close(self, _: End) {}
}

impl Source for Talking {
    fn has_room(&self) -> bool {
        true
    }

    async fn ready(&mut self) {
        pending().await
    }

    fn take(&mut self, output: &mut Output) {
        if !std::mem::replace(&mut self.said, true) {
            let frames = (0..FRAMES).map(|_| Frame::Text(Bytes::from_static(b"x")));
            output.frames.extend(frames);
        }
    }

    fn proven(&mut self, _: u64) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn over(&self) -> Option<Why> {
        None
    }

    async fn changed(&mut self) {
        pending().await
    }

    async fn end(self, _: Ending) {}
}

impl Handler for Talking {
    fn receive(&mut self, _: Message<'_>) -> Result<(), Why> {
        Ok(())
    }
}

#[tokio::test]
async fn who_takes_a_frame_now_and_then_has_no_longer_than_who_takes_none() {
    let limits = Limits {
        write_timeout: Duration::from_millis(400),
        ..Limits::default()
    };
    let taken = Arc::new(AtomicUsize::new(0));
    let carrier = Dripping {
        taken: Arc::clone(&taken),
    };
    let handler = Talking { said: false };
    let mut connection = Connection::new(carrier, handler, Arc::new(limits), Life::default());
    let ended = timeout(Duration::from_secs(10), connection.serve()).await;
    assert_eq!(ended, Ok(Err(End::Silent)));
    assert!(taken.load(Ordering::SeqCst) < FRAMES);
}
