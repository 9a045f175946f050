//! How COMMAND INFO and COMMAND DOCS show an entry of the table.

use super::docs::{self, Argument, Kind};
use super::simple_set;
use crate::dispatch::keys::{Begin, Find};
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Access, Flags, Group, KeySpec};
use crate::resp::reply::Reply;

/// The ACL categories, in Redis's order; the last one came with Redis 8.
pub(crate) const CATEGORY_NAMES: [&str; 22] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    "bloom",
];

const FLAG_NAMES: [(Flags, &str); 19] = [
    (Flags::WRITE, "write"),
    (Flags::READONLY, "readonly"),
    (Flags::DENYOOM, "denyoom"),
    (Flags::ADMIN, "admin"),
    (Flags::PUBSUB, "pubsub"),
    (Flags::NOSCRIPT, "noscript"),
    (Flags::BLOCKING, "blocking"),
    (Flags::LOADING, "loading"),
    (Flags::STALE, "stale"),
    (Flags::SKIP_MONITOR, "skip_monitor"),
    (Flags::SKIP_SLOWLOG, "skip_slowlog"),
    (Flags::ASKING, "asking"),
    (Flags::FAST, "fast"),
    (Flags::NO_AUTH, "no_auth"),
    (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (Flags::NO_ASYNC_LOADING, "no_async_loading"),
    (Flags::NO_MULTI, "no_multi"),
    (Flags::MOVABLEKEYS, "movablekeys"),
    (Flags::ALLOW_BUSY, "allow_busy"),
];

/// The ACL categories of a command: its own, its group's, and those that its flags imply.
pub(crate) fn categories(entry: &Entry) -> Vec<&'static str> {
    let command = entry.command;
    let implied = |name: &str| match name {
        "write" => command.flags.contains(Flags::WRITE),
        // What a script reads is for the commands to say that it calls.
        "read" => command.flags.contains(Flags::READONLY) && command.group != Group::Scripting,
        "admin" => command.flags.contains(Flags::ADMIN),
        "dangerous" => command.flags.contains(Flags::ADMIN),
        "pubsub" => command.flags.contains(Flags::PUBSUB),
        "fast" => command.flags.contains(Flags::FAST),
        "slow" => !command.flags.contains(Flags::FAST),
        "blocking" => command.flags.contains(Flags::BLOCKING),
        _ => false,
    };
    CATEGORY_NAMES
        .into_iter()
        .filter(|name| {
            implied(name) || command.group_category == Some(name) || command.categories.contains(name)
        })
        .collect()
}

/// The older way to tell key positions: first, last, step; and whether that tells all.
fn range(keys: &[KeySpec]) -> (i64, i64, i64, bool) {
    let mut range: Option<(i64, i64, i64)> = None;
    let mut complete = true;
    for spec in keys {
        let (Begin::Index(index), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
            complete = false;
            continue;
        };
        let first = i64::from(index);
        let end = if last >= 0 { first + i64::from(last) } else { i64::from(last) };
        range = match range {
            None => Some((first, end, i64::from(step))),
            Some((start, before, step)) if before == first - 1 => Some((start, end, step)),
            Some(range) => {
                complete = false;
                Some(range)
            }
        };
    }
    let (first, last, step) = range.unwrap_or((0, 0, 0));
    (first, last, step, complete)
}

/// One command of COMMAND INFO, its subcommands within.
pub(super) fn info(reply: &mut Reply<'_>, entry: &Entry) {
    let command = entry.command;
    let (first, last, step, complete) = range(command.keys);
    let flags = if complete { command.flags } else { command.flags | Flags::MOVABLEKEYS };
    reply.array(10);
    reply.bulk(entry.full_name.as_bytes());
    reply.int(i64::from(command.arity));
    let names: Vec<&str> =
        FLAG_NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect();
    simple_set(reply, names.into_iter());
    [first, last, step].into_iter().for_each(|number| reply.int(number));
    let names: Vec<String> = categories(entry).iter().map(|name| format!("@{name}")).collect();
    simple_set(reply, names.iter().map(String::as_str));
    reply.set(command.tips.split_whitespace().count());
    command.tips.split_whitespace().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| key_spec(reply, spec));
    let children = &table().entries[entry.children.clone()];
    match children.len() {
        0 => reply.set(0),
        len => reply.array(len),
    }
    children.iter().for_each(|child| info(reply, child));
}

/// What happens to a key.
pub(super) fn key_flags(reply: &mut Reply<'_>, access: Access) {
    let flags: Vec<String> = access.words().collect();
    simple_set(reply, flags.iter().map(String::as_str));
}

fn key_spec(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    key_flags(reply, spec.access);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => searched(reply, "index", &[("index", i64::from(index))]),
        Begin::Keyword(word, from) => {
            head(reply, "keyword", 2);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            number(reply, "startfrom", i64::from(from));
        }
        Begin::Unknown(_) => head(reply, "unknown", 0),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        _ if matches!(spec.begin, Begin::Unknown(_)) => head(reply, "unknown", 0),
        Find::Range { last, step, limit } => searched(
            reply,
            "range",
            &[("lastkey", i64::from(last)), ("keystep", i64::from(step)), ("limit", i64::from(limit))],
        ),
        Find::KeyNum { index, first, step } => searched(
            reply,
            "keynum",
            &[("keynumidx", i64::from(index)), ("firstkey", i64::from(first)), ("keystep", i64::from(step))],
        ),
    }
}

fn searched(reply: &mut Reply<'_>, kind: &str, numbers: &[(&str, i64)]) {
    head(reply, kind, numbers.len());
    numbers.iter().for_each(|(name, value)| number(reply, name, *value));
}

fn head(reply: &mut Reply<'_>, kind: &str, fields: usize) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields);
}

fn number(reply: &mut Reply<'_>, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.int(value);
}

fn text(reply: &mut Reply<'_>, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

/// One command of COMMAND DOCS, its subcommands within.
pub(super) fn docs(reply: &mut Reply<'_>, entry: &Entry) {
    let command = entry.command;
    let arguments = docs::parse(command.syntax).unwrap_or_default();
    let children = &table().entries[entry.children.clone()];
    let mut doc_flags: Vec<&str> = Vec::new();
    doc_flags.extend(command.deprecated.map(|_| "deprecated"));
    doc_flags.extend(command.is_internal.then_some("syscmd"));
    let shown = [!arguments.is_empty(), !children.is_empty(), !doc_flags.is_empty()];
    let shown = shown.into_iter().filter(|is_shown| *is_shown).count();
    reply.map(4 + shown + if command.deprecated.is_some() { 2 } else { 0 });
    text(reply, "summary", command.summary);
    text(reply, "since", command.since);
    text(reply, "group", command.group.name());
    text(reply, "complexity", command.complexity);
    if !doc_flags.is_empty() {
        reply.bulk(b"doc_flags");
        simple_set(reply, doc_flags.into_iter());
    }
    if let Some((since, replaced_by)) = command.deprecated {
        text(reply, "deprecated_since", since);
        text(reply, "replaced_by", replaced_by);
    }
    if !arguments.is_empty() {
        let mut keys_seen = 0;
        reply.bulk(b"arguments");
        show_arguments(reply, &arguments, command.keys.len(), &mut keys_seen);
    }
    if !children.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(children.len());
        for child in children {
            reply.bulk(child.full_name.as_bytes());
            docs(reply, child);
        }
    }
}

/// Keys are tied to the key specifications in their order; the last one covers all that follow.
fn show_arguments(reply: &mut Reply<'_>, arguments: &[Argument], specs: usize, keys_seen: &mut usize) {
    reply.array(arguments.len());
    for argument in arguments {
        let flags: Vec<&str> = [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple_token, "multiple_token"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect();
        let has_children = !argument.children.is_empty();
        let is_key = argument.kind == Kind::Key && specs > 0;
        let shown =
            [true, true, !has_children, is_key, argument.token.is_some(), !flags.is_empty(), has_children];
        reply.map(shown.into_iter().filter(|&shown| shown).count());
        text(reply, "name", &argument.name);
        text(reply, "type", argument.kind.name());
        if !has_children {
            text(reply, "display_text", &argument.name);
        }
        if is_key {
            number(reply, "key_spec_index", (*keys_seen).min(specs - 1) as i64);
            *keys_seen += 1;
        }
        if let Some(token) = &argument.token {
            text(reply, "token", token);
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            simple_set(reply, flags.into_iter());
        }
        if has_children {
            reply.bulk(b"arguments");
            show_arguments(reply, &argument.children, specs, keys_seen);
        }
    }
}
