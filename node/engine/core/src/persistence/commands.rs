//! SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, WAITAOF.

use super::state::{Purpose, Waiter};
use crate::clients::session::Suspension;
use crate::clients::waiting::{Question, Queue};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::blocking::write_disks;

const SERVER: Group = Group::Server;
const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT);

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[
        Command::new("save", 1, SERVER, save)
            .flags(ADMIN.union(Flags::NO_ASYNC_LOADING).union(Flags::NO_MULTI))
            .docs(
                "1.0.0",
                "O(N) with the number of keys",
                "",
                "Saves the data set to disk while the caller waits; others do not.",
            ),
        Command::new("bgsave", -1, SERVER, bgsave).flags(ADMIN.union(Flags::NO_ASYNC_LOADING)).docs(
            "1.0.0",
            "O(1)",
            "[operation=<SCHEDULE | CANCEL>]",
            "Saves the data set to disk in the background, or calls that off.",
        ),
        Command::new("bgrewriteaof", 1, SERVER, bgrewriteaof)
            .flags(ADMIN.union(Flags::NO_ASYNC_LOADING))
            .docs("1.0.0", "O(1)", "", "Rewrites the append-only file in the background."),
        Command::new("lastsave", 1, SERVER, lastsave)
            .tips("nondeterministic_output")
            .flags(Flags::FAST.union(Flags::LOADING).union(Flags::STALE))
            .categories(&["admin", "dangerous"])
            .docs("1.0.0", "O(1)", "", "Tells when the data set was last saved; the start counts as a save."),
        Command::new("waitaof", 4, Group::Generic, waitaof)
            .tips("request_policy:all_shards response_policy:agg_min")
            .group_category(Some("connection"))
            .flags(Flags::BLOCKING)
            .docs(
                "7.2.0",
                "O(1)",
                "numlocal numreplicas timeout",
                "Waits until what this client has written is on the disks of this node and of replicas.",
            ),
    ];

const IN_PROGRESS: Failure = Failure::Text("ERR Background save already in progress");
const NOT_IN_PROGRESS: Failure =
    Failure::Text("ERR Background saving is currently not in progress or scheduled");
const REWRITE_IN_PROGRESS: Failure =
    Failure::Text("ERR Background append only file rewriting already in progress");
const NO_LOG: Failure =
    Failure::Text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
const WAITAOF_AT_REPLICA: Failure = Failure::Text(
    "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and \
     are not propagated.",
);

fn save(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.persistence.job(Purpose::Save).is_some() {
        return Err(IN_PROGRESS);
    }
    let ticket = ctx.engine.ticket();
    let question = Question { session: ctx.session.key, timed: None };
    ctx.engine.clients.waiting.ask(ticket, question);
    ctx.session.suspension = Suspension::Control { ticket };
    ctx.engine.start_save(Some(Waiter::Client(ticket)));
    Ok(())
}

fn bgsave(ctx: &mut Ctx<'_>) -> Outcome {
    let is_schedule = ctx.args.len() == 2 && ctx.arg_is(1, "schedule");
    let is_cancel = ctx.args.len() == 2 && ctx.arg_is(1, "cancel");
    if ctx.args.len() > 1 && !is_schedule && !is_cancel {
        return Err(Failure::Text("ERR syntax error"));
    }
    let is_under_way = ctx.engine.persistence.job(Purpose::Save).is_some();
    if is_cancel {
        let was_scheduled = std::mem::take(&mut ctx.engine.persistence.last.is_scheduled);
        if !ctx.engine.cancel_job(Purpose::Save) && !was_scheduled {
            return Err(NOT_IN_PROGRESS);
        }
        let text = if is_under_way {
            "Background saving cancelled"
        } else {
            "Scheduled background saving cancelled"
        };
        ctx.reply().simple(text);
        return Ok(());
    }
    if is_under_way {
        return Err(IN_PROGRESS);
    }
    if ctx.engine.call.frame.nested.is_some() {
        ctx.engine.persistence.last.is_scheduled = true;
        ctx.reply().simple("Background saving scheduled");
        return Ok(());
    }
    ctx.engine.start_save(None);
    ctx.reply().simple("Background saving started");
    Ok(())
}

fn bgrewriteaof(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.is_rewriting() {
        return Err(REWRITE_IN_PROGRESS);
    }
    if !ctx.engine.settings.appendonly {
        return Err(Failure::Text(
            "ERR there is no append-only file to rewrite: appendonly is 'no' (CONFIG SET appendonly yes begins one)",
        ));
    }
    ctx.engine.start_rewrite();
    ctx.reply().simple("Background append only file rewriting started");
    Ok(())
}

fn lastsave(ctx: &mut Ctx<'_>) -> Outcome {
    let saved_ms = ctx.engine.persistence.last.saved_ms;
    ctx.int(saved_ms / 1000)
}

fn waitaof(ctx: &mut Ctx<'_>) -> Outcome {
    let local = ctx.int_arg_in(1, 0..=1, "ERR value is out of range, must be between 0 and 1")?;
    let wanted = ctx.int_arg_in(2, 0..=i64::MAX, "ERR value is out of range, must be positive")?;
    let timeout_ms = ctx.int_arg_in(3, 0..=i64::MAX, "ERR timeout is negative")?;
    if ctx.engine.replication.is_replica() {
        return Err(WAITAOF_AT_REPLICA);
    }
    if local > 0 && !ctx.engine.settings.appendonly {
        return Err(NO_LOG);
    }
    let (offset, wanted) = (ctx.session.seen_offset, usize::try_from(wanted).unwrap_or(usize::MAX));
    let (here, there) = ctx.engine.on_disks(offset);
    if (here >= (local == 1) && there >= wanted) || !ctx.engine.call.frame.may_wait() {
        write_disks(&mut ctx.reply(), here, there);
        return Ok(());
    }
    if local > 0 {
        ctx.engine.persistence.log.want_sync(offset);
    }
    ctx.session.suspension = Suspension::Disks { offset, local: local == 1, wanted };
    let deadline_boot_ms = (timeout_ms > 0).then(|| ctx.engine.clock.boot_ms.saturating_add(timeout_ms));
    ctx.engine.clients.waiting.enter(ctx.session.key, Queue::Acks, deadline_boot_ms);
    ctx.engine.replication.want_acks();
    Ok(())
}
