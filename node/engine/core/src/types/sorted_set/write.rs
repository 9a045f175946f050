//! Commands that change a sorted set: ZADD, ZINCRBY, ZREM and the removals of ranges.

use super::access::{changed, removed, sorted_set_mut, sorted_set_of};
use super::select::{By, Ends};
use super::{score, SortedSet, SortedSetLimits};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{KeyRef, Object, ObjectMut, Ttl};
use crate::resp::failure::{NOT_A_FLOAT, SYNTAX, WRONG_TYPE};
use crate::settings::NotifyClass;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const STORE: Flags = FAST.union(Flags::DENYOOM);
const DELETED: &[KeySpec] = &[KeySpec::one(1, "RW DELETE")];
const RANGE_COST: &str = "O(log(N)+M) with the size of the sorted set and the number of members removed";

const NOT_A_NUMBER: Failure = Failure::Text("ERR resulting score is not a number (NaN)");

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zadd", -4, Group::SortedSet, zadd).flags(STORE).keys(&[KeySpec::one(1, "RW UPDATE")]).docs(
        "1.2.0",
        "O(log(N)) for each member given",
        "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        "Adds members or gives them other scores, and tells how many are new.",
    ),
    Command::new("zincrby", 4, Group::SortedSet, zincrby)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs(
            "1.2.0",
            "O(log(N)) with the size of the sorted set",
            "key increment member",
            "Adds to the score of a member; a missing member counts as 0.",
        ),
    Command::new("zrem", -3, Group::SortedSet, zrem).flags(FAST).keys(DELETED).docs(
        "1.2.0",
        "O(M*log(N)) with the number of members given and the size of the sorted set",
        "key member [member ...]",
        "Removes members; a sorted set without members is deleted too.",
    ),
    Command::new("zremrangebyrank", 4, Group::SortedSet, zremrangebyrank)
        .flags(Flags::WRITE)
        .keys(DELETED)
        .docs("2.0.0", RANGE_COST, "key start stop", "Removes the members whose ranks are in a range."),
    Command::new("zremrangebyscore", 4, Group::SortedSet, zremrangebyscore)
        .flags(Flags::WRITE)
        .keys(DELETED)
        .docs(
            "1.2.0",
            RANGE_COST,
            "key min:double max:double",
            "Removes the members whose scores are in a range.",
        ),
    Command::new("zremrangebylex", 4, Group::SortedSet, zremrangebylex)
        .flags(Flags::WRITE)
        .keys(DELETED)
        .docs(
            "2.8.9",
            RANGE_COST,
            "key min max",
            "Removes the members whose names are in a range; all scores must be equal.",
        ),
];

/// The options of ZADD and GEOADD.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::types) struct AddOptions {
    /// Only new members.
    pub nx: bool,
    /// Only members that are there.
    pub xx: bool,
    /// Only to a greater score.
    pub gt: bool,
    /// Only to a lower score.
    pub lt: bool,
    /// Whether changed members are counted too.
    pub ch: bool,
    /// Whether the score is added to the one that is there.
    pub incr: bool,
}

/// What became of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Added {
    New(f64),
    Changed(f64),
    /// It had the score already.
    Same(f64),
    /// The options forbade it.
    Refused,
}

impl AddOptions {
    /// Reads the options; also where they end.
    fn parse(ctx: &Ctx<'_>) -> (Self, usize) {
        let (mut options, mut index) = (AddOptions::default(), 2);
        while index < ctx.args.len() {
            let option = match ctx.arg(index).to_ascii_lowercase().as_slice() {
                b"nx" => &mut options.nx,
                b"xx" => &mut options.xx,
                b"ch" => &mut options.ch,
                b"incr" => &mut options.incr,
                b"gt" => &mut options.gt,
                b"lt" => &mut options.lt,
                _ => break,
            };
            *option = true;
            index += 1;
        }
        (options, index)
    }

    /// Refuses options that contradict each other.
    fn check(self, members: usize) -> Result<(), Failure> {
        if self.nx && self.xx {
            return Err(Failure::Text("ERR XX and NX options at the same time are not compatible"));
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            return Err(Failure::Text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.incr && members > 1 {
            return Err(Failure::Text("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    fn add(
        self,
        set: &mut SortedSet,
        member: &[u8],
        score: f64,
        limits: &SortedSetLimits,
    ) -> Result<Added, Failure> {
        if !(self.nx || self.xx || self.gt || self.lt || self.incr) {
            return Ok(match set.insert(member, score, limits) {
                None => Added::New(score),
                Some(old) if old == score => Added::Same(score),
                Some(_) => Added::Changed(score),
            });
        }
        let Some(old) = set.score(member) else {
            if self.xx {
                return Ok(Added::Refused);
            }
            set.insert(member, score, limits);
            return Ok(Added::New(score));
        };
        if self.nx {
            return Ok(Added::Refused);
        }
        let new = if self.incr { old + score } else { score };
        if new.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        if (self.lt && new >= old) || (self.gt && new <= old) {
            return Ok(Added::Refused);
        }
        if new == old {
            return Ok(Added::Same(new));
        }
        set.insert(member, new, limits);
        Ok(Added::Changed(new))
    }
}

fn zadd(ctx: &mut Ctx<'_>) -> Outcome {
    let (options, first) = AddOptions::parse(ctx);
    let left = ctx.args.len() - first;
    if left == 0 || left % 2 != 0 {
        return Err(SYNTAX);
    }
    options.check(left / 2)?;
    let args = ctx.args;
    let elements: Vec<(f64, &[u8])> = (first..args.len())
        .step_by(2)
        .map(|at| Ok((score::parse(args.get(at)).ok_or(NOT_A_FLOAT)?, args.get(at + 1))))
        .collect::<Result<_, Failure>>()?;
    add(ctx, options, &elements).map(|_| ())
}

fn zincrby(ctx: &mut Ctx<'_>) -> Outcome {
    let increment = score::parse(ctx.arg(2)).ok_or(NOT_A_FLOAT)?;
    let member = ctx.arg(3);
    add(ctx, AddOptions { incr: true, ..AddOptions::default() }, &[(increment, member)]).map(|_| ())
}

/// Adds elements to the sorted set of argument 1, and answers as ZADD does. Returns how many are new or changed.
pub(in crate::types) fn add(
    ctx: &mut Ctx<'_>,
    options: AddOptions,
    elements: &[(f64, &[u8])],
) -> Result<usize, Failure> {
    let key = ctx.key(1);
    let limits = ctx.engine.sorted_set_limits();
    let (mut added, mut updated, mut last) = (0, 0, Added::Refused);
    let mut apply = |set: &mut SortedSet| {
        for &(score, member) in elements {
            last = options.add(set, member, score, &limits)?;
            added += usize::from(matches!(last, Added::New(_)));
            updated += usize::from(matches!(last, Added::Changed(_)));
        }
        Ok::<(), Failure>(())
    };
    if let Some((object, _)) = ctx.find_mut(&key)? {
        let ObjectMut::SortedSet(set) = object else { return Err(WRONG_TYPE) };
        apply(set)?;
    } else if !options.xx {
        let mut set = Box::<SortedSet>::default();
        apply(&mut set)?;
        let clock = ctx.engine.access_clock();
        ctx.db().set_object(&key, Object::SortedSet(set), Ttl::Clear, clock);
        ctx.created(key.bytes);
    }
    match added + updated {
        0 => ctx.unchanged(),
        changes => changed(ctx, &key, changes, if options.incr { "zincr" } else { "zadd" }),
    }
    match (options.incr, last) {
        (true, Added::New(score) | Added::Changed(score) | Added::Same(score)) => {
            ctx.reply().double(score);
        }
        (true, Added::Refused) => ctx.reply().null(),
        (false, _) => ctx.reply().int((added + if options.ch { updated } else { 0 }) as i64),
    }
    Ok(added + updated)
}

fn zrem(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    let Some(set) = sorted_set_of(ctx.find(&key))? else { return ctx.int(0) };
    if !members.clone().any(|member| set.score(member).is_some()) {
        return ctx.int(0);
    }
    let set = sorted_set_mut(ctx, &key)?;
    let count = members.filter(|member| set.remove(member).is_some()).count();
    removed(ctx, &key, count, "zrem")?;
    ctx.int(count as i64)
}

fn zremrangebyrank(ctx: &mut Ctx<'_>) -> Outcome {
    remove_range(ctx, By::Rank, "zremrangebyrank")
}

fn zremrangebyscore(ctx: &mut Ctx<'_>) -> Outcome {
    remove_range(ctx, By::Score, "zremrangebyscore")
}

fn zremrangebylex(ctx: &mut Ctx<'_>) -> Outcome {
    remove_range(ctx, By::Lex, "zremrangebylex")
}

fn remove_range(ctx: &mut Ctx<'_>, by: By, event: &str) -> Outcome {
    let ends = Ends::parse(by, ctx.arg(2), ctx.arg(3))?;
    let key = ctx.key(1);
    let Some(set) = sorted_set_of(ctx.find(&key))? else { return ctx.int(0) };
    let ranks = ends.ranks(set, false);
    let (count, is_all) = (ranks.len(), ranks.len() == set.len());
    if count == 0 {
        return ctx.int(0);
    }
    if is_all {
        return remove_all(ctx, &key, count, event);
    }
    let elements: Vec<(Vec<u8>, f64)> =
        set.ascend(ranks.start).take(count).map(|(member, score)| (member.to_vec(), score)).collect();
    let set = sorted_set_mut(ctx, &key)?;
    elements.iter().for_each(|(member, score)| set.remove_element(member, *score));
    removed(ctx, &key, count, event)?;
    ctx.int(count as i64)
}

/// Removes all members by deleting the key, which leaves the work to another thread.
fn remove_all(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, count: usize, event: &str) -> Outcome {
    ctx.db().delete(key);
    changed(ctx, key, count, event);
    ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
    ctx.int(count as i64)
}
