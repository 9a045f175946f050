//! DEBUG: what tests and the curious need, refused unless `enable-debug-command` allows it.

mod process;
mod protocol;
mod reload;
#[cfg(test)]
mod tests;
mod values;

use std::ops::RangeInclusive;

use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("debug", -2, Group::Server, debug)
    .internal()
    .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE))
    .docs("1.0.0", "That of the subcommand", "", "Looks inside, for tests and debugging.")];

const NOT_ALLOWED: Failure = Failure::Text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

/// A subcommand: its name, how many arguments it takes in all, what HELP says, and what it does.
type Subcommand = (&'static str, RangeInclusive<usize>, &'static str, fn(&mut Ctx<'_>) -> Outcome);

const SUBCOMMANDS: &[Subcommand] = &[
    ("ASSERT", 2..=2, "Ends the process as a failed assertion does.", process::abort),
    ("CHANGE-REPL-ID", 2..=2, "Begins a new replication history.", process::change_replication_id),
    ("CLIENT-EVICTION", 2..=2, "Counts the clients by the memory they hold.", process::client_eviction),
    (
        "CLUSTERLINK",
        5..=5,
        "KILL <to|from|all> <node-id> Closes the bus links to or from a node.",
        ask_control,
    ),
    ("CONFIG-REWRITE-FORCE-ALL", 2..=2, "Like CONFIG REWRITE, with every directive.", ask_control),
    ("DIGEST", 2..=2, "One number for the whole data set.", values::digest),
    ("DIGEST-VALUE", 2..=usize::MAX, "<key> [<key> ...] One number for each value.", values::digest_value),
    ("DROP-CLUSTER-PACKET-FILTER", 3..=3, "<type> Ignores bus packets of this type; -1: none.", ask_control),
    ("ERROR", 3..=3, "<text> Answers this error.", protocol::error),
    ("HELP", 2..=2, "Shows this text.", help),
    ("HTSTATS", 3..=4, "<db> Describes the table of a database.", values::table_of_database),
    ("HTSTATS-KEY", 3..=4, "<key> Describes the table of a collection.", values::table_of_key),
    ("LEAK", 3..=3, "<text> Keeps the memory of the text for ever.", process::leak),
    ("LISTPACK", 3..=3, "<key> Describes a packed value in the log.", values::listpack),
    ("LOG", 3..=3, "<message> Writes a line to the log.", process::log),
    ("OBJECT", 3..=4, "<key> [fast] Describes how a value is stored.", values::object),
    ("OOM", 2..=2, "Ends the process as a lack of memory does.", process::abort),
    ("PANIC", 2..=2, "Ends the process as a defect does.", process::abort),
    ("PAUSE-CRON", 3..=3, "<0|1> Stops background work, or goes on with it.", process::pause_cron),
    ("POPULATE", 3..=5, "<count> [<prefix>] [<size>] Creates keys.", values::populate),
    ("PROTOCOL", 3..=3, "<type> Answers a value of this type.", protocol::protocol),
    ("QUICKLIST", 3..=4, "<key> [<0|1>] Describes a list of several nodes in the log.", values::quicklist),
    (
        "QUICKLIST-PACKED-THRESHOLD",
        3..=3,
        "<size> Accepted: a large element is a node of its own in any case.",
        values::packed_threshold,
    ),
    ("RELOAD", 2..=usize::MAX, "Writes the data as RDB and reads it back, in memory.", reload::reload),
    ("REPLICATE", 3..=usize::MAX, "<command> [<arg> ...] Sends this to replicas only.", process::replicate),
    (
        "REPLYBUFFER",
        4..=4,
        "PEAK-RESET-TIME <ms|NEVER|RESET> | RESIZING <0|1> Accepted: an idle client has no buffer.",
        process::reply_buffer,
    ),
    ("SDSLEN", 3..=3, "<key> Shows the lengths of a key and of its string.", values::string_lengths),
    ("SEGFAULT", 2..=2, "Ends the process by SIGSEGV.", process::segfault),
    ("SET-ACTIVE-EXPIRE", 3..=3, "<0|1> Turns background expiry off or on.", process::set_active_expire),
    (
        "SET-SKIP-CHECKSUM-VALIDATION",
        3..=3,
        "<0|1> Lets RESTORE take payloads with a wrong checksum.",
        process::skip_checksums,
    ),
    ("SLEEP", 3..=3, "<seconds> Stops serving for a while.", process::sleep),
    (
        "STRINGMATCH-LEN",
        4..=4,
        "<length> <pattern> Matches a pattern against so many letters.",
        values::stringmatch,
    ),
    ("STRINGMATCH-TEST", 2..=2, "Matches random patterns against random texts.", values::stringmatch_test),
];

fn debug(ctx: &mut Ctx<'_>) -> Outcome {
    let is_local = ["127.", "[::1]", "/"].iter().any(|start| ctx.session.addr.starts_with(start));
    let allowed = match ctx.engine.settings.enable_debug_command.as_str() {
        "yes" => true,
        "local" => is_local,
        _ => false,
    };
    if !allowed && !ctx.origin().skips_permissions() {
        return Err(NOT_ALLOWED);
    }
    let (name, len) = (ctx.arg(1), ctx.args.len());
    let found = SUBCOMMANDS
        .iter()
        .find(|(known, lens, ..)| known.as_bytes().eq_ignore_ascii_case(name) && lens.contains(&len));
    match found {
        Some((.., run)) => run(ctx),
        None => Err(unknown(ctx)),
    }
}

fn unknown(ctx: &Ctx<'_>) -> Failure {
    let name = String::from_utf8_lossy(ctx.arg(1));
    Failure::new(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."))
}

fn help(ctx: &mut Ctx<'_>) -> Outcome {
    let mut reply = ctx.reply();
    reply.array(1 + 2 * SUBCOMMANDS.len());
    reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for (name, _, text, _) in SUBCOMMANDS {
        reply.simple(name);
        reply.simple(&format!("    {text}"));
    }
    Ok(())
}

/// The bus and the configuration file are the control plane's.
fn ask_control(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.call.frame.nested.is_some() {
        let name = String::from_utf8_lossy(ctx.arg(1)).to_uppercase();
        return Err(Failure::new(format!("ERR DEBUG {name} is not allowed inside a transaction or script")));
    }
    ctx.engine.ask_control(ctx.session, ctx.entry, ctx.args, None);
    Ok(())
}

/// `0` or another number, as what is off or on.
fn switch(ctx: &Ctx<'_>, index: usize) -> bool {
    crate::base::numbers::parse_i64(ctx.arg(index)).is_some_and(|number| number != 0)
}
