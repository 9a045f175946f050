//! MSETEX: several strings at once, on a condition and with one expiry for all.
//!
//! Older peers do not know the command, so replicas get a SET for each key.

use super::options::StringOptions;
use crate::dispatch::keys::{Begin, Find};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::Ttl;
use crate::resp::failure::SYNTAX;
use crate::settings::NotifyClass;

const PAIRS: KeySpec = KeySpec {
    begin: Begin::Index(1),
    find: Find::KeyNum { index: 0, first: 1, step: 2 },
    ..KeySpec::one(1, "OW UPDATE")
};

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("msetex", -4, Group::String, msetex)
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
    .keys(&[PAIRS])
    .docs(
        "8.4.0",
        "O(N) with the number of keys",
        "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | \
         EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        "Stores strings at several keys, if none or all of them are there, with one expiry for all.",
    )];

fn msetex(ctx: &mut Ctx<'_>) -> Outcome {
    let pairs = ctx.int_arg_in(1, 1..=i64::from(i32::MAX), "ERR invalid numkeys value")? as usize;
    let behind = 2 + 2 * pairs;
    if behind > ctx.args.len() {
        return Err(Failure::Text("ERR wrong number of key-value pairs"));
    }
    let options = StringOptions::parse(ctx, behind, true)?;
    if options.get {
        return Err(SYNTAX);
    }
    let expiry = options.expiry_ms(ctx)?;
    let keys = (2..behind).step_by(2);
    if options.if_missing || options.if_there {
        for index in keys.clone() {
            let key = ctx.key(index);
            if ctx.find(&key).is_some() == options.if_missing {
                return ctx.int(0);
            }
        }
    }
    for index in keys {
        store(ctx, index, expiry, options.keep_ttl);
    }
    ctx.int(1)
}

fn store(ctx: &mut Ctx<'_>, index: usize, expiry: Option<i64>, keep_ttl: bool) {
    let (key, value, clock) = (ctx.key(index), ctx.arg(index + 1), ctx.engine.access_clock());
    let ttl = match (expiry, keep_ttl) {
        (Some(at_ms), _) => Ttl::At(at_ms),
        (None, true) => Ttl::Keep,
        (None, false) => Ttl::Clear,
    };
    let existed = ctx.find(&key).is_some();
    ctx.db().set_string(&key, value, ttl, clock);
    ctx.string_stored(&key, existed, "set");
    match ttl {
        Ttl::At(at_ms) => {
            ctx.notify(NotifyClass::GENERIC, "expire", key.bytes);
            ctx.propagate(&[b"SET", key.bytes, value, b"PXAT", itoa::Buffer::new().format(at_ms).as_bytes()]);
        }
        Ttl::Keep => ctx.propagate(&[b"SET", key.bytes, value, b"KEEPTTL"]),
        Ttl::Clear => ctx.propagate(&[b"SET", key.bytes, value]),
    }
}
