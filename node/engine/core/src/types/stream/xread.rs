//! XREAD and XREADGROUP: what has come to several streams since, or until something comes.

use super::access::{count_of, no_group, stream_of, write_entries, write_entry, write_id, Told, INVALID_ID};
use super::{Group, Id, Stream};
use crate::dispatch::blocking::BlockOn;
use crate::dispatch::keys::Find;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group as DocsGroup, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;

/// Keys behind STREAMS: the first half of what follows.
const fn streams(from: i16) -> KeySpec {
    KeySpec {
        find: Find::Range { last: -1, step: 1, limit: 2 },
        ..KeySpec::keyword("STREAMS", from, -1, "RO ACCESS")
    }
}

/// Who has waited gets at most so many entries of a stream, unless COUNT says otherwise.
const WAITED_ENTRIES_MAX: usize = 1000;

/// Keys and ids do not go together.
const UNBALANCED: Failure = Failure::Text(
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
);
/// Who waits for a group's stream is told that it went.
const STREAM_GONE: Failure = Failure::Text("UNBLOCKED the stream key no longer exists");
/// Who waits for a group is told that it went.
const GROUP_GONE: Failure =
    Failure::Text("NOGROUP the consumer group this client was blocked on no longer exists");

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xread", -4, DocsGroup::Stream, xread)
        .flags(Flags::READONLY.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS))
        .keys(&[streams(1)])
        .docs(
            "5.0.0",
            "O(M) with the number of entries in the answer",
            "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
            "Answers the entries of several streams behind an id each, or waits for one.",
        ),
    Command::new("xreadgroup", -7, DocsGroup::Stream, xreadgroup)
        .flags(Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS))
        .keys(&[streams(4)])
        .docs(
            "5.0.0",
            "O(M) with the number of entries in the answer",
            "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]",
            "Answers new or pending entries of several streams for a consumer of a group, or waits for one.",
        ),
];

/// What a command asks for.
struct Request<'a> {
    group: Option<(&'a [u8], &'a [u8])>,
    count: usize,
    /// The time to wait in milliseconds, 0 for any time; `None` not to wait.
    block_ms: Option<i64>,
    no_ack: bool,
    /// The first key.
    keys_at: usize,
    /// How many keys there are.
    keys: usize,
}

/// From where on a stream is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Behind this id: of the stream, or with a group of what is pending for the consumer.
    Behind(Id),
    /// What the group has not delivered to anybody.
    New,
}

impl<'a> Request<'a> {
    fn parse(ctx: &Ctx<'a>, with_group: bool) -> Result<Self, Failure> {
        let mut request =
            Request { group: None, count: 0, block_ms: None, no_ack: false, keys_at: 0, keys: 0 };
        let mut at = 1;
        while at < ctx.args.len() {
            let more = ctx.args.len() - 1 - at;
            if more > 0 && ctx.arg_is(at, "block") {
                request.block_ms = Some(timeout(ctx, at + 1)?);
                at += 1;
            } else if more > 0 && ctx.arg_is(at, "count") {
                request.count = count_of(ctx.int_arg(at + 1)?);
                at += 1;
            } else if more > 0 && ctx.arg_is(at, "streams") {
                if more % 2 != 0 {
                    return Err(UNBALANCED);
                }
                (request.keys_at, request.keys) = (at + 1, more / 2);
                break;
            } else if more > 1 && ctx.arg_is(at, "group") {
                if !with_group {
                    return Err(Failure::Text(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.group = Some((ctx.arg(at + 1), ctx.arg(at + 2)));
                at += 2;
            } else if ctx.arg_is(at, "noack") {
                if !with_group {
                    return Err(Failure::Text(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.no_ack = true;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        if request.keys_at == 0 {
            return Err(SYNTAX);
        }
        if with_group && request.group.is_none() {
            return Err(Failure::Text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// From where each stream is read; `$` becomes the last id of now.
    fn starts(&self, ctx: &mut Ctx<'_>) -> Result<Vec<From>, Failure> {
        (0..self.keys).map(|index| self.start(ctx, self.keys_at + index)).collect()
    }

    fn start(&self, ctx: &mut Ctx<'_>, key_at: usize) -> Result<From, Failure> {
        let text = ctx.arg(key_at + self.keys);
        let key = ctx.key(key_at);
        let (group, has_waited) = (self.group, ctx.session.key_wait.is_some());
        let last_id = ctx.read_with(&key, |entry, _| {
            let stream = match stream_of(entry) {
                Ok(None) | Err(_) if has_waited && group.is_some() => return Err(STREAM_GONE),
                stream => stream?,
            };
            match group {
                Some((name, _)) if !stream.is_some_and(|stream| stream.groups.contains_key(name)) => {
                    let missing = no_group(key.bytes, name, " in XREADGROUP with GROUP option");
                    Err(if has_waited { GROUP_GONE } else { missing })
                }
                _ => Ok(stream.map_or(Id::MIN, Stream::last_id)),
            }
        })?;
        match (text, self.group) {
            (b"$", None) => Ok(From::Behind(last_id)),
            (b"$", Some(_)) => Err(Failure::Text(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of \
                 this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would \
                 just return an empty result set.",
            )),
            (b">", None) => Err(Failure::Text(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
                 <consumer> option.",
            )),
            (b">", Some(_)) => Ok(From::New),
            _ => match (Id::parse(text, 0).ok_or(INVALID_ID)?, self.group) {
                // The peers know no other way to say `>`.
                (Id::MAX, Some(_)) => Ok(From::New),
                (id, _) => Ok(From::Behind(id)),
            },
        }
    }
}

/// A timeout in milliseconds.
fn timeout(ctx: &Ctx<'_>, at: usize) -> Result<i64, Failure> {
    let ms = ctx.int_arg_or(at, "ERR timeout is not an integer or out of range")?;
    if ms < 0 {
        return Err(Failure::Text("ERR timeout is negative"));
    }
    Ok(ms)
}

fn xread(ctx: &mut Ctx<'_>) -> Outcome {
    let request = Request::parse(ctx, false)?;
    let starts = request.starts(ctx)?;
    let mut body = Vec::new();
    let mut served = 0;
    let limit = count(ctx, &request);
    for (index, from) in starts.iter().enumerate() {
        let key = ctx.key(request.keys_at + index);
        let From::Behind(id) = *from else { continue };
        let resp = ctx.session.resp;
        let Some(stream) = stream_of(ctx.find(&key))? else { continue };
        let Some(first) = id.next().filter(|_| stream.last_entry_id() > Some(id)) else { continue };
        let mut reply = Reply::new(&mut body, resp);
        begin(&mut reply, key.bytes);
        write_entries(&mut reply, stream.range(first, Id::MAX), limit);
        served += 1;
    }
    answer(ctx, &request, &starts, served, &body)
}

/// How many entries of a stream are answered at most; 0 for all.
fn count(ctx: &Ctx<'_>, request: &Request<'_>) -> usize {
    match request.count {
        0 if ctx.session.key_wait.is_some() => WAITED_ENTRIES_MAX,
        count => count,
    }
}

/// Begins the answer of one stream.
fn begin(reply: &mut Reply<'_>, key: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Answers what the streams had, or waits where they had nothing.
fn answer(ctx: &mut Ctx<'_>, request: &Request<'_>, starts: &[From], served: usize, body: &[u8]) -> Outcome {
    if served > 0 {
        let mut reply = ctx.reply();
        if reply.is_resp3() {
            reply.map(served);
        } else {
            reply.array(served);
        }
        reply.raw(body);
        return Ok(());
    }
    let Some(block_ms) = request.block_ms else {
        ctx.reply().null_array();
        return Ok(());
    };
    wait(ctx, request, starts, block_ms)
}

fn wait(ctx: &mut Ctx<'_>, request: &Request<'_>, starts: &[From], block_ms: i64) -> Outcome {
    let deadline_boot_ms = (block_ms > 0).then(|| ctx.engine.clock.boot_ms.saturating_add(block_ms));
    // A reader of a group hears that the group is gone; another one goes on waiting for the key to come back.
    let type_name = request.group.is_none().then_some("stream");
    let args = resolved(ctx, request, starts);
    let keys = ctx.args.iter_from(request.keys_at).take(request.keys);
    ctx.block_on(keys, BlockOn { type_name, deadline_boot_ms, on_timeout: |reply| reply.null_array() })?;
    if let Some(wait) = &mut ctx.session.key_wait {
        wait.args = args;
    }
    Ok(())
}

/// The command with ids in place of `$`, to be carried out again.
fn resolved(ctx: &Ctx<'_>, request: &Request<'_>, starts: &[From]) -> OwnedArgs {
    let ids_at = request.keys_at + request.keys;
    let mut args = OwnedArgs::default();
    for (at, arg) in ctx.args.iter_from(0).enumerate() {
        match at.checked_sub(ids_at).and_then(|index| starts.get(index)) {
            Some(From::Behind(id)) => args.push(id.to_text().as_bytes()),
            _ => args.push(arg),
        }
    }
    args
}

fn xreadgroup(ctx: &mut Ctx<'_>) -> Outcome {
    let request = Request::parse(ctx, true)?;
    let starts = request.starts(ctx)?;
    let Some((name, consumer)) = request.group else { return Err(SYNTAX) };
    let mut body = Vec::new();
    let mut served = 0;
    for (index, from) in starts.iter().enumerate() {
        let key = ctx.key(request.keys_at + index);
        let Some(stream) = stream_of(ctx.find(&key))? else { continue };
        let Some(group) = stream.groups.get(name) else { continue };
        if *from == From::New && stream.last_entry_id() <= Some(group.last_id) {
            continue;
        }
        let is_new_consumer = ctx.consumer(&key, name, consumer)?;
        let mut reply = Reply::new(&mut body, ctx.session.resp);
        begin(&mut reply, key.bytes);
        let mut told = ctx.told();
        if is_new_consumer && (request.no_ack || *from != From::New) {
            told.consumer(key.bytes, name, consumer);
        }
        read_group(ctx, &request, &key, *from, &mut reply, told)?;
        served += 1;
    }
    ctx.suppress_propagation();
    answer(ctx, &request, &starts, served, &body)
}

/// Reads one stream for a consumer that is there.
fn read_group(
    ctx: &mut Ctx<'_>,
    request: &Request<'_>,
    key: &KeyRef<'_>,
    from: From,
    reply: &mut Reply<'_>,
    mut told: Told,
) -> Outcome {
    let (now_ms, limit) = (ctx.now_ms(), count(ctx, request));
    let limit = if limit == 0 { usize::MAX } else { limit };
    let Some((name, consumer)) = request.group else { return Err(SYNTAX) };
    let stream = ctx.stream_mut(key)?;
    let mut group = stream.groups.get_mut(name).map(std::mem::take).unwrap_or_default();
    match (from, group.find(consumer)) {
        (From::Behind(id), Some(consumer)) => {
            write_history(stream, &mut group, consumer, id, limit, now_ms, reply)
        }
        (From::New, Some(consumer)) => {
            reply.deferred_array(|reply| {
                let mut written = 0;
                let first = group.last_id.next().unwrap_or(Id::MAX);
                for entry in stream.range(first, Id::MAX).take(limit) {
                    let id = entry.id;
                    advance(stream, &mut group, id);
                    write_entry(reply, entry);
                    if !request.no_ack {
                        group.deliver(id, consumer, now_ms);
                        if let Some(pending) = group.pending().get(id) {
                            told.claim(key.bytes, name, &group, pending);
                        }
                    }
                    written += 1;
                }
                written
            });
            told.group_id(key.bytes, name, &group);
            if let Some(consumer) = group.consumer(consumer) {
                consumer.active_ms.set(now_ms);
            }
        }
        (_, None) => reply.array(0),
    }
    if let Some(place) = stream.groups.get_mut(name) {
        *place = group;
    }
    told.changes += 1;
    ctx.group_changed(key, told);
    Ok(())
}

/// The group has read up to this entry.
fn advance(stream: &Stream, group: &mut Group, id: Id) {
    group.entries_read = match group.entries_read {
        Some(read) if !stream.has_holes_from(id) => Some(read + 1),
        unknown if stream.entries_added == 0 => unknown,
        _ => stream.distance_to(id),
    };
    group.last_id = id;
}

/// Answers what is pending for a consumer behind an id; that counts as delivered again.
fn write_history(
    stream: &Stream,
    group: &mut Group,
    consumer: super::group::ConsumerIndex,
    behind: Id,
    limit: usize,
    now_ms: i64,
    reply: &mut Reply<'_>,
) {
    let held = group.consumer(consumer).zip(behind.next());
    let ids: Vec<Id> = held
        .map(|(consumer, first)| consumer.pending.iter_from(first).take(limit).copied().collect())
        .unwrap_or_default();
    reply.array(ids.len());
    for id in ids {
        let Some(entry) = stream.get(id) else {
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
            continue;
        };
        write_entry(reply, entry);
        if let Some(pending) = group.pending.get_mut(id) {
            pending.delivered_ms = now_ms;
            pending.deliveries += 1;
        }
    }
}
