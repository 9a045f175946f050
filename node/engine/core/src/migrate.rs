//! MIGRATE: keys sent to another node by RESTORE, and deleted here once it has them.
//!
//! BACKGROUND. The peers stop the whole node while a MIGRATE is under way. Here the session waits and
//! all others go on; only a command that would change one of the keys on their way is held.
//!
//! INVARIANTS. A key is deleted only after the target has acknowledged exactly its bytes: no write can
//! have changed it in between. A failure at any point leaves every key here.
//!
//! BEHAVIOUR. One request carries all keys of the command; the replies come back in order, one a key.

use std::collections::HashMap;

use crate::command::failure::SYNTAX;
use crate::command::table::Entry;
use crate::command::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::engine::Engine;
use crate::resp::{encode_command, Args, OwnedArgs};
use crate::session::{Session, SessionKey, Suspension};

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("migrate", -6, Group::Generic, migrate)
    .flags(Flags::WRITE.union(Flags::MOVABLEKEYS).union(Flags::NO_MULTI).union(Flags::NOSCRIPT))
    .categories(&["dangerous"])
    .keys(&[
        KeySpec::one(3, "RW ACCESS DELETE"),
        KeySpec::keyword("KEYS", -2, -1, "RW ACCESS DELETE INCOMPLETE"),
    ])
    .docs(
        "2.6.0",
        "O(N) with the size of the keys, which travel over the network",
        "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] \
         [KEYS key [key ...]]",
        "Moves keys to another server.",
    )];

/// How long a MIGRATE waits when it is given no time, in milliseconds.
const TIMEOUT_MS_DEFAULT: u64 = 1000;

/// Bytes for a target, and how many replies it will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The ticket under which its end is reported.
    pub ticket: u64,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The bytes to send.
    pub request: Vec<u8>,
    /// How many status replies to wait for.
    pub replies: usize,
    /// How long to wait, in milliseconds.
    pub timeout_ms: u64,
}

/// Migrations under way.
#[derive(Debug, Default)]
pub struct Migrations {
    by_ticket: HashMap<u64, Migration>,
    /// Keys on their way, with the number of migrations that carry each.
    keys: HashMap<Box<[u8]>, usize>,
    /// Sessions whose command would change such a key: they try again when a migration ends.
    waiting: Vec<(SessionKey, u64)>,
}

#[derive(Debug)]
struct Migration {
    session: SessionKey,
    db: usize,
    keys: Vec<Box<[u8]>>,
    /// Replies before those to the keys: AUTH, SELECT.
    preliminaries: usize,
    copy: bool,
}

/// The arguments of one MIGRATE.
struct Wanted<'a> {
    host: String,
    port: u16,
    db: i64,
    timeout_ms: u64,
    copy: bool,
    replace: bool,
    auth: Vec<&'a [u8]>,
    keys: Vec<&'a [u8]>,
}

fn parse<'a>(ctx: &Ctx<'a>) -> Result<Wanted<'a>, Failure> {
    let port = ctx.int_arg(2)?;
    let mut wanted = Wanted {
        host: String::from_utf8_lossy(ctx.arg(1)).into_owned(),
        port: u16::try_from(port).map_err(|_| Failure::Text("ERR Invalid TCP port specified"))?,
        db: ctx.int_arg(4)?,
        timeout_ms: u64::try_from(ctx.int_arg(5)?).ok().filter(|&ms| ms > 0).unwrap_or(TIMEOUT_MS_DEFAULT),
        copy: false,
        replace: false,
        auth: Vec::new(),
        keys: vec![ctx.arg(3)],
    };
    let mut i = 6;
    while i < ctx.args.len() {
        let left = ctx.args.len() - i - 1;
        match ctx.arg(i).to_ascii_uppercase().as_slice() {
            b"COPY" => wanted.copy = true,
            b"REPLACE" => wanted.replace = true,
            b"AUTH" if left >= 1 => {
                wanted.auth = vec![ctx.arg(i + 1)];
                i += 1;
            }
            b"AUTH2" if left >= 2 => {
                wanted.auth = vec![ctx.arg(i + 1), ctx.arg(i + 2)];
                i += 2;
            }
            b"KEYS" => {
                if !ctx.arg(3).is_empty() {
                    return Err(Failure::Text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                wanted.keys = ctx.args.iter_from(i + 1).collect();
                break;
            }
            _ => return Err(SYNTAX),
        }
        i += 1;
    }
    Ok(wanted)
}

/// `MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]`
pub fn migrate(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted = parse(ctx)?;
    let mut request = Vec::new();
    let mut preliminaries = 1;
    if !wanted.auth.is_empty() {
        preliminaries += 1;
        let mut words: Vec<&[u8]> = vec![b"AUTH"];
        words.extend(&wanted.auth);
        encode_command(&mut request, words.iter().copied());
    }
    let db = wanted.db.to_string();
    encode_command(&mut request, [b"SELECT".as_slice(), db.as_bytes()].into_iter());
    let mut keys: Vec<Box<[u8]>> = Vec::new();
    for key in &wanted.keys {
        if append_restore(ctx, &mut request, key, wanted.replace) {
            keys.push((*key).into());
        }
    }
    if keys.is_empty() {
        ctx.reply().simple("NOKEY");
        return Ok(());
    }
    let ticket = ctx.engine.ticket();
    let replies = preliminaries + keys.len();
    ctx.engine.migrations.start(
        ticket,
        Migration { session: ctx.session.key, db: ctx.session.db, keys, preliminaries, copy: wanted.copy },
    );
    ctx.session.suspension = Suspension::Migrate { ticket };
    let Wanted { host, port, timeout_ms, .. } = wanted;
    ctx.engine.actions.push(crate::effects::Action::Migrate(Job {
        ticket,
        host,
        port,
        request,
        replies,
        timeout_ms,
    }));
    Ok(())
}

/// Appends the RESTORE of a key; returns whether the key is here.
fn append_restore(ctx: &mut Ctx<'_>, request: &mut Vec<u8>, key: &[u8], replace: bool) -> bool {
    let name: &[u8] = if ctx.engine.slots.is_some() { b"RESTORE-ASKING" } else { b"RESTORE" };
    let now_ms = ctx.now_ms();
    let Some((payload, expire_at_ms)) = ctx.engine.dump(ctx.session.db, key) else { return false };
    let ttl_ms = match expire_at_ms {
        // A time to live of 0 would mean none: the last millisecond is stretched.
        Some(at_ms) => (at_ms - now_ms).max(1),
        None => 0,
    };
    let ttl = ttl_ms.to_string();
    let mut words: Vec<&[u8]> = vec![name, key, ttl.as_bytes(), &payload];
    if replace {
        words.push(b"REPLACE");
    }
    encode_command(request, words.iter().copied());
    true
}

impl Migrations {
    fn start(&mut self, ticket: u64, migration: Migration) {
        for key in &migration.keys {
            *self.keys.entry(key.clone()).or_default() += 1;
        }
        self.by_ticket.insert(ticket, migration);
    }

    fn end(&mut self, ticket: u64) -> Option<Migration> {
        let migration = self.by_ticket.remove(&ticket)?;
        for key in &migration.keys {
            if let Some(count) = self.keys.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.keys.remove(key);
                }
            }
        }
        Some(migration)
    }

    /// Whether no key is on its way.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether this key is on its way.
    pub fn carries(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// The session tries its command again when a migration ends.
    pub fn wait(&mut self, session: &Session) {
        self.waiting.push((session.key, session.id));
    }
}

impl Engine {
    /// Whether the command would change a key that is on its way to another node.
    pub(crate) fn changes_migrating_key(&self, entry: &Entry, args: Args<'_>) -> bool {
        let mut changes = false;
        if entry.command.flags.contains(Flags::WRITE) {
            for spec in entry.command.keys {
                spec.for_each(args, |index| changes |= self.migrations.carries(args.get(index)));
            }
        }
        changes
    }

    /// The target has sent all its replies, or has failed.
    pub fn migration_ended(&mut self, ticket: u64, outcome: Result<Vec<String>, String>) {
        let Some(migration) = self.migrations.end(ticket) else { return };
        let reply = match outcome {
            Ok(replies) => self.settle(&migration, &replies),
            Err(error) => Err(Failure::new(format!("IOERR error or timeout talking to the target: {error}"))),
        };
        let taken = self.sessions.take(migration.session);
        if let Some(mut session) = taken {
            if matches!(session.suspension, Suspension::Migrate { ticket: waits } if waits == ticket) {
                session.suspension = Suspension::None;
                match reply {
                    Ok(()) => session.out.extend_from_slice(b"+OK\r\n"),
                    Err(failure) => self.write_failure(&mut session, &failure),
                }
                self.actions.push(crate::effects::Action::Resume(session.key));
            }
            self.sessions.put(session);
        }
        for (key, id) in std::mem::take(&mut self.migrations.waiting) {
            if self.sessions.get(key).is_some_and(|session| session.id == id) {
                self.actions.push(crate::effects::Action::Resume(key));
            }
        }
    }

    /// Deletes the keys that the target has taken; the first refusal is the outcome.
    fn settle(&mut self, migration: &Migration, replies: &[String]) -> Outcome {
        let refusal = |reply: &String| {
            Failure::new(format!("ERR Target instance replied with error: {}", reply.trim_start_matches('-')))
        };
        let (preliminary, restored) = replies.split_at(migration.preliminaries.min(replies.len()));
        if let Some(reply) = preliminary.iter().find(|reply| !reply.starts_with('+')) {
            return Err(refusal(reply));
        }
        let mut outcome = Ok(());
        let mut deleted: Vec<&[u8]> = vec![b"DEL"];
        for (key, reply) in migration.keys.iter().zip(restored) {
            if reply.starts_with('+') {
                deleted.push(key);
            } else if outcome.is_ok() {
                outcome = Err(refusal(reply));
            }
        }
        if !migration.copy && deleted.len() > 1 {
            self.delete_migrated(migration.db, &deleted[1..]);
            self.queue_propagation(migration.db, OwnedArgs::from_slices(&deleted));
            self.flush_propagation();
        }
        outcome
    }
}

impl Engine {
    /// The DUMP payload of a key, and the time at which it expires.
    pub fn dump(&mut self, db: usize, key: &[u8]) -> Option<(Vec<u8>, Option<i64>)> {
        let database = &self.dbs[db];
        let entry = database.get(&database.key(key))?;
        if entry.is_expired(self.clock.unix_ms) {
            return None;
        }
        let mut payload = Vec::new();
        crate::formats::dump::dump(&mut payload, entry.value(), &mut None);
        Some((payload, entry.expire_at_ms()))
    }

    /// Deletes keys that another node has taken.
    fn delete_migrated(&mut self, db: usize, keys: &[&[u8]]) {
        for bytes in keys {
            let key = self.dbs[db].key(bytes);
            if self.dbs[db].delete(&key) {
                self.dirty += 1;
                self.changed(db, bytes);
                self.notify(crate::notify::NotifyClass::GENERIC, "del", db, bytes);
            }
        }
    }
}
