//! DUMP and RESTORE: a value as one string, and back; how keys move between servers.

use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::lzf::Compressor;
use crate::formats::rdb::RdbProblem;
use crate::keyspace::access::{lfu_clock, lru_clock};
use crate::keyspace::{KeyRef, Ttl, Value};
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::settings::NotifyClass;
use crate::snapshot::payload::{dump as write_payload, restore as read_payload, DumpError};
use crate::snapshot::RdbOptions;

const RESTORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const RESTORE_KEY: &[KeySpec] = &[KeySpec::one(1, "OW UPDATE")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("dump", 2, Group::Generic, dump)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(&[KeySpec::one(1, "RO ACCESS")])
        .docs("2.6.0", "O(N) with the size of the value", "key", "Answers the value of a key as one string."),
    Command::new("restore", -4, Group::Generic, restore)
        .flags(RESTORE)
        .categories(&["dangerous"])
        .keys(RESTORE_KEY)
        .docs(
            "2.6.0",
            "O(N) with the size of the value",
            "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
            "Creates a key from what DUMP has answered.",
        ),
    Command::new("restore-asking", -4, Group::Server, restore)
        .internal()
        .flags(RESTORE.union(Flags::ASKING))
        .categories(&["keyspace", "dangerous"])
        .keys(RESTORE_KEY)
        .docs(
            "3.0.0",
            "O(N) with the size of the value",
            "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
            "Does what RESTORE does, in a slot that is being imported.",
        ),
];

fn dump(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let mut compressor = ctx.engine.settings.rdbcompression.then(Compressor::new);
    ctx.read_with(&key, |entry, reply| {
        match entry {
            Some(entry) => {
                let mut payload = Vec::new();
                write_payload(&mut payload, entry.value(), &mut compressor);
                reply.bulk(&payload);
            }
            None => reply.null(),
        }
        Ok(())
    })
}

/// What stands behind the payload.
#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl RestoreOptions {
    fn parse(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let mut options = RestoreOptions::default();
        let mut index = 4;
        while index < ctx.args.len() {
            let has_access = options.idle_seconds.is_some() || options.frequency.is_some();
            let number = ctx.args.try_get(index + 1).filter(|_| !has_access);
            if ctx.arg_is(index, "replace") {
                options.replace = true;
            } else if ctx.arg_is(index, "absttl") {
                options.absolute = true;
            } else if let (true, Some(number)) = (ctx.arg_is(index, "idletime"), number) {
                options.idle_seconds = Some(idle_seconds(number)?);
                index += 1;
            } else if let (true, Some(number)) = (ctx.arg_is(index, "freq"), number) {
                options.frequency = Some(frequency(number)?);
                index += 1;
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        Ok(options)
    }

    /// The access clock that the key begins with.
    fn clock(&self, ctx: &Ctx<'_>) -> u32 {
        let now_ms = ctx.now_ms();
        match (ctx.engine.settings.maxmemory_policy.is_lfu(), self.frequency, self.idle_seconds) {
            (true, Some(frequency), _) => lfu_clock(now_ms) & !0xff | u32::from(frequency),
            (false, _, Some(idle)) => lru_clock(now_ms.saturating_sub(idle.saturating_mul(1000))),
            _ => ctx.engine.access_clock(),
        }
    }
}

fn idle_seconds(text: &[u8]) -> Result<i64, Failure> {
    let seconds = parse_i64(text).ok_or(NOT_AN_INTEGER)?;
    if seconds < 0 {
        return Err(Failure::Text("ERR Invalid IDLETIME value, must be >= 0"));
    }
    Ok(seconds)
}

fn frequency(text: &[u8]) -> Result<u8, Failure> {
    let frequency = parse_i64(text).ok_or(NOT_AN_INTEGER)?;
    u8::try_from(frequency).map_err(|_| Failure::Text("ERR Invalid FREQ value, must be >= 0 and <= 255"))
}

const INVALID_TTL: Failure = Failure::Text("ERR Invalid TTL value, must be >= 0");

fn restore(ctx: &mut Ctx<'_>) -> Outcome {
    let options = RestoreOptions::parse(ctx)?;
    let key = ctx.key(1);
    if !options.replace && ctx.find(&key).is_some() {
        return Err(Failure::Text("BUSYKEY Target key name already exists."));
    }
    let ttl = ctx.int_arg(2)?;
    if ttl < 0 {
        return Err(INVALID_TTL);
    }
    let value = value_of(ctx)?;
    let expire_at_ms = match ttl {
        0 => None,
        at_ms if options.absolute => Some(at_ms),
        ttl_ms => Some(ttl_ms.checked_add(ctx.now_ms()).ok_or(INVALID_TTL)?),
    };
    let is_over = expire_at_ms.is_some_and(|at_ms| at_ms <= ctx.now_ms());
    if is_over && !ctx.engine.replication.is_replica() && !ctx.origin().sees_expired() {
        return delete_instead(ctx, &key);
    }
    let clock = options.clock(ctx);
    let existed = options.replace && ctx.find(&key).is_some();
    ctx.db().set_value(&key, value, expire_at_ms.map_or(Ttl::Clear, Ttl::At), clock);
    if !existed {
        ctx.created(key.bytes);
    }
    ctx.changed(key.bytes, NotifyClass::GENERIC, "restore", 1);
    if let (Some(at_ms), false) = (expire_at_ms, options.absolute) {
        propagate_absolute(ctx, at_ms);
    }
    ctx.ok()
}

/// The value in argument 3.
fn value_of(ctx: &Ctx<'_>) -> Result<Value, Failure> {
    let rdb_options = RdbOptions {
        limits: ctx.engine.type_limits(),
        checksum: !ctx.engine.switches.skips_checksums,
        ..RdbOptions::default()
    };
    read_payload(ctx.arg(3), &rdb_options).map_err(|error| match error {
        DumpError::Seal => Failure::Text("ERR DUMP payload version or checksum are wrong"),
        DumpError::Value(problem @ RdbProblem::Foreign(_)) => {
            Failure::new(format!("ERR Bad data format: {problem}"))
        }
        DumpError::Value(_) => Failure::Text("ERR Bad data format"),
    })
}

/// The key would expire at once: nothing is created, and what it was to replace goes.
fn delete_instead(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Outcome {
    if ctx.db().delete(key) {
        ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 1);
        ctx.propagate(&[b"DEL", key.bytes]);
    }
    ctx.ok()
}

/// Replicates the command with the time of expiry instead of the time to live.
fn propagate_absolute(ctx: &mut Ctx<'_>, at_ms: i64) {
    let mut digits = itoa::Buffer::new();
    let time = digits.format(at_ms).as_bytes();
    let mut args: Vec<&[u8]> = vec![b"RESTORE", ctx.arg(1), time];
    args.extend(ctx.args.iter_from(3));
    args.push(b"ABSTTL");
    ctx.propagate(&args);
}
