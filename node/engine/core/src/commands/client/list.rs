//! CLIENT LIST and CLIENT INFO: one line a connection, with Redis's fields.

use super::Class;
use crate::command::failure::SYNTAX;
use crate::command::table::table;
use crate::command::{Ctx, Failure, Outcome};
use crate::engine::Engine;
use crate::numbers::parse_i64;
use crate::pubsub::ChannelKind;
use crate::session::{Kind, Session, Suspension};

pub(super) fn info(ctx: &mut Ctx<'_>) -> Outcome {
    let line = describe(ctx.engine, ctx.session);
    ctx.reply().verbatim("txt", line.as_bytes());
    Ok(())
}

pub(super) fn list(ctx: &mut Ctx<'_>) -> Outcome {
    let mut class = None;
    let mut ids = None;
    if ctx.args.len() == 4 && ctx.arg_is(2, "type") {
        class = Some(Class::parse(ctx.arg(3))?);
    } else if ctx.args.len() > 3 && ctx.arg_is(2, "id") {
        let parse = |text| parse_i64(text).ok_or(Failure::Text("ERR Invalid client ID"));
        ids = Some(ctx.args.iter_from(3).map(parse).collect::<Result<Vec<i64>, Failure>>()?);
    } else if ctx.args.len() != 2 {
        return Err(SYNTAX);
    }
    let wanted = |session: &&Session| {
        session.kind != Kind::Internal
            && class.is_none_or(|class| Class::of(session) == class)
            && ids.as_ref().is_none_or(|ids| ids.contains(&(session.id as i64)))
    };
    let mut sessions: Vec<&Session> =
        ctx.engine.clients.sessions.iter().chain(std::iter::once(&*ctx.session)).filter(wanted).collect();
    sessions.sort_by_key(|session| session.id);
    let mut text = String::with_capacity(sessions.len() * 256);
    for session in sessions {
        text.push_str(&describe(ctx.engine, session));
    }
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

/// The line that describes a session, line break included.
pub(crate) fn describe(engine: &Engine, session: &Session) -> String {
    let now_ms = engine.clock.unix_ms;
    let seconds_since = |ms: i64| (now_ms - ms).max(0) / 1000;
    let transaction = session.transaction.as_deref();
    let multi = transaction.filter(|transaction| transaction.open).map_or(-1, |t| t.queue.len() as i64);
    let command = session.last_command.and_then(|id| table().entries.get(id)).map_or("NULL", |e| e.full_name);
    let user = if session.authenticated { "default" } else { "(none)" };
    let text = String::from_utf8_lossy;
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} \
         qbuf={} qbuf-free=0 argv-mem=0 multi-mem={} rbs={} rbp={} obl={} oll=0 omem={} tot-mem={} events={} \
         cmd={command} user={user} redir={} resp={} lib-name={} lib-ver={}\n",
        session.id,
        session.addr,
        session.laddr,
        session.fd,
        text(&session.name),
        seconds_since(session.connected_ms),
        seconds_since(session.last_command_ms),
        flags(session),
        session.db,
        session.subscriptions.as_ref().map_or(0, |subs| subs.of(ChannelKind::Channel).len()),
        session.subscriptions.as_ref().map_or(0, |subs| subs.of(ChannelKind::Pattern).len()),
        session.subscription_count(ChannelKind::Shard),
        session.query_bytes,
        transaction.map_or(0, |transaction| transaction.queue_bytes),
        session.out.capacity(),
        session.out.capacity(),
        session.out.len(),
        session.out.capacity(),
        session.memory_bytes(),
        if session.output_waits { "rw" } else { "r" },
        -1,
        session.resp,
        text(&session.lib_name),
        text(&session.lib_ver),
    )
}

/// The letters of the `flags` field, in Redis's order; `N` for none.
fn flags(session: &Session) -> String {
    let transaction = session.transaction.as_deref();
    let letters = [
        (session.monitor, 'O'),
        (session.kind == Kind::Replica, 'S'),
        (session.kind == Kind::Primary, 'M'),
        (session.is_subscriber(), 'P'),
        (transaction.is_some_and(|transaction| transaction.open), 'x'),
        (!matches!(session.suspension, Suspension::None), 'b'),
        (session.close_after_reply, 'c'),
        (session.close_now, 'A'),
        (session.addr.starts_with('/'), 'U'),
        (session.readonly, 'r'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let text: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if text.is_empty() {
        "N".into()
    } else {
        text
    }
}
