//! Commands that make Bloom filters and add to them: BF.RESERVE, BF.ADD, BF.MADD, BF.INSERT.

use super::access::{bloom_of, default_parameters, refusal_text, NOT_CREATED, NOT_FOUND};
use super::codec::chunks::EXPANSION_MAX;
use super::{Bloom, Parameters, Refusal, Scaling};
use crate::base::numbers::{parse_f64, parse_i64};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{KeyRef, Object, ObjectMut, Ttl};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::settings::NotifyClass;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RW INSERT")];

/// Elements that the first filter may be asked to take, at most.
const CAPACITY_MAX: i64 = 1 << 30;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bf.reserve", -4, Group::Bloom, reserve).flags(STORE).keys(KEY).docs(
        "1.0.0",
        "O(1)",
        "key error_rate capacity [EXPANSION expansion] [NONSCALING]",
        "Creates an empty Bloom filter with an error rate and a capacity.",
    ),
    Command::new("bf.add", 3, Group::Bloom, add).flags(STORE).keys(KEY).docs(
        "1.0.0",
        "O(K) with the number of hashes",
        "key item",
        "Adds an element to a Bloom filter, which is created where it is missing.",
    ),
    Command::new("bf.madd", -3, Group::Bloom, madd).flags(STORE).keys(KEY).docs(
        "1.0.0",
        "O(K * N) with the number of hashes and elements",
        "key item [item ...]",
        "Adds elements to a Bloom filter, which is created where it is missing.",
    ),
    Command::new("bf.insert", -4, Group::Bloom, insert).flags(STORE).keys(KEY).docs(
        "1.0.0",
        "O(K * N) with the number of hashes and elements",
        "key [CAPACITY capacity] [ERROR error] [EXPANSION expansion] [NOCREATE] [NONSCALING] \
         ITEMS item [item ...]",
        "Adds elements to a Bloom filter, and tells how it is made where it is missing.",
    ),
];

/// Reads the arguments of a filter that is to be made.
fn error_rate(text: &[u8]) -> Result<f64, Failure> {
    let rate = parse_f64(text).ok_or(Failure::Text("ERR bad error rate"))?;
    if rate > 0.0 && rate < 1.0 {
        Ok(rate)
    } else {
        Err(Failure::Text("ERR (0 < error rate range < 1)"))
    }
}

fn capacity(text: &[u8]) -> Result<u64, Failure> {
    match parse_i64(text) {
        Some(number @ 1..=CAPACITY_MAX) => Ok(number as u64),
        Some(number) if number < 1 => Err(Failure::Text("ERR (capacity should be larger than 0)")),
        _ => Err(Failure::Text("ERR bad capacity")),
    }
}

fn expansion(text: &[u8]) -> Result<Scaling, Failure> {
    match parse_i64(text).and_then(|number| u32::try_from(number).ok()) {
        Some(0) => Ok(Scaling::Never),
        Some(factor) if factor <= EXPANSION_MAX => Ok(Scaling::By(factor)),
        _ => Err(Failure::Text("ERR bad expansion")),
    }
}

fn reserve(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() > 7 {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    let (error_rate, capacity) = (error_rate(ctx.arg(2))?, capacity(ctx.arg(3))?);
    let mut scaling = default_parameters(ctx).scaling;
    let (mut is_fixed, mut index) = (false, 4);
    let mut factor = None;
    while index < ctx.args.len() {
        if ctx.arg_is(index, "nonscaling") {
            is_fixed = true;
        } else if ctx.arg_is(index, "expansion") {
            index += 1;
            factor = Some(ctx.args.try_get(index).ok_or(Failure::Text("ERR no expansion"))?);
        } else {
            return Err(SYNTAX);
        }
        index += 1;
    }
    match factor {
        Some(_) if is_fixed => return Err(Failure::Text("Nonscaling filters cannot expand")),
        Some(factor) => scaling = expansion(factor)?,
        None if is_fixed => scaling = Scaling::Never,
        None => {}
    }
    let key = ctx.key(1);
    if bloom_of(ctx.find(&key))?.is_some() {
        return Err(Failure::Text("ERR item exists"));
    }
    let parameters = Parameters { error_rate, capacity, scaling };
    let bloom = Bloom::new(parameters).ok_or(NOT_CREATED)?;
    store(ctx, &key, bloom);
    ctx.changed(key.bytes, NotifyClass::GENERIC, "bloom.reserve", 1);
    // The replicas' settings may be others.
    propagate_made(ctx, &key, parameters, &[]);
    ctx.ok()
}

fn store(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, bloom: Bloom) {
    let clock = ctx.engine.access_clock();
    ctx.db().set_object(key, Object::Bloom(Box::new(bloom)), Ttl::Clear, clock);
    ctx.created(key.bytes);
}

/// Replicates the making of a filter, with all that a replica's settings might say otherwise, and its elements.
fn propagate_made(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, parameters: Parameters, elements: &[&[u8]]) {
    let Parameters { error_rate, capacity, scaling } = parameters;
    let (error_rate, capacity) = (error_rate.to_string(), capacity.to_string());
    let mut factor = itoa::Buffer::new();
    let scaling: &[&[u8]] = match scaling {
        Scaling::By(by) => &[b"EXPANSION", factor.format(by).as_bytes()],
        Scaling::Never => &[b"NONSCALING"],
    };
    let (error_rate, capacity) = (error_rate.as_bytes(), capacity.as_bytes());
    let mut args: Vec<&[u8]> = match elements {
        [] => vec![b"BF.RESERVE", key.bytes, error_rate, capacity],
        _ => vec![b"BF.INSERT", key.bytes, b"ERROR", error_rate, b"CAPACITY", capacity],
    };
    args.extend_from_slice(scaling);
    if !elements.is_empty() {
        args.push(b"ITEMS");
        args.extend_from_slice(elements);
    }
    ctx.propagate(&args);
}

fn add(ctx: &mut Ctx<'_>) -> Outcome {
    let parameters = default_parameters(ctx);
    let results = add_from(ctx, 2, Some(parameters))?;
    match results.first() {
        Some(Err(refusal)) => Err(Failure::Text(refusal_text(*refusal))),
        Some(Ok(is_new)) => {
            ctx.reply().bool(*is_new);
            Ok(())
        }
        None => Err(SYNTAX),
    }
}

fn madd(ctx: &mut Ctx<'_>) -> Outcome {
    let parameters = default_parameters(ctx);
    let results = add_from(ctx, 2, Some(parameters))?;
    answer(ctx, &results)
}

fn insert(ctx: &mut Ctx<'_>) -> Outcome {
    let mut parameters = default_parameters(ctx);
    let (mut creates, mut index) = (true, 2);
    loop {
        let Some(word) = ctx.args.try_get(index) else {
            return Err(Failure::wrong_arity(ctx.entry.full_name));
        };
        let value = ctx.args.try_get(index + 1).ok_or(Failure::wrong_arity(ctx.entry.full_name));
        index += 2;
        match word.to_ascii_lowercase().as_slice() {
            b"items" => break,
            b"capacity" => parameters.capacity = capacity(value?)?,
            b"error" => parameters.error_rate = error_rate(value?)?,
            b"expansion" => parameters.scaling = expansion(value?)?,
            b"nocreate" => {
                creates = false;
                index -= 1;
            }
            b"nonscaling" => {
                parameters.scaling = Scaling::Never;
                index -= 1;
            }
            _ => return Err(Failure::Text("Unknown argument received")),
        }
    }
    // What follows ITEMS are the elements, and there must be one.
    let first = index - 1;
    if first >= ctx.args.len() {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    let results = add_from(ctx, first, creates.then_some(parameters))?;
    answer(ctx, &results)
}

/// What became of each element; the first one that is refused is the last.
type Results = Vec<Result<bool, Refusal>>;

/// Adds the elements from an argument on to the filter at the first key, which is made by the parameters where it
/// is missing.
fn add_from(ctx: &mut Ctx<'_>, first: usize, parameters: Option<Parameters>) -> Result<Results, Failure> {
    let (key, args) = (ctx.key(1), ctx.args);
    let elements = args.iter_from(first);
    let is_missing = match bloom_of(ctx.find(&key))? {
        None => true,
        Some(bloom) if elements.clone().all(|element| bloom.contains(element)) => {
            return Ok(elements.map(|_| Ok(false)).collect());
        }
        Some(_) => false,
    };
    let (results, added) = if is_missing {
        let parameters = parameters.ok_or(NOT_FOUND)?;
        let mut bloom = Bloom::new(parameters).ok_or(NOT_CREATED)?;
        let results = add_all(&mut bloom, elements.clone());
        let added = bloom.items();
        store(ctx, &key, bloom);
        ctx.changed(key.bytes, NotifyClass::GENERIC, "bloom.reserve", 1);
        let elements: Vec<&[u8]> = elements.collect();
        propagate_made(ctx, &key, parameters, &elements);
        (results, added)
    } else {
        let Some(ObjectMut::Bloom(bloom)) = ctx.db().object_mut(&key) else { return Err(WRONG_TYPE) };
        let before = bloom.items();
        let results = add_all(bloom, elements);
        (results, bloom.items() - before)
    };
    // A full filter has been looked at for nothing, but looked at it was; the hook hears of it.
    ctx.changed(key.bytes, added_class(added), "bloom.add", added);
    Ok(results)
}

/// Nobody is told that nothing was added.
fn added_class(added: u64) -> NotifyClass {
    if added > 0 {
        NotifyClass::GENERIC
    } else {
        NotifyClass::empty()
    }
}

fn add_all<'e>(bloom: &mut Bloom, elements: impl Iterator<Item = &'e [u8]>) -> Results {
    let mut results = Vec::with_capacity(elements.size_hint().0);
    for element in elements {
        let result = bloom.add(element);
        results.push(result);
        if result.is_err() {
            break;
        }
    }
    results
}

fn answer(ctx: &mut Ctx<'_>, results: &Results) -> Outcome {
    let mut reply = ctx.reply();
    reply.array(results.len());
    for result in results {
        match result {
            Ok(is_new) => reply.bool(*is_new),
            Err(refusal) => reply.error(refusal_text(*refusal)),
        }
    }
    Ok(())
}
