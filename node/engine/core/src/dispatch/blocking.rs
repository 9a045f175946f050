//! Commands that wait until a key has something for them: BLPOP, BZPOPMIN, XREAD and their kin.
//!
//! BACKGROUND. Such a command looks at its keys like any other. Where none has anything, it calls
//! [`Ctx::block_on`] and returns. The write hook marks keys that change while somebody waits for them; when the
//! command that changed them has ended, the commands of those who wait are carried out again, who came first is
//! first. A command that finds nothing again calls `block_on` again, and keeps its place and its deadline.
//!
//! INVARIANTS. Every check is made anew when a command is carried out again: slot, role, memory, pauses. What a
//! served command changes is replicated behind the command that served it, and may serve others. In a transaction
//! nobody waits: the command answers as if its time had passed. Neither does our primary's stream.
//!
//! BEHAVIOUR. A key is offered only as long as it is there, so a push of one element to a list that a thousand
//! clients wait for costs one of them a try. Only the last try is counted by COMMANDSTATS.

use super::{Ctx, Failure, Outcome};
use crate::base::clock::BootMs;
use crate::base::numbers::parse_f64;
use crate::clients::session::{KeyWait, Session, SessionKey, Suspension};
use crate::engine::effects::Action;
use crate::engine::Engine;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;

/// What a command waits for.
#[derive(Clone, Copy, Debug)]
pub struct BlockOn {
    /// The type that a key must have (`list`, as TYPE says); none where any change of a key is of use.
    pub type_name: Option<&'static str>,
    /// Until when, in milliseconds of the boot clock; see [`Ctx::deadline_arg`].
    pub deadline_boot_ms: Option<BootMs>,
    /// What is answered when nothing has come until then.
    pub on_timeout: fn(&mut Reply<'_>),
}

impl<'a> Ctx<'a> {
    /// The running command has found nothing in these keys of the session's database: it is carried out again when
    /// one of them is ready. It has answered nothing and returns this outcome.
    pub fn block_on(&mut self, keys: impl IntoIterator<Item = &'a [u8]>, what: BlockOn) -> Outcome {
        if !self.engine.call.frame.may_wait() {
            (what.on_timeout)(&mut self.reply());
            return Ok(());
        }
        let earlier = self.session.key_wait.take();
        let deadline_boot_ms = earlier.as_ref().map_or(what.deadline_boot_ms, |wait| wait.deadline_boot_ms);
        let keys = (self.session.db, keys.into_iter().map(Box::from).collect());
        let room = &mut self.engine.clients.waiting;
        let arrival =
            room.enter_keys(self.session.key, keys, deadline_boot_ms, earlier.map(|wait| wait.arrival));
        self.session.suspension = Suspension::Keys;
        self.session.key_wait = Some(Box::new(KeyWait {
            args: OwnedArgs::copy(self.args),
            type_name: what.type_name,
            deadline_boot_ms,
            on_timeout: what.on_timeout,
            arrival,
        }));
        Ok(())
    }

    /// Argument `index` as a timeout in seconds, as a deadline for [`BlockOn`]; 0 is none.
    pub fn deadline_arg(&self, index: usize) -> Result<Option<BootMs>, Failure> {
        const OUT_OF_RANGE: Failure = Failure::Text("ERR timeout is out of range");
        let seconds = parse_f64(self.arg(index))
            .filter(|seconds| seconds.is_finite())
            .ok_or(Failure::Text("ERR timeout is not a float or out of range"))?;
        if seconds < 0.0 {
            return Err(Failure::Text("ERR timeout is negative"));
        }
        let ms = (seconds * 1000.0).ceil();
        if ms >= i64::MAX as f64 {
            return Err(OUT_OF_RANGE);
        }
        match ms as i64 {
            0 => Ok(None),
            ms => self.engine.clock.boot_ms.checked_add(ms).map(Some).ok_or(OUT_OF_RANGE),
        }
    }
}

impl Engine {
    /// Carries out the commands of those who wait for keys that are ready, in the order of their arrival.
    ///
    /// `by` is the running session, whose command has ended.
    pub(crate) fn serve_ready_keys(&mut self, by: Option<&Session>) {
        if !self.clients.waiting.has_ready_key() || self.call.is_serving || self.scripting.running.is_some() {
            return;
        }
        self.call.is_serving = true;
        self.call.served_by = by.map(|session| (session.key, session.resp));
        while let Some((db, key)) = self.clients.waiting.take_ready_key() {
            let mut arrival = 0;
            while let Some((at, session)) = self.clients.waiting.next_for_key(db, &key, arrival) {
                arrival = at;
                if self.is_of_use(session, db, &key) {
                    self.try_again(session);
                }
            }
        }
        self.call.is_serving = false;
        self.call.served_by = None;
    }

    /// Whether a ready key may be what a session waits for.
    fn is_of_use(&self, session: SessionKey, db: usize, key: &[u8]) -> bool {
        let session = self.clients.sessions.get(session);
        let Some(wait) = session.and_then(|session| session.key_wait.as_deref()) else { return false };
        let key = self.keyspace.dbs[db].key(key);
        let entry = self.keyspace.dbs[db].get(&key).filter(|entry| !entry.is_expired(self.clock.unix_ms));
        wait.type_name.is_none_or(|name| entry.is_some_and(|entry| entry.value().type_name() == name))
    }

    /// The slot table has changed: who waits for keys of slots that are no longer here is sent after them.
    pub(crate) fn serve_moved_waiters(&mut self) {
        for session in self.clients.waiting.for_keys() {
            self.try_again(session);
        }
    }

    /// Carries out the command of a session that waits for keys once more.
    fn try_again(&mut self, key: SessionKey) {
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        if let Some(args) = session.key_wait.as_ref().map(|wait| wait.args.clone()) {
            let resp = std::mem::replace(&mut self.call.resp, session.resp);
            self.run_again(&mut session, &args);
            self.call.resp = resp;
        }
        let goes_on = !session.is_suspended();
        self.clients.sessions.put(session);
        if goes_on {
            self.clients.waiting.leave(key);
            self.effects.actions.push(Action::Resume(key));
        }
    }

    /// Carries out the command of a session that waited.
    pub(crate) fn run_again(&mut self, session: &mut Session, args: &OwnedArgs) {
        session.suspension = Suspension::None;
        let reply_start = session.out.len();
        self.execute(session, args.view());
        session.drop_late_reply(reply_start);
        if !session.is_suspended() {
            session.key_wait = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    fn actions_of(bench: &mut Bench) -> usize {
        std::mem::take(&mut bench.engine.effects.actions).len()
    }

    #[test]
    fn who_came_first_is_served_first() {
        let mut bench = Bench::new(&[]);
        let (first, second, third, writer) = (bench.client(), bench.client(), bench.client(), bench.client());
        for client in [first, second, third] {
            assert_eq!(bench.say(client, "TESTTAKE a b 0"), "");
        }
        assert_eq!(bench.say(writer, "SET b 1"), "+OK");
        assert_eq!([first, second, third].map(|client| bench.heard(client)), ["*2 $1 b $1 1", "", ""]);
        assert_eq!(bench.say(writer, "EXISTS b"), ":0");
        assert_eq!(actions_of(&mut bench), 1);
        bench.say(writer, "MSET a 2 b 3");
        assert_eq!([second, third].map(|client| bench.heard(client)), ["*2 $1 a $1 2", "*2 $1 b $1 3"]);
        assert_eq!(bench.engine.clients.waiting.count(), 0);
    }

    #[test]
    fn failed_try_keeps_place_and_deadline() {
        let mut bench = Bench::new(&[]);
        let (first, second, writer) = (bench.client(), bench.client(), bench.client());
        bench.say(first, "TESTTAKE a 1");
        bench.say(second, "TESTTAKE a 0");
        bench.advance(600);
        bench.say(writer, "HSET a f v");
        bench.say(writer, "DEL a");
        bench.say(writer, "SETEX a 100 v");
        assert_eq!([first, second].map(|client| bench.heard(client)), ["*2 $1 a $1 v", ""]);
        bench.say(first, "TESTTAKE x 1");
        bench.say(writer, "SELECT 1");
        bench.say(writer, "SET x other");
        bench.advance(1_000);
        assert_eq!(bench.engine.next_deadline_boot_ms(), Some(bench.engine.clock.boot_ms));
        bench.engine.end_turn();
        assert_eq!(bench.heard(first), "*-1");
        assert_eq!(bench.heard(second), "");
    }

    #[test]
    fn transaction_answers_as_if_time_had_passed() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "MULTI");
        bench.say(client, "TESTTAKE a 0");
        assert_eq!(bench.say(client, "EXEC"), "*1 *-1");
        assert!(!bench.session(client).is_suspended());
    }

    #[test]
    fn transaction_serves_once_at_its_end() {
        let mut bench = Bench::new(&[]);
        let (client, writer) = (bench.client(), bench.client());
        bench.say(client, "TESTTAKE a 0");
        for line in ["MULTI", "SET a 1", "SET a 2", "GET a"] {
            bench.say(writer, line);
        }
        assert_eq!(bench.say(writer, "EXEC"), "*3 +OK +OK $1 2");
        assert_eq!(bench.heard(client), "*2 $1 a $1 2");
    }

    #[test]
    fn unblock_kill_and_close_end_a_wait() {
        let mut bench = Bench::new(&[]);
        let (client, admin) = (bench.client(), bench.client());
        let id = bench.session(client).id;
        bench.say(client, "TESTTAKE a 0");
        assert_eq!(bench.say(admin, &format!("CLIENT UNBLOCK {id}")), ":1");
        assert_eq!(bench.heard(client), "*-1");
        bench.say(client, "TESTTAKE a 0");
        assert_eq!(bench.say(admin, &format!("CLIENT UNBLOCK {id} ERROR")), ":1");
        assert_eq!(bench.heard(client), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
        assert_eq!(bench.say(admin, &format!("CLIENT UNBLOCK {id}")), ":0");
        bench.say(client, "TESTTAKE a 0");
        bench.engine.close_session(client);
        assert!(!bench.engine.clients.waiting.awaits_keys());
        let killed = bench.client();
        let id = bench.session(killed).id;
        bench.say(killed, "TESTTAKE a 0");
        assert_eq!(bench.say(admin, &format!("CLIENT KILL ID {id}")), ":1");
        assert_eq!(bench.say(admin, "SET a 1"), "+OK");
        assert_eq!(bench.say(admin, "EXISTS a"), ":1");
    }

    #[test]
    fn pause_holds_a_served_write_and_its_deadline() {
        let mut bench = Bench::new(&[]);
        let (client, writer) = (bench.client(), bench.client());
        bench.say(client, "TESTTAKE a 1");
        bench.say(writer, "CLIENT PAUSE 5000 WRITE");
        bench.engine.serve_moved_waiters();
        assert!(bench.session(client).is_suspended());
        bench.say(writer, "CLIENT UNPAUSE");
        bench.engine.retry(client);
        assert_eq!(bench.heard(client), "");
        bench.advance(1_000);
        bench.engine.end_turn();
        assert_eq!(bench.heard(client), "*-1");
    }

    #[test]
    fn served_session_gets_no_message_of_another() {
        let mut bench = Bench::new(&[("notify-keyspace-events", "KEA")]);
        let (client, writer) = (bench.client(), bench.client());
        bench.say(writer, "HELLO 3");
        bench.say(writer, "SUBSCRIBE __keyevent@0__:del");
        bench.say(client, "TESTTAKE a 0");
        assert_eq!(bench.say(writer, "SET a 1"), "+OK >3 $7 message $18 __keyevent@0__:del $1 a");
        assert_eq!(bench.heard(client), "*2 $1 a $1 1");
    }

    #[test]
    fn swapped_database_serves() {
        let mut bench = Bench::new(&[]);
        let (client, writer) = (bench.client(), bench.client());
        bench.say(client, "TESTTAKE a 0");
        bench.say(writer, "SELECT 1");
        bench.say(writer, "SET a 1");
        assert_eq!(bench.heard(client), "");
        bench.say(writer, "SWAPDB 0 1");
        assert_eq!(bench.heard(client), "*2 $1 a $1 1");
    }
}
