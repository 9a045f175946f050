//! Commands that change the entries of a stream: XADD, XDEL, XTRIM, XSETID.

use super::access::{stream_of, INVALID_ID};
use super::{AppendError, Id, NewId, Stream, Trim, TrimTo};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{Object, ObjectMut, Ttl};
use crate::resp::failure::{NO_SUCH_KEY, SYNTAX, WRONG_TYPE};
use crate::resp::OwnedArgs;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const STORE: Flags = FAST.union(Flags::DENYOOM);

/// Entries of so many full nodes are removed by `~` at most, unless LIMIT says otherwise.
const APPROXIMATE_NODES_MAX: u64 = 100;
/// The limit of `~` where nodes have no largest number of entries.
const APPROXIMATE_ENTRIES: u64 = 10_000;
/// The limit of `~` is never above this.
const APPROXIMATE_ENTRIES_MAX: u64 = 1_000_000;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xadd", -5, Group::Stream, xadd)
        .tips("nondeterministic_output")
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs(
            "5.0.0",
            "O(1) to add an entry, O(N) with the number of entries that are trimmed",
            "key [NOMKSTREAM] [trim=<strategy=<MAXLEN | MINID> [operator=<equal== | approximately=~>] threshold \
             [LIMIT count]>] id_or_auto=<auto_id=* | id> field_value=<field value> ...",
            "Adds an entry, and trims the stream if asked to.",
        ),
    Command::new("xdel", -3, Group::Stream, xdel).flags(FAST).keys(&[KeySpec::one(1, "RW DELETE")]).docs(
        "5.0.0",
        "O(1) for each entry",
        "key id [id ...]",
        "Removes entries by their ids.",
    ),
    Command::new("xtrim", -4, Group::Stream, xtrim)
        .tips("nondeterministic_output")
        .flags(Flags::WRITE)
        .keys(&[KeySpec::one(1, "RW DELETE")])
        .docs(
            "5.0.0",
            "O(N) with the number of entries that are removed",
            "key trim=<strategy=<MAXLEN | MINID> [operator=<equal== | approximately=~>] threshold [LIMIT count]>",
            "Removes entries from the start of a stream.",
        ),
    Command::new("xsetid", -3, Group::Stream, xsetid)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs(
            "5.0.0",
            "O(1)",
            "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
            "Sets what a stream remembers of past entries; used by replication.",
        ),
];

/// The options of XADD and XTRIM.
#[derive(Default)]
struct Options {
    trim: Option<Trim>,
    /// Where the threshold stands.
    threshold_at: usize,
    no_stream: bool,
    new_id: Option<NewId>,
    /// Where the id stands.
    id_at: usize,
}

impl Options {
    fn parse(ctx: &Ctx<'_>, is_add: bool) -> Result<Options, Failure> {
        let mut options = Options::default();
        let mut limit = None;
        let mut at = 2;
        while at < ctx.args.len() {
            let more = ctx.args.len() - 1 - at;
            if is_add && ctx.arg(at) == b"*" {
                (options.new_id, options.id_at) = (Some(NewId::Clock), at);
                break;
            } else if more > 0 && (ctx.arg_is(at, "maxlen") || ctx.arg_is(at, "minid")) {
                at = options.parse_trim(ctx, at, more)?;
            } else if more > 0 && ctx.arg_is(at, "limit") {
                let entries = ctx.int_arg(at + 1)?;
                let entries = u64::try_from(entries)
                    .map_err(|_| Failure::Text("ERR The LIMIT argument must be >= 0."))?;
                limit = Some(entries);
                at += 1;
            } else if is_add && ctx.arg_is(at, "nomkstream") {
                options.no_stream = true;
            } else if is_add {
                (options.new_id, options.id_at) = (Some(NewId::parse(ctx.arg(at)).ok_or(INVALID_ID)?), at);
                break;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        options.limit(ctx, is_add, limit)?;
        Ok(options)
    }

    /// Reads MAXLEN or MINID; gives where its threshold stands.
    fn parse_trim(&mut self, ctx: &Ctx<'_>, at: usize, more: usize) -> Result<usize, Failure> {
        if self.trim.is_some() {
            return Err(Failure::Text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let has_mark = more >= 2 && matches!(ctx.arg(at + 1), b"~" | b"=");
        let approximate = has_mark && ctx.arg(at + 1) == b"~";
        let threshold_at = at + 1 + usize::from(has_mark);
        let to = if ctx.arg_is(at, "maxlen") {
            let len = ctx.int_arg(threshold_at)?;
            let too_low = Failure::Text("ERR The MAXLEN argument must be >= 0.");
            TrimTo::Length(u64::try_from(len).map_err(|_| too_low)?)
        } else {
            TrimTo::Id(ctx.id_arg(threshold_at, 0)?)
        };
        self.trim = Some(Trim { to, approximate, entries_max: 0 });
        self.threshold_at = threshold_at;
        Ok(threshold_at)
    }

    /// How many entries may go.
    fn limit(&mut self, ctx: &Ctx<'_>, is_add: bool, limit: Option<u64>) -> Result<(), Failure> {
        let Some(trim) = &mut self.trim else {
            return match limit {
                Some(_) => Err(Failure::Text(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                )),
                None if is_add => Ok(()),
                None => Err(Failure::Text("ERR syntax error, XTRIM must be called with a trimming strategy")),
            };
        };
        if ctx.origin().skips_checks() {
            return Ok(());
        }
        trim.entries_max = match (limit, trim.approximate) {
            (Some(_), false) => {
                return Err(Failure::Text(
                    "ERR syntax error, LIMIT cannot be used without the special ~ option",
                ))
            }
            (Some(limit), true) => limit,
            (None, false) => 0,
            (None, true) => {
                match ctx.engine.stream_limits().node_entries_max.saturating_mul(APPROXIMATE_NODES_MAX) {
                    0 => APPROXIMATE_ENTRIES,
                    entries => entries.min(APPROXIMATE_ENTRIES_MAX),
                }
            }
        };
        Ok(())
    }

    /// The command as replicas get it: with what came of `~`, and of an id that was left open.
    fn resolved(&self, ctx: &Ctx<'_>, stream: Resolved) -> Option<OwnedArgs> {
        let rewrites_trim = self.trim.is_some_and(|trim| trim.approximate);
        let rewrites_id = matches!(self.new_id, Some(NewId::Clock | NewId::Next(_)));
        if !rewrites_trim && !rewrites_id {
            return None;
        }
        let threshold = match self.trim.map(|trim| trim.to) {
            Some(TrimTo::Length(_)) => stream.len.to_string().into_bytes(),
            _ => stream.first_id.to_text().as_bytes().to_vec(),
        };
        let mut args = OwnedArgs::default();
        for (at, arg) in ctx.args.iter_from(0).enumerate() {
            if rewrites_trim && at == self.threshold_at {
                args.push(&threshold);
            } else if rewrites_trim && at + 1 == self.threshold_at {
                args.push(b"=");
            } else if rewrites_id && at == self.id_at {
                args.push(stream.last_id.to_text().as_bytes());
            } else {
                args.push(arg);
            }
        }
        Some(args)
    }
}

/// What a stream is like after the change.
#[derive(Clone, Copy)]
struct Resolved {
    len: u64,
    first_id: Id,
    last_id: Id,
}

impl Resolved {
    fn of(stream: &Stream, options: &Options) -> Resolved {
        // As in the peers, an entry that is deleted but still in its node counts as the first. It takes some time to
        // find, and only who trims asks for it.
        let first = stream.nodes.first().filter(|_| options.trim.is_some());
        let first_id = first.and_then(super::node::Node::first_id).unwrap_or(Id::MAX);
        Resolved { len: stream.len, first_id, last_id: stream.last_id() }
    }
}

fn xadd(ctx: &mut Ctx<'_>) -> Outcome {
    let options = Options::parse(ctx, true)?;
    let fields_at = options.id_at + 1;
    let Some(new_id) = options.new_id.filter(|_| {
        let strings = ctx.args.len().saturating_sub(fields_at);
        strings >= 2 && strings % 2 == 0
    }) else {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    };
    if new_id == NewId::Exact(Id::MIN) {
        return Err(Failure::Text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let (key, flat) = (ctx.key(1), ctx.args.iter_from(fields_at));
    let (limits, now_ms) = (ctx.engine.stream_limits(), ctx.now_ms().max(0) as u64);
    let mut trimmed = 0;
    let change = |stream: &mut Stream| {
        stream.append(new_id, now_ms, flat, &limits).map_err(append_failure)?;
        trimmed = options.trim.map_or(0, |trim| stream.trim(&trim));
        Ok::<Resolved, Failure>(Resolved::of(stream, &options))
    };
    let resolved = match ctx.find_mut(&key)? {
        Some((ObjectMut::Stream(stream), _)) => change(stream)?,
        Some(_) => return Err(WRONG_TYPE),
        None if options.no_stream => {
            ctx.reply().null();
            return Ok(());
        }
        None => {
            let mut stream = Box::<Stream>::default();
            let resolved = change(&mut stream)?;
            let clock = ctx.engine.access_clock();
            ctx.db().set_object(&key, Object::Stream(stream), Ttl::Clear, clock);
            ctx.created(key.bytes);
            resolved
        }
    };
    ctx.reply().bulk(resolved.last_id.to_text().as_bytes());
    ctx.stream_changed(&key, "xadd", 1);
    if trimmed > 0 {
        ctx.stream_changed(&key, "xtrim", 0);
    }
    propagate(ctx, &options, resolved);
    Ok(())
}

fn propagate(ctx: &mut Ctx<'_>, options: &Options, resolved: Resolved) {
    if !ctx.engine.replication.is_recording() {
        return;
    }
    if let Some(args) = options.resolved(ctx, resolved) {
        ctx.suppress_propagation();
        ctx.engine.queue_propagation(ctx.scope(), args);
    }
}

fn append_failure(error: AppendError) -> Failure {
    Failure::Text(match error {
        AppendError::Exhausted => {
            "ERR The stream has exhausted the last possible ID, unable to add more items"
        }
        AppendError::Order => {
            "ERR The ID specified in XADD is equal or smaller than the target stream top item"
        }
        AppendError::TooLarge => "ERR Elements are too large to be stored",
    })
}

fn xdel(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let is_empty = match stream_of(ctx.find(&key))? {
        None => return ctx.int(0),
        Some(stream) => stream.is_empty(),
    };
    let ids: Vec<Id> = (2..ctx.args.len()).map(|at| ctx.id_arg(at, 0)).collect::<Result<_, _>>()?;
    let mut deleted = 0;
    if !is_empty {
        let stream = stream_of(ctx.find(&key))?;
        let is_there = stream.is_some_and(|stream| ids.iter().any(|id| stream.get(*id).is_some()));
        if is_there {
            let stream = ctx.stream_mut(&key)?;
            deleted = ids.iter().filter(|id| stream.delete(**id)).count() as u64;
            ctx.stream_changed(&key, "xdel", deleted);
        }
    }
    ctx.int(deleted as i64)
}

fn xtrim(ctx: &mut Ctx<'_>) -> Outcome {
    let options = Options::parse(ctx, false)?;
    let key = ctx.key(1);
    let (Some(stream), Some(trim)) = (stream_of(ctx.find(&key))?, options.trim) else {
        return ctx.int(0);
    };
    let may_trim = match trim.to {
        TrimTo::Length(len) => stream.len > len,
        TrimTo::Id(id) => !stream.is_empty() && stream.first_id() < id,
    };
    if !may_trim {
        return ctx.int(0);
    }
    let stream = ctx.stream_mut(&key)?;
    let trimmed = stream.trim(&trim);
    let resolved = Resolved::of(stream, &options);
    // Nothing goes when `~` finds no whole node; then this is not an event.
    if trimmed > 0 {
        ctx.stream_changed(&key, "xtrim", trimmed);
        propagate(ctx, &options, resolved);
    } else {
        ctx.group_changed(&key, super::access::Told::default());
    }
    ctx.int(trimmed as i64)
}

fn xsetid(ctx: &mut Ctx<'_>) -> Outcome {
    let id = ctx.id_arg(2, 0)?;
    let (mut added, mut max_deleted) = (None, Id::MIN);
    let mut at = 3;
    while at < ctx.args.len() {
        if at + 1 < ctx.args.len() && ctx.arg_is(at, "entriesadded") {
            let number = ctx.int_arg(at + 1)?;
            let negative = Failure::Text("ERR entries_added must be positive");
            added = Some(u64::try_from(number).map_err(|_| negative)?);
        } else if at + 1 < ctx.args.len() && ctx.arg_is(at, "maxdeletedid") {
            max_deleted = ctx.id_arg(at + 1, 0)?;
            if id < max_deleted {
                return Err(Failure::Text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(SYNTAX);
        }
        at += 2;
    }
    let key = ctx.key(1);
    let stream = stream_of(ctx.find(&key))?.ok_or(NO_SUCH_KEY)?;
    if stream.last_entry_id().is_some_and(|last| id < last) {
        return Err(Failure::Text(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| added < stream.len) {
        return Err(Failure::Text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    let stream = ctx.stream_mut(&key)?;
    stream.last_id = id;
    stream.entries_added = added.unwrap_or(stream.entries_added);
    if max_deleted != Id::MIN {
        stream.max_deleted = max_deleted;
    }
    ctx.stream_changed(&key, "xsetid", 1);
    ctx.ok()
}
