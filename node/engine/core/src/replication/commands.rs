//! REPLICAOF, FAILOVER, REPLCONF, PSYNC, SYNC, ROLE, WAIT: replication as commands.

use super::failover::failover;
use super::state::digest::WindowDigest;
use super::state::failover::Stage;
use super::state::history::StreamId;
use super::state::replicas::Introduction;
use crate::base::numbers::parse_i64;
use crate::clients::origin::Origin;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::effects::Level;
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};

const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT);
const ROLE_CHANGE: Flags =
    ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING).union(Flags::CHANGES_ROLE);
const SYNC: Flags = ADMIN.union(Flags::NO_ASYNC_LOADING).union(Flags::NO_MULTI);

/// Longest address or host name that a replica may announce, in bytes.
const HOST_BYTES_MAX: usize = 255;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("replicaof", 3, Group::Server, replicaof).flags(ROLE_CHANGE).docs(
        "5.0.0",
        "O(1)",
        "args=<host port | NO ONE>",
        "Makes this node a replica of another one, or a primary (NO ONE).",
    ),
    Command::new("slaveof", 3, Group::Server, replicaof)
        .deprecated("5.0.0", "`REPLICAOF`")
        .flags(ROLE_CHANGE)
        .docs("1.0.0", "O(1)", "args=<host port | NO ONE>", "The old name of REPLICAOF."),
    Command::new("failover", -1, Group::Server, failover).flags(ADMIN.union(Flags::STALE)).docs(
        "6.2.0",
        "O(1)",
        "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
        "Hands this primary's role over to a replica that has everything.",
    ),
    Command::new("replconf", -1, Group::Server, replconf)
        .internal()
        .flags(ADMIN.union(Flags::LOADING).union(Flags::STALE).union(Flags::ALLOW_BUSY).union(Flags::OF_LINK))
        .docs("3.0.0", "O(1)", "", "What replicas and primaries tell each other."),
    Command::new("psync", -3, Group::Server, psync).flags(SYNC).docs(
        "2.8.0",
        "O(N) with N keys for a full sync",
        "replicationid offset",
        "Asks for the replication stream from an offset.",
    ),
    Command::new("sync", 1, Group::Server, sync).flags(SYNC).docs(
        "1.0.0",
        "O(N) with N keys",
        "",
        "Asks for a snapshot and the replication stream, in the old way.",
    ),
    Command::new("role", 1, Group::Server, role)
        .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST))
        .categories(&["admin", "dangerous"])
        .docs("2.8.12", "O(1)", "", "Says whether this node is a primary or a replica, and how far it is."),
    Command::new("wait", 3, Group::Generic, wait)
        .tips("request_policy:all_shards response_policy:agg_min")
        .group_category(Some("connection"))
        .flags(Flags::NOSCRIPT.union(Flags::BLOCKING))
        .docs(
            "3.0.0",
            "O(1)",
            "numreplicas timeout",
            "Waits until replicas have acknowledged what this client has written.",
        ),
];

fn replicaof(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.settings.cluster_enabled {
        return Err(Failure::Text("ERR REPLICAOF not allowed in cluster mode."));
    }
    if ctx.engine.replication.failover.stage != Stage::None {
        return Err(Failure::Text("ERR REPLICAOF not allowed while failing over."));
    }
    if ctx.arg_is(1, "no") && ctx.arg_is(2, "one") {
        ctx.engine.promote();
        ctx.engine.end_hold();
        return ctx.ok();
    }
    if ctx.session.origin == Origin::Replica {
        return Err(Failure::Text("ERR Command is not valid when client is a replica."));
    }
    let port = ctx.int_arg(2).ok().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(Failure::Text("ERR Invalid master port"))?;
    let host = match std::str::from_utf8(ctx.arg(1)) {
        Ok(host) if !host.is_empty() && host.len() <= HOST_BYTES_MAX => host,
        _ => return Err(Failure::Text("ERR Invalid master host")),
    };
    let present = ctx.engine.replication.primary.as_ref();
    if present.is_some_and(|primary| primary.host.eq_ignore_ascii_case(host) && primary.port == port) {
        ctx.engine.told_again_to_follow();
        ctx.reply().simple("OK Already connected to specified master");
        return Ok(());
    }
    ctx.engine.follow(host, port);
    ctx.ok()
}

fn psync(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.origin().may_sync() {
        return Ok(());
    }
    if ctx.args.len() > 3 && ctx.arg_is(3, "failover") {
        take_over(ctx)?;
    }
    check_may_sync(ctx)?;
    let offset = ctx.int_arg(2)?;
    // A replica asks for the byte it wants next, counted from one.
    let position = StreamId::parse(ctx.arg(1)).zip(u64::try_from(offset - 1).ok());
    attach(ctx, position)
}

/// Our primary hands its role over to us, and goes on as our replica.
fn take_over(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.engine.replication.is_replica() {
        return Err(Failure::Text("ERR PSYNC FAILOVER can't be sent to a master."));
    }
    if StreamId::parse(ctx.arg(1)) != Some(ctx.engine.replication.history.id) {
        return Err(Failure::Text("ERR PSYNC FAILOVER replid must match my replid."));
    }
    if ctx.engine.settings.cluster_enabled {
        return Err(Failure::Text("ERR PSYNC FAILOVER not allowed in cluster mode."));
    }
    let message = format!("MASTER MODE enabled (failover request from {})", ctx.session.addr);
    ctx.engine.log(Level::Notice, message);
    ctx.engine.promote();
    Ok(())
}

fn sync(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.origin().may_sync() {
        return Ok(());
    }
    check_may_sync(ctx)?;
    let introduction = introduction(ctx);
    introduction.is_old = !introduction.is_second_channel;
    attach(ctx, None)
}

/// Whether this node can be somebody's primary now.
fn check_may_sync(ctx: &Ctx<'_>) -> Outcome {
    if ctx.engine.replication.failover.stage != Stage::None {
        return Err(Failure::Text("NOMASTERLINK Can't SYNC while failing over"));
    }
    if ctx.engine.replication.is_replica() && !ctx.engine.replication.is_link_up() {
        return Err(Failure::Text("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    if ctx.engine.cluster.slots.as_deref().is_some_and(|slots| !slots.has_data) {
        return Err(Failure::Text("NOMASTERLINK Can't SYNC with a node that has no data"));
    }
    Ok(())
}

fn attach(ctx: &mut Ctx<'_>, position: Option<(StreamId, u64)>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    engine.attach_replica(session, position);
    Ok(())
}

fn introduction<'a>(ctx: &'a mut Ctx<'_>) -> &'a mut Introduction {
    ctx.engine.replication.introductions.entry(ctx.session.key).or_default()
}

fn replconf(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() % 2 == 0 {
        return Err(SYNTAX);
    }
    for at in (1..ctx.args.len()).step_by(2) {
        let (option, value) = (ctx.arg(at).to_ascii_lowercase(), ctx.arg(at + 1));
        match option.as_slice() {
            b"ack" => return acknowledge(ctx, value),
            // Only our primary asks, and its questions are answered where its stream is applied.
            b"getack" => return Ok(()),
            _ => introduce(ctx, &option, value)?,
        }
    }
    ctx.ok()
}

fn introduce(ctx: &mut Ctx<'_>, option: &[u8], value: &[u8]) -> Outcome {
    let number = || parse_i64(value).ok_or(NOT_AN_INTEGER);
    match option {
        b"listening-port" => {
            introduction(ctx).port = number()?.try_into().map_err(|_| NOT_AN_INTEGER)?;
        }
        b"ip-address" => {
            let too_long = || {
                Failure::Text("ERR REPLCONF ip-address provided by replica instance is too long: >=255 bytes")
            };
            let ip = std::str::from_utf8(value).map_err(|_| SYNTAX)?;
            introduction(ctx).ip = if ip.len() < HOST_BYTES_MAX { ip.into() } else { return Err(too_long()) };
        }
        b"capa" if value.eq_ignore_ascii_case(b"eof") => introduction(ctx).takes_end_mark = true,
        b"capa" if value.eq_ignore_ascii_case(b"psync2") => introduction(ctx).takes_identity = true,
        b"capa" if value.eq_ignore_ascii_case(b"garrison") => introduction(ctx).knows_ghosts = true,
        b"capa" if value.eq_ignore_ascii_case(b"dual-channel") => {
            introduction(ctx).takes_second_channel = true;
        }
        // Capabilities that are not known are of no use to us, and no error.
        b"capa" => {}
        // A Valkey says which one it is; a Garrison is known by its capability.
        b"version" => {}
        b"rdb-channel" => introduction(ctx).is_second_channel = number()? == 1,
        b"set-rdb-client-id" => {
            let number = u64::try_from(number()?).map_err(|_| NOT_AN_INTEGER)?;
            introduction(ctx).second_channel = Some(number);
        }
        b"rdb-filter-only" if value.eq_ignore_ascii_case(b"functions") => {
            introduction(ctx).functions_only = true;
        }
        b"rdb-filter-only" => {
            let value = value[..value.len().min(64)].escape_ascii();
            return Err(Failure::new(format!("ERR Unsupported rdb-filter-only option: {value}")));
        }
        b"rdb-only" => introduction(ctx).snapshot_only = number()? == 1,
        _ => {
            let option = String::from_utf8_lossy(option).into_owned();
            return Err(Failure::new(format!("ERR Unrecognized REPLCONF option: {option}")));
        }
    }
    Ok(())
}

/// REPLCONF ACK has no reply: it would stand in the stream.
fn acknowledge(ctx: &mut Ctx<'_>, value: &[u8]) -> Outcome {
    if let Some(offset) = parse_i64(value).and_then(|offset| u64::try_from(offset).ok()) {
        let mut on_disk = None;
        let mut digest = None;
        for at in (3..ctx.args.len()).step_by(2) {
            if ctx.arg_is(at, "fack") {
                // The replica has an append-only file.
                on_disk = parse_i64(ctx.arg(at + 1)).and_then(|offset| u64::try_from(offset).ok());
            } else if ctx.arg_is(at, "digest") {
                digest = WindowDigest::parse(ctx.arg(at + 1));
            }
        }
        ctx.engine.replica_acked(ctx.session.key, offset, on_disk);
        if let Some(digest) = digest {
            let Ctx { engine, session, .. } = ctx;
            session.close_now |= engine.is_diverged(session.key, digest);
        }
    }
    Ok(())
}

fn role(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    let mut reply = crate::resp::reply::Reply::new(&mut session.out, session.resp);
    engine.describe_role(&mut reply);
    Ok(())
}

fn wait(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.replication.is_replica() {
        return Err(Failure::Text(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
             configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    let wanted = usize::try_from(ctx.int_arg(1)?).unwrap_or(0);
    let timeout_ms =
        parse_i64(ctx.arg(2)).ok_or(Failure::Text("ERR timeout is not an integer or out of range"))?;
    if timeout_ms < 0 {
        return Err(Failure::Text("ERR timeout is negative"));
    }
    let Ctx { engine, session, .. } = ctx;
    engine.wait_for_replicas(session, wanted, timeout_ms);
    Ok(())
}
