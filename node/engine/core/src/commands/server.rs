//! The server as a whole: TIME, SHUTDOWN, MONITOR, LOLWUT, and what waits for files and users.

use crate::clients::session::Session;
use crate::dispatch::help::help;
use crate::dispatch::secrets::hide_secrets;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::Engine;
use crate::resp::Args;

const SERVER: Group = Group::Server;
const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("time", 1, SERVER, time)
        .tips("nondeterministic_output")
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .docs("2.6.0", "O(1)", "", "Tells the server's clock: Unix seconds, and microseconds within."),
    Command::new("lolwut", -1, SERVER, lolwut).flags(Flags::READONLY.union(Flags::FAST)).docs(
        "5.0.0",
        "O(1)",
        "[VERSION version]",
        "Draws a small picture and names the version.",
    ),
    Command::new("monitor", 1, SERVER, monitor).flags(ADMIN.union(Flags::LOADING).union(Flags::STALE)).docs(
        "1.0.0",
        "O(1)",
        "",
        "Shows every command that the server carries out, as it happens.",
    ),
    Command::control("shutdown", -1, SERVER)
        .flags(
            ADMIN.union(Flags::LOADING).union(Flags::STALE).union(Flags::NO_MULTI).union(Flags::ALLOW_BUSY),
        )
        .docs(
            "1.0.0",
            "O(N) with the number of keys when they are saved, O(1) otherwise",
            "[save-selector=<NOSAVE | SAVE>] [NOW] [FORCE] [ABORT]",
            "Ends the server.",
        ),
    Command::container("module", SERVER, MODULE).docs(
        "4.0.0",
        "That of the subcommand",
        "",
        "Modules: there are none.",
    ),
];

const MODULE_FLAGS: Flags = ADMIN.union(Flags::NO_ASYNC_LOADING);

const MODULE: &[Command] = &[
    Command::new("list", 2, SERVER, |ctx| {
        ctx.reply().array(0);
        Ok(())
    })
    .tips("nondeterministic_output_order")
    .flags(ADMIN)
    .docs("4.0.0", "O(1)", "", "Lists modules: always none."),
    Command::new("load", -3, SERVER, refuse_module).flags(MODULE_FLAGS).docs(
        "4.0.0",
        "O(1)",
        "path [arg [arg ...]]",
        "Is refused: this server loads no modules.",
    ),
    Command::new("loadex", -3, SERVER, refuse_module).flags(MODULE_FLAGS).docs(
        "7.0.0",
        "O(1)",
        "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
        "Is refused: this server loads no modules.",
    ),
    Command::new("unload", 3, SERVER, refuse_module).flags(MODULE_FLAGS).docs(
        "4.0.0",
        "O(1)",
        "name",
        "Is refused: this server has no modules.",
    ),
    help(SERVER, "5.0.0"),
];

fn refuse_module(_: &mut Ctx<'_>) -> Outcome {
    Err(Failure::Text("ERR MODULE command not allowed: this server loads no modules."))
}

fn time(ctx: &mut Ctx<'_>) -> Outcome {
    let now_us = ctx.engine.clock.unix_us;
    let mut reply = ctx.reply();
    reply.array(2);
    reply.bulk_int(now_us / 1_000_000);
    reply.bulk_int(now_us % 1_000_000);
    Ok(())
}

/// A shelf of boxes, one for each of the six nodes of a small cluster, filled as their share of the slots.
fn lolwut(ctx: &mut Ctx<'_>) -> Outcome {
    let turn = ctx.engine.clock.unix_ms as usize / 1000;
    let mut art = String::new();
    for row in 0..4 {
        for node in 0..6 {
            let height = 1 + (turn / (node + 1) + node * node) % 4;
            art.push_str(if height >= 4 - row { " [####]" } else { " [    ]" });
        }
        art.push('\n');
    }
    // Clients look for the words "Redis ver." to know that this is LOLWUT.
    art.push_str(&format!(
        "\nA garrison of six. Garrison {}, Redis ver. {}\n",
        crate::VERSION,
        crate::REDIS_VERSION
    ));
    ctx.reply().verbatim("txt", art.as_bytes());
    Ok(())
}

fn monitor(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.engine.call.frame.may_wait() {
        return Err(Failure::Text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !ctx.session.monitor {
        ctx.session.monitor = true;
        ctx.engine.clients.monitors.push(ctx.session.key);
    }
    ctx.ok()
}

impl Engine {
    /// Shows a command to the sessions that MONITOR, in Redis's form: time, database, address, arguments.
    #[cold]
    pub(crate) fn show_to_monitors(&mut self, session: &Session, args: Args<'_>) {
        let now_us = self.clock.unix_us;
        let mut line =
            format!("+{}.{:06} [{} {}]", now_us / 1_000_000, now_us % 1_000_000, session.db, session.addr)
                .into_bytes();
        for arg in hide_secrets(args) {
            line.extend_from_slice(b" \"");
            arg.iter().for_each(|&byte| push_escaped(&mut line, byte));
            line.push(b'"');
        }
        line.extend_from_slice(b"\r\n");
        for key in self.clients.monitors.clone() {
            // A monitor's own commands are not shown to it: it has given its connection away.
            if key != session.key {
                self.deliver(key, &line);
            }
        }
    }
}

fn push_escaped(line: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
        b'\n' => line.extend_from_slice(b"\\n"),
        b'\r' => line.extend_from_slice(b"\\r"),
        b'\t' => line.extend_from_slice(b"\\t"),
        7 => line.extend_from_slice(b"\\a"),
        8 => line.extend_from_slice(b"\\b"),
        b' '..=b'~' => line.push(byte),
        _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn the_clock_is_told_in_two_numbers() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert_eq!(bench.say(client, "TIME"), "*2 $10 1700000000 $1 0");
    }

    #[test]
    fn monitors_see_commands_but_no_passwords() {
        let mut bench = Bench::new(&[]);
        let (monitor, client) = (bench.client(), bench.client());
        bench.session(client).addr = "1.2.3.4:5".into();
        assert_eq!(bench.say(monitor, "MONITOR"), "+OK");
        bench.call(client, &[b"ECHO", b"a\"\n\x00\xff"]);
        assert_eq!(bench.heard(monitor), "+1700000000.000000 [0 1.2.3.4:5] \"ECHO\" \"a\\\"\\n\\x00\\xff\"");
        bench.say(client, "HELLO 3 AUTH default secret");
        assert!(!bench.heard(monitor).contains("secret"));
        bench.say(client, "CONFIG GET hz");
        assert_eq!(bench.heard(monitor), "");
        assert_eq!(bench.say(monitor, "RESET"), "+RESET");
        bench.say(client, "PING");
        assert_eq!(bench.heard(monitor), "");
    }

    #[test]
    fn passwords_are_hidden() {
        for line in [
            "AUTH secret",
            "AUTH default secret",
            "HELLO 3 SETNAME a AUTH default secret",
            "CONFIG SET hz 11 requirepass secret",
            "MIGRATE h 1 k 0 9 AUTH secret",
        ] {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let args = crate::resp::OwnedArgs::from_slices(&words);
            let shown: Vec<&[u8]> = crate::dispatch::secrets::hide_secrets(args.view()).collect();
            assert!(!shown.contains(&b"secret".as_slice()), "{line}");
            assert_eq!(shown[0], words[0]);
        }
    }
}
