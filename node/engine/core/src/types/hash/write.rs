//! Commands that change a hash: HSET and its kin.

use super::access::hash_of;
use super::{Hash, HashLimits};
use crate::base::long_double::LongDouble;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::keyspace::{KeyRef, Object, ObjectMut, Ttl};
use crate::resp::failure::{NOT_A_FLOAT, WRONG_TYPE};
use crate::settings::NotifyClass;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const STORE: Flags = FAST.union(Flags::DENYOOM);

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[
        Command::new("hset", -4, Group::Hash, hset).flags(STORE).keys(&[KeySpec::one(1, "RW UPDATE")]).docs(
            "2.0.0",
            "O(N) with the number of fields given",
            "key field value [field value ...]",
            "Sets fields and tells how many of them are new.",
        ),
        Command::new("hmset", -4, Group::Hash, hmset)
            .deprecated("4.0.0", "`HSET` with several fields")
            .flags(STORE)
            .keys(&[KeySpec::one(1, "RW UPDATE")])
            .docs(
                "2.0.0",
                "O(N) with the number of fields given",
                "key field value [field value ...]",
                "Sets fields; HSET does the same and answers more.",
            ),
        Command::new("hsetnx", 4, Group::Hash, hsetnx)
            .flags(STORE)
            .keys(&[KeySpec::one(1, "RW INSERT")])
            .docs("2.0.0", "O(1)", "key field value", "Sets a field unless it is already there."),
        Command::new("hdel", -3, Group::Hash, hdel).flags(FAST).keys(&[KeySpec::one(1, "RW DELETE")]).docs(
            "2.0.0",
            "O(N) with the number of fields given",
            "key field [field ...]",
            "Deletes fields; a hash without fields is deleted too.",
        ),
        Command::new("hincrby", 4, Group::Hash, hincrby)
            .flags(STORE)
            .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
            .docs(
                "2.0.0",
                "O(1)",
                "key field increment",
                "Adds to the integer in a field; a missing field counts as 0.",
            ),
        Command::new("hincrbyfloat", 4, Group::Hash, hincrbyfloat)
            .flags(STORE)
            .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
            .docs(
                "2.6.0",
                "O(1)",
                "key field increment:double",
                "Adds to the floating point number in a field; a missing field counts as 0.",
            ),
    ];

/// Changes the hash at a key, which is created where it is missing. A change that fails must have changed nothing.
pub(super) fn change<T>(
    ctx: &mut Ctx<'_>,
    key: &KeyRef<'_>,
    change: impl FnOnce(&mut Hash, &HashLimits) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let limits = ctx.engine.hash_limits();
    if let Some((object, _)) = ctx.find_mut(key)? {
        let ObjectMut::Hash(hash) = object else { return Err(WRONG_TYPE) };
        let result = change(hash, &limits);
        let due_ms = hash.next_due();
        ctx.db().note_elements_due(key, due_ms);
        return result;
    }
    let mut hash = Box::<Hash>::default();
    let result = change(&mut hash, &limits)?;
    let clock = ctx.engine.access_clock();
    ctx.db().set_object(key, Object::Hash(hash), Ttl::Clear, clock);
    ctx.created(key.bytes);
    Ok(result)
}

/// A hash has changed: counts and announces it.
pub(super) fn changed(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, changes: usize, event: &str) {
    ctx.changed(key.bytes, NotifyClass::HASH, event, changes as u64);
}

fn hset(ctx: &mut Ctx<'_>) -> Outcome {
    let added = set_pairs(ctx)?;
    ctx.int(added)
}

fn hmset(ctx: &mut Ctx<'_>) -> Outcome {
    set_pairs(ctx)?;
    ctx.ok()
}

/// Sets the fields that are given from argument 2 on; gives the number of new ones.
fn set_pairs(ctx: &mut Ctx<'_>) -> Result<i64, Failure> {
    if ctx.args.len() % 2 != 0 {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    let (key, args) = (ctx.key(1), ctx.args);
    ctx.expire_given(&key, args.iter_from(2).step_by(2))?;
    let added = change(ctx, &key, |hash, limits| {
        hash.prepare(args.iter_from(2), limits);
        let pairs = (2..args.len()).step_by(2);
        Ok(pairs.map(|at| i64::from(hash.set(args.get(at), args.get(at + 1), limits))).sum())
    })?;
    changed(ctx, &key, args.len() / 2 - 1, "hset");
    Ok(added)
}

fn hsetnx(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field, value) = (ctx.key(1), ctx.arg(2), ctx.arg(3));
    ctx.expire_given(&key, std::iter::once(field))?;
    if hash_of(ctx.find(&key))?.is_some_and(|hash| hash.contains(field)) {
        return ctx.int(0);
    }
    change(ctx, &key, |hash, limits| Ok(hash.set(field, value, limits)))?;
    changed(ctx, &key, 1, "hset");
    ctx.int(1)
}

fn hdel(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.expire_given(&key, ctx.args.iter_from(2))?;
    let removed = remove(ctx, &key, ctx.args.iter_from(2))?;
    ctx.int(removed as i64)
}

/// Removes fields, and the hash with the last of them; gives the number of fields that were there.
pub(super) fn remove<'a>(
    ctx: &mut Ctx<'_>,
    key: &KeyRef<'_>,
    mut fields: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<usize, Failure> {
    let Some(hash) = hash_of(ctx.find(key))? else { return Ok(0) };
    if !fields.clone().any(|field| hash.contains(field)) {
        return Ok(0);
    }
    let Some(ObjectMut::Hash(hash)) = ctx.db().object_mut(key) else { return Err(WRONG_TYPE) };
    let mut removed = 0;
    while let (false, Some(field)) = (hash.is_empty(), fields.next()) {
        removed += usize::from(hash.remove(field));
    }
    let (is_empty, due_ms) = (hash.is_empty(), hash.next_due());
    ctx.db().note_elements_due(key, due_ms);
    changed(ctx, key, removed, "hdel");
    if is_empty {
        ctx.db().delete(key);
        ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
    }
    Ok(removed)
}

fn hincrby(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field) = (ctx.key(1), ctx.arg(2));
    let increment = ctx.int_arg(3)?;
    ctx.expire_given(&key, std::iter::once(field))?;
    let sum = change(ctx, &key, |hash, limits| {
        let old = match hash.get(field) {
            Some(value) => value.as_integer().ok_or(Failure::Text("ERR hash value is not an integer"))?,
            None => 0,
        };
        let sum =
            old.checked_add(increment).ok_or(Failure::Text("ERR increment or decrement would overflow"))?;
        hash.set_value(field, itoa::Buffer::new().format(sum).as_bytes(), limits);
        Ok(sum)
    })?;
    changed(ctx, &key, 1, "hincrby");
    ctx.int(sum)
}

fn hincrbyfloat(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field) = (ctx.key(1), ctx.arg(2));
    let increment = LongDouble::parse(ctx.arg(3)).ok_or(NOT_A_FLOAT)?;
    if increment.to_text().is_none() {
        return Err(Failure::Text("ERR value is NaN or Infinity"));
    }
    ctx.expire_given(&key, std::iter::once(field))?;
    let (sum, due) = change(ctx, &key, |hash, limits| {
        let old = hash.get(field).unwrap_or(Item::Integer(0));
        let old = LongDouble::parse(old.spell(&mut itoa::Buffer::new()))
            .ok_or(Failure::Text("ERR hash value is not a float"))?;
        let sum = old
            .plus(increment)
            .to_text()
            .ok_or(Failure::Text("ERR increment would produce NaN or Infinity"))?;
        hash.set_value(field, sum.as_bytes(), limits);
        Ok((sum, hash.due(field)))
    })?;
    changed(ctx, &key, 1, "hincrbyfloat");
    // A replica must not add by itself: its arithmetic may differ.
    ctx.propagate(&[b"HSET", key.bytes, field, sum.as_bytes()]);
    if let Some(due) = due {
        let mut digits = itoa::Buffer::new();
        let due = digits.format(due).as_bytes();
        ctx.propagate(&[b"HPEXPIREAT", key.bytes, due, b"FIELDS", b"1", field]);
    }
    ctx.reply().bulk(sum.as_bytes());
    Ok(())
}
