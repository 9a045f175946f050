//! Freeing of what is large, on a thread of its own, so that a deletion costs its session nothing.

use std::sync::mpsc::{channel, Sender};

use garrison_engine_core::engine::Engine;
use garrison_engine_core::keyspace::Garbage;

/// The freeing thread, started when it is first needed.
#[derive(Default)]
pub struct Freeing {
    sender: Option<Sender<Vec<Garbage>>>,
}

impl Freeing {
    /// Hands what the engine has removed to the thread. The queue holds no more than was in memory anyway.
    #[inline]
    pub fn free(&mut self, engine: &mut Engine) {
        for db in &mut engine.keyspace.dbs {
            if db.has_garbage() {
                self.send(db.take_garbage());
            }
        }
    }

    fn send(&mut self, garbage: Vec<Garbage>) {
        let sender = self.sender.take().or_else(start);
        // Without a thread, or after it ended, the garbage is freed here and now.
        self.sender = sender.filter(|sender| sender.send(garbage).is_ok());
    }
}

fn start() -> Option<Sender<Vec<Garbage>>> {
    let (sender, receiver) = channel::<Vec<Garbage>>();
    let work = move || receiver.into_iter().for_each(drop);
    std::thread::Builder::new().name("freeing".into()).spawn(work).ok().map(|_| sender)
}
