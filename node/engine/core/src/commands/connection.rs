//! The client's own connection: PING, ECHO, HELLO, AUTH, SELECT, RESET, QUIT.

use crate::base::numbers::parse_i64;
use crate::clients::origin::User;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::failure::SYNTAX;

const OPEN: Flags =
    Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST).union(Flags::ALLOW_BUSY);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("ping", -1, Group::Connection, ping)
        .tips("request_policy:all_shards response_policy:all_succeeded")
        .flags(Flags::SUBSCRIBED)
        .flags(Flags::FAST)
        .docs("1.0.0", "O(1)", "[message]", "Answers PONG, or the message."),
    Command::new("echo", 2, Group::Connection, echo)
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .docs("1.0.0", "O(1)", "message", "Answers the message."),
    Command::new("quit", -1, Group::Connection, quit)
        .deprecated("7.2.0", "closing the connection")
        .flags(Flags::AT_ONCE.union(Flags::SUBSCRIBED))
        .flags(OPEN.union(Flags::NO_AUTH))
        .docs("1.0.0", "O(1)", "", "Closes the connection after its replies."),
    Command::new("hello", -1, Group::Connection, hello).flags(OPEN.union(Flags::NO_AUTH)).docs(
        "6.0.0",
        "O(1)",
        "[protover [AUTH username password] [SETNAME clientname]]",
        "Chooses the protocol version and describes the server.",
    ),
    Command::new("auth", -2, Group::Connection, auth).flags(OPEN.union(Flags::NO_AUTH)).docs(
        "1.0.0",
        "O(1)",
        "[username] password",
        "Authenticates the connection.",
    ),
    Command::new("select", 2, Group::Connection, select)
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .docs("1.0.0", "O(1)", "index", "Selects the database of the connection."),
    Command::new("reset", 1, Group::Connection, reset)
        .flags(Flags::AT_ONCE.union(Flags::SUBSCRIBED))
        .flags(OPEN.union(Flags::NO_AUTH))
        .docs("6.2.0", "O(1)", "", "Puts the connection back into the state of a new one."),
];

fn ping(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() > 2 {
        return Err(Failure::wrong_arity("ping"));
    }
    let message = ctx.args.try_get(1);
    if ctx.session.is_subscriber() && ctx.session.resp == 2 {
        let mut reply = ctx.reply();
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        Some(message) => ctx.reply().bulk(message),
        None => ctx.reply().raw(b"+PONG\r\n"),
    }
    Ok(())
}

fn echo(ctx: &mut Ctx<'_>) -> Outcome {
    let message = ctx.arg(1);
    ctx.reply().bulk(message);
    Ok(())
}

fn quit(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.session.close_after_reply = true;
    ctx.ok()
}

fn select(ctx: &mut Ctx<'_>) -> Outcome {
    let index = ctx.int_arg(1)?;
    if ctx.engine.settings.cluster_enabled && index != 0 {
        return Err(Failure::Text("ERR SELECT is not allowed in cluster mode"));
    }
    match usize::try_from(index) {
        Ok(index) if index < ctx.engine.settings.databases => ctx.session.db = index,
        _ => return Err(Failure::Text("ERR DB index is out of range")),
    }
    ctx.ok()
}

fn auth(ctx: &mut Ctx<'_>) -> Outcome {
    let (user, password) = match ctx.args.len() {
        2 => {
            if ctx.engine.settings.requirepass.is_empty() {
                return Err(Failure::Text(
                    "ERR AUTH <password> called without any password configured for the default user. \
                     Are you sure your configuration is correct?",
                ));
            }
            (User::DEFAULT.name().as_bytes(), ctx.arg(1))
        }
        3 => (ctx.arg(1), ctx.arg(2)),
        _ => return Err(SYNTAX),
    };
    authenticate(ctx, user, password)?;
    ctx.ok()
}

/// Checks a user's password; the comparison takes the same time wherever the first difference is.
fn authenticate(ctx: &mut Ctx<'_>, user: &[u8], password: &[u8]) -> Outcome {
    let expected = ctx.engine.settings.requirepass.as_slice();
    let same = expected.len() == password.len()
        && expected.iter().zip(password).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0;
    let user = User::named(user).filter(|_| expected.is_empty() || same);
    if user.is_none() {
        ctx.engine.stats.counters.auth_failures += 1;
        return Err(Failure::Text("WRONGPASS invalid username-password pair or user is disabled."));
    }
    ctx.session.user = user;
    Ok(())
}

fn hello(ctx: &mut Ctx<'_>) -> Outcome {
    let mut version = ctx.session.resp;
    if let Some(wanted) = ctx.args.try_get(1) {
        version = match parse_i64(wanted) {
            Some(wanted @ 2..=3) => wanted as u8,
            Some(_) => return Err(Failure::Text("NOPROTO unsupported protocol version")),
            None => return Err(Failure::Text("ERR Protocol version is not an integer or out of range")),
        };
    }
    let mut credentials = None;
    let mut name = None;
    let mut i = 2;
    while i < ctx.args.len() {
        if ctx.arg_is(i, "AUTH") && i + 2 < ctx.args.len() {
            credentials = Some((ctx.arg(i + 1), ctx.arg(i + 2)));
            i += 3;
        } else if ctx.arg_is(i, "SETNAME") && i + 1 < ctx.args.len() {
            name = Some(ctx.arg(i + 1));
            i += 2;
        } else {
            let option = String::from_utf8_lossy(ctx.arg(i)).into_owned();
            return Err(Failure::new(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(ctx, user, password)?;
    }
    if !ctx.session.is_authenticated() {
        return Err(Failure::Text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        check_name(name)?;
        ctx.session.name = name.into();
    }
    ctx.session.resp = version;
    describe(ctx);
    Ok(())
}

/// A client's name shows up in lists of one line a client: no spaces, no line breaks.
pub fn check_name(name: &[u8]) -> Outcome {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        Ok(())
    } else {
        Err(Failure::Text("ERR Client names cannot contain spaces, newlines or special characters."))
    }
}

fn describe(ctx: &mut Ctx<'_>) {
    let id = ctx.session.id as i64;
    let version = i64::from(ctx.session.resp);
    let mode = if ctx.engine.settings.cluster_enabled { "cluster" } else { "standalone" };
    let role = if ctx.engine.replication.is_replica() { "replica" } else { "master" };
    // Only where there is one, as Valkey 8.1 does: clients then prefer replicas of their own zone.
    let zone = ctx.engine.host.facts.get("availability_zone").filter(|zone| !zone.is_empty()).cloned();
    let mut reply = ctx.reply();
    reply.map(7 + usize::from(zone.is_some()));
    for (field, value) in [("server", "redis"), ("version", crate::REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.int(version);
    reply.bulk(b"id");
    reply.int(id);
    for (field, value) in [("mode", mode), ("role", role)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    if let Some(zone) = zone {
        reply.bulk(b"availability_zone");
        reply.bulk(zone.as_bytes());
    }
}

fn reset(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    engine.reset_session(session);
    ctx.reply().simple("RESET");
    Ok(())
}
