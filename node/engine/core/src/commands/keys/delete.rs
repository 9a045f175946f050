//! DEL, UNLINK, EXISTS, TOUCH, TYPE.
//!
//! DEL and UNLINK do the same: what takes long to free is freed on another thread in either case.

use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::settings::NotifyClass;

const READ_FAST: Flags = Flags::READONLY.union(Flags::FAST);
const DELETE_KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1, "RM DELETE")];
const READ_KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1, "RO")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("del", -2, Group::Generic, del)
        .tips("request_policy:multi_shard response_policy:agg_sum")
        .flags(Flags::WRITE)
        .keys(DELETE_KEYS)
        .docs(
            "1.0.0",
            "O(N) with the number of keys",
            "key [key ...]",
            "Deletes keys and tells how many were there.",
        ),
    Command::new("unlink", -2, Group::Generic, del)
        .tips("request_policy:multi_shard response_policy:agg_sum")
        .flags(Flags::WRITE.union(Flags::FAST))
        .keys(DELETE_KEYS)
        .docs(
            "4.0.0",
            "O(N) with the number of keys",
            "key [key ...]",
            "Deletes keys and tells how many were there; memory is freed in the background, as DEL does too.",
        ),
    Command::new("exists", -2, Group::Generic, exists)
        .tips("request_policy:multi_shard response_policy:agg_sum")
        .flags(READ_FAST)
        .keys(READ_KEYS)
        .docs(
            "1.0.0",
            "O(N) with the number of keys",
            "key [key ...]",
            "Tells how many of the keys are there; a key named twice counts twice.",
        ),
    Command::new("touch", -2, Group::Generic, touch)
        .tips("request_policy:multi_shard response_policy:agg_sum")
        .flags(READ_FAST)
        .keys(READ_KEYS)
        .docs(
            "3.2.1",
            "O(N) with the number of keys",
            "key [key ...]",
            "Marks keys as used now and tells how many are there.",
        ),
    Command::new("type", 2, Group::Generic, type_of).flags(READ_FAST).keys(&[KeySpec::one(1, "RO")]).docs(
        "1.0.0",
        "O(1)",
        "key",
        "Tells the type of the value at a key.",
    ),
];

fn del(ctx: &mut Ctx<'_>) -> Outcome {
    let mut deleted = 0;
    for index in 1..ctx.args.len() {
        let key = ctx.key(index);
        deleted += i64::from(ctx.delete(&key));
    }
    ctx.int(deleted)
}

fn exists(ctx: &mut Ctx<'_>) -> Outcome {
    let mut found = 0;
    for index in 1..ctx.args.len() {
        let key = ctx.key(index);
        found += i64::from(ctx.peek_with(&key, |entry, _| entry.is_some()));
    }
    ctx.int(found)
}

fn touch(ctx: &mut Ctx<'_>) -> Outcome {
    let mut found = 0;
    for index in 1..ctx.args.len() {
        let key = ctx.key(index);
        found += i64::from(ctx.read(&key).is_some());
    }
    ctx.int(found)
}

fn type_of(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let name = ctx.peek_with(&key, |entry, _| entry.map_or("none", |entry| entry.type_name()));
    ctx.reply().simple(name);
    Ok(())
}

impl Ctx<'_> {
    /// Deletes a key on behalf of a command that is replicated as it was given. Tells whether it was there.
    pub fn delete(&mut self, key: &KeyRef<'_>) -> bool {
        let (db, kind) = (self.session.db, self.session.origin);
        if self.engine.expire_if_due(db, key, kind) || !self.db().delete(key) {
            return false;
        }
        self.changed(key.bytes, NotifyClass::GENERIC, "del", 1);
        true
    }

    /// Deletes a key on behalf of a command that means something else, such as an expiry in the past.
    pub fn delete_and_propagate(&mut self, key: &KeyRef<'_>) -> bool {
        let is_deleted = self.delete(key);
        if is_deleted {
            self.propagate(&[b"DEL", key.bytes]);
        }
        is_deleted
    }
}
