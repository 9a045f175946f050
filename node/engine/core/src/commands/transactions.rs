//! MULTI, EXEC, DISCARD, WATCH, UNWATCH; the mechanism is in [`crate::clients::transaction`].

use crate::clients::transaction::Watched;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};

const AT_ANY_TIME: Flags =
    Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST).union(Flags::ALLOW_BUSY);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("multi", 1, Group::Transactions, multi)
        .flags(Flags::AT_ONCE.union(Flags::MULTI))
        .flags(AT_ANY_TIME)
        .docs("1.2.0", "O(1)", "", "Begins a transaction: the commands that follow are queued."),
    Command::new("exec", 1, Group::Transactions, exec)
        .flags(Flags::AT_ONCE.union(Flags::EXEC))
        .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::SKIP_SLOWLOG))
        .docs(
            "1.2.0",
            "That of the queued commands together",
            "",
            "Carries out the queued commands without interruption, unless a watched key has changed.",
        ),
    Command::new("discard", 1, Group::Transactions, discard).flags(Flags::AT_ONCE).flags(AT_ANY_TIME).docs(
        "2.0.0",
        "O(N) with the number of queued commands",
        "",
        "Drops the queued commands and the watches.",
    ),
    Command::new("watch", -2, Group::Transactions, watch)
        .flags(Flags::AT_ONCE)
        .flags(AT_ANY_TIME)
        .keys(&[KeySpec::range(1, -1, 1, "RO")])
        .docs(
            "2.2.0",
            "O(N) with the number of keys",
            "key [key ...]",
            "Makes the next EXEC depend on these keys staying as they are.",
        ),
    Command::new("unwatch", 1, Group::Transactions, unwatch).flags(AT_ANY_TIME).docs(
        "2.2.0",
        "O(1)",
        "",
        "Forgets all watched keys.",
    ),
];

fn multi(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.session.in_multi() {
        return Err(Failure::Text("ERR MULTI calls can not be nested"));
    }
    ctx.session.transaction.get_or_insert_with(Default::default).open = true;
    ctx.ok()
}

fn exec(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    engine.exec(session)
}

fn discard(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.session.in_multi() {
        return Err(Failure::Text("ERR DISCARD without MULTI"));
    }
    let Ctx { engine, session, .. } = ctx;
    engine.forget_transaction(session);
    ctx.ok()
}

fn watch(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.session.in_multi() {
        return Err(Failure::Text("ERR WATCH inside MULTI is not allowed"));
    }
    let db = ctx.session.db;
    for key in ctx.args.iter_from(1) {
        let transaction = ctx.session.transaction.get_or_insert_with(Default::default);
        if transaction.watched.iter().any(|watched| watched.db == db && *watched.key == *key) {
            continue;
        }
        let expired = ctx.engine.is_past_expiry(db, key);
        let seen = ctx.engine.clients.watches.watch(db, key);
        transaction.watched.push(Watched { db, key: key.into(), seen, expired });
    }
    ctx.ok()
}

fn unwatch(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    if !session.in_multi() {
        engine.forget_transaction(session);
    }
    ctx.ok()
}

#[cfg(test)]
mod tests {
    use crate::engine::effects::{Action, Event};
    use crate::testing::Bench;

    #[test]
    fn queued_commands_run_together() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert_eq!(bench.say(client, "MULTI"), "+OK");
        assert_eq!(bench.say(client, "PING"), "+QUEUED");
        assert_eq!(bench.say(client, "SELECT 99"), "+QUEUED");
        assert_eq!(bench.say(client, "MULTI"), "-ERR MULTI calls can not be nested");
        assert_eq!(bench.say(client, "WATCH a"), "-ERR WATCH inside MULTI is not allowed");
        assert_eq!(bench.say(client, "EXEC"), "*2 +PONG -ERR DB index is out of range");
        assert_eq!(bench.say(client, "EXEC"), "-ERR EXEC without MULTI");
        assert_eq!(bench.say(client, "DISCARD"), "-ERR DISCARD without MULTI");
    }

    #[test]
    fn a_command_that_cannot_be_queued_spoils_the_transaction() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        for spoiler in ["ECHO", "NOSUCH x", "PUBSUB NOSUCH"] {
            bench.say(client, "MULTI");
            assert!(bench.say(client, spoiler).starts_with("-ERR"));
            assert_eq!(
                bench.say(client, "EXEC"),
                "-EXECABORT Transaction discarded because of previous errors."
            );
        }
        bench.say(client, "MULTI");
        assert_eq!(
            bench.say(client, "EXEC 1"),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
        );
        assert_eq!(bench.say(client, "EXEC"), "-ERR EXEC without MULTI");
    }

    #[test]
    fn a_changed_key_fails_who_watches_it() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        for (change, reply) in [(false, "*1 +PONG"), (true, "*-1")] {
            bench.say(client, "WATCH a b");
            bench.say(client, "MULTI");
            bench.say(client, "PING");
            if change {
                bench.engine.clients.watches.changed(0, b"b");
            }
            bench.engine.clients.watches.changed(1, b"a");
            bench.engine.clients.watches.changed(0, b"c");
            assert_eq!(bench.say(client, "EXEC"), reply);
            assert!(bench.engine.clients.watches.is_empty());
        }
    }

    #[test]
    fn removal_by_expiry_fails_only_who_saw_the_key() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        for (was_expired, reply) in [(false, "*-1"), (true, "*0")] {
            bench.say(client, "WATCH a");
            bench.session(client).transaction.as_mut().unwrap().watched[0].expired = was_expired;
            bench.say(client, "MULTI");
            bench.engine.clients.watches.changed_by_expiry(0, b"a");
            assert_eq!(bench.say(client, "EXEC"), reply);
        }
    }

    #[test]
    fn unwatch_and_discard_forget_what_was_watched() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "WATCH a");
        assert_eq!(bench.say(client, "UNWATCH"), "+OK");
        assert!(bench.engine.clients.watches.is_empty());
        bench.say(client, "WATCH a");
        bench.say(client, "MULTI");
        assert_eq!(bench.say(client, "DISCARD"), "+OK");
        assert!(bench.engine.clients.watches.is_empty());
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut bench = Bench::new(&[("client-query-buffer-limit", "2000")]);
        let client = bench.client();
        bench.say(client, "MULTI");
        assert_eq!(bench.say(client, "PING"), "+QUEUED");
        let long = "x".repeat(3000);
        assert!(bench.say(client, &format!("ECHO {long}")).contains("client-query-buffer-limit"));
        assert!(bench.say(client, "EXEC").starts_with("-EXECABORT"));
    }

    #[test]
    fn commands_of_the_cluster_that_follow_each_other_are_asked_together() {
        let mut bench = Bench::new(&[("cluster-enabled", "yes")]);
        let client = bench.client();
        bench.say(client, "MULTI");
        for command in ["CLUSTER MYID", "PING", "CLUSTER INFO", "CONFIG GET hz", "CLUSTER NODES"] {
            assert_eq!(bench.say(client, command), "+QUEUED");
        }
        bench.say(client, "EXEC");
        let asked = |bench: &mut Bench| -> Vec<u64> {
            let ticket = |event: Event| match event {
                Event::Command { ticket, .. } => ticket,
                other => panic!("only commands were to be asked, not {other:?}"),
            };
            std::mem::take(&mut bench.engine.effects.events).into_iter().map(ticket).collect()
        };
        let first = asked(&mut bench);
        assert_eq!(first.len(), 2);
        // Whatever the order of the answers, each stands in its command's place.
        bench.engine.control_reply(first[1], b"+info\r\n");
        assert!(asked(&mut bench).is_empty());
        bench.engine.control_reply(first[0], b"+id\r\n");
        let second = asked(&mut bench);
        assert_eq!(second.len(), 1);
        bench.engine.control_reply(second[0], b"+hz\r\n");
        let third = asked(&mut bench);
        bench.engine.control_reply(third[0], b"+nodes\r\n");
        assert_eq!(bench.heard(client), "*5 +id +PONG +info +hz +nodes");
    }

    #[test]
    fn control_commands_are_answered_first_and_stand_in_their_places() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "MULTI");
        for command in ["PING", "CONFIG SET hz 11", "ECHO x", "CONFIG SET hz 12"] {
            assert_eq!(bench.say(client, command), "+QUEUED");
        }
        assert_eq!(bench.say(client, "EXEC"), "");
        assert!(bench.session(client).is_suspended());
        let asked = |bench: &mut Bench| match &std::mem::take(&mut bench.engine.effects.events)[..] {
            [Event::Command { ticket, args, .. }] => (*ticket, args.view().get(3).to_vec()),
            events => panic!("one command was to be asked, not {events:?}"),
        };
        let (first, value) = asked(&mut bench);
        assert_eq!(value, b"11");
        bench.engine.control_reply(first, b"+OK\r\n");
        assert_eq!(bench.heard(client), "");
        let (second, value) = asked(&mut bench);
        assert_eq!(value, b"12");
        bench.engine.control_reply(second, b"-ERR no\r\n");
        assert_eq!(bench.heard(client), "*4 +PONG +OK $1 x -ERR no");
        assert!(bench.engine.effects.actions.contains(&Action::Resume(client)));
        assert!(!bench.session(client).is_suspended());
    }
}
