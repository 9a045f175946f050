//! The command MIGRATE: keys sent to another node by RESTORE. What becomes of them is in [`super::settle`].

use super::state::{Item, Job, Migration, Route, Wait};
use crate::clients::origin::Origin;
use crate::clients::session::Suspension;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::engine::Engine;
use crate::keyspace::key_slot;
use crate::resp::encode_command;
use crate::resp::failure::SYNTAX;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("migrate", -6, Group::Generic, migrate).tips("nondeterministic_output").flags(Flags::MIGRATES)
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
fn migrate(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted = parse(ctx)?;
    let (route, copies_wanted) = ctx.engine.route_of(&wanted);
    let mut request = Vec::new();
    let preliminaries = append_preliminaries(ctx, &mut request, &wanted);
    let replace = wanted.replace || matches!(route, Route::SlotMove { .. });
    let takes_ghosts = matches!(route, Route::SlotMove { .. }) && !wanted.copy;
    let (mut items, mut replies) = (Vec::new(), preliminaries);
    for key in &wanted.keys {
        if append_restore(ctx, &mut request, key, replace) {
            items.push(Item::new(key, false));
            replies += 1;
        } else if takes_ghosts && ctx.engine.cluster.migrations.is_ghost(key) {
            encode_command(&mut request, [&b"ASKING"[..]].into_iter());
            encode_command(&mut request, [&b"DEL"[..], key].into_iter());
            items.push(Item::new(key, true));
            replies += 2;
        }
    }
    if items.is_empty() {
        ctx.reply().simple("NOKEY");
        return Ok(());
    }
    let ack_ms = wanted.timeout_ms.min(ctx.engine.settings.cluster_migration_ack_timeout);
    let wait = (copies_wanted > 0).then_some(Wait { copies: copies_wanted, timeout_ms: ack_ms });
    let ticket = ctx.engine.cluster.migrations.start(Migration {
        session: ctx.session.key,
        session_id: ctx.session.id,
        db: ctx.session.db,
        items,
        preliminaries,
        has_link_reply: ctx.engine.cluster.slots.is_some(),
        copy: wanted.copy,
        route,
        copies_wanted,
        timeout_ms: ack_ms as i64,
        confirming: None,
    });
    ctx.session.suspension = Suspension::Migrate { ticket };
    let Wanted { host, port, timeout_ms, .. } = wanted;
    let timeout_ms = if copies_wanted > 0 { timeout_ms.saturating_add(ack_ms) } else { timeout_ms };
    let job = Job { ticket, host, port, request, replies, wait, timeout_ms };
    ctx.engine.effects.actions.push(crate::engine::effects::Action::Migrate(job));
    Ok(())
}

/// Appends what comes before the keys: log in, choose the database, say whose link this is. Gives the number of replies.
fn append_preliminaries(ctx: &Ctx<'_>, request: &mut Vec<u8>, wanted: &Wanted<'_>) -> usize {
    let mut replies = 1;
    if !wanted.auth.is_empty() {
        replies += 1;
        let mut words: Vec<&[u8]> = vec![b"AUTH"];
        words.extend(&wanted.auth);
        encode_command(request, words.into_iter());
    }
    let db = wanted.db.to_string();
    encode_command(request, [b"SELECT".as_slice(), db.as_bytes()].into_iter());
    if ctx.engine.cluster.slots.is_some() {
        replies += 1;
        let name = format!("{}:{}:{}", ctx.engine.cluster.link_name, wanted.host, wanted.port);
        encode_command(request, [&b"CLUSTER"[..], b"MIGRATION-LINK", name.as_bytes()].into_iter());
    }
    replies
}

/// Appends the RESTORE of a key; returns whether the key is here.
fn append_restore(ctx: &mut Ctx<'_>, request: &mut Vec<u8>, key: &[u8], replace: bool) -> bool {
    let name: &[u8] = if ctx.engine.cluster.slots.is_some() { b"RESTORE-ASKING" } else { b"RESTORE" };
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

impl Engine {
    /// The DUMP payload of a key, and the time at which it expires.
    pub fn dump(&mut self, db: usize, key: &[u8]) -> Option<(Vec<u8>, Option<i64>)> {
        let database = &self.keyspace.dbs[db];
        let entry = database.get(&database.key(key))?;
        if entry.is_expired(self.clock.unix_ms) {
            return None;
        }
        let mut payload = Vec::new();
        crate::snapshot::payload::dump(&mut payload, entry.value(), &mut None);
        Some((payload, entry.expire_at_ms()))
    }

    /// What a MIGRATE is part of, and how many replicas of the target must acknowledge what it sends.
    fn route_of(&self, wanted: &Wanted<'_>) -> (Route, usize) {
        let Some(slots) = self.cluster.slots.as_deref() else { return (Route::Elsewhere, 0) };
        let Some(key) = wanted.keys.first() else { return (Route::Elsewhere, 0) };
        let slot = key_slot(key);
        let copies = |node: u16| slots.endpoints.get(usize::from(node)).map_or(0, |node| node.copies_wanted);
        match slots.owner(slot) {
            Some(owner) if owner == slots.myself => match slots.migrating.get(&slot) {
                Some(&target) => (Route::SlotMove { slot, target }, copies(target)),
                None => (Route::Elsewhere, 0),
            },
            Some(owner) => (Route::Home { slot, owner }, copies(owner)),
            None => (Route::Elsewhere, 0),
        }
    }
}

/// `CLUSTER MIGRATION-LINK name`: this connection is the link of that name; an earlier one of the name is over.
pub const MIGRATION_LINK: Command = Command::new("migration-link", 3, Group::Cluster, migration_link)
    .flags(Flags::ADMIN.union(Flags::STALE).union(Flags::NOSCRIPT))
    .docs(
        "7.2.0",
        "O(N) with the number of connections",
        "name",
        "Names the connection of a MIGRATE and closes an earlier one of that name, whatever it still holds.",
    );

fn migration_link(ctx: &mut Ctx<'_>) -> Outcome {
    let name = ctx.arg(2);
    if ctx.session.migration_link.as_deref() != Some(name) {
        let earlier: Vec<_> = ctx
            .engine
            .clients
            .sessions
            .iter()
            .filter(|session| {
                session.origin == Origin::Client && session.migration_link.as_deref() == Some(name)
            })
            .map(|session| session.key)
            .collect();
        earlier.into_iter().for_each(|key| ctx.engine.close_soon(key));
        ctx.session.migration_link = Some(name.into());
    }
    ctx.ok()
}
