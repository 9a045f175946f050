//! The waiting room: every session that waits for something stands here once, in the order of arrival.
//!
//! BACKGROUND. A session waits because a pause holds its command, because a key of it is on its way to another
//! node, because replicas have to acknowledge something, or until one of some keys has something for it. What it
//! waits for in detail lies in the session ([`Suspension`](crate::clients::session::Suspension)); the room knows who
//! waits in which queue or for which keys, in which order, and until when.
//!
//! INVARIANTS.
//! - A session stands in the room at most once. It leaves when it is woken, when its deadline has passed, and
//!   when it is closed; [`Engine::close_session`](crate::engine::Engine::close_session) sees to the last.
//! - Deadlines are of the boot clock, so a wall clock that jumps ends no wait early and makes none longer.
//! - Who came first is woken first. Who waits for keys and finds nothing keeps its place among them.
//!
//! BEHAVIOUR. A changed key costs one comparison while nobody waits for keys, and one look-up otherwise. Keys that
//! changed while somebody waited for them are *ready*; the end of the command serves them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::base::clock::BootMs;
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
    /// The end of a script, or the time after which one is told that it is busy; its command is carried out again.
    Script,
}

const QUEUES: usize = 4;

/// A key of a database.
pub type DbKey = (usize, Box<[u8]>);

/// Who waits for a key, by database and order of arrival.
type KeyWaiters = BTreeMap<(usize, u64), SessionKey>;

/// What a session stands at.
#[derive(Debug)]
enum Stand {
    Queue(Queue),
    Keys(usize, Vec<Box<[u8]>>),
}

/// Where a session stands.
#[derive(Debug)]
struct Place {
    stand: Stand,
    arrival: u64,
    deadline_boot_ms: Option<BootMs>,
}

/// A command that the control plane answers.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Whose command it is.
    pub session: SessionKey,
    /// By whose number in the table the time is counted, and when it was asked, in microseconds; nothing for a
    /// command whose time is not counted.
    pub timed: Option<(usize, u64)>,
}

/// All sessions that wait.
#[derive(Debug, Default)]
pub struct WaitingRoom {
    places: HashMap<SessionKey, Place>,
    queues: [BTreeMap<u64, SessionKey>; QUEUES],
    /// Who waits for a key, by its name.
    keys: HashMap<Box<[u8]>, KeyWaiters>,
    /// Keys that have changed while somebody waited for them, the earliest first, each once.
    ready: VecDeque<DbKey>,
    is_ready: HashSet<DbKey>,
    deadlines: BTreeSet<(BootMs, u64, SessionKey)>,
    arrivals: u64,
    /// Sessions whose commands the control plane answers, by ticket. EXEC may ask several at once.
    asked: HashMap<u64, Question>,
    /// Sessions with output that waits for their sockets, with their numbers, as a key may be used again. They take
    /// commands, so they may stand in the room for something else too.
    full: Vec<(SessionKey, u64)>,
}

impl WaitingRoom {
    /// A session begins to wait, behind all others of the queue.
    pub fn enter(&mut self, session: SessionKey, queue: Queue, deadline_boot_ms: Option<BootMs>) {
        self.leave(session);
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.queues[queue as usize].insert(arrival, session);
        self.stand(session, Stand::Queue(queue), arrival, deadline_boot_ms);
    }

    /// A session begins to wait for keys of one database, or goes on with it in its old place, which is returned.
    pub fn enter_keys(
        &mut self,
        session: SessionKey,
        (db, keys): (usize, Vec<Box<[u8]>>),
        deadline_boot_ms: Option<BootMs>,
        old_arrival: Option<u64>,
    ) -> u64 {
        self.leave(session);
        let arrival = old_arrival.unwrap_or_else(|| {
            self.arrivals += 1;
            self.arrivals
        });
        for key in &keys {
            self.keys.entry(key.clone()).or_default().insert((db, arrival), session);
        }
        self.stand(session, Stand::Keys(db, keys), arrival, deadline_boot_ms);
        arrival
    }

    fn stand(&mut self, session: SessionKey, stand: Stand, arrival: u64, deadline_boot_ms: Option<BootMs>) {
        self.places.insert(session, Place { stand, arrival, deadline_boot_ms });
        if let Some(deadline) = deadline_boot_ms {
            self.deadlines.insert((deadline, arrival, session));
        }
    }

    /// A session waits no longer, if it did.
    pub fn leave(&mut self, session: SessionKey) {
        let Some(place) = self.places.remove(&session) else { return };
        match &place.stand {
            Stand::Queue(queue) => drop(self.queues[*queue as usize].remove(&place.arrival)),
            Stand::Keys(db, keys) => keys.iter().for_each(|key| self.leave_key(*db, key, place.arrival)),
        }
        if let Some(deadline) = place.deadline_boot_ms {
            self.deadlines.remove(&(deadline, place.arrival, session));
        }
    }

    fn leave_key(&mut self, db: usize, key: &[u8], arrival: u64) {
        if let Some(waiters) = self.keys.get_mut(key) {
            waiters.remove(&(db, arrival));
            if waiters.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    /// Whether anybody waits for keys.
    #[inline]
    pub fn awaits_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// A key has changed: it is ready, if anybody waits for it.
    pub fn key_changed(&mut self, db: usize, key: &[u8]) {
        if self.next_for_key(db, key, 0).is_some() && self.is_ready.insert((db, key.into())) {
            self.ready.push_back((db, key.into()));
        }
    }

    /// All keys of a database that somebody waits for may have changed.
    pub fn database_changed(&mut self, db: usize) {
        let keys: Vec<Box<[u8]>> = self.keys.keys().cloned().collect();
        keys.iter().for_each(|key| self.key_changed(db, key));
    }

    /// Whether a key is ready.
    #[inline]
    pub fn has_ready_key(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next ready key, which is not ready any more.
    pub fn take_ready_key(&mut self) -> Option<DbKey> {
        let key = self.ready.pop_front()?;
        self.is_ready.remove(&key);
        Some(key)
    }

    /// Who waits longest for a key among those that arrived after `arrival` (0: all of them), and when it arrived.
    pub fn next_for_key(&self, db: usize, key: &[u8], arrival: u64) -> Option<(u64, SessionKey)> {
        let waiters = self.keys.get(key)?.range((db, arrival + 1)..=(db, u64::MAX));
        waiters.map(|((_, arrival), session)| (*arrival, *session)).next()
    }

    /// Everybody who waits for keys, in the order of arrival.
    pub fn for_keys(&self) -> Vec<SessionKey> {
        let all = self.places.iter().filter(|(_, place)| matches!(place.stand, Stand::Keys(..)));
        let mut all: Vec<(u64, SessionKey)> = all.map(|(session, place)| (place.arrival, *session)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, session)| session).collect()
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
    pub fn overdue(&mut self, now_boot_ms: BootMs) -> Vec<SessionKey> {
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
    pub fn next_deadline_boot_ms(&self) -> Option<BootMs> {
        self.deadlines.first().map(|(deadline, _, _)| *deadline)
    }

    /// The control plane was asked for a session under this ticket.
    pub fn ask(&mut self, ticket: u64, question: Question) {
        self.asked.insert(ticket, question);
    }

    /// The control plane has answered: for which session. It may be closed by now, and its key another's.
    pub fn answered(&mut self, ticket: u64) -> Option<Question> {
        self.asked.remove(&ticket)
    }

    /// How many answers of the control plane are awaited.
    #[cfg(test)]
    pub fn asked_count(&self) -> usize {
        self.asked.len()
    }

    /// A session's socket is full.
    pub fn add_full(&mut self, session: SessionKey, id: u64) {
        self.full.push((session, id));
    }

    /// All sessions whose sockets were full; those that still are have to be added again.
    pub fn take_full(&mut self) -> Vec<(SessionKey, u64)> {
        std::mem::take(&mut self.full)
    }

    /// How many keys are waited for, and how many of them by a session of this kind.
    pub fn awaited_keys(&self, is_of_kind: impl Fn(SessionKey) -> bool) -> (usize, usize) {
        let (mut keys, mut of_kind) = (0, 0);
        for waiters in self.keys.values() {
            let mut last_db = None;
            for &(db, _) in waiters.keys() {
                keys += usize::from(last_db.replace(db) != Some(db));
            }
            let dbs: BTreeSet<usize> =
                waiters.iter().filter(|(_, &session)| is_of_kind(session)).map(|(&(db, _), _)| db).collect();
            of_kind += dbs.len();
        }
        (keys, of_kind)
    }

    /// How many sessions wait in queues or for keys.
    pub fn count(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Queue; QUEUES] = [Queue::Pause, Queue::Migration, Queue::Acks, Queue::Script];

    /// Above all queues; for keys of database 1 it is moved up like their bits.
    const FOR_KEYS: usize = 16;

    fn in_db(at: usize) -> usize {
        usize::from(at >= FOR_KEYS << 3)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter(SessionKey, usize, Option<i64>),
        Await(SessionKey, usize, BTreeSet<u8>, Option<i64>),
        Change(usize, u8),
        Leave(SessionKey),
        Empty(usize),
        Overdue(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let session = 0..6_u32;
        prop_oneof![
            (session.clone(), 0..QUEUES, prop::option::of(0..20_i64))
                .prop_map(|(session, queue, deadline)| Step::Enter(session, queue, deadline)),
            (
                session.clone(),
                0..2_usize,
                prop::collection::btree_set(0..3_u8, 1..3),
                prop::option::of(0..20_i64)
            )
                .prop_map(|(session, db, keys, deadline)| Step::Await(session, db, keys, deadline)),
            (0..2_usize, 0..3_u8).prop_map(|(db, key)| Step::Change(db, key)),
            session.prop_map(Step::Leave),
            (0..QUEUES).prop_map(Step::Empty),
            (0..20_i64).prop_map(Step::Overdue),
        ]
    }

    proptest! {
        /// The model is one list of (session, queue, deadline) in the order of arrival; for keys, the queue is a
        /// number above all others that says which ones.
        #[test]
        fn a_room_is_a_list_of_who_waits(steps in prop::collection::vec(step(), 1..60)) {
            let mut room = WaitingRoom::default();
            let mut model: Vec<(SessionKey, usize, Option<i64>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter(session, queue, deadline) => {
                        room.enter(session, ALL[queue], deadline.map(BootMs::new));
                        model.retain(|(other, _, _)| *other != session);
                        model.push((session, queue, deadline));
                    }
                    Step::Await(session, db, keys, deadline) => {
                        let names = keys.iter().map(|key| Box::from([*key])).collect();
                        room.enter_keys(session, (db, names), deadline.map(BootMs::new), None);
                        let bits: usize = keys.iter().map(|key| 1 << key).sum();
                        model.retain(|(other, _, _)| *other != session);
                        model.push((session, FOR_KEYS << (3 * db) | bits << (3 * db), deadline));
                    }
                    Step::Change(db, key) => {
                        room.key_changed(db, &[key]);
                        let waits = |at: usize| at >= FOR_KEYS && in_db(at) == db && at >> (3 * db) & 1 << key != 0;
                        let waiting: Vec<_> =
                            model.iter().filter(|(_, at, _)| waits(*at)).map(|(s, _, _)| *s).collect();
                        let ready = (!waiting.is_empty()).then(|| (db, Box::from([key])));
                        prop_assert_eq!(room.take_ready_key(), ready);
                        let (mut seen, mut arrival) = (Vec::new(), 0);
                        while let Some((at, session)) = room.next_for_key(db, &[key], arrival) {
                            seen.push(session);
                            arrival = at;
                        }
                        prop_assert_eq!(seen, waiting);
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
                        prop_assert_eq!(room.overdue(BootMs::new(now)), due);
                        model.retain(|(_, _, deadline)| !is_due(deadline));
                    }
                }
                prop_assert_eq!(room.count(), model.len());
                let next = model.iter().filter_map(|(_, _, deadline)| *deadline).min();
                prop_assert_eq!(room.next_deadline_boot_ms(), next.map(BootMs::new));
                for (at, queue) in ALL.into_iter().enumerate() {
                    let there: Vec<_> = model.iter().filter(|(_, q, _)| *q == at).map(|(s, _, _)| *s).collect();
                    prop_assert_eq!(room.is_empty(queue), there.is_empty());
                    prop_assert_eq!(room.of(queue), there);
                }
            }
        }
    }
}
