//! Commands that move Bloom filters in chunks: BF.SCANDUMP, BF.LOADCHUNK.

use super::access::{bloom_of, NOT_FOUND};
use super::codec::chunks::{self, Misfit};
use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{Object, ObjectMut, Ttl};
use crate::resp::failure::WRONG_TYPE;
use crate::settings::NotifyClass;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bf.scandump", 3, Group::Bloom, scandump)
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RO ACCESS")])
        .docs(
            "1.0.0",
            "O(N) with the length of the chunk",
            "key iterator",
            "Answers a part of a Bloom filter in the form that BF.LOADCHUNK takes.",
        ),
    Command::new("bf.loadchunk", 4, Group::Bloom, loadchunk)
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "RW INSERT")])
        .docs(
            "1.0.0",
            "O(N) with the length of the chunk",
            "key iterator data",
            "Puts a part of a Bloom filter that BF.SCANDUMP gave where it belongs.",
        ),
];

const MISSING_NUMBER: &str = "Second argument must be numeric";
const BAD_DATA: Failure = Failure::Text("ERR received bad data");

fn scandump(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, iterator) = (ctx.key(1), parse_i64(ctx.arg(2)));
    ctx.read_with(&key, |entry, reply| {
        let bloom = bloom_of(entry)?.ok_or(NOT_FOUND)?;
        let iterator = iterator.ok_or(Failure::Text(MISSING_NUMBER))?;
        // Nothing begins at a negative place.
        let (next, chunk) = chunks::dump(bloom, u64::try_from(iterator).unwrap_or(u64::MAX));
        reply.array(2);
        reply.int(next as i64);
        reply.bulk(&chunk);
        Ok(())
    })
}

fn loadchunk(ctx: &mut Ctx<'_>) -> Outcome {
    let iterator = parse_i64(ctx.arg(2)).ok_or_else(|| Failure::new(format!("ERR {MISSING_NUMBER}")))?;
    let iterator = u64::try_from(iterator).ok().filter(|iterator| *iterator > 0).ok_or(BAD_DATA)?;
    let (key, data) = (ctx.key(1), ctx.arg(3));
    let existed = bloom_of(ctx.find(&key))?.is_some();
    if iterator == 1 {
        let bloom = chunks::from_header(data).ok_or(BAD_DATA)?;
        let clock = ctx.engine.access_clock();
        ctx.db().set_object(&key, Object::Bloom(Box::new(bloom)), Ttl::Clear, clock);
        if !existed {
            ctx.created(key.bytes);
        }
    } else {
        let Some(ObjectMut::Bloom(bloom)) = ctx.db().object_mut(&key) else {
            return Err(if existed { WRONG_TYPE } else { NOT_FOUND });
        };
        chunks::load(bloom, iterator, data).map_err(|misfit| match misfit {
            Misfit::NoPlace => Failure::Text("ERR invalid offset - no link found"),
            Misfit::TooLong => Failure::Text("ERR invalid chunk - Too big for current filter"),
        })?;
    }
    ctx.changed(key.bytes, NotifyClass::GENERIC, "bloom.loadchunk", 1);
    ctx.ok()
}
