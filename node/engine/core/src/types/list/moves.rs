//! Commands that move elements between lists, or take them from the first of several: LMOVE, RPOPLPUSH, LMPOP.

use super::access::{changed, list_and_reply, list_mut, list_of, push, taken, write_from_end};
use super::End;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::failure::SYNTAX;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const MOVE_KEYS: &[KeySpec] = &[KeySpec::one(1, "RW ACCESS DELETE"), KeySpec::one(2, "RW INSERT")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lmove", 5, Group::List, lmove).flags(STORE).keys(MOVE_KEYS).docs(
        "6.2.0",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        "Takes an element from one end of a list and adds it at an end of another.",
    ),
    Command::new("rpoplpush", 3, Group::List, rpoplpush)
        .deprecated("6.2.0", "`LMOVE` with `RIGHT` and `LEFT`")
        .flags(STORE)
        .keys(MOVE_KEYS)
        .docs(
            "1.2.0",
            "O(1)",
            "source destination",
            "Takes an element from the tail of a list and adds it at the head of another.",
        ),
    Command::new("lmpop", -4, Group::List, lmpop)
        .flags(Flags::WRITE.union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1, "RW ACCESS DELETE")])
        .docs(
            "7.0.0",
            "O(N+M) with the number of keys and the number of elements answered",
            "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
            "Takes elements from an end of the first list that has any.",
        ),
];

fn lmove(ctx: &mut Ctx<'_>) -> Outcome {
    let (from, to) = (End::parse(ctx, 3)?, End::parse(ctx, 4)?);
    move_or_null(ctx, from, to)
}

fn rpoplpush(ctx: &mut Ctx<'_>) -> Outcome {
    move_or_null(ctx, End::Right, End::Left)
}

fn move_or_null(ctx: &mut Ctx<'_>, from: End, to: End) -> Outcome {
    let (source, target) = (ctx.key(1), ctx.key(2));
    if !move_element(ctx, &source, &target, from, to)? {
        ctx.reply().null();
    }
    Ok(())
}

/// Moves an element from one list to another and answers it; false, with nothing answered, where there is none.
pub(super) fn move_element(
    ctx: &mut Ctx<'_>,
    source: &KeyRef<'_>,
    target: &KeyRef<'_>,
    from: End,
    to: End,
) -> Result<bool, Failure> {
    let Some(list) = list_of(ctx.find(source))? else { return Ok(false) };
    let Some(text) = list.end(from).map(|item| item.to_vec()) else { return Ok(false) };
    list_of(ctx.find(target))?;
    if source.bytes == target.bytes {
        let limits = ctx.engine.list_limits();
        if let Some(list) = list_mut(ctx, source)? {
            list.remove_end(from, 1);
            list.push(to, &text, limits);
        }
    } else {
        push(ctx, target, to, [text.as_slice()])?;
    }
    changed(ctx, target, 0, to.push_event());
    ctx.reply().bulk(&text);
    let is_empty = match source.bytes == target.bytes {
        true => false,
        false => list_mut(ctx, source)?.is_some_and(|list| {
            list.remove_end(from, 1);
            list.is_empty()
        }),
    };
    taken(ctx, source, from, 1, is_empty);
    Ok(true)
}

fn lmpop(ctx: &mut Ctx<'_>) -> Outcome {
    let draw = Draw::parse(ctx, 1)?;
    if !draw.take(ctx)? {
        ctx.reply().null_array();
    }
    Ok(())
}

/// What LMPOP and BLMPOP want.
pub(super) struct Draw {
    /// The arguments that are keys.
    pub keys: std::ops::Range<usize>,
    end: End,
    count: usize,
}

impl Draw {
    /// Reads the arguments from the number of keys on.
    pub(super) fn parse(ctx: &Ctx<'_>, numkeys_at: usize) -> Result<Self, Failure> {
        let keys = ctx.int_arg_in(numkeys_at, 1..=i64::MAX, "ERR numkeys should be greater than 0")?;
        let end_at = usize::try_from(keys).ok().and_then(|keys| (numkeys_at + 1).checked_add(keys));
        let end_at = end_at.filter(|&at| at < ctx.args.len()).ok_or(SYNTAX)?;
        let end = End::parse(ctx, end_at)?;
        let mut count = None;
        for index in (end_at + 1..ctx.args.len()).step_by(2) {
            if count.is_some() || !ctx.arg_is(index, "count") || index + 1 == ctx.args.len() {
                return Err(SYNTAX);
            }
            let number = ctx.int_arg_in(index + 1, 1..=i64::MAX, "ERR count should be greater than 0")?;
            count = Some(number as usize);
        }
        Ok(Draw { keys: numkeys_at + 1..end_at, end, count: count.unwrap_or(1) })
    }

    /// Takes from the first list that is there and answers it; false, with nothing answered, where there is none.
    pub(super) fn take(&self, ctx: &mut Ctx<'_>) -> Result<bool, Failure> {
        for index in self.keys.clone() {
            let key = ctx.key(index);
            if self.take_from(ctx, &key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes from one list and answers it, if it is there.
    pub(super) fn take_from(&self, ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Result<bool, Failure> {
        let Some((list, mut reply)) = list_and_reply(ctx, key)? else { return Ok(false) };
        reply.array(2);
        reply.bulk(key.bytes);
        let count = write_from_end(list, self.end, self.count, &mut reply);
        list.remove_end(self.end, count);
        let is_empty = list.is_empty();
        taken(ctx, key, self.end, count, is_empty);
        // Replicas are told how many were there, whatever was asked for.
        ctx.propagate(&[self.end.pop_command(), key.bytes, itoa::Buffer::new().format(count).as_bytes()]);
        Ok(true)
    }
}
