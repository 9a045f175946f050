//! CLIENT LIST and CLIENT INFO: one line a connection, with Redis's fields.

use crate::base::numbers::parse_i64;
use crate::clients::class::Class;
use crate::clients::describe::describe;
use crate::clients::origin::Origin;
use crate::clients::session::Session;
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::resp::failure::SYNTAX;

pub(super) fn info(ctx: &mut Ctx<'_>) -> Outcome {
    let line = describe(ctx.session, ctx.now_ms());
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
        session.origin != Origin::Control
            && class.is_none_or(|class| Class::of(session) == class)
            && ids.as_ref().is_none_or(|ids| ids.contains(&(session.id as i64)))
    };
    let mut sessions: Vec<&Session> =
        ctx.engine.clients.sessions.iter().chain(std::iter::once(&*ctx.session)).filter(wanted).collect();
    sessions.sort_by_key(|session| session.id);
    let mut text = String::with_capacity(sessions.len() * 256);
    for session in sessions {
        text.push_str(&describe(session, ctx.now_ms()));
    }
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}
