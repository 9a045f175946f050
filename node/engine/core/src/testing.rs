//! For unit tests of commands: an engine, and sessions that talk to it in lines of words.

use crate::base::clock::BootMs;
use crate::clients::origin::Origin;
use crate::clients::session::{Session, SessionKey};
use crate::cluster::slots::{ClusterState, Endpoint, SlotTable};
use crate::dispatch::blocking::BlockOn;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::engine::{Clock, Engine};
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;
use crate::settings::NotifyClass;
use crate::settings::Settings;

/// Commands that only tests have.
pub(crate) const COMMANDS: &[Command] = &[Command::new("testtake", -3, Group::Generic, test_take)
    .flags(Flags::WRITE.union(Flags::BLOCKING))
    .keys(&[KeySpec::range(1, -2, 1, "RW ACCESS DELETE")])
    .docs(
        "1.0.0",
        "O(1)",
        "key [key ...] timeout",
        "Takes the string of the first key that has one, or waits.",
    )];

/// The smallest of its kind: what BLPOP does, with strings.
fn test_take(ctx: &mut Ctx<'_>) -> Outcome {
    let last = ctx.args.len() - 1;
    let deadline_boot_ms = ctx.deadline_arg(last)?;
    let args = ctx.args;
    for name in args.iter_from(1).take(last - 1) {
        let key = ctx.key_of(name);
        let text =
            ctx.find(&key).and_then(|e| e.value().string(&mut itoa::Buffer::new()).map(<[u8]>::to_vec));
        if let Some(text) = text {
            ctx.db().delete(&key);
            ctx.changed(name, NotifyClass::GENERIC, "del", 1);
            ctx.propagate(&[b"DEL", name]);
            let mut reply = ctx.reply();
            reply.array(2);
            reply.bulk(name);
            reply.bulk(&text);
            return Ok(());
        }
    }
    let on_timeout = |reply: &mut Reply<'_>| reply.null_array();
    let what = BlockOn { type_name: Some("string"), deadline_boot_ms, on_timeout };
    ctx.block_on(args.iter_from(1).take(last - 1), what)
}

/// An engine under test, at a fixed time that tests move on by hand.
pub(crate) struct Bench {
    pub engine: Engine,
}

/// When tests begin, in Unix milliseconds.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

impl Bench {
    /// An engine with these directives set.
    pub fn new(directives: &[(&str, &str)]) -> Self {
        let mut settings = Settings::default();
        for (directive, value) in directives {
            assert_eq!(settings.set(directive, value), Ok(true), "{directive}");
        }
        let clock = Clock { unix_ms: START_MS, unix_us: START_MS * 1000, boot_ms: BootMs::new(1_000) };
        Bench { engine: Engine::new(settings, 1, clock, || 0) }
    }

    /// A node of a cluster that serves every slot; another one is `b:2`, by position 1. `change` may change that.
    pub fn in_cluster(directives: &[(&str, &str)], change: impl FnOnce(&mut SlotTable)) -> Self {
        let mut bench = Bench::new(&[&[("cluster-enabled", "yes")], directives].concat());
        let mut table =
            SlotTable { myself: 0, my_primary: 0, state: ClusterState::Ok, ..SlotTable::default() };
        table.has_data = true;
        table.owners.fill(table.myself);
        table.endpoints = [("a", 1), ("b", 2)]
            .map(|(host, port)| Endpoint { host: host.into(), port, copies_wanted: 0 })
            .into();
        change(&mut table);
        bench.engine.cluster.slots = Some(table.into());
        bench
    }

    /// Opens a client's session.
    pub fn client(&mut self) -> SessionKey {
        self.engine.open_session(Origin::Client).key
    }

    /// Runs a command given as words; returns what the session has to send, lines joined by spaces.
    pub fn say(&mut self, key: SessionKey, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.call(key, &words)
    }

    /// Runs a command given as arguments.
    pub fn call(&mut self, key: SessionKey, args: &[&[u8]]) -> String {
        let args = OwnedArgs::from_slices(args);
        let mut session = self.engine.clients.sessions.take(key).expect("the session is open");
        self.engine.execute(&mut session, args.view());
        self.engine.clients.sessions.put(session);
        self.heard(key)
    }

    /// Takes what a session has to send.
    pub fn heard(&mut self, key: SessionKey) -> String {
        let out = std::mem::take(&mut self.session(key).out);
        String::from_utf8_lossy(&out).replace("\r\n", " ").trim_end().to_owned()
    }

    /// A session.
    pub fn session(&mut self, key: SessionKey) -> &mut Session {
        self.engine.clients.sessions.get_mut(key).expect("the session is open")
    }

    /// Lets time pass.
    #[allow(dead_code)]
    pub fn advance(&mut self, ms: i64) {
        let clock = &mut self.engine.clock;
        clock.unix_ms += ms;
        clock.unix_us += ms * 1000;
        clock.boot_ms += ms;
    }
}
