//! CLIENT: what a client may know and set of its connection, and an administrator of all.

mod kill;
mod list;
mod pause;
mod tracking;

use crate::clients::session::ReplyMode;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::failure::SYNTAX;

/// Flags of subcommands about the client's own connection.
const OWN: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
/// Flags of subcommands about all connections.
const ADMIN: Flags = OWN.union(Flags::ADMIN);
const CONNECTION: Group = Group::Connection;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("client", CONNECTION, SUBCOMMANDS).docs(
    "2.4.0",
    "That of the subcommand",
    "",
    "Shows and controls connections.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("caching", 3, CONNECTION, tracking::caching).flags(OWN).docs(
        "6.0.0",
        "O(1)",
        "<YES | NO>",
        "Says whether the next command's keys are tracked.",
    ),
    Command::new("getname", 2, CONNECTION, getname).flags(OWN).docs(
        "2.6.9",
        "O(1)",
        "",
        "Tells the connection's name.",
    ),
    Command::new("getredir", 2, CONNECTION, tracking::getredir).flags(OWN).docs(
        "6.0.0",
        "O(1)",
        "",
        "Tells which connection receives the invalidation messages.",
    ),
    Command::new("id", 2, CONNECTION, id).flags(OWN).docs(
        "5.0.0",
        "O(1)",
        "",
        "Tells the connection's number, which is never reused.",
    ),
    Command::new("info", 2, CONNECTION, list::info).tips("nondeterministic_output").flags(OWN).docs(
        "6.2.0",
        "O(1)",
        "",
        "Describes this connection as CLIENT LIST does.",
    ),
    Command::new("kill", -3, CONNECTION, kill::kill).flags(ADMIN).docs(
        "2.4.0",
        "O(N) with the number of clients",
        "<old-format=ip:port | new-format=<[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | \
         [USER username] | [ADDR addr=ip:port] | [LADDR laddr=ip:port] | [SKIPME skipme=<YES | NO>] | [MAXAGE maxage]> ...>",
        "Closes one connection, or all that fit every filter.",
    ),
    Command::new("list", -2, CONNECTION, list::list).tips("nondeterministic_output").flags(ADMIN).docs(
        "2.4.0",
        "O(N) with the number of clients",
        "[TYPE client-type=<NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        "Describes connections, one a line.",
    ),
    Command::new("no-evict", 3, CONNECTION, no_evict).flags(ADMIN).docs(
        "7.0.0",
        "O(1)",
        "enabled=<ON | OFF>",
        "Keeps the connection open when clients use too much memory.",
    ),
    Command::new("no-touch", 3, CONNECTION, no_touch).flags(OWN).docs(
        "7.2.0",
        "O(1)",
        "enabled=<ON | OFF>",
        "Lets the connection read keys without making them look recently used.",
    ),
    Command::new("pause", -3, CONNECTION, pause::pause).flags(ADMIN).docs(
        "2.9.50",
        "O(1)",
        "timeout [mode=<WRITE | ALL>]",
        "Holds commands, or writes alone, for some milliseconds.",
    ),
    Command::new("reply", 3, CONNECTION, reply).flags(OWN).docs(
        "3.2.0",
        "O(1)",
        "on-off-skip=<ON | OFF | SKIP>",
        "Turns replies to this connection on or off, or drops the next one.",
    ),
    Command::new("setinfo", 4, CONNECTION, setinfo).flags(OWN).docs(
        "7.2.0",
        "O(1)",
        "attr=<LIB-NAME libname | LIB-VER libver>",
        "Names the client library and its version.",
    ),
    Command::new("setname", 3, CONNECTION, setname).flags(OWN).docs(
        "2.6.9",
        "O(1)",
        "connection-name",
        "Gives the connection a name.",
    ),
    Command::new("tracking", -3, CONNECTION, tracking::tracking).flags(OWN).docs(
        "6.0.0",
        "O(1)",
        "status=<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        "Turns invalidation messages for client-side caches on or off.",
    ),
    Command::new("trackinginfo", 2, CONNECTION, tracking::trackinginfo).flags(OWN).docs(
        "6.2.0",
        "O(1)",
        "",
        "Tells how the connection's keys are tracked.",
    ),
    Command::new("unblock", -3, CONNECTION, kill::unblock).flags(ADMIN).docs(
        "5.0.0",
        "O(N) with the number of clients",
        "client-id [unblock-type=<TIMEOUT | ERROR>]",
        "Ends another connection's wait.",
    ),
    Command::new("unpause", 2, CONNECTION, pause::unpause).flags(Flags::UNPAUSES).flags(ADMIN).docs(
        "6.2.0",
        "O(N) with the number of held clients",
        "",
        "Ends CLIENT PAUSE.",
    ),
    help(CONNECTION, "5.0.0"),
];

/// `ON` or `OFF` at argument `index`.
fn on_off(ctx: &Ctx<'_>, index: usize) -> Result<bool, Failure> {
    match () {
        () if ctx.arg_is(index, "on") => Ok(true),
        () if ctx.arg_is(index, "off") => Ok(false),
        () => Err(SYNTAX),
    }
}

fn id(ctx: &mut Ctx<'_>) -> Outcome {
    let id = ctx.session.id;
    ctx.int(id as i64)
}

fn getname(ctx: &mut Ctx<'_>) -> Outcome {
    let name = ctx.session.name.clone();
    ctx.reply().bulk_or_null(Some(&*name).filter(|name| !name.is_empty()));
    Ok(())
}

fn setname(ctx: &mut Ctx<'_>) -> Outcome {
    let name = ctx.arg(2);
    super::connection::check_name(name)?;
    ctx.session.name = name.into();
    ctx.ok()
}

fn setinfo(ctx: &mut Ctx<'_>) -> Outcome {
    let (attribute, value) = (ctx.arg(2), ctx.arg(3));
    let shown = String::from_utf8_lossy(attribute).into_owned();
    let field = match &*attribute.to_ascii_lowercase() {
        b"lib-name" => &mut ctx.session.lib_name,
        b"lib-ver" => &mut ctx.session.lib_ver,
        _ => return Err(Failure::new(format!("ERR Unrecognized option '{shown}'"))),
    };
    if super::connection::check_name(value).is_err() {
        return Err(Failure::new(format!(
            "ERR {shown} cannot contain spaces, newlines or special characters."
        )));
    }
    *field = value.into();
    ctx.ok()
}

fn no_evict(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.session.no_evict = on_off(ctx, 2)?;
    ctx.ok()
}

fn no_touch(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.session.no_touch = on_off(ctx, 2)?;
    ctx.ok()
}

fn reply(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.arg_is(2, "on") {
        ctx.session.reply_mode = ReplyMode::On;
        return ctx.ok();
    }
    match () {
        () if ctx.arg_is(2, "off") => ctx.session.reply_mode = ReplyMode::Off,
        () if !ctx.arg_is(2, "skip") => return Err(SYNTAX),
        () if ctx.session.reply_mode != ReplyMode::Off => ctx.session.reply_mode = ReplyMode::SkipNext,
        () => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
