//! The waiting room: every session that waits for something stands here once, in the order of arrival.
//!
//! BACKGROUND. A session waits because a pause holds its command, because a key of it is on its way to another
//! node, or because replicas have to acknowledge something. What it waits for in detail lies in the session
//! ([`Suspension`](crate::clients::session::Suspension)); the room knows who waits in which queue, in which order, and
//! until when.
//!
//! INVARIANTS.
//! - A session stands in the room at most once. It leaves when it is woken, when its deadline has passed, and
//!   when it is closed; [`Engine::close_session`](crate::engine::Engine::close_session) sees to the last.
//! - Deadlines are of the boot clock, so a wall clock that jumps ends no wait early and makes none longer.
//! - Who came first is woken first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::clients::session::SessionKey;

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// The end of a pause; its command is carried out again.
    Pause,
    /// The end of a migration of keys; its command is carried out again.
    Migration,
    /// Acknowledgements of replicas.
    Acks,
}

const QUEUES: usize = 3;

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    queue: Queue,
    arrival: u64,
    deadline_boot_ms: Option<i64>,
}

/// All sessions that wait.
#[derive(Debug, Default)]
pub struct WaitingRoom {
    places: HashMap<SessionKey, Place>,
    queues: [BTreeMap<u64, SessionKey>; QUEUES],
    deadlines: BTreeSet<(i64, u64, SessionKey)>,
    arrivals: u64,
}

impl WaitingRoom {
    /// A session begins to wait, behind all others of the queue.
    pub fn enter(&mut self, session: SessionKey, queue: Queue, deadline_boot_ms: Option<i64>) {
        self.leave(session);
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.places.insert(session, Place { queue, arrival, deadline_boot_ms });
        self.queues[queue as usize].insert(arrival, session);
        if let Some(deadline) = deadline_boot_ms {
            self.deadlines.insert((deadline, arrival, session));
        }
    }

    /// A session waits no longer, if it did.
    pub fn leave(&mut self, session: SessionKey) {
        let Some(place) = self.places.remove(&session) else { return };
        self.queues[place.queue as usize].remove(&place.arrival);
        if let Some(deadline) = place.deadline_boot_ms {
            self.deadlines.remove(&(deadline, place.arrival, session));
        }
    }

    /// Whether nobody stands in a queue.
    #[inline]
    pub fn is_empty(&self, queue: Queue) -> bool {
        self.queues[queue as usize].is_empty()
    }

    /// The sessions of a queue, in the order of their arrival.
    pub fn of(&self, queue: Queue) -> Vec<SessionKey> {
        self.queues[queue as usize].values().copied().collect()
    }

    /// Lets everybody out of a queue, in the order of their arrival.
    pub fn empty(&mut self, queue: Queue) -> Vec<SessionKey> {
        let sessions = self.of(queue);
        for &session in &sessions {
            self.leave(session);
        }
        sessions
    }

    /// Lets those out whose deadline has come, the earliest deadline first.
    pub fn overdue(&mut self, now_boot_ms: i64) -> Vec<SessionKey> {
        let mut due = Vec::new();
        while let Some(&(deadline, _, session)) = self.deadlines.first() {
            if deadline > now_boot_ms {
                break;
            }
            self.leave(session);
            due.push(session);
        }
        due
    }

    /// The earliest deadline, in milliseconds of the boot clock.
    pub fn next_deadline_boot_ms(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline, _, _)| *deadline)
    }

    /// How many sessions wait.
    pub fn count(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Queue; QUEUES] = [Queue::Pause, Queue::Migration, Queue::Acks];

    #[derive(Clone, Debug)]
    enum Step {
        Enter(SessionKey, usize, Option<i64>),
        Leave(SessionKey),
        Empty(usize),
        Overdue(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let session = 0..6_u32;
        prop_oneof![
            (session.clone(), 0..QUEUES, prop::option::of(0..20_i64))
                .prop_map(|(session, queue, deadline)| Step::Enter(session, queue, deadline)),
            session.prop_map(Step::Leave),
            (0..QUEUES).prop_map(Step::Empty),
            (0..20_i64).prop_map(Step::Overdue),
        ]
    }

    proptest! {
        /// The model is one list of (session, queue, deadline) in the order of arrival.
        #[test]
        fn a_room_is_a_list_of_who_waits(steps in prop::collection::vec(step(), 1..60)) {
            let mut room = WaitingRoom::default();
            let mut model: Vec<(SessionKey, usize, Option<i64>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter(session, queue, deadline) => {
                        room.enter(session, ALL[queue], deadline);
                        model.retain(|(other, _, _)| *other != session);
                        model.push((session, queue, deadline));
                    }
                    Step::Leave(session) => {
                        room.leave(session);
                        model.retain(|(other, _, _)| *other != session);
                    }
                    Step::Empty(queue) => {
                        let left: Vec<_> = model.iter().filter(|(_, q, _)| *q == queue).map(|(s, _, _)| *s).collect();
                        prop_assert_eq!(room.empty(ALL[queue]), left);
                        model.retain(|(_, other, _)| *other != queue);
                    }
                    Step::Overdue(now) => {
                        let is_due = |deadline: &Option<i64>| deadline.is_some_and(|at| at <= now);
                        let mut due: Vec<_> = model.iter().filter(|(_, _, d)| is_due(d)).collect();
                        due.sort_by_key(|(_, _, deadline)| *deadline);
                        let due: Vec<_> = due.into_iter().map(|(session, _, _)| *session).collect();
                        prop_assert_eq!(room.overdue(now), due);
                        model.retain(|(_, _, deadline)| !is_due(deadline));
                    }
                }
                prop_assert_eq!(room.count(), model.len());
                prop_assert_eq!(room.next_deadline_boot_ms(), model.iter().filter_map(|(_, _, d)| *d).min());
                for (at, queue) in ALL.into_iter().enumerate() {
                    let there: Vec<_> = model.iter().filter(|(_, q, _)| *q == at).map(|(s, _, _)| *s).collect();
                    prop_assert_eq!(room.is_empty(queue), there.is_empty());
                    prop_assert_eq!(room.of(queue), there);
                }
            }
        }
    }
}
