//! RENAME, RENAMENX, COPY, MOVE.

use super::database_number;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::failure::{NO_SUCH_KEY, SYNTAX};
use crate::settings::NotifyClass;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("rename", 3, Group::Generic, rename)
        .flags(Flags::WRITE)
        .keys(&[KeySpec::one(1, "RW ACCESS DELETE"), KeySpec::one(2, "OW UPDATE")])
        .docs("1.0.0", "O(1)", "key newkey", "Gives a key another name, replacing a key of that name."),
    Command::new("renamenx", 3, Group::Generic, renamenx)
        .flags(Flags::WRITE.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RW ACCESS DELETE"), KeySpec::one(2, "OW INSERT")])
        .docs("1.0.0", "O(1)", "key newkey", "Gives a key another name if no key has it."),
    Command::new("copy", -3, Group::Generic, copy)
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "RO ACCESS"), KeySpec::one(2, "OW UPDATE")])
        .docs(
            "6.2.0",
            "O(N) with the size of the value",
            "source destination [DB destination-db] [REPLACE]",
            "Copies a key with its value and expiry.",
        ),
    Command::new("move", 3, Group::Generic, move_key)
        .flags(Flags::WRITE.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs("1.0.0", "O(1)", "key db", "Moves a key to another database if it has no such key."),
];

const SAME_OBJECT: Failure = Failure::Text("ERR source and destination objects are the same");

fn rename(ctx: &mut Ctx<'_>) -> Outcome {
    rename_key(ctx, false)?;
    ctx.ok()
}

fn renamenx(ctx: &mut Ctx<'_>) -> Outcome {
    let is_renamed = rename_key(ctx, true)?;
    ctx.int(i64::from(is_renamed))
}

/// Renames, unless the new name must be free and is not.
fn rename_key(ctx: &mut Ctx<'_>, only_if_free: bool) -> Result<bool, Failure> {
    let (from, to) = (ctx.key(1), ctx.key(2));
    if ctx.find(&from).is_none() {
        return Err(NO_SUCH_KEY);
    }
    if from.bytes == to.bytes {
        return Ok(false);
    }
    if ctx.find(&to).is_some() && only_if_free {
        return Ok(false);
    }
    ctx.db().rename(&from, &to);
    ctx.created(to.bytes);
    ctx.changed(from.bytes, NotifyClass::GENERIC, "rename_from", 0);
    ctx.changed(to.bytes, NotifyClass::GENERIC, "rename_to", 1);
    Ok(true)
}

/// Whether a key is in a database, after a look at its expiry.
fn is_there(ctx: &mut Ctx<'_>, db: usize, key: &KeyRef<'_>) -> bool {
    let kind = ctx.session.origin;
    !ctx.engine.expire_if_due(db, key, kind) && ctx.engine.keyspace.dbs[db].contains(key)
}

fn copy(ctx: &mut Ctx<'_>) -> Outcome {
    let (mut to_db, mut replace) = (ctx.session.db, false);
    let mut index = 3;
    while index < ctx.args.len() {
        if ctx.arg_is(index, "replace") {
            replace = true;
        } else if ctx.arg_is(index, "db") && index + 1 < ctx.args.len() {
            index += 1;
            to_db = database_number(ctx, index)?;
        } else {
            return Err(SYNTAX);
        }
        index += 1;
    }
    let from_db = ctx.session.db;
    if ctx.engine.settings.cluster_enabled && (from_db != 0 || to_db != 0) {
        return Err(Failure::Text("ERR Copying to another database is not allowed in cluster mode"));
    }
    let (from, to) = (ctx.key(1), ctx.key(2));
    if from_db == to_db && from.bytes == to.bytes {
        return Err(SAME_OBJECT);
    }
    let Some(source) = ctx.read(&from) else { return ctx.int(0) };
    let content = source.to_content();
    if is_there(ctx, to_db, &to) && !replace {
        return ctx.int(0);
    }
    let clock = ctx.engine.access_clock();
    ctx.engine.keyspace.dbs[to_db].set_content(&to, content, clock);
    ctx.engine.notify(NotifyClass::NEW, "new", to_db, to.bytes);
    ctx.engine.key_changed(to_db, to.bytes, NotifyClass::GENERIC, "copy_to", 1);
    ctx.int(1)
}

fn move_key(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.settings.cluster_enabled {
        return Err(Failure::Text("ERR MOVE is not allowed in cluster mode"));
    }
    let (from_db, to_db) = (ctx.session.db, database_number(ctx, 2)?);
    if from_db == to_db {
        return Err(SAME_OBJECT);
    }
    let key = ctx.key(1);
    if ctx.find(&key).is_none() || is_there(ctx, to_db, &key) {
        return ctx.int(0);
    }
    let Some(content) = ctx.db().take(&key) else { return ctx.int(0) };
    let clock = ctx.engine.access_clock();
    ctx.engine.keyspace.dbs[to_db].set_content(&key, content, clock);
    ctx.engine.notify(NotifyClass::NEW, "new", to_db, key.bytes);
    ctx.changed(key.bytes, NotifyClass::GENERIC, "move_from", 0);
    ctx.engine.key_changed(to_db, key.bytes, NotifyClass::GENERIC, "move_to", 1);
    ctx.int(1)
}
