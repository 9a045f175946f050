//! The line that CLIENT LIST, CLIENT INFO and the log have of a client, with Redis's fields.

use super::origin::{Origin, User};
use super::pubsub::ChannelKind;
use super::session::{Session, Suspension};

/// The line that describes a session, line break included.
pub fn describe(session: &Session, now_ms: i64) -> String {
    let seconds_since = |ms: i64| (now_ms - ms).max(0) / 1000;
    let transaction = session.transaction.as_deref();
    let multi = transaction.filter(|transaction| transaction.open).map_or(-1, |t| t.queue.len() as i64);
    let command = session.last_command.unwrap_or("NULL");
    let user = session.user.map_or("(none)", User::name);
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
        (session.origin == Origin::Replica, 'S'),
        (session.origin == Origin::Primary, 'M'),
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
