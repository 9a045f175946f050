//! Commands that let single fields of a hash expire: HEXPIRE and its kin, HGETEX, HSETEX, HGETDEL.
//!
//! Replicas get times as absolute ones, and only the fields that were changed: HPEXPIREAT, HPERSIST, HSET and HDEL.

use std::collections::HashSet;

use super::access::{hash_of, live_of, write_item};
use super::live::Live;
use super::write::{change, changed, remove};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::failure::SYNTAX;
use crate::resp::OwnedArgs;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const UPDATE: &[KeySpec] = &[KeySpec::one(1, "RW UPDATE")];
const ACCESS: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
const READ: Flags = Flags::READONLY.union(Flags::FAST);

/// No field expires later than this, in milliseconds since 1970: the limit of Redis.
const DUE_MS_MAX: i64 = (1 << 46) - 1;

const fn expire_command(
    name: &'static str,
    run: fn(&mut Ctx<'_>) -> Outcome,
    syntax: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, -6, Group::Hash, run).flags(FAST).keys(UPDATE).docs(
        "7.4.0",
        "O(N) with the number of fields given",
        syntax,
        summary,
    )
}

const fn time_command(
    name: &'static str,
    run: fn(&mut Ctx<'_>) -> Outcome,
    summary: &'static str,
) -> Command {
    Command::new(name, -5, Group::Hash, run).flags(READ).keys(ACCESS).docs(
        "7.4.0",
        "O(N) with the number of fields given",
        "key FIELDS numfields field [field ...]",
        summary,
    )
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    expire_command(
        "hexpire",
        |ctx| expire(ctx, Unit { ms: 1000, is_absolute: false }),
        "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        "Lets fields expire after some seconds.",
    ),
    expire_command(
        "hpexpire",
        |ctx| expire(ctx, Unit { ms: 1, is_absolute: false }),
        "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        "Lets fields expire after some milliseconds.",
    ),
    expire_command(
        "hexpireat",
        |ctx| expire(ctx, Unit { ms: 1000, is_absolute: true }),
        "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        "Lets fields expire at a time in seconds since 1970.",
    ),
    expire_command(
        "hpexpireat",
        |ctx| expire(ctx, Unit { ms: 1, is_absolute: true }),
        "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
        "Lets fields expire at a time in milliseconds since 1970.",
    ),
    time_command(
        "httl",
        |ctx| tell_due(ctx, Unit { ms: 1000, is_absolute: false }),
        "Answers in how many seconds fields expire.",
    ).tips("nondeterministic_output"),
    time_command(
        "hpttl",
        |ctx| tell_due(ctx, Unit { ms: 1, is_absolute: false }),
        "Answers in how many milliseconds fields expire.",
    ).tips("nondeterministic_output"),
    time_command(
        "hexpiretime",
        |ctx| tell_due(ctx, Unit { ms: 1000, is_absolute: true }),
        "Answers when fields expire, in seconds since 1970.",
    ),
    time_command(
        "hpexpiretime",
        |ctx| tell_due(ctx, Unit { ms: 1, is_absolute: true }),
        "Answers when fields expire, in milliseconds since 1970.",
    ),
    Command::new("hpersist", -5, Group::Hash, persist).flags(FAST).keys(&[KeySpec::one(1, "RW UPDATE")]).docs(
        "7.4.0",
        "O(N) with the number of fields given",
        "key FIELDS numfields field [field ...]",
        "Lets fields expire no more.",
    ),
    Command::new("hgetex", -5, Group::Hash, get_and_expire)
        .flags(FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs(
            "8.0.0",
            "O(N) with the number of fields given",
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
             FIELDS numfields field [field ...]",
            "Answers the values of fields, and sets or removes when they expire.",
        ),
    Command::new("hsetex", -6, Group::Hash, set_and_expire)
        .flags(FAST.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs(
            "8.0.0",
            "O(N) with the number of fields given",
            "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
             | KEEPTTL] FIELDS numfields field value [field value ...]",
            "Sets fields, and when they expire.",
        ),
    Command::new("hgetdel", -5, Group::Hash, get_and_delete)
        .flags(FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS DELETE")])
        .docs(
            "8.0.0",
            "O(N) with the number of fields given",
            "key FIELDS numfields field [field ...]",
            "Answers the values of fields and deletes them.",
        ),
];

/// In what a time is given or answered.
#[derive(Clone, Copy)]
struct Unit {
    /// Milliseconds of one.
    ms: i64,
    /// Whether it counts from 1970 rather than from now.
    is_absolute: bool,
}

impl Unit {
    /// A time as an argument, in milliseconds since 1970.
    fn parse(self, ctx: &Ctx<'_>, at: usize) -> Result<i64, Failure> {
        let given = ctx.int_arg(at)?;
        if given < 0 {
            return Err(Failure::Text("ERR invalid expire time, must be >= 0"));
        }
        let from = if self.is_absolute { 0 } else { ctx.now_ms() };
        given
            .checked_mul(self.ms)
            .and_then(|ms| ms.checked_add(from))
            .filter(|at_ms| *at_ms <= DUE_MS_MAX)
            .ok_or_else(|| {
                Failure::new(format!("ERR invalid expire time in '{}' command", ctx.entry.full_name))
            })
    }
}

/// The fields of a command: where the first one stands, and how many there are.
#[derive(Clone, Copy)]
struct Fields {
    at: usize,
    count: usize,
}

impl Fields {
    /// Reads FIELDS at `at`, a number and as many groups of `width` arguments.
    fn parse(ctx: &Ctx<'_>, at: usize, width: usize) -> Result<Fields, Failure> {
        if !ctx.arg_is(at, "fields") {
            return Err(Failure::Text(
                "ERR Mandatory argument FIELDS is missing or not at the right position",
            ));
        }
        let count =
            ctx.int_arg_in(at + 1, 1..=i64::MAX, "ERR Parameter `numFields` should be greater than 0")?;
        let given = ctx.args.len().saturating_sub(at + 2);
        if usize::try_from(count).ok().and_then(|count| count.checked_mul(width)) != Some(given) {
            return Err(Failure::Text("ERR The `numfields` parameter must match the number of arguments"));
        }
        Ok(Fields { at: at + 2, count: count as usize })
    }

    fn iter<'a>(self, ctx: &Ctx<'a>) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        ctx.args.iter_from(self.at)
    }
}

/// Under which condition a field gets another time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfNone,
    IfAny,
    IfLater,
    IfSooner,
}

impl Condition {
    fn parse(ctx: &Ctx<'_>, at: usize) -> Condition {
        let words = [("nx", Condition::IfNone), ("xx", Condition::IfAny)];
        let more = [("gt", Condition::IfLater), ("lt", Condition::IfSooner)];
        let found = words.into_iter().chain(more).find(|(word, _)| ctx.arg_is(at, word));
        found.map_or(Condition::Always, |(_, condition)| condition)
    }

    /// A field that does not expire counts as one that expires last.
    fn holds(self, old: Option<i64>, new: i64) -> bool {
        match self {
            Condition::Always => true,
            Condition::IfNone => old.is_none(),
            Condition::IfAny => old.is_some(),
            Condition::IfLater => old.is_some_and(|old| new > old),
            Condition::IfSooner => old.is_none_or(|old| new < old),
        }
    }
}

/// Replicates a command on fields: its words, `FIELDS`, their number and themselves.
fn replicate(ctx: &mut Ctx<'_>, words: &[&[u8]], fields: &[&[u8]]) {
    let mut command = OwnedArgs::from_slices(words);
    command.push(b"FIELDS");
    command.push(itoa::Buffer::new().format(fields.len()).as_bytes());
    fields.iter().for_each(|field| command.push(field));
    ctx.suppress_propagation();
    ctx.engine.queue_propagation(ctx.scope(), command);
}

fn replicate_due(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, at_ms: i64, fields: &[&[u8]]) {
    let mut digits = itoa::Buffer::new();
    replicate(ctx, &[b"HPEXPIREAT", key.bytes, digits.format(at_ms).as_bytes()], fields);
}

/// Removes fields because they are not to stay, which replicas are told as HDEL.
fn delete<'a>(ctx: &mut Ctx<'a>, key: &KeyRef<'_>, fields: &[&'a [u8]]) -> Outcome {
    if remove(ctx, key, fields.iter().copied())? > 0 {
        let mut command: Vec<&[u8]> = vec![b"HDEL", key.bytes];
        command.extend(fields);
        ctx.propagate(&command);
    }
    Ok(())
}

/// Whether fields of this time go at once. A replica keeps what its primary keeps.
fn is_past(ctx: &Ctx<'_>, at_ms: i64) -> bool {
    at_ms <= ctx.now_ms() && !ctx.origin().sees_expired()
}

/// Sets when fields expire that are there; those of a time that is past go.
fn set_due<'a>(ctx: &mut Ctx<'a>, key: &KeyRef<'_>, at_ms: i64, fields: &[&'a [u8]]) -> Outcome {
    if fields.is_empty() {
        return Ok(());
    }
    if is_past(ctx, at_ms) {
        return delete(ctx, key, fields);
    }
    change(ctx, key, |hash, limits| {
        fields.iter().for_each(|field| hash.set_due(field, at_ms, limits));
        Ok(())
    })?;
    changed(ctx, key, fields.len(), "hexpire");
    replicate_due(ctx, key, at_ms, fields);
    Ok(())
}

/// Lets fields that expire do so no more.
fn clear_due<'a>(ctx: &mut Ctx<'a>, key: &KeyRef<'_>, fields: &[&'a [u8]]) -> Outcome {
    if fields.is_empty() {
        return Ok(());
    }
    change(ctx, key, |hash, _| {
        for field in fields {
            hash.clear_due(field);
        }
        Ok(())
    })?;
    changed(ctx, key, fields.len(), "hpersist");
    replicate(ctx, &[b"HPERSIST", key.bytes], fields);
    Ok(())
}

fn expire(ctx: &mut Ctx<'_>, unit: Unit) -> Outcome {
    let at_ms = unit.parse(ctx, 2)?;
    let condition = Condition::parse(ctx, 3);
    let fields = Fields::parse(ctx, if condition == Condition::Always { 3 } else { 4 }, 1)?;
    let (key, now_ms) = (ctx.key(1), ctx.field_clock());
    ctx.expire_given(&key, fields.iter(ctx))?;
    let given: Vec<&[u8]> = fields.iter(ctx).collect();
    let past = is_past(ctx, at_ms);
    let hash = live_of(ctx.find(&key), now_ms)?;
    let (mut chosen, mut seen): (Vec<&[u8]>, HashSet<&[u8]>) = Default::default();
    let mut answers = Vec::with_capacity(given.len());
    for field in given {
        let is_there = hash.is_some_and(|hash| hash.contains(field));
        let was_chosen = seen.contains(field);
        let old = hash.and_then(|hash| hash.hash.due(field));
        let old = if was_chosen { Some(at_ms) } else { old };
        answers.push(if !is_there || (was_chosen && past) {
            -2
        } else if !condition.holds(old, at_ms) {
            0
        } else {
            if seen.insert(field) {
                chosen.push(field);
            }
            if past {
                2
            } else {
                1
            }
        });
    }
    set_due(ctx, &key, at_ms, &chosen)?;
    answer(ctx, &answers)
}

fn answer(ctx: &mut Ctx<'_>, answers: &[i64]) -> Outcome {
    let mut reply = ctx.reply();
    reply.array(answers.len());
    answers.iter().for_each(|answer| reply.int(*answer));
    Ok(())
}

fn tell_due(ctx: &mut Ctx<'_>, unit: Unit) -> Outcome {
    let fields = Fields::parse(ctx, 2, 1)?;
    let (key, clock, now_ms) = (ctx.key(1), ctx.field_clock(), ctx.now_ms());
    let fields = fields.iter(ctx);
    ctx.read_with(&key, |entry, reply| {
        let hash = live_of(entry, clock)?;
        reply.array(fields.len());
        for field in fields {
            let found = hash.filter(|hash| hash.contains(field)).map(|hash| hash.hash.due(field));
            reply.int(match found {
                None => -2,
                Some(None) => -1,
                Some(Some(due)) => {
                    let ms = if unit.is_absolute { due } else { due.saturating_sub(now_ms).max(0) };
                    ms.saturating_add(unit.ms - 1) / unit.ms
                }
            });
        }
        Ok(())
    })
}

fn persist(ctx: &mut Ctx<'_>) -> Outcome {
    let fields = Fields::parse(ctx, 2, 1)?;
    let (key, now_ms) = (ctx.key(1), ctx.field_clock());
    ctx.expire_given(&key, fields.iter(ctx))?;
    let given: Vec<&[u8]> = fields.iter(ctx).collect();
    let hash = live_of(ctx.find(&key), now_ms)?;
    let (mut chosen, mut seen): (Vec<&[u8]>, HashSet<&[u8]>) = Default::default();
    let mut answers = Vec::with_capacity(given.len());
    for field in given {
        answers.push(match hash.filter(|hash| hash.contains(field)) {
            None => -2,
            Some(hash) if hash.hash.due(field).is_none() || !seen.insert(field) => -1,
            Some(_) => {
                chosen.push(field);
                1
            }
        });
    }
    clear_due(ctx, &key, &chosen)?;
    answer(ctx, &answers)
}

/// What HGETEX and HSETEX do with the time of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NewDue {
    /// It is not mentioned.
    None,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Clear,
    /// EX, PX, EXAT, PXAT.
    At(i64),
}

/// Under which condition HSETEX sets anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfFields {
    Any,
    NoneThere,
    AllThere,
}

/// The options of HGETEX and HSETEX, up to FIELDS.
fn parse_options(ctx: &Ctx<'_>, is_set: bool) -> Result<(NewDue, IfFields, usize), Failure> {
    const UNITS: [(&str, Unit); 4] = [
        ("ex", Unit { ms: 1000, is_absolute: false }),
        ("px", Unit { ms: 1, is_absolute: false }),
        ("exat", Unit { ms: 1000, is_absolute: true }),
        ("pxat", Unit { ms: 1, is_absolute: true }),
    ];
    let (mut due, mut condition, mut at) = (NewDue::None, IfFields::Any, 2);
    while at < ctx.args.len() && !ctx.arg_is(at, "fields") {
        let unit = UNITS.iter().find(|(word, _)| ctx.arg_is(at, word));
        let is_free = due == NewDue::None;
        if let (Some((_, unit)), true) = (unit, at + 1 < ctx.args.len()) {
            if !is_free {
                return Err(only_one(is_set));
            }
            due = NewDue::At(unit.parse(ctx, at + 1)?);
            at += 2;
            continue;
        }
        if is_set && (ctx.arg_is(at, "fnx") || ctx.arg_is(at, "fxx")) {
            if condition != IfFields::Any {
                return Err(Failure::Text("ERR Only one of FXX or FNX arguments can be specified"));
            }
            condition = if ctx.arg_is(at, "fnx") { IfFields::NoneThere } else { IfFields::AllThere };
        } else if ctx.arg_is(at, if is_set { "keepttl" } else { "persist" }) {
            if !is_free {
                return Err(only_one(is_set));
            }
            due = if is_set { NewDue::Keep } else { NewDue::Clear };
        } else if unit.is_some() {
            return Err(SYNTAX);
        } else {
            let option = String::from_utf8_lossy(ctx.arg(at)).into_owned();
            return Err(Failure::new(format!("ERR unknown argument: {option}")));
        }
        at += 1;
    }
    Ok((due, condition, at))
}

fn only_one(is_set: bool) -> Failure {
    Failure::Text(match is_set {
        true => "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        false => "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
    })
}

/// Answers the values of fields; null for those that are not there.
fn write_values(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, fields: Fields) -> Outcome {
    let (now_ms, fields) = (ctx.field_clock(), fields.iter(ctx));
    ctx.read_with(key, |entry, reply| {
        let hash = live_of(entry, now_ms)?;
        reply.array(fields.len());
        for field in fields {
            match hash.and_then(|hash| hash.get(field)) {
                Some(value) => write_item(reply, value),
                None => reply.null(),
            }
        }
        Ok(())
    })
}

fn get_and_expire(ctx: &mut Ctx<'_>) -> Outcome {
    let (due, _, fields_at) = parse_options(ctx, false)?;
    let fields = Fields::parse(ctx, fields_at, 1)?;
    let (key, now_ms) = (ctx.key(1), ctx.field_clock());
    ctx.expire_given(&key, fields.iter(ctx))?;
    write_values(ctx, &key, fields)?;
    let mut chosen: Vec<&[u8]> = fields.iter(ctx).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let hash = live_of(ctx.find(&key), now_ms)?;
    let is_there = |field: &&[u8]| hash.is_some_and(|hash| hash.contains(field));
    chosen.retain(is_there);
    match due {
        NewDue::At(at_ms) => set_due(ctx, &key, at_ms, &chosen),
        NewDue::Clear => {
            chosen.retain(|field| hash.is_some_and(|hash| hash.hash.due(field).is_some()));
            clear_due(ctx, &key, &chosen)
        }
        NewDue::None | NewDue::Keep => Ok(()),
    }
}

fn set_and_expire(ctx: &mut Ctx<'_>) -> Outcome {
    let (due, condition, fields_at) = parse_options(ctx, true)?;
    let fields = Fields::parse(ctx, fields_at, 2)?;
    let (key, now_ms, args) = (ctx.key(1), ctx.field_clock(), ctx.args);
    let names = args.iter_from(fields.at).step_by(2);
    ctx.expire_given(&key, names.clone())?;
    let hash = live_of(ctx.find(&key), now_ms)?;
    let is_there = |field: &[u8]| hash.is_some_and(|hash: Live<'_>| hash.contains(field));
    let holds = match condition {
        IfFields::Any => true,
        IfFields::NoneThere => !names.clone().any(is_there),
        IfFields::AllThere => names.clone().all(is_there),
    };
    if !holds {
        return ctx.int(0);
    }
    if let NewDue::At(at_ms) = due {
        if is_past(ctx, at_ms) {
            let names: Vec<&[u8]> = names.collect();
            delete(ctx, &key, &names)?;
            return ctx.int(1);
        }
    }
    change(ctx, &key, |hash, limits| {
        hash.prepare(args.iter_from(fields.at), limits);
        for at in (fields.at..args.len()).step_by(2) {
            let (field, value) = (args.get(at), args.get(at + 1));
            match due {
                NewDue::Keep => hash.set_value(field, value, limits),
                _ => hash.set(field, value, limits),
            };
            if let NewDue::At(at_ms) = due {
                hash.set_due(field, at_ms, limits);
            }
        }
        Ok(())
    })?;
    changed(ctx, &key, fields.count, "hset");
    let mut command: Vec<&[u8]> = vec![b"HSET", key.bytes];
    command.extend(args.iter_from(fields.at));
    ctx.propagate(&command);
    match due {
        NewDue::At(at_ms) => {
            changed(ctx, &key, 0, "hexpire");
            let names: Vec<&[u8]> = names.collect();
            replicate_due(ctx, &key, at_ms, &names);
        }
        NewDue::Keep => {
            let hash = hash_of(ctx.find(&key))?;
            let dues = names.filter_map(|name| Some((name, hash?.due(name)?)));
            let dues: Vec<(&[u8], i64)> = dues.collect();
            dues.iter().for_each(|(name, at_ms)| replicate_due(ctx, &key, *at_ms, &[name]));
        }
        NewDue::None | NewDue::Clear => {}
    }
    ctx.int(1)
}

fn get_and_delete(ctx: &mut Ctx<'_>) -> Outcome {
    let fields = Fields::parse(ctx, 2, 1)?;
    let key = ctx.key(1);
    ctx.expire_given(&key, fields.iter(ctx))?;
    write_values(ctx, &key, fields)?;
    let mut chosen: Vec<&[u8]> = fields.iter(ctx).collect();
    let hash = hash_of(ctx.find(&key))?;
    chosen.retain(|field| hash.is_some_and(|hash| hash.contains(field)));
    chosen.sort_unstable();
    chosen.dedup();
    match chosen.is_empty() {
        true => Ok(()),
        false => delete(ctx, &key, &chosen),
    }
}
