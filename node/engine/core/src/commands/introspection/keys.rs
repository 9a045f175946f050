//! COMMAND GETKEYS and GETKEYSANDFLAGS.

use super::describe::key_flags;
use super::INVALID_COMMAND;
use crate::base::numbers::parse_i64;
use crate::dispatch::keys::{Begin, Find};
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Access, Ctx, Failure, Flags, Outcome};
use crate::resp::Args;

/// The keys of a whole command, each with what would be done to it.
fn find<'a>(args: Args<'a>) -> Result<Vec<(&'a [u8], Access)>, Failure> {
    let entry = entry_of(args)?;
    if !entry.accepts(args.len()) {
        return Err(Failure::Text("ERR Invalid number of arguments specified for command"));
    }
    if entry.command.keys.iter().all(|spec| spec.not_key) {
        return Err(Failure::Text("ERR The command has no key arguments"));
    }
    let (mut keys, mut is_wrong) = (Vec::new(), false);
    for spec in entry.command.keys {
        let before = keys.len();
        spec.for_each(args, |index| keys.push((args.get(index), spec.access_of(args))));
        // A number of keys that is none, or more than there are.
        if let Find::KeyNum { index, .. } = spec.find {
            let found = keys.len() - before;
            let asked = match spec.begin {
                Begin::Index(begin) => args.try_get(usize::from(begin + index)).and_then(parse_i64),
                _ => Some(found as i64),
            };
            is_wrong |= found == 0 || asked != Some(found as i64);
        }
    }
    if keys.len() > 1 && entry.command.flags.contains(Flags::MIGRATES) {
        // KEYS is for where the place of the one key is empty.
        is_wrong |= !keys.remove(0).0.is_empty();
    }
    if is_wrong {
        keys.clear();
    }
    if keys.is_empty() && !entry.command.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(Failure::Text("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

fn entry_of(args: Args<'_>) -> Result<&'static Entry, Failure> {
    let entry = table().find(args.get(0)).ok_or(INVALID_COMMAND)?;
    match entry.children.is_empty() || args.len() < 2 {
        true => Ok(entry),
        false => table().find_subcommand(entry, args.get(1)).ok_or(INVALID_COMMAND),
    }
}

pub(super) fn getkeys(ctx: &mut Ctx<'_>) -> Outcome {
    let keys = find(ctx.args.skip(2))?;
    let mut reply = ctx.reply();
    reply.array(keys.len());
    keys.iter().for_each(|(key, _)| reply.bulk(key));
    Ok(())
}

pub(super) fn getkeysandflags(ctx: &mut Ctx<'_>) -> Outcome {
    let keys = find(ctx.args.skip(2))?;
    let mut reply = ctx.reply();
    reply.array(keys.len());
    for (key, flags) in &keys {
        reply.array(2);
        reply.bulk(key);
        key_flags(&mut reply, *flags);
    }
    Ok(())
}
