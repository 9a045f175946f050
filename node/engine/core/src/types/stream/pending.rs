//! What groups have delivered and nobody has acknowledged: XACK, XPENDING, XCLAIM, XAUTOCLAIM.

use super::access::{count_of, no_group, stream_of, write_entry, write_id, Told};
use super::group::{ConsumerIndex, Pending};
use super::{Group, Id, Stream};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group as DocsGroup, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);

/// Entries that XAUTOCLAIM claims unless COUNT says otherwise.
const AUTOCLAIM_COUNT: i64 = 100;
/// XAUTOCLAIM looks at so many pending entries for each that it may claim.
const AUTOCLAIM_ATTEMPTS: i64 = 10;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xack", -4, DocsGroup::Stream, xack).flags(FAST).keys(&[KeySpec::one(1, "RW UPDATE")]).docs(
        "5.0.0",
        "O(1) for each entry",
        "key group id [id ...]",
        "Acknowledges entries, which are then no longer pending; tells how many.",
    ),
    Command::new("xpending", -3, DocsGroup::Stream, xpending)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(&[KeySpec::one(1, "RO ACCESS")])
        .docs(
            "5.0.0",
            "O(N) with the number of entries or consumers in the answer; with IDLE, with those looked at",
            "key group [[IDLE min-idle-time] start end count [consumer]]",
            "Answers the entries that are pending in a group, or a summary of them.",
        ),
    Command::new("xclaim", -6, DocsGroup::Stream, xclaim)
        .tips("nondeterministic_output")
        .flags(FAST)
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs(
            "5.0.0",
            "O(log N) for each entry, with N pending entries",
            "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
            "Gives pending entries to another consumer.",
        ),
    Command::new("xautoclaim", -6, DocsGroup::Stream, xautoclaim)
        .tips("nondeterministic_output")
        .flags(FAST)
        .keys(&[KeySpec::one(1, "RW DELETE")])
        .docs(
            "6.2.0",
            "O(1) if COUNT is small",
            "key group consumer min-idle-time start [COUNT count] [JUSTID]",
            "Gives those pending entries that have been idle for long to another consumer.",
        ),
];

fn xack(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, name) = (ctx.key(1), ctx.arg(2));
    if !stream_of(ctx.find(&key))?.is_some_and(|stream| stream.groups.contains_key(name)) {
        return ctx.int(0);
    }
    let ids: Vec<Id> = (3..ctx.args.len()).map(|at| ctx.id_arg(at, 0)).collect::<Result<_, _>>()?;
    let group = stream_of(ctx.find(&key))?.and_then(|stream| stream.groups.get(name));
    if !group.is_some_and(|group| ids.iter().any(|id| group.pending().get(*id).is_some())) {
        return ctx.int(0);
    }
    let mut acknowledged = 0;
    if let Some(group) = ctx.stream_mut(&key)?.groups.get_mut(name) {
        acknowledged = ids.iter().filter(|id| group.acknowledge(**id)).count();
    }
    ctx.changed(key.bytes, crate::settings::NotifyClass::empty(), "", acknowledged as u64);
    ctx.int(acknowledged as i64)
}

/// The long form of XPENDING.
struct Listing {
    idle_ms: i64,
    from: Id,
    to: Id,
    count: usize,
    consumer_at: Option<usize>,
}

impl Listing {
    fn parse(ctx: &Ctx<'_>) -> Result<Option<Listing>, Failure> {
        let len = ctx.args.len();
        if len == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&len) {
            return Err(SYNTAX);
        }
        let (mut at, mut idle_ms) = (3, 0);
        if ctx.arg_is(3, "idle") {
            idle_ms = ctx.int_arg(4)?;
            if len < 8 {
                return Err(SYNTAX);
            }
            at = 5;
        }
        let count = count_of(ctx.int_arg(at + 2)?);
        let (from, to) = (ctx.start_arg(at)?, ctx.end_arg(at + 1)?);
        let consumer_at = (at + 3 < len).then_some(at + 3);
        Ok(Some(Listing { idle_ms, from, to, count, consumer_at }))
    }

    fn answer<'p>(
        &self,
        group: &'p Group,
        pending: impl Iterator<Item = &'p Pending>,
        now_ms: i64,
        reply: &mut Reply<'_>,
    ) {
        let idle_of = |pending: &Pending| now_ms.wrapping_sub(pending.delivered_ms);
        reply.deferred_array(|reply| {
            let mut written = 0;
            let wanted = pending
                .take_while(|pending| pending.id <= self.to)
                .filter(|pending| self.idle_ms == 0 || idle_of(pending) >= self.idle_ms);
            for pending in wanted.take(self.count) {
                reply.array(4);
                write_id(reply, pending.id);
                reply.bulk(group.name_of(pending.consumer));
                reply.int(idle_of(pending).max(0));
                reply.int(pending.deliveries as i64);
                written += 1;
            }
            written
        });
    }
}

fn xpending(ctx: &mut Ctx<'_>) -> Outcome {
    let listing = Listing::parse(ctx)?;
    let (key, name, now_ms) = (ctx.key(1), ctx.arg(2), ctx.now_ms());
    let consumer = listing.as_ref().and_then(|listing| listing.consumer_at).map(|at| ctx.arg(at));
    ctx.read_with(&key, |entry, reply| {
        let group = stream_of(entry)?.and_then(|stream| stream.groups.get(name));
        let group = group.ok_or_else(|| no_group(key.bytes, name, ""))?;
        match (listing, consumer) {
            (None, _) => summarize(group, reply),
            (Some(listing), None) => {
                listing.answer(group, group.pending().iter_from(listing.from), now_ms, reply);
            }
            (Some(listing), Some(consumer)) => {
                let consumer = group.find(consumer).and_then(|index| group.consumer(index));
                let ids = consumer.into_iter().flat_map(|consumer| consumer.pending.iter_from(listing.from));
                let pending = ids.filter_map(|id| group.pending().get(*id));
                listing.answer(group, pending, now_ms, reply);
            }
        }
        Ok(())
    })
}

/// The short form of XPENDING.
fn summarize(group: &Group, reply: &mut Reply<'_>) {
    reply.array(4);
    reply.int(group.pending().len() as i64);
    let (Some(first), Some(last)) = (group.pending().first(), group.pending().last()) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    write_id(reply, first.id);
    write_id(reply, last.id);
    reply.deferred_array(|reply| {
        let mut written = 0;
        for consumer in group.consumers().filter(|consumer| !consumer.pending.is_empty()) {
            reply.array(2);
            reply.bulk(&consumer.name);
            reply.bulk_int(consumer.pending.len() as i64);
            written += 1;
        }
        written
    });
}

/// How entries are claimed.
struct Claiming {
    idle_ms: i64,
    delivered_ms: i64,
    deliveries: Option<u64>,
    just_id: bool,
    now_ms: i64,
}

impl Claiming {
    fn new(ctx: &Ctx<'_>, idle_error: &'static str) -> Result<Self, Failure> {
        let (idle_ms, now_ms) = (ctx.int_arg_or(4, idle_error)?.max(0), ctx.now_ms());
        Ok(Claiming { idle_ms, delivered_ms: now_ms, deliveries: None, just_id: false, now_ms })
    }

    fn is_idle(&self, pending: &Pending) -> bool {
        self.idle_ms == 0 || self.now_ms.wrapping_sub(pending.delivered_ms) >= self.idle_ms
    }

    /// Gives a pending entry that is in the stream to a consumer, and answers it.
    fn claim(
        &self,
        stream: &Stream,
        group: &mut Group,
        consumer: ConsumerIndex,
        id: Id,
        reply: &mut Reply<'_>,
    ) {
        group.set_owner(id, consumer);
        if let Some(pending) = group.pending.get_mut(id) {
            pending.delivered_ms = self.delivered_ms;
            match self.deliveries {
                Some(deliveries) => pending.deliveries = deliveries,
                None => pending.deliveries = pending.deliveries.wrapping_add(u64::from(!self.just_id)),
            }
        }
        if let Some(consumer) = group.consumer(consumer) {
            consumer.seen_ms.set(self.now_ms);
            consumer.active_ms.set(self.now_ms);
        }
        match stream.get(id).filter(|_| !self.just_id) {
            Some(entry) => write_entry(reply, entry),
            None => write_id(reply, id),
        }
    }
}

/// Checks that the key of a command has its group.
fn check_group(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, name) = (ctx.key(1), ctx.arg(2));
    match stream_of(ctx.find(&key))?.is_some_and(|stream| stream.groups.contains_key(name)) {
        true => Ok(()),
        false => Err(no_group(key.bytes, name, "")),
    }
}

/// The options of XCLAIM.
struct ClaimOptions {
    claiming: Claiming,
    ids: Vec<Id>,
    force: bool,
    last_id: Id,
}

impl ClaimOptions {
    fn parse(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let claiming = Claiming::new(ctx, "ERR Invalid min-idle-time argument for XCLAIM")?;
        let ids: Vec<Id> = (5..ctx.args.len()).map_while(|at| Id::parse(ctx.arg(at), 0)).collect();
        let mut at = 5 + ids.len();
        let mut options = ClaimOptions { claiming, ids, force: false, last_id: Id::MIN };
        let mut delivered_ms = -1;
        while at < ctx.args.len() {
            let has_more = at + 1 < ctx.args.len();
            let mut width = 2;
            if ctx.arg_is(at, "force") {
                (options.force, width) = (true, 1);
            } else if ctx.arg_is(at, "justid") {
                (options.claiming.just_id, width) = (true, 1);
            } else if has_more && ctx.arg_is(at, "idle") {
                let idle = ctx.int_arg_or(at + 1, "ERR Invalid IDLE option argument for XCLAIM")?;
                delivered_ms = ctx.now_ms().wrapping_sub(idle);
            } else if has_more && ctx.arg_is(at, "time") {
                delivered_ms = ctx.int_arg_or(at + 1, "ERR Invalid TIME option argument for XCLAIM")?;
            } else if has_more && ctx.arg_is(at, "retrycount") {
                let count = ctx.int_arg_or(at + 1, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.claiming.deliveries = u64::try_from(count).ok();
            } else if has_more && ctx.arg_is(at, "lastid") {
                options.last_id = ctx.id_arg(at + 1, 0)?;
            } else {
                let option = String::from_utf8_lossy(ctx.arg(at)).into_owned();
                return Err(Failure::new(format!("ERR Unrecognized XCLAIM option '{option}'")));
            }
            at += width;
        }
        // A client may reckon with a clock that is ahead of ours, or wrongly; that is not an error.
        if (0..=ctx.now_ms()).contains(&delivered_ms) {
            options.claiming.delivered_ms = delivered_ms;
        }
        Ok(options)
    }
}

/// A group that entries are claimed in, with what replicas are to be told.
struct Claims<'a> {
    stream: &'a Stream,
    group: Group,
    names: (&'a [u8], &'a [u8]),
    consumer_name: &'a [u8],
    /// Whether the consumer was made, which happens when it gets its first entry.
    is_new_consumer: bool,
    told: Told,
}

impl Claims<'_> {
    fn consumer(&mut self, now_ms: i64) -> ConsumerIndex {
        let found = self.group.find(self.consumer_name);
        self.is_new_consumer |= found.is_none();
        found.unwrap_or_else(|| self.group.add_consumer(self.consumer_name, now_ms))
    }

    fn tell(&mut self, id: Id) {
        if let Some(pending) = self.group.pending.get(id) {
            self.told.claim(self.names.0, self.names.1, &self.group, pending);
        }
    }

    /// The entry is gone from the stream: it is pending no longer. A replica that claims it finds the same.
    fn forget(&mut self, id: Id) {
        self.tell(id);
        self.group.acknowledge(id);
    }

    /// Claims one entry for XCLAIM; tells whether it was claimed.
    fn one(&mut self, options: &ClaimOptions, id: Id, reply: &mut Reply<'_>) -> bool {
        let claiming = &options.claiming;
        if self.stream.get(id).is_none() {
            self.forget(id);
            return false;
        }
        match self.group.pending.get(id) {
            Some(pending) if !claiming.is_idle(pending) => return false,
            Some(_) => {}
            None if options.force => {
                let consumer = self.consumer(claiming.now_ms);
                self.group.deliver(id, consumer, claiming.now_ms);
            }
            None => return false,
        }
        let consumer = self.consumer(claiming.now_ms);
        claiming.claim(self.stream, &mut self.group, consumer, id, reply);
        self.tell(id);
        true
    }

    /// Claims entries for XAUTOCLAIM from an id on.
    fn many(&mut self, claiming: &Claiming, start: Id, count: i64, reply: &mut Reply<'_>) -> AutoClaimed {
        let mut result = AutoClaimed { claimed: 0, deleted: Vec::new(), next: Id::MIN };
        let mut attempts = count.saturating_mul(AUTOCLAIM_ATTEMPTS);
        let mut left = count;
        let mut from = Some(start);
        while let Some(id) = from.and_then(|from| self.group.pending.iter_from(from).next().map(|p| p.id)) {
            if attempts == 0 || left == 0 {
                result.next = id;
                break;
            }
            attempts -= 1;
            from = id.next();
            if self.stream.get(id).is_none() {
                self.forget(id);
                result.deleted.push(id);
                left -= 1;
            } else if self.group.pending.get(id).is_some_and(|pending| claiming.is_idle(pending)) {
                let consumer = self.consumer(claiming.now_ms);
                claiming.claim(self.stream, &mut self.group, consumer, id, reply);
                self.tell(id);
                result.claimed += 1;
                left -= 1;
            }
        }
        result
    }
}

/// What XAUTOCLAIM answers beside the entries.
struct AutoClaimed {
    claimed: usize,
    deleted: Vec<Id>,
    next: Id,
}

/// Claims entries of the command's group for its consumer, and tells replicas.
fn with_claims<T>(
    ctx: &mut Ctx<'_>,
    claim: impl FnOnce(&mut Claims<'_>, &mut Reply<'_>) -> T,
) -> Result<(T, Vec<u8>), Failure> {
    let (key, name, consumer_name) = (ctx.key(1), ctx.arg(2), ctx.arg(3));
    let told = ctx.told();
    let mut body = Vec::new();
    let mut reply = Reply::new(&mut body, ctx.session.resp);
    let stream = ctx.stream_mut(&key)?;
    let group = stream.groups.get_mut(name).map(std::mem::take).unwrap_or_default();
    let names = (key.bytes, name);
    let mut claims = Claims { stream, group, names, consumer_name, is_new_consumer: false, told };
    let result = claim(&mut claims, &mut reply);
    let Claims { group, told, is_new_consumer, .. } = claims;
    if let Some(place) = stream.groups.get_mut(name) {
        *place = group;
    }
    if is_new_consumer {
        ctx.stream_changed(&key, "xgroup-createconsumer", 0);
    }
    ctx.group_changed(&key, told);
    Ok((result, body))
}

fn xclaim(ctx: &mut Ctx<'_>) -> Outcome {
    check_group(ctx)?;
    let options = ClaimOptions::parse(ctx)?;
    let (claimed, body) = with_claims(ctx, |claims, reply| {
        let tells_last_id = options.last_id > claims.group.last_id;
        claims.group.last_id = claims.group.last_id.max(options.last_id);
        let claimed = options.ids.iter().filter(|id| claims.one(&options, **id, reply)).count();
        // Every claim tells the last id, too.
        if tells_last_id && claims.told.changes == 0 {
            claims.told.group_id(claims.names.0, claims.names.1, &claims.group);
        }
        claimed
    })?;
    let mut reply = ctx.reply();
    reply.array(claimed);
    reply.raw(&body);
    Ok(())
}

fn xautoclaim(ctx: &mut Ctx<'_>) -> Outcome {
    let mut claiming = Claiming::new(ctx, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = ctx.start_arg(5)?;
    let mut count = AUTOCLAIM_COUNT;
    let mut at = 6;
    while at < ctx.args.len() {
        if at + 1 < ctx.args.len() && ctx.arg_is(at, "count") {
            count = ctx.int_arg_in(at + 1, 1..=i64::MAX / 16, "ERR COUNT must be > 0")?;
            at += 2;
        } else if ctx.arg_is(at, "justid") {
            claiming.just_id = true;
            at += 1;
        } else {
            return Err(SYNTAX);
        }
    }
    check_group(ctx)?;
    let (result, body) = with_claims(ctx, |claims, reply| claims.many(&claiming, start, count, reply))?;
    let mut reply = ctx.reply();
    reply.array(3);
    write_id(&mut reply, result.next);
    reply.array(result.claimed);
    reply.raw(&body);
    reply.array(result.deleted.len());
    result.deleted.into_iter().for_each(|id| write_id(&mut reply, id));
    Ok(())
}
