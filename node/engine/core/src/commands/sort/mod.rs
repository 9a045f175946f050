//! SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what other keys say of them.
//!
//! [`options`] reads the arguments, [`pattern`] finds the keys that patterns name, [`order`] sorts.
//!
//! SORT with STORE is replicated as it was given where every server comes to the same result, as the peers do it.
//! Where elements of equal weight may stand in any order, its effect is replicated instead.

mod options;
mod order;
mod pattern;

use options::Options;
use order::Element;

use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::keyspace::{KeyRef, Object, Ttl, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::Args;
use crate::settings::NotifyClass;
use crate::types::list::{End, List};

/// Elements in one of the commands that tell replicas the result, at most.
const REPLICATED_ELEMENTS_MAX: usize = 512;

const TYPES: &[&str] = &["set", "sortedset", "list", "dangerous"];
const COST: &str =
    "O(N+M*log(M)) with the number of elements and of those answered; O(N) where nothing is sorted";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sort", -2, Group::Generic, sort)
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
        .categories(TYPES)
        .group_category(None)
        .keys(&[
            KeySpec::one(1, "RO ACCESS"),
            KeySpec::unknown(|_| None, "RO ACCESS"),
            KeySpec::unknown(options::store_position, "OW UPDATE"),
        ])
        .docs(
            "1.0.0",
            COST,
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
             [STORE destination]",
            "Sorts the elements of a list, set or sorted set, and answers or stores them.",
        ),
    Command::new("sort_ro", -2, Group::Generic, sort)
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(TYPES)
        .group_category(None)
        .keys(&[KeySpec::one(1, "RO ACCESS"), KeySpec::unknown(|_| None, "RO ACCESS")])
        .docs(
            "7.0.0",
            COST,
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
            "Sorts the elements of a list, set or sorted set, and answers them.",
        ),
];

/// What is sorted.
struct Source {
    elements: Vec<Element>,
    /// Whether the order in which the elements came is one of theirs.
    is_ordered: bool,
}

impl Source {
    fn of<'v>(items: impl Iterator<Item = Item<'v>>, is_ordered: bool) -> Self {
        Source { elements: items.map(|item| Element::new(item.to_vec())).collect(), is_ordered }
    }
}

fn sort(ctx: &mut Ctx<'_>) -> Outcome {
    let mut options = Options::parse(ctx, ctx.entry.command.flags.contains(Flags::WRITE))?;
    let key = ctx.key(1);
    let source = load(ctx, &key)?;
    if !source.is_ordered && !options.sorts && options.store.is_some() {
        // Unsorted, the result would differ from server to server.
        options.sort_by_itself();
    }
    let mut elements = source.elements;
    let total = elements.len();
    if !options.sorts && options.descending && source.is_ordered {
        elements.reverse();
    }
    if options.sorts {
        order::weigh(ctx, &mut elements, &options)?;
        order::sort(&mut elements, &options);
    }
    let range = options.range(total);
    let rows = &elements[range];
    match options.store {
        None => answer(ctx, rows, &options),
        Some(index) => {
            let is_partial = rows.len() < total;
            let is_open = options.alpha && options.by.is_some() && (is_partial || !source.is_ordered);
            store(ctx, index, rows, &options, options.sorts && is_open)
        }
    }
}

/// The elements of the collection at a key, in their order.
fn load(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Result<Source, Failure> {
    let empty = Source { elements: Vec::new(), is_ordered: true };
    match ctx.read(key).map(|entry| entry.value()) {
        None => Ok(empty),
        Some(ValueRef::List(list)) => Ok(Source::of(list.iter(), true)),
        Some(ValueRef::Set(set)) => Ok(Source::of(set.iter(), false)),
        Some(ValueRef::SortedSet(set)) => Ok(Source::of(set.iter().map(|(member, _)| member), true)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// Answers what is asked for of each element.
fn answer(ctx: &mut Ctx<'_>, rows: &[Element], options: &Options<'_>) -> Outcome {
    ctx.reply().array(rows.len() * options.gets.len().max(1));
    for element in rows {
        if options.gets.is_empty() {
            ctx.reply().bulk(&element.text);
        }
        for get in &options.gets {
            let found = pattern::look_up(ctx, get, &element.text);
            ctx.reply().bulk_or_null(found.as_deref());
        }
    }
    Ok(())
}

/// Stores what is asked for of each element as a list; what is missing becomes an empty string.
fn store(
    ctx: &mut Ctx<'_>,
    index: usize,
    rows: &[Element],
    options: &Options<'_>,
    by_effect: bool,
) -> Outcome {
    let (target, limits) = (ctx.key(index), ctx.engine.list_limits());
    let mut list = Box::<List>::default();
    for element in rows {
        if options.gets.is_empty() {
            list.push(End::Right, &element.text, limits);
        }
        for get in &options.gets {
            let found = pattern::look_up(ctx, get, &element.text);
            list.push(End::Right, &found.unwrap_or_default(), limits);
        }
    }
    let len = list.len();
    if len == 0 {
        if ctx.find(&target).is_some() {
            ctx.db().delete(&target);
            ctx.changed(target.bytes, NotifyClass::GENERIC, "del", 1);
        }
        return ctx.int(0);
    }
    if by_effect {
        replicate_list(ctx, target.bytes, &list);
    }
    let clock = ctx.engine.access_clock();
    let existed = ctx.find(&target).is_some();
    ctx.db().set_object(&target, Object::List(list), Ttl::Clear, clock);
    if !existed {
        ctx.created(target.bytes);
    }
    ctx.changed(target.bytes, NotifyClass::LIST, "sortstore", len as u64);
    ctx.int(len as i64)
}

fn replicate_list(ctx: &mut Ctx<'_>, key: &[u8], list: &List) {
    ctx.propagate(&[b"DEL", key]);
    let mut items = list.iter().peekable();
    while items.peek().is_some() {
        let part: Vec<Vec<u8>> =
            items.by_ref().take(REPLICATED_ELEMENTS_MAX).map(|item| item.to_vec()).collect();
        let mut command: Vec<&[u8]> = vec![b"RPUSH", key];
        command.extend(part.iter().map(Vec::as_slice));
        ctx.propagate(&command);
    }
}

/// Whether the keys that a pattern names all belong to this slot.
fn stays_in_slot(pattern: &[u8], slot: u16) -> bool {
    pattern::tag(pattern).is_some_and(|tag| crate::keyspace::key_slot(tag) == slot)
}

/// The arguments behind the key, for those who look for options.
fn option_args(args: Args<'_>) -> std::ops::Range<usize> {
    2..args.len()
}
