//! SLOWLOG: what took long, most recent first; the log itself is in [`crate::stats::slowlog`].

use crate::base::numbers::parse_i64;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::reply::Reply;

const SEE: Flags = Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE);
/// How many entries SLOWLOG GET shows when it is not told.
const SHOWN: usize = 10;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("slowlog", Group::Server, SUBCOMMANDS).docs(
    "2.2.12",
    "That of the subcommand",
    "",
    "Shows the commands that took longest.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("get", -2, Group::Server, get)
        .tips("request_policy:all_nodes nondeterministic_output")
        .flags(SEE)
        .docs(
            "2.2.12",
            "O(N) with the number of entries shown",
            "[count]",
            "Shows the most recent slow commands, ten or as many as asked for; -1 for all.",
        ),
    Command::new("len", 2, Group::Server, len)
        .tips("request_policy:all_nodes response_policy:agg_sum nondeterministic_output")
        .flags(SEE)
        .docs("2.2.12", "O(1)", "", "Counts the slow commands that are kept."),
    Command::new("reset", 2, Group::Server, reset)
        .tips("request_policy:all_nodes response_policy:all_succeeded")
        .flags(SEE)
        .docs("2.2.12", "O(N) with the number of entries", "", "Forgets all slow commands."),
    help(Group::Server, "6.2.0"),
];

fn get(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted = match ctx.args.len() {
        2 => SHOWN,
        3 => match parse_i64(ctx.arg(2)) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => return Err(Failure::Text("ERR count should be greater than or equal to -1")),
        },
        _ => return Err(Failure::wrong_arity(ctx.entry.full_name)),
    };
    let Ctx { engine, session, .. } = ctx;
    let entries = &engine.stats.slowlog.entries;
    let mut reply = Reply::new(&mut session.out, session.resp);
    reply.array(entries.len().min(wanted));
    for entry in entries.iter().take(wanted) {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int(entry.time_s);
        reply.int(entry.duration_us as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(())
}

fn len(ctx: &mut Ctx<'_>) -> Outcome {
    let len = ctx.engine.stats.slowlog.entries.len();
    ctx.int(len as i64)
}

fn reset(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.stats.slowlog.entries.clear();
    ctx.ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn slow_commands_are_kept_most_recent_first() {
        let mut bench = Bench::new(&[("slowlog-log-slower-than", "0"), ("slowlog-max-len", "2")]);
        let client = bench.client();
        bench.session(client).addr = "1.2.3.4:5".into();
        for line in ["ECHO a", "ECHO b", "ECHO c"] {
            bench.say(client, line);
        }
        assert_eq!(
            bench.say(client, "SLOWLOG GET 1"),
            "*1 *6 :2 :1700000000 :0 *2 $4 ECHO $1 c $9 1.2.3.4:5 $0"
        );
        assert_eq!(bench.say(client, "SLOWLOG LEN"), ":2");
        assert_eq!(bench.say(client, "SLOWLOG GET -2"), "-ERR count should be greater than or equal to -1");
        bench.engine.settings.slowlog_log_slower_than = -1;
        assert_eq!(bench.say(client, "SLOWLOG RESET"), "+OK");
        assert_eq!(bench.say(client, "SLOWLOG GET"), "*0");
    }

    #[test]
    fn long_commands_are_shortened() {
        let mut bench = Bench::new(&[("slowlog-log-slower-than", "0")]);
        let client = bench.client();
        bench.call(client, &[b"PUBSUB", b"NUMSUB", &[b'x'; 200]]);
        let many: Vec<&[u8]> =
            [b"PUBSUB".as_slice(), b"NUMSUB"].into_iter().chain([b"y".as_slice(); 40]).collect();
        bench.call(client, &many);
        let log = bench.say(client, "SLOWLOG GET");
        assert!(log.contains("... (72 more bytes)"), "{log}");
        assert!(log.contains("... (11 more arguments)"), "{log}");
    }
}
