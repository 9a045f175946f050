//! OBJECT: what a key's value looks like inside.

use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::access::{lfu_counter, lru_idle_ms};
use crate::keyspace::EntryRef;

const KEY: &[KeySpec] = &[KeySpec::one(2, "RO")];

const fn subcommand(
    name: &'static str,
    run: fn(&mut Ctx<'_>) -> Outcome,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, 3, Group::Generic, run)
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(since, "O(1)", "key", summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container(
    "object",
    Group::Generic,
    &[
        subcommand("encoding", encoding, "2.2.3", "Names the internal form of the value.")
            .tips("nondeterministic_output"),
        subcommand("freq", freq, "4.0.0", "Tells how often the key was used, on a logarithmic scale.")
            .tips("nondeterministic_output"),
        subcommand("idletime", idletime, "2.2.3", "Tells for how many seconds the key was not used.")
            .tips("nondeterministic_output"),
        subcommand("refcount", refcount, "2.2.3", "Answers 1: values are never shared.")
            .tips("nondeterministic_output"),
        help(Group::Generic, "6.2.0"),
    ],
)
.docs("2.2.3", "Depends on subcommand.", "", "Shows the internals of a key's value.")];

const LFU_SELECTED: Failure = Failure::Text(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);
const LFU_NOT_SELECTED: Failure = Failure::Text(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
     between policies at runtime LRU and LFU data will take some time to adjust.",
);

/// Looks at a key without a trace; a missing one is answered with null.
fn look<T>(ctx: &mut Ctx<'_>, at: impl FnOnce(EntryRef<'_>) -> T) -> Option<T> {
    let key = ctx.key(2);
    let seen = ctx.find_quietly(&key).map(at);
    if seen.is_none() {
        ctx.reply().null();
    }
    seen
}

fn encoding(ctx: &mut Ctx<'_>) -> Outcome {
    if let Some(name) = look(ctx, |entry| entry.encoding()) {
        ctx.reply().bulk(name.as_bytes());
    }
    Ok(())
}

fn refcount(ctx: &mut Ctx<'_>) -> Outcome {
    if look(ctx, |_| ()).is_some() {
        ctx.reply().int(1);
    }
    Ok(())
}

fn idletime(ctx: &mut Ctx<'_>) -> Outcome {
    let Some(clock) = look(ctx, |entry| entry.clock()) else { return Ok(()) };
    if ctx.engine.settings.maxmemory_policy.is_lfu() {
        return Err(LFU_SELECTED);
    }
    let idle_ms = lru_idle_ms(clock, ctx.now_ms());
    ctx.int((idle_ms / 1000) as i64)
}

fn freq(ctx: &mut Ctx<'_>) -> Outcome {
    let Some(clock) = look(ctx, |entry| entry.clock()) else { return Ok(()) };
    if !ctx.engine.settings.maxmemory_policy.is_lfu() {
        return Err(LFU_NOT_SELECTED);
    }
    let uses = lfu_counter(clock, ctx.now_ms(), ctx.engine.settings.lfu_decay_time);
    ctx.int(i64::from(uses))
}
