//! Commands that combine sorted sets and sets: unions, intersections and differences, answered, counted or stored.

use std::ops::Range;

use super::access::{store, write_element, write_head};
use super::{score, SortedSet, SortedSetLimits};
use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, ValueRef};
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX, WRONG_TYPE};
use crate::types::field_table::FieldTable;
use crate::types::set::Set;

const READ: Flags = Flags::READONLY.union(Flags::MOVABLEKEYS);
const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS);
const SOURCES: &[KeySpec] = &[KeySpec::counted(1, "RO ACCESS")];
const STORED: &[KeySpec] = &[KeySpec::one(1, "OW UPDATE"), KeySpec::counted(2, "RO ACCESS")];
const UNION_COST: &str = "O(N)+O(M*log(M)) with the members of all sorted sets and of the result";
const INTERSECTION_COST: &str =
    "O(N*K)+O(M*log(M)) with the size of the smallest sorted set, their number and the size of the result";
const DIFFERENCE_COST: &str =
    "O(N*K)+O(M*log(M)) with the size of the first sorted set, their number and the \
     size of the result";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zunion", -3, Group::SortedSet, zunion).flags(READ).keys(SOURCES).docs(
        "6.2.0",
        UNION_COST,
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        "Answers the members that any of the sorted sets has.",
    ),
    Command::new("zunionstore", -4, Group::SortedSet, zunionstore).flags(STORE).keys(STORED).docs(
        "2.0.0",
        UNION_COST,
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        "Stores the members that any of the sorted sets has.",
    ),
    Command::new("zinter", -3, Group::SortedSet, zinter).flags(READ).keys(SOURCES).docs(
        "6.2.0",
        INTERSECTION_COST,
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        "Answers the members that all sorted sets have.",
    ),
    Command::new("zinterstore", -4, Group::SortedSet, zinterstore).flags(STORE).keys(STORED).docs(
        "2.0.0",
        INTERSECTION_COST,
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        "Stores the members that all sorted sets have.",
    ),
    Command::new("zintercard", -3, Group::SortedSet, zintercard).flags(READ).keys(SOURCES).docs(
        "7.0.0",
        "O(N*K) with the size of the smallest sorted set and their number",
        "numkeys key [key ...] [LIMIT limit]",
        "Answers how many members all sorted sets have in common.",
    ),
    Command::new("zdiff", -3, Group::SortedSet, zdiff).flags(READ).keys(SOURCES).docs(
        "6.2.0",
        DIFFERENCE_COST,
        "numkeys key [key ...] [WITHSCORES]",
        "Answers the members of the first sorted set that no other has.",
    ),
    Command::new("zdiffstore", -4, Group::SortedSet, zdiffstore).flags(STORE).keys(STORED).docs(
        "6.2.0",
        DIFFERENCE_COST,
        "destination numkeys key [key ...]",
        "Stores the members of the first sorted set that no other has.",
    ),
];

/// How sources are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
    /// An intersection of which only the size is wanted.
    Count,
}

/// What becomes of the scores of a member that several sources have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // The sum of opposite infinities is 0.
            Aggregate::Sum => number_or_zero(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            _ => one,
        }
    }
}

fn number_or_zero(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value
    }
}

/// A key that is combined with others: a sorted set, a set whose members all have the score 1, or nothing.
#[derive(Clone, Copy)]
enum Content<'a> {
    Sorted(&'a SortedSet),
    Plain(&'a Set),
    Missing,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    content: Content<'a>,
    weight: f64,
}

impl<'a> Content<'a> {
    fn of(entry: Option<EntryRef<'a>>) -> Result<Self, Failure> {
        match entry.map(EntryRef::value) {
            None => Ok(Content::Missing),
            Some(ValueRef::SortedSet(set)) => Ok(Content::Sorted(set)),
            Some(ValueRef::Set(set)) => Ok(Content::Plain(set)),
            Some(_) => Err(WRONG_TYPE),
        }
    }
}

impl<'a> Source<'a> {
    fn len(&self) -> usize {
        match self.content {
            Content::Sorted(set) => set.len(),
            Content::Plain(set) => set.len(),
            Content::Missing => 0,
        }
    }

    fn weighed(&self, score: f64) -> f64 {
        number_or_zero(score * self.weight)
    }

    /// The weighed score of a member, which may be no number: the sum that it goes into becomes 0, as in Redis.
    fn score(&self, member: &[u8]) -> Option<f64> {
        match self.content {
            Content::Sorted(set) => set.score(member).map(|score| score * self.weight),
            Content::Plain(set) => set.contains(member).then_some(self.weight),
            Content::Missing => None,
        }
    }

    /// All members with their weighed scores.
    fn iter(&self) -> Box<dyn Iterator<Item = (Item<'a>, f64)> + 'a> {
        let source = *self;
        match self.content {
            Content::Sorted(set) => {
                Box::new(set.iter().map(move |(member, score)| (member, source.weighed(score))))
            }
            Content::Plain(set) => Box::new(set.iter().map(move |member| (member, source.weighed(1.0)))),
            Content::Missing => Box::new(std::iter::empty()),
        }
    }
}

/// What stands behind the keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How many members are counted at most, 0 for all.
    limit: usize,
}

impl Options {
    fn parse(
        ctx: &Ctx<'_>,
        operation: Operation,
        keys: &Range<usize>,
        is_stored: bool,
    ) -> Result<Self, Failure> {
        let mut options =
            Options { weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let weighs = matches!(operation, Operation::Union | Operation::Intersection);
        let mut index = keys.end;
        while index < ctx.args.len() {
            let left = ctx.args.len() - index - 1;
            if weighs && left >= keys.len() && ctx.arg_is(index, "weights") {
                options.weights = (index + 1..=index + keys.len())
                    .map(|at| {
                        score::parse(ctx.arg(at)).ok_or(Failure::Text("ERR weight value is not a float"))
                    })
                    .collect::<Result<_, _>>()?;
                index += keys.len();
            } else if weighs && left >= 1 && ctx.arg_is(index, "aggregate") {
                options.aggregate = match ctx.arg(index + 1).to_ascii_lowercase().as_slice() {
                    b"sum" => Aggregate::Sum,
                    b"min" => Aggregate::Min,
                    b"max" => Aggregate::Max,
                    _ => return Err(SYNTAX),
                };
                index += 1;
            } else if !is_stored && operation != Operation::Count && ctx.arg_is(index, "withscores") {
                options.with_scores = true;
            } else if operation == Operation::Count && left >= 1 && ctx.arg_is(index, "limit") {
                let limit = parse_i64(ctx.arg(index + 1)).and_then(|limit| usize::try_from(limit).ok());
                options.limit = limit.ok_or(Failure::Text("ERR LIMIT can't be negative"))?;
                index += 1;
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        Ok(options)
    }
}

/// Reads `numkeys key [key ...]` from argument `first` on: where the keys stand.
fn keys_at(ctx: &Ctx<'_>, first: usize) -> Result<Range<usize>, Failure> {
    let numkeys = parse_i64(ctx.arg(first)).ok_or(NOT_AN_INTEGER)?;
    if numkeys < 1 {
        let name = ctx.entry.full_name;
        return Err(Failure::new(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    let left = ctx.args.len() - first - 1;
    match usize::try_from(numkeys) {
        Ok(numkeys) if numkeys <= left => Ok(first + 1..first + 1 + numkeys),
        _ => Err(SYNTAX),
    }
}

/// Combines the keys that are named from argument `first` on.
fn combine(ctx: &mut Ctx<'_>, operation: Operation, first: usize) -> Result<(Combined, Options), Failure> {
    let keys = keys_at(ctx, first)?;
    let mut found = Vec::with_capacity(keys.len());
    for index in keys.clone() {
        let key = ctx.key(index);
        // An expired key may still stand in the table.
        let is_there = ctx.read_with(&key, |entry, _| Content::of(entry).map(|_| entry.is_some()))?;
        found.push((key, is_there));
    }
    let options = Options::parse(ctx, operation, &keys, first > 1)?;
    let limits = ctx.engine.sorted_set_limits().always_big();
    let db = &ctx.engine.keyspace.dbs[ctx.session.db];
    let source = |(index, (key, is_there)): (usize, &(KeyRef<'_>, bool))| {
        let content = Content::of(if *is_there { db.get(key) } else { None })?;
        Ok(Source { content, weight: options.weights.get(index).copied().unwrap_or(1.0) })
    };
    let mut sources = found.iter().enumerate().map(source).collect::<Result<Vec<_>, Failure>>()?;
    if operation != Operation::Difference {
        sources.sort_by_key(Source::len);
    }
    let mut result = Combined { set: SortedSet::new(), len: 0 };
    match operation {
        Operation::Union => unite(&sources, options.aggregate, &limits, &mut result.set),
        Operation::Difference => subtract(&sources, &limits, &mut result.set),
        Operation::Intersection | Operation::Count => {
            intersect(&sources, options.aggregate, |member, score| {
                result.len += 1;
                if operation == Operation::Intersection {
                    result.set.insert(member, score, &limits);
                }
                options.limit == 0 || result.len < options.limit
            });
        }
    }
    Ok((result, options))
}

/// What combining gives.
struct Combined {
    set: SortedSet,
    /// Members of an intersection, counted also where they are not kept.
    len: usize,
}

fn unite(sources: &[Source<'_>], aggregate: Aggregate, limits: &SortedSetLimits, result: &mut SortedSet) {
    if let [only] = sources {
        for (member, score) in only.iter() {
            result.insert(member.spell(&mut itoa::Buffer::new()), score, limits);
        }
        return;
    }
    // Scores are summed up beside the result, so that each member is put in its place once.
    let mut scores = FieldTable::new(limits.seed);
    for (member, score) in sources.iter().flat_map(Source::iter) {
        let mut digits = itoa::Buffer::new();
        let member = member.spell(&mut digits);
        let sum = match scores.get(member) {
            Some(before) => aggregate.of(score::from_short(before), score),
            None => score,
        };
        scores.insert(member, &sum.to_bits().to_le_bytes());
    }
    for (member, score) in scores.iter() {
        result.insert(member, score::from_short(score), limits);
    }
}

/// Hands the members that all sources have to `visit`, until it says no. The first source is the smallest.
fn intersect(sources: &[Source<'_>], aggregate: Aggregate, mut visit: impl FnMut(&[u8], f64) -> bool) {
    let Some((smallest, others)) = sources.split_first() else { return };
    for (member, score) in smallest.iter() {
        let mut digits = itoa::Buffer::new();
        let member = member.spell(&mut digits);
        let sum = others.iter().try_fold(score, |sum, other| Some(aggregate.of(sum, other.score(member)?)));
        if sum.is_some_and(|sum| !visit(member, sum)) {
            return;
        }
    }
}

fn subtract(sources: &[Source<'_>], limits: &SortedSetLimits, result: &mut SortedSet) {
    let Some((first, others)) = sources.split_first() else { return };
    for (member, score) in first.iter() {
        let mut digits = itoa::Buffer::new();
        let member = member.spell(&mut digits);
        if others.iter().all(|other| other.score(member).is_none()) {
            result.insert(member, score, limits);
        }
    }
}

fn answer(ctx: &mut Ctx<'_>, operation: Operation) -> Outcome {
    let (result, options) = combine(ctx, operation, 1)?;
    let mut reply = ctx.reply();
    write_head(&mut reply, result.set.len(), options.with_scores);
    result.set.iter().for_each(|element| write_element(&mut reply, element, options.with_scores));
    Ok(())
}

fn store_result(ctx: &mut Ctx<'_>, operation: Operation, event: &str) -> Outcome {
    let (result, _) = combine(ctx, operation, 2)?;
    let (key, limits) = (ctx.key(1), ctx.engine.sorted_set_limits());
    store(ctx, &key, result.set.fitted(&limits), event)
}

fn zunion(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Operation::Union)
}

fn zunionstore(ctx: &mut Ctx<'_>) -> Outcome {
    store_result(ctx, Operation::Union, "zunionstore")
}

fn zinter(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Operation::Intersection)
}

fn zinterstore(ctx: &mut Ctx<'_>) -> Outcome {
    store_result(ctx, Operation::Intersection, "zinterstore")
}

fn zdiff(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Operation::Difference)
}

fn zdiffstore(ctx: &mut Ctx<'_>) -> Outcome {
    store_result(ctx, Operation::Difference, "zdiffstore")
}

fn zintercard(ctx: &mut Ctx<'_>) -> Outcome {
    let (result, _) = combine(ctx, Operation::Count, 1)?;
    ctx.int(result.len as i64)
}
