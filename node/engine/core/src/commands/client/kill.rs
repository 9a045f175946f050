//! CLIENT KILL and CLIENT UNBLOCK.

use crate::base::numbers::parse_i64;
use crate::clients::class::Class;
use crate::clients::origin::{Origin, User};
use crate::clients::session::{Session, SessionKey};
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::effects::Action;
use crate::engine::Engine;
use crate::resp::failure::SYNTAX;

/// What a connection must be to be closed; a filter that was not given fits all.
#[derive(Debug, Default)]
struct Filter {
    id: Option<u64>,
    addr: Option<String>,
    laddr: Option<String>,
    class: Option<Class>,
    connected_for_s: Option<i64>,
    keep_myself: bool,
}

impl Filter {
    fn fits(&self, session: &Session, now_ms: i64) -> bool {
        session.origin != Origin::Control
            && !session.close_now
            && self.id.is_none_or(|id| session.id == id)
            && self.addr.as_deref().is_none_or(|addr| *session.addr == *addr)
            && self.laddr.as_deref().is_none_or(|laddr| *session.laddr == *laddr)
            && self.class.is_none_or(|class| Class::of(session) == class)
            && self.connected_for_s.is_none_or(|age_s| (now_ms - session.connected_ms) / 1000 >= age_s)
    }
}

pub(super) fn kill(ctx: &mut Ctx<'_>) -> Outcome {
    let old_form = ctx.args.len() == 3;
    let filter =
        if old_form { Filter { addr: Some(text(ctx.arg(2))), ..Filter::default() } } else { parse(ctx)? };
    let killed = close_fitting(ctx, &filter);
    match (old_form, killed) {
        (true, 0) => Err(Failure::Text("ERR No such client")),
        (true, _) => ctx.ok(),
        (false, killed) => ctx.int(killed as i64),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn parse(ctx: &Ctx<'_>) -> Result<Filter, Failure> {
    if ctx.args.len() % 2 != 0 {
        return Err(SYNTAX);
    }
    let mut filter = Filter { keep_myself: true, ..Filter::default() };
    for at in (2..ctx.args.len()).step_by(2) {
        let value = ctx.arg(at + 1);
        match &*ctx.arg(at).to_ascii_lowercase() {
            b"id" => match parse_i64(value) {
                Some(id @ 1..) => filter.id = Some(id as u64),
                _ => return Err(Failure::Text("ERR client-id should be greater than 0")),
            },
            b"type" => filter.class = Some(Class::parse(value)?),
            b"addr" => filter.addr = Some(text(value)),
            b"laddr" => filter.laddr = Some(text(value)),
            b"maxage" => match parse_i64(value) {
                Some(age_s @ 1..) => filter.connected_for_s = Some(age_s),
                Some(_) => return Err(Failure::Text("ERR maxage should be greater than 0")),
                None => return Err(Failure::Text("ERR maxage is not an integer or out of range")),
            },
            b"user" if User::named(value).is_some() => {}
            b"user" => return Err(Failure::new(format!("ERR No such user '{}'", text(value)))),
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.keep_myself = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.keep_myself = false,
            _ => return Err(SYNTAX),
        }
    }
    Ok(filter)
}

fn close_fitting(ctx: &mut Ctx<'_>, filter: &Filter) -> usize {
    let now_ms = ctx.engine.clock.unix_ms;
    let keys: Vec<SessionKey> = ctx
        .engine
        .clients
        .sessions
        .iter()
        .filter(|session| filter.fits(session, now_ms))
        .map(|session| session.key)
        .collect();
    for &key in &keys {
        ctx.engine.close_soon(key);
    }
    let myself = !filter.keep_myself && filter.fits(ctx.session, now_ms);
    if myself {
        ctx.session.close_after_reply = true;
    }
    keys.len() + usize::from(myself)
}

impl Engine {
    /// Has the reactor close a session that is not running; what it had to be sent is dropped, and nothing that it
    /// waits for is given to it any more.
    pub fn close_soon(&mut self, key: SessionKey) {
        if let Some(session) = self.clients.sessions.get_mut(key) {
            session.close_now = true;
            session.out = Vec::new();
            self.clients.waiting.leave(key);
            self.effects.actions.push(Action::Flush(key));
        }
    }

    /// Closes the clients of these ids for the control plane: none of their commands is executed any more.
    pub fn close_clients(&mut self, ids: &[u64]) {
        let keys: Vec<SessionKey> = self
            .clients
            .sessions
            .iter()
            .filter(|session| session.origin != Origin::Control && ids.contains(&session.id))
            .map(|session| session.key)
            .collect();
        for key in keys {
            self.close_soon(key);
        }
    }
}

const UNBLOCKED_BY_CLIENT: Failure = Failure::Text("UNBLOCKED client unblocked via CLIENT UNBLOCK");

pub(super) fn unblock(ctx: &mut Ctx<'_>) -> Outcome {
    let id = ctx.int_arg(2)?;
    let with_error = match ctx.args.len() {
        3 => false,
        4 if ctx.arg_is(3, "timeout") => false,
        4 if ctx.arg_is(3, "error") => true,
        _ => return Err(Failure::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let found = ctx.engine.clients.sessions.iter().find(|session| session.id as i64 == id);
    let Some(session) = found else { return ctx.int(0) };
    let key = session.key;
    if !ctx.engine.is_blocked(key) {
        return ctx.int(0);
    }
    match with_error {
        true => ctx.engine.end_wait_with(key, &UNBLOCKED_BY_CLIENT),
        false => ctx.engine.end_wait_now(key),
    }
    ctx.int(1)
}
