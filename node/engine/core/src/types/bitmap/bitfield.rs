//! BITFIELD and BITFIELD_RO: a string as an array of integers of any width.

use super::access::{bit_offset, change_bytes, make_room};
use super::value::field::{Overflow, Width};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::settings::NotifyClass;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bitfield", -2, Group::Bitmap, bitfield)
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE VARIABLE_FLAGS")])
        .docs(
            "3.2.0",
            "O(1) for each operation",
            "key [operation=<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
             write=<SET encoding offset value | INCRBY encoding offset increment>> ...]",
            "Reads, sets and adds to integers of any width in the string at a key.",
        ),
    Command::new("bitfield_ro", -2, Group::Bitmap, bitfield_ro)
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RO ACCESS")])
        .docs(
            "6.0.0",
            "O(1) for each operation",
            "key [GET encoding offset [GET encoding offset ...]]",
            "Reads integers of any width in the string at a key.",
        ),
];

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

#[derive(Clone, Copy)]
struct Operation {
    action: Action,
    width: Width,
    first_bit: u64,
}

impl Operation {
    fn last_bit(&self) -> u64 {
        self.first_bit + u64::from(self.width.bits) - 1
    }
}

fn parse(ctx: &Ctx<'_>) -> Result<Vec<Operation>, Failure> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::default();
    let mut index = 2;
    while index < ctx.args.len() {
        let left = ctx.args.len() - index - 1;
        let is = |word, arguments| ctx.arg_is(index, word) && left >= arguments;
        if is("overflow", 1) {
            overflow = overflow_of(ctx.arg(index + 1))?;
            index += 2;
            continue;
        }
        let is_get = is("get", 2);
        if !is_get && !is("set", 3) && !is("incrby", 3) {
            return Err(SYNTAX);
        }
        let width = Width::parse(ctx.arg(index + 1)).ok_or(Failure::Text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let first_bit = bit_offset(ctx, ctx.arg(index + 2), Some(width.bits))?;
        let action = match is_get {
            true => Action::Get,
            false if is("set", 3) => Action::Set(ctx.int_arg(index + 3)?, overflow),
            false => Action::Add(ctx.int_arg(index + 3)?, overflow),
        };
        operations.push(Operation { action, width, first_bit });
        index += if is_get { 3 } else { 4 };
    }
    Ok(operations)
}

fn overflow_of(name: &[u8]) -> Result<Overflow, Failure> {
    match name.to_ascii_lowercase().as_slice() {
        b"wrap" => Ok(Overflow::Wrap),
        b"sat" => Ok(Overflow::Saturate),
        b"fail" => Ok(Overflow::Fail),
        _ => Err(Failure::Text("ERR Invalid OVERFLOW type specified")),
    }
}

fn bitfield(ctx: &mut Ctx<'_>) -> Outcome {
    let operations = parse(ctx)?;
    let writes = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    match writes.map(Operation::last_bit).max() {
        None => answer_reads(ctx, &operations),
        Some(last_bit) => answer(ctx, &operations, last_bit),
    }
}

fn bitfield_ro(ctx: &mut Ctx<'_>) -> Outcome {
    let operations = parse(ctx)?;
    if operations.iter().any(|operation| !matches!(operation.action, Action::Get)) {
        return Err(Failure::Text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    answer_reads(ctx, &operations)
}

fn answer_reads(ctx: &mut Ctx<'_>, operations: &[Operation]) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let text = match entry {
            None => &[][..],
            Some(entry) => entry.value().string(&mut digits).ok_or(WRONG_TYPE)?,
        };
        reply.array(operations.len());
        operations.iter().for_each(|operation| reply.int(operation.width.get(text, operation.first_bit)));
        Ok(())
    })
}

/// What an operation comes to.
struct Verdict {
    reply: Option<i64>,
    /// What is to be stored, if it differs from what is there.
    store: Option<i64>,
}

impl Operation {
    fn judge(&self, bytes: &[u8]) -> Verdict {
        let old = self.width.get(bytes, self.first_bit);
        let (wanted, overflow) = match self.action {
            Action::Get => return Verdict { reply: Some(old), store: None },
            // A negative number for a type without a sign is a large one.
            Action::Set(value, overflow) if !self.width.signed => (i128::from(value as u64), overflow),
            Action::Set(value, overflow) => (i128::from(value), overflow),
            Action::Add(increment, overflow) => (i128::from(old) + i128::from(increment), overflow),
        };
        match self.width.fit(wanted, overflow) {
            None => Verdict { reply: None, store: None },
            Some(new) => {
                let reply = if matches!(self.action, Action::Add(..)) { new } else { old };
                Verdict { reply: Some(reply), store: Some(new).filter(|new| *new != old) }
            }
        }
    }
}

fn answer(ctx: &mut Ctx<'_>, operations: &[Operation], last_bit: u64) -> Outcome {
    let key = ctx.key(1);
    let (has_grown, existed) = make_room(ctx, &key, last_bit)?;
    let mut verdicts = Vec::with_capacity(operations.len());
    // As long as nothing changes, the string is only looked at.
    if let Some(entry) = ctx.find_quietly(&key) {
        let mut digits = itoa::Buffer::new();
        let text = entry.value().string(&mut digits).unwrap_or_default();
        let looked = operations.iter().map(|operation| operation.judge(text));
        verdicts.extend(looked.take_while(|verdict| verdict.store.is_none()));
    }
    if verdicts.len() < operations.len() {
        change_bytes(ctx, &key, |bytes| {
            for operation in &operations[verdicts.len()..] {
                let verdict = operation.judge(bytes);
                if let Some(new) = verdict.store {
                    operation.width.set(bytes, operation.first_bit, new);
                }
                verdicts.push(verdict);
            }
        });
    }
    let changes = operations.iter().zip(&verdicts).filter(|(operation, verdict)| {
        let is_stored = !matches!(operation.action, Action::Get) && verdict.reply.is_some();
        verdict.store.is_some() || (has_grown && is_stored)
    });
    // A string that only became longer has changed too: the replicas must have it.
    let changes = (changes.count() as u64).max(has_grown.into());
    if !existed {
        ctx.created(key.bytes);
    }
    if changes > 0 {
        ctx.changed(key.bytes, NotifyClass::STRING, "setbit", changes);
    }
    let mut reply = ctx.reply();
    reply.array(verdicts.len());
    for verdict in &verdicts {
        match verdict.reply {
            Some(number) => reply.int(number),
            None => reply.null(),
        }
    }
    Ok(())
}
