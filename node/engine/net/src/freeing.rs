//! Freeing of what is large, on a thread of its own, so that a deletion costs its session nothing.
//!
//! The thread also gives unused memory back to the operating system: when it is asked to, and a while after
//! it has freed something. The allocator alone would wait for somebody to allocate.

use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use garrison_engine_core::base::alloc;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::keyspace::Garbage;

/// Memory is given back after this time without anything to free.
const PURGE_AFTER: Duration = Duration::from_secs(1);

enum Work {
    Free(Vec<Garbage>),
    Purge,
}

/// The freeing thread, started when it is first needed.
#[derive(Default)]
pub struct Freeing {
    sender: Option<Sender<Work>>,
}

impl Freeing {
    /// Hands what the engine has removed to the thread. The queue holds no more than was in memory anyway.
    #[inline]
    pub fn free(&mut self, engine: &mut Engine) {
        for db in &mut engine.keyspace.dbs {
            if db.has_garbage() {
                self.send(Work::Free(db.take_garbage()));
            }
        }
        if std::mem::take(&mut engine.keyspace.purge_wanted) {
            self.send(Work::Purge);
        }
    }

    fn send(&mut self, work: Work) {
        let sender = self.sender.take().or_else(start);
        // Without a thread, or after it ended, the garbage is freed here and now.
        self.sender = sender.filter(|sender| sender.send(work).is_ok());
    }
}

fn start() -> Option<Sender<Work>> {
    let (sender, receiver) = channel::<Work>();
    let work = move || work_off(&receiver);
    std::thread::Builder::new().name("freeing".into()).spawn(work).ok().map(|_| sender)
}

fn work_off(receiver: &Receiver<Work>) {
    let mut has_freed = false;
    loop {
        let next = match has_freed {
            true => receiver.recv_timeout(PURGE_AFTER),
            false => receiver.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(Work::Free(garbage)) => {
                drop(garbage);
                has_freed = true;
            }
            Ok(Work::Purge) | Err(RecvTimeoutError::Timeout) => {
                alloc::purge();
                has_freed = false;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
