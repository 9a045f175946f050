//! Writes are held until the Sentinels have said whether this node is the primary.
//!
//! BACKGROUND. A primary that was down, or asleep (SIGSTOP, a suspended machine), may have a successor by now, and
//! does not know. What it acknowledged before a Sentinel has found it and made it a replica would be lost. So
//! the control plane asks the Sentinels first, and until they have answered clients that write have to wait.
//!
//! INVARIANTS. A hold begins before the first command is served, or in the turn that notices that
//! more time has passed than a turn takes, before its commands run and before its replies leave. What was
//! executed before the sleep and not yet answered is withheld, reads too, until the hold ends; if this node is a
//! replica by then, those connections are closed, as nobody knows whether their writes survive.
//!
//! BEHAVIOUR. Reads go on. The hold ends by the control plane's word, or by anybody's REPLICAOF, which is an order
//! from outside like a Sentinel's. A turn that took long because a command did is no sleep: the thread's processor
//! time tells them apart. It is read with the background work and when a turn was long, as reading it takes a
//! system call; so up to a background turn's worth of work before a sleep is taken off the sleep. Nothing of this
//! costs a command anything: a turn compares two numbers, and reads the clock once more while Sentinels are known.

use std::collections::HashMap;

use crate::base::clock::BootMs;
use crate::clients::origin::Origin;
use crate::clients::pause::{OwnPause, Pause};
use crate::clients::session::{Session, SessionKey};
use crate::engine::effects::{Action, Event, Level};
use crate::engine::{Clock, Engine};

/// The hold, and what it needs to know.
#[derive(Debug, Default)]
pub struct Hold {
    /// Whether writes are held.
    pub is_on: bool,
    /// The number of the present hold, or of the last one, from 1: a sleep within a hold begins another.
    round: u64,
    /// A gap between turns beyond which this node has slept, in milliseconds; 0 while no Sentinel is known.
    pub sleep_ms_max: i64,
    /// Processor time of this thread when it was last read, in milliseconds.
    pub worked_ms: i64,
    /// Sessions whose replies are withheld, with their numbers: a key may be reused.
    withheld: HashMap<SessionKey, u64>,
}

impl Engine {
    /// Holds writes until [`Engine::end_hold`].
    pub fn hold_writes(&mut self) {
        self.cluster.hold.is_on = true;
        self.cluster.hold.round += 1;
        self.clients.pauses.sentinels.extend(Pause { until_boot_ms: BootMs::MAX, all: false });
        self.combine_pauses();
    }

    /// The Sentinels were asked in this round, and this node is the primary: void if another has begun.
    pub fn release_hold(&mut self, round: u64) {
        if self.cluster.hold.is_on && self.cluster.hold.round == round {
            self.end_hold();
        }
    }

    /// The Sentinels were asked in this round, and that node is the primary: void if another has begun.
    pub fn follow_in_hold(&mut self, host: &str, port: u16, round: u64) {
        if self.cluster.hold.is_on && self.cluster.hold.round == round {
            self.follow_by_order(host, port, 0);
        }
    }

    /// Lets held writes and withheld replies go; whoever does not ask because it knows tells the control plane.
    pub fn end_hold(&mut self) {
        if !self.cluster.hold.is_on {
            return;
        }
        self.cluster.hold.is_on = false;
        self.clients.pauses.sentinels = OwnPause::default();
        self.combine_pauses();
        let is_replica = self.replication.is_replica();
        for (key, id) in std::mem::take(&mut self.cluster.hold.withheld) {
            let Some(session) = self.clients.sessions.get_mut(key).filter(|session| session.id == id) else {
                continue;
            };
            session.close_now |= is_replica;
            self.effects.actions.push(Action::Flush(key));
        }
        self.effects.events.push(Event::HoldReleased);
    }

    /// A turn begins: whether this node has slept since the one before began at `before_ms` of the boot clock.
    #[inline]
    ///
    /// `worked_ms` reads the thread's processor time.
    pub fn turn_begins(&mut self, before_ms: BootMs, worked_ms: impl FnOnce() -> i64) {
        let passed_ms = self.clock.boot_ms - before_ms;
        if self.cluster.hold.sleep_ms_max > 0 && passed_ms > self.cluster.hold.sleep_ms_max {
            self.take_notice(passed_ms, worked_ms());
        }
    }

    /// Before the replies of a turn leave: whether this node has slept within it. `ready` are the sessions with replies.
    #[inline]
    pub fn withhold_replies_after_sleep(
        &mut self,
        ready: &[SessionKey],
        now: impl FnOnce() -> Clock,
        worked_ms: impl FnOnce() -> i64,
    ) {
        if self.cluster.hold.sleep_ms_max == 0 || self.replication.is_replica() {
            return;
        }
        let now = now();
        let passed_ms = now.boot_ms - self.clock.boot_ms;
        if passed_ms <= self.cluster.hold.sleep_ms_max {
            return;
        }
        self.clock = now;
        if self.take_notice(passed_ms, worked_ms()) {
            for &key in ready {
                let session =
                    self.clients.sessions.get(key).filter(|session| session.origin == Origin::Client);
                if let Some(session) = session.filter(|session| !session.out.is_empty()) {
                    self.cluster.hold.withheld.insert(key, session.id);
                }
            }
        }
    }

    /// Whether the replies of a session are withheld.
    #[inline]
    pub fn is_withheld(&self, key: SessionKey) -> bool {
        let released = self.persistence.log.released();
        let waits_for_the_disk = |session: &Session| session.synced_wanted > released && !session.close_now;
        if self.clients.sessions.get(key).is_some_and(waits_for_the_disk) {
            return true;
        }
        !self.cluster.hold.withheld.is_empty()
            && self.cluster.hold.withheld.get(&key).is_some_and(|id| {
                self.clients.sessions.get(key).is_some_and(|session| session.id == *id && !session.close_now)
            })
    }

    /// So much time has passed within a turn: holds if that was sleep; whether it was.
    #[cold]
    fn take_notice(&mut self, passed_ms: i64, worked_ms: i64) -> bool {
        let slept_ms = passed_ms - (worked_ms - self.cluster.hold.worked_ms).max(0);
        self.cluster.hold.worked_ms = worked_ms;
        if slept_ms <= self.cluster.hold.sleep_ms_max || self.replication.is_replica() {
            return false;
        }
        let message = format!(
            "{slept_ms} ms have passed unnoticed: writes are held until the Sentinels have been asked"
        );
        self.log(Level::Warning, message);
        self.hold_writes();
        self.effects.events.push(Event::Slept { ms: slept_ms, round: self.cluster.hold.round });
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::base::clock::BootMs;
    use crate::engine::effects::{Action, Event};
    use crate::testing::Bench;

    fn held() -> Bench {
        let mut bench = Bench::new(&[]);
        bench.engine.hold_writes();
        bench
    }

    fn events(bench: &mut Bench) -> Vec<Event> {
        let events = std::mem::take(&mut bench.engine.effects.events);
        events
            .into_iter()
            .filter(|event| !matches!(event, Event::Log { .. } | Event::Replication { .. }))
            .collect()
    }

    #[test]
    fn a_node_that_starts_held_serves_reads_and_holds_writes() {
        let mut bench = held();
        let client = bench.client();
        assert_eq!(bench.say(client, "GET a"), "$-1");
        assert_eq!(bench.say(client, "SET a b"), "");
        let other = bench.client();
        assert_eq!(bench.say(other, "CLIENT UNPAUSE"), "+OK");
        assert!(bench.session(client).is_suspended());
        bench.engine.end_hold();
        assert!(bench.engine.effects.actions.contains(&Action::Resume(client)));
        bench.engine.retry(client);
        assert_eq!(bench.heard(client), "+OK");
        assert!(matches!(events(&mut bench)[..], [Event::HoldReleased]));
    }

    #[test]
    fn an_order_from_outside_ends_it() {
        for (order, reply) in [("REPLICAOF NO ONE", "+OK"), ("REPLICAOF a 1", "-READONLY")] {
            let mut bench = held();
            let (client, other) = (bench.client(), bench.client());
            assert_eq!(bench.say(client, "SET a b"), "");
            assert_eq!(bench.say(other, order), "+OK");
            bench.engine.retry(client);
            assert!(bench.heard(client).starts_with(reply));
        }
    }

    #[test]
    fn answers_of_an_earlier_round_end_no_hold() {
        let mut bench = held();
        bench.engine.hold_writes();
        bench.engine.release_hold(1);
        bench.engine.follow_in_hold("a", 1, 1);
        assert!(bench.engine.cluster.hold.is_on && !bench.engine.replication.is_replica());
        bench.engine.follow_in_hold("a", 1, 2);
        assert!(!bench.engine.cluster.hold.is_on && bench.engine.replication.is_replica());
        bench.engine.promote();
        bench.engine.hold_writes();
        bench.engine.release_hold(3);
        assert!(!bench.engine.cluster.hold.is_on);
    }

    #[test]
    fn a_gap_between_turns_holds_before_anything_runs() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.advance(60_000);
        bench.engine.turn_begins(BootMs::new(1_000), || 0);
        assert_eq!(bench.say(client, "SET a b"), "+OK", "nobody is to be asked");
        bench.engine.cluster.hold.sleep_ms_max = 1000;
        bench.advance(1000);
        bench.engine.turn_begins(bench.engine.clock.boot_ms - 1000, || 0);
        assert_eq!(bench.say(client, "SET a b"), "+OK", "not beyond the limit");
        bench.engine.turn_begins(bench.engine.clock.boot_ms - 9000, || 8500);
        assert_eq!(bench.say(client, "SET a b"), "+OK", "it worked, and did not sleep");
        bench.engine.turn_begins(bench.engine.clock.boot_ms - 1001, || 8500);
        assert_eq!(bench.say(client, "SET a b"), "");
        assert!(matches!(events(&mut bench)[..], [Event::Slept { ms: 1001, round: 1 }]));
    }

    #[test]
    fn replies_of_before_a_sleep_wait_and_are_dropped_on_a_replica() {
        for is_replica in [false, true] {
            let mut bench = Bench::new(&[]);
            bench.engine.cluster.hold.sleep_ms_max = 1000;
            let client = bench.client();
            bench.session(client).out.extend_from_slice(b"+OK\r\n");
            let mut later = bench.engine.clock;
            later.boot_ms += 5000;
            bench.engine.withhold_replies_after_sleep(&[client], || later, || 0);
            assert!(bench.engine.is_withheld(client) && bench.engine.cluster.hold.is_on);
            if is_replica {
                bench.engine.follow("a", 1);
            } else {
                bench.engine.end_hold();
            }
            assert!(!bench.engine.is_withheld(client));
            assert_eq!(bench.session(client).close_now, is_replica);
            assert!(bench.engine.effects.actions.contains(&Action::Flush(client)));
        }
    }
}
