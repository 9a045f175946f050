//! Commands that change a string in place: APPEND, SETRANGE.

use super::options::{check_length, string_len};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{KeyRef, Ttl};
use crate::resp::failure::WRONG_TYPE;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("append", 3, Group::String, append)
        .flags(STORE.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RW INSERT")])
        .docs("2.0.0", "O(1) amortized", "key value", "Adds bytes at the end of the string at a key."),
    Command::new("setrange", 4, Group::String, setrange)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs(
            "2.2.0",
            "O(N) with the length of the value",
            "key offset value",
            "Overwrites bytes of the string at a key, from an offset on.",
        ),
];

/// The length of the string at a key, if the key is there.
fn length_of(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Result<Option<usize>, Failure> {
    match ctx.find(key) {
        None => Ok(None),
        Some(entry) => string_len(entry.value()).map(Some).ok_or(WRONG_TYPE),
    }
}

fn append(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, more) = (ctx.key(1), ctx.arg(2));
    let length = length_of(ctx, &key)?;
    let new_length = match length {
        None => {
            let clock = ctx.engine.access_clock();
            ctx.db().set_string(&key, more, Ttl::Clear, clock);
            more.len()
        }
        Some(length) => {
            check_length(ctx, length, more.len())?;
            ctx.db().update_string(&key, |text| text.extend_from_slice(more)).unwrap_or(length)
        }
    };
    ctx.string_stored(&key, length.is_some(), "append");
    ctx.int(new_length as i64)
}

fn setrange(ctx: &mut Ctx<'_>) -> Outcome {
    let (offset, value) = (ctx.int_arg(2)?, ctx.arg(3));
    let offset = usize::try_from(offset).map_err(|_| Failure::Text("ERR offset is out of range"))?;
    let key = ctx.key(1);
    let length = length_of(ctx, &key)?;
    if value.is_empty() {
        return ctx.int(length.unwrap_or(0) as i64);
    }
    check_length(ctx, offset, value.len())?;
    if length.is_none() {
        let clock = ctx.engine.access_clock();
        ctx.db().set_string(&key, b"", Ttl::Clear, clock);
    }
    let end = offset + value.len();
    let new_length = ctx.db().update_string(&key, |text| {
        if text.len() < end {
            text.resize(end, 0);
        }
        text[offset..end].copy_from_slice(value);
    });
    ctx.string_stored(&key, length.is_some(), "setrange");
    ctx.int(new_length.unwrap_or(0) as i64)
}
