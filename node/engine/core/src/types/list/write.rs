//! Commands that change one list: LPUSH and its kin.

use super::access::{
    changed, check_length, delete_empty, list_and_reply, list_mut, list_of, push, taken, write_from_end,
    write_item,
};
use super::read::{index_in, range_in};
use super::End;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::{NO_SUCH_KEY, OUT_OF_RANGE, SYNTAX};

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const PUSH: Flags = STORE.union(Flags::FAST);
const POP: Flags = Flags::WRITE.union(Flags::FAST);
const INSERT: &[KeySpec] = &[KeySpec::one(1, "RW INSERT")];
const DELETE: &[KeySpec] = &[KeySpec::one(1, "RW DELETE")];

const PUSH_COST: &str = "O(N) with the number of elements given";
const POP_COST: &str = "O(N) with the number of elements answered";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lpush", -3, Group::List, lpush).flags(PUSH).keys(INSERT).docs(
        "1.0.0",
        PUSH_COST,
        "key element [element ...]",
        "Adds elements at the head, and makes the list if there is none.",
    ),
    Command::new("rpush", -3, Group::List, rpush).flags(PUSH).keys(INSERT).docs(
        "1.0.0",
        PUSH_COST,
        "key element [element ...]",
        "Adds elements at the tail, and makes the list if there is none.",
    ),
    Command::new("lpushx", -3, Group::List, lpushx).flags(PUSH).keys(INSERT).docs(
        "2.2.0",
        PUSH_COST,
        "key element [element ...]",
        "Adds elements at the head of a list that is there.",
    ),
    Command::new("rpushx", -3, Group::List, rpushx).flags(PUSH).keys(INSERT).docs(
        "2.2.0",
        PUSH_COST,
        "key element [element ...]",
        "Adds elements at the tail of a list that is there.",
    ),
    Command::new("linsert", 5, Group::List, linsert).flags(STORE).keys(INSERT).docs(
        "2.2.0",
        "O(N) with the elements before the pivot",
        "key <BEFORE | AFTER> pivot element",
        "Adds an element beside the first one that equals the pivot.",
    ),
    Command::new("lset", 4, Group::List, lset).flags(STORE).keys(&[KeySpec::one(1, "RW UPDATE")]).docs(
        "1.0.0",
        "O(N) with the elements between the index and the nearer end; both ends are O(1)",
        "key index element",
        "Puts an element in the place of the one with an index.",
    ),
    Command::new("lrem", 4, Group::List, lrem).flags(Flags::WRITE).keys(DELETE).docs(
        "1.0.0",
        "O(N+M) with the length of the list and the number of elements removed",
        "key count element",
        "Removes elements that equal the one given, from the head, or from the tail with a negative count.",
    ),
    Command::new("ltrim", 4, Group::List, ltrim).flags(Flags::WRITE).keys(DELETE).docs(
        "1.0.0",
        "O(N) with the number of elements removed",
        "key start stop",
        "Keeps a range of indices, and removes all other elements.",
    ),
    Command::new("lpop", -2, Group::List, lpop).flags(POP).keys(&[KeySpec::one(1, "RW ACCESS DELETE")]).docs(
        "1.0.0",
        POP_COST,
        "key [count]",
        "Takes elements from the head.",
    ),
    Command::new("rpop", -2, Group::List, rpop).flags(POP).keys(&[KeySpec::one(1, "RW ACCESS DELETE")]).docs(
        "1.0.0",
        POP_COST,
        "key [count]",
        "Takes elements from the tail.",
    ),
];

fn lpush(ctx: &mut Ctx<'_>) -> Outcome {
    push_all(ctx, End::Left)
}

fn rpush(ctx: &mut Ctx<'_>) -> Outcome {
    push_all(ctx, End::Right)
}

fn lpushx(ctx: &mut Ctx<'_>) -> Outcome {
    push_if_there(ctx, End::Left)
}

fn rpushx(ctx: &mut Ctx<'_>) -> Outcome {
    push_if_there(ctx, End::Right)
}

fn push_if_there(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    let key = ctx.key(1);
    match list_of(ctx.find(&key))? {
        None => ctx.int(0),
        Some(_) => push_all(ctx, end),
    }
}

fn push_all(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    let (key, args) = (ctx.key(1), ctx.args);
    args.iter_from(2).try_for_each(check_length)?;
    let len = push(ctx, &key, end, args.iter_from(2))?;
    changed(ctx, &key, args.len() - 2, end.push_event());
    ctx.int(len as i64)
}

fn linsert(ctx: &mut Ctx<'_>) -> Outcome {
    let behind = match (ctx.arg_is(2, "after"), ctx.arg_is(2, "before")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(SYNTAX),
    };
    let (key, pivot, text) = (ctx.key(1), ctx.arg(3), ctx.arg(4));
    check_length(text)?;
    let limits = ctx.engine.list_limits();
    let Some(list) = list_of(ctx.find(&key))? else { return ctx.int(0) };
    let mut is_there = false;
    list.positions(pivot, End::Left, usize::MAX, |_| {
        is_there = true;
        false
    });
    if !is_there {
        return ctx.int(-1);
    }
    let Some(list) = list_mut(ctx, &key)? else { return ctx.int(0) };
    list.insert_beside(pivot, behind, text, limits);
    let len = list.len();
    changed(ctx, &key, 1, "linsert");
    ctx.int(len as i64)
}

fn lset(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, text) = (ctx.key(1), ctx.arg(3));
    let index = ctx.int_arg(2);
    let limits = ctx.engine.list_limits();
    let Some(list) = list_of(ctx.find(&key))? else { return Err(NO_SUCH_KEY) };
    let index = index_in(list.len(), index?).ok_or(OUT_OF_RANGE)?;
    check_length(text)?;
    if let Some(list) = list_mut(ctx, &key)? {
        list.set(index, text, limits);
        changed(ctx, &key, 1, "lset");
    }
    ctx.ok()
}

fn lrem(ctx: &mut Ctx<'_>) -> Outcome {
    let number = ctx.int_arg(2)?;
    let (key, text) = (ctx.key(1), ctx.arg(3));
    let (from, count) = match (number, usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX)) {
        (0, _) => (End::Left, usize::MAX),
        (..0, count) => (End::Right, count),
        (_, count) => (End::Left, count),
    };
    let Some(list) = list_of(ctx.find(&key))? else { return ctx.int(0) };
    let mut is_there = false;
    list.positions(text, from, usize::MAX, |_| {
        is_there = true;
        false
    });
    if !is_there {
        return ctx.int(0);
    }
    let Some(list) = list_mut(ctx, &key)? else { return ctx.int(0) };
    let removed = list.remove_equal(text, from, count);
    let is_empty = list.is_empty();
    changed(ctx, &key, removed, "lrem");
    if is_empty {
        delete_empty(ctx, &key);
    }
    ctx.int(removed as i64)
}

fn ltrim(ctx: &mut Ctx<'_>) -> Outcome {
    let (first, last) = (ctx.int_arg(2)?, ctx.int_arg(3)?);
    let key = ctx.key(1);
    let Some(list) = list_mut(ctx, &key)? else { return ctx.ok() };
    let len = list.len();
    let (start, end) = range_in(len, first, last);
    list.keep(start, end);
    // Watchers hear of it even when nothing was removed, as with the peers.
    changed(ctx, &key, len - (end - start), "ltrim");
    if start == end {
        delete_empty(ctx, &key);
    }
    ctx.ok()
}

fn lpop(ctx: &mut Ctx<'_>) -> Outcome {
    pop(ctx, End::Left)
}

fn rpop(ctx: &mut Ctx<'_>) -> Outcome {
    pop(ctx, End::Right)
}

fn pop(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    if ctx.args.len() > 3 {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    let count = match ctx.args.len() {
        3 => Some(ctx.int_arg_in(2, 0..=i64::MAX, "ERR value is out of range, must be positive")? as usize),
        _ => None,
    };
    let key = ctx.key(1);
    if count == Some(0) && list_of(ctx.find(&key))?.is_some() {
        ctx.reply().array(0);
        return Ok(());
    }
    let Some((list, mut reply)) = list_and_reply(ctx, &key)? else {
        match count {
            Some(_) => ctx.reply().null_array(),
            None => ctx.reply().null(),
        }
        return Ok(());
    };
    let popped = match count {
        Some(count) => write_from_end(list, end, count, &mut reply),
        None => {
            if let Some(item) = list.end(end) {
                write_item(&mut reply, item);
            }
            1
        }
    };
    list.remove_end(end, popped);
    let is_empty = list.is_empty();
    taken(ctx, &key, end, popped, is_empty);
    Ok(())
}
