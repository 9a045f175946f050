//! Commands that change HyperLogLogs: PFADD, PFMERGE.

use super::access::bytes_of;
use super::value::sketch::{self, Form, Sketch};
use super::value::{dense, place_of, sparse, Damaged, Ranks, REGISTERS};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::Args;
use crate::settings::NotifyClass;
use crate::types::bitmap::access::store_bytes;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("pfadd", -2, Group::HyperLogLog, pfadd)
        .flags(STORE.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RW INSERT")])
        .docs(
            "2.8.9",
            "O(1) for each element",
            "key [element [element ...]]",
            "Adds elements to a HyperLogLog and tells whether its estimate may have changed.",
        ),
    Command::new("pfmerge", -2, Group::HyperLogLog, pfmerge)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW ACCESS INSERT"), KeySpec::range(2, -1, 1, "RO ACCESS")])
        .docs(
            "2.8.9",
            "O(N) with the number of keys",
            "destkey [sourcekey [sourcekey ...]]",
            "Makes a HyperLogLog hold all that several hold.",
        ),
];

/// The place in the arguments of the first element that raises a register.
fn first_that_raises(args: Args<'_>, bytes: &[u8]) -> Result<Option<usize>, Damaged> {
    let registers = sketch::registers(bytes);
    let is_dense = Form::of(bytes) == Some(Form::Dense);
    for (index, element) in args.iter_from(2).enumerate() {
        let (register, rank) = place_of(element);
        let there =
            if is_dense { dense::get(registers, register) } else { sparse::get(registers, register)? };
        if there < rank {
            return Ok(Some(index + 2));
        }
    }
    Ok(None)
}

fn pfadd(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let sparse_bytes_max = ctx.engine.settings.hll_sparse_max_bytes;
    let args = ctx.args;
    let add_from = |bytes: &mut Vec<u8>, from: usize| -> Result<u64, Damaged> {
        let mut sketch = Sketch::new(bytes).ok_or(Damaged)?;
        let mut raised = 0;
        for element in args.iter_from(from) {
            let (register, rank) = place_of(element);
            raised += u64::from(sketch.raise(register, rank, sparse_bytes_max)?);
        }
        sketch.invalidate();
        Ok(raised)
    };
    let from = match bytes_of(ctx.find(&key))? {
        None => None,
        Some(bytes) => Some(first_that_raises(args, bytes)?),
    };
    match from {
        None => {
            let mut bytes = sketch::empty();
            let raised = add_from(&mut bytes, 2)?;
            store_bytes(ctx, &key, bytes);
            ctx.created(key.bytes);
            ctx.changed(key.bytes, NotifyClass::STRING, "pfadd", raised + 1);
            ctx.int(1)
        }
        Some(None) => ctx.int(0),
        Some(Some(from)) => {
            let mut raised = Ok(0);
            ctx.db()
                .update_string(&key, |bytes| raised = all_or_nothing(bytes, |bytes| add_from(bytes, from)));
            ctx.changed(key.bytes, NotifyClass::STRING, "pfadd", raised?);
            ctx.int(1)
        }
    }
}

/// Changes a value, or leaves it as it was where that fails. Only a sparse one can fail.
fn all_or_nothing<T>(
    bytes: &mut Vec<u8>,
    change: impl FnOnce(&mut Vec<u8>) -> Result<T, Damaged>,
) -> Result<T, Damaged> {
    let before = (Form::of(bytes) == Some(Form::Sparse)).then(|| bytes.clone());
    let result = change(bytes);
    if let (Err(_), Some(before)) = (&result, before) {
        *bytes = before;
    }
    result
}

fn pfmerge(ctx: &mut Ctx<'_>) -> Outcome {
    let mut ranks: Ranks = [0; REGISTERS];
    let mut is_dense = false;
    for index in 1..ctx.args.len() {
        let key = ctx.key(index);
        if let Some(bytes) = bytes_of(ctx.read(&key))? {
            is_dense |= Form::of(bytes) == Some(Form::Dense);
            sketch::merge_into(bytes, &mut ranks)?;
        }
    }
    let key = ctx.key(1);
    let existing = bytes_of(ctx.find(&key))?.map(<[u8]>::to_vec);
    let existed = existing.is_some();
    let mut bytes = existing.unwrap_or_else(sketch::empty);
    merge(&mut bytes, &ranks, is_dense, ctx.engine.settings.hll_sparse_max_bytes)?;
    store_merged(ctx, &key, bytes, existed);
    ctx.changed(key.bytes, NotifyClass::STRING, "pfadd", 1);
    ctx.ok()
}

/// Raises the registers of a value to these ranks.
fn merge(bytes: &mut Vec<u8>, ranks: &Ranks, is_dense: bool, sparse_bytes_max: usize) -> Result<(), Damaged> {
    let mut sketch = Sketch::new(bytes).ok_or(Damaged)?;
    if is_dense {
        sketch.make_dense()?;
    }
    for (register, rank) in ranks.iter().enumerate().filter(|(_, rank)| **rank > 0) {
        sketch.raise(register, *rank, sparse_bytes_max)?;
    }
    sketch.invalidate();
    Ok(())
}

fn store_merged(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, bytes: Vec<u8>, existed: bool) {
    if existed {
        ctx.db().update_string(key, |there| *there = bytes);
    } else {
        store_bytes(ctx, key, bytes);
        ctx.created(key.bytes);
    }
}
