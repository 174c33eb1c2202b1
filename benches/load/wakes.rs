//! Which of many sockets have something to do: each has a waker of its own, which puts it on a list and wakes the one
//! task that drives them all. A turn of that task costs by what is on the list, not by how many sockets there are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

pub(crate) struct Wakes {
    list: Arc<List>,
    wakers: Vec<Waker>,
    sockets: Vec<Arc<Socket>>,
}

#[derive(Default)]
struct List {
    /// In the order in which they were woken, each once.
    ready: Mutex<Vec<usize>>,
    task: AtomicWaker,
}

struct Socket {
    index: usize,
    listed: AtomicBool,
    list: Arc<List>,
}

impl Wakes {
    /// For `count` sockets, all of which are to be looked at first.
    pub(crate) fn new(count: usize) -> Self {
        let list = Arc::new(List::default());
        let socket = |index| {
            Arc::new(Socket {
                index,
                listed: AtomicBool::new(false),
                list: Arc::clone(&list),
            })
        };
        let sockets: Vec<_> = (0..count).map(socket).collect();
        let wakers: Vec<Waker> = sockets.iter().map(|one| Arc::clone(one).into()).collect();
        for waker in &wakers {
            waker.wake_by_ref();
        }
        Self {
            list,
            wakers,
            sockets,
        }
    }

    /// Moves the list into `ready`, which is emptied first. `task` is woken when there is more.
    pub(crate) fn take(&self, task: &Waker, ready: &mut Vec<usize>) {
        ready.clear();
        self.list.task.register(task);
        let mut listed = self
            .list
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *listed, ready);
        drop(listed);
        for &index in ready.iter() {
            // Before it is looked at: what comes meanwhile puts it on the list again.
            self.sockets[index].listed.store(false, Ordering::Release);
        }
    }

    pub(crate) fn waker(&self, index: usize) -> &Waker {
        &self.wakers[index]
    }
}

impl Wake for Socket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut ready = self
            .list
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ready.push(self.index);
        drop(ready);
        self.list.task.wake();
    }
}
