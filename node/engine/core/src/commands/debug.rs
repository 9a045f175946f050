//! DEBUG: what tests and the curious need, refused unless `enable-debug-command` allows it.

use crate::base::numbers::{parse_f64, parse_i64};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::effects::{Action, Level};
use crate::keyspace::Ttl;
use crate::resp::failure::NO_SUCH_KEY;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("debug", -2, Group::Server, debug)
    .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE))
    .docs("1.0.0", "That of the subcommand", "", "Looks inside, for tests and debugging.")];

const NOT_ALLOWED: Failure = Failure::Text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

/// A subcommand: its name, how many arguments it takes in all, what HELP says, and what it does.
type Subcommand = (&'static str, std::ops::RangeInclusive<usize>, &'static str, fn(&mut Ctx<'_>) -> Outcome);

const SUBCOMMANDS: &[Subcommand] = &[
    ("CHANGE-REPL-ID", 2..=2, "Begins a new replication history.", change_replication_id),
    ("DIGEST", 2..=2, "One number for the whole data set.", digest),
    ("DIGEST-VALUE", 3..=usize::MAX, "<key> [<key> ...] One number for each value.", digest_value),
    ("ERROR", 3..=3, "<text> Answers this error.", error),
    ("HELP", 2..=2, "Shows this text.", help),
    ("LOG", 3..=3, "<message> Writes a line to the log.", log),
    ("OBJECT", 3..=4, "<key> Describes how a value is stored.", object),
    ("POPULATE", 3..=5, "<count> [<prefix>] [<size>] Creates keys.", populate),
    ("PROTOCOL", 3..=3, "<type> Answers a value of this type.", protocol),
    ("RELOAD", 2..=usize::MAX, "Saves and loads the data set (not built yet).", not_yet),
    ("SET-ACTIVE-EXPIRE", 3..=3, "<0|1> Turns background expiry off or on.", set_active_expire),
    ("SLEEP", 3..=3, "<seconds> Stops serving for a while.", sleep),
    ("STRINGMATCH-LEN", 4..=4, "<length> <pattern> Matches a pattern against so many letters.", stringmatch),
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
        None => Err(Failure::new(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
            String::from_utf8_lossy(name)
        ))),
    }
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

fn not_yet(ctx: &mut Ctx<'_>) -> Outcome {
    let name = String::from_utf8_lossy(ctx.arg(1)).to_uppercase();
    Err(Failure::new(format!("ERR DEBUG {name} is not built yet on this server")))
}

fn sleep(ctx: &mut Ctx<'_>) -> Outcome {
    const SECONDS_MAX: f64 = 3600.0;
    let seconds = parse_f64(ctx.arg(2)).unwrap_or(0.0).clamp(0.0, SECONDS_MAX);
    ctx.engine.effects.actions.push(Action::Sleep { ms: (seconds * 1000.0) as u64 });
    ctx.ok()
}

fn object(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(2);
    let now_ms = ctx.now_ms();
    let described = ctx.find_quietly(&key).map(|entry| {
        let mut payload = Vec::new();
        crate::snapshot::payload::dump(&mut payload, entry.value(), &mut None);
        // Without the type before, and the version and checksum behind.
        let serialized = payload.len().saturating_sub(11);
        let idle_s = crate::keyspace::access::lru_idle_ms(entry.clock(), now_ms) / 1000;
        format!(
            "Value at:0x0 refcount:1 encoding:{} serializedlength:{serialized} lru:{} lru_seconds_idle:{idle_s}",
            entry.encoding(),
            entry.clock()
        )
    });
    ctx.reply().simple(&described.ok_or(NO_SUCH_KEY)?);
    Ok(())
}

fn set_active_expire(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.keyspace.active_expiry = ctx.arg(2) != b"0";
    ctx.ok()
}

fn change_replication_id(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.replication.history.renew();
    ctx.ok()
}

fn digest(ctx: &mut Ctx<'_>) -> Outcome {
    let digest = ctx.engine.digest().to_hex();
    ctx.reply().simple(&digest);
    Ok(())
}

fn digest_value(ctx: &mut Ctx<'_>) -> Outcome {
    let args = ctx.args;
    ctx.reply().array(args.len() - 2);
    for key in args.iter_from(2) {
        let digest = ctx.engine.digest_of(ctx.session.db, key).to_hex();
        ctx.reply().simple(&digest);
    }
    Ok(())
}

fn error(ctx: &mut Ctx<'_>) -> Outcome {
    Err(Failure::new(String::from_utf8_lossy(ctx.arg(2))))
}

fn log(ctx: &mut Ctx<'_>) -> Outcome {
    let message = format!("DEBUG LOG: {}", String::from_utf8_lossy(ctx.arg(2)));
    ctx.engine.log(Level::Warning, message);
    ctx.ok()
}

fn stringmatch(ctx: &mut Ctx<'_>) -> Outcome {
    const LETTERS_MAX: i64 = 1 << 20;
    let letters = ctx.int_arg_in(2, 0..=LETTERS_MAX, "ERR length is out of range")?;
    let text = vec![b'x'; letters as usize];
    let fits = crate::base::glob::matches(ctx.arg(3), &text, false);
    ctx.int(i64::from(fits))
}

/// Creates `prefix:0`, `prefix:1` ...; keys that are there stay as they are.
fn populate(ctx: &mut Ctx<'_>) -> Outcome {
    const KEYS_MAX: i64 = 100_000_000;
    const VALUE_BYTES_MAX: i64 = 1 << 20;
    let count = ctx.int_arg_in(2, 0..=KEYS_MAX, "ERR value is not an integer or out of range")?;
    let prefix = ctx.args.try_get(3).unwrap_or(b"key").to_vec();
    let size = match ctx.args.try_get(4) {
        Some(text) => parse_i64(text).filter(|size| (0..=VALUE_BYTES_MAX).contains(size)),
        None => Some(0),
    };
    let size = size.ok_or(crate::resp::failure::NOT_AN_INTEGER)? as usize;
    let clock = ctx.engine.access_clock();
    for number in 0..count {
        let mut name = prefix.clone();
        name.extend_from_slice(format!(":{number}").as_bytes());
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        let key = ctx.key_of(&name);
        if !ctx.db().contains(&key) {
            ctx.db().set_string(&key, &value, Ttl::Clear, clock);
        }
    }
    ctx.ok()
}

/// A value of each type of the protocol, for the tests of clients.
// The double is the one that Redis answers; that it resembles a constant is no matter.
#[allow(clippy::approx_constant)]
fn protocol(ctx: &mut Ctx<'_>) -> Outcome {
    let kind = ctx.arg(2).to_ascii_lowercase();
    let mut reply = ctx.reply();
    match &*kind {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        // The very number that Redis answers.
        #[allow(clippy::approx_constant)]
        b"double" => reply.double(3.141),
        b"null" => reply.null(),
        b"array" | b"set" => {
            if kind == b"array" {
                reply.array(3);
            } else {
                reply.set(3);
            }
            (0..3).for_each(|number| reply.int(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.int(number);
                reply.bool(number == 1);
            }
        }
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        _ => {
            return Err(Failure::Text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|null|array|set|map|push|verbatim|true|false|bignum",
            ))
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::effects::Action;
    use crate::testing::Bench;

    #[test]
    fn it_is_refused_unless_allowed() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert!(bench.say(client, "DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed."));
        bench.engine.settings.enable_debug_command = "local".into();
        assert!(bench.say(client, "DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed."));
        bench.session(client).addr = "127.0.0.1:5".into();
        assert_eq!(bench.say(client, "DEBUG DIGEST"), format!("+{}", "0".repeat(40)));
        assert_eq!(
            bench.say(client, "DEBUG JMAP"),
            "-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP."
        );
    }

    /// The digests are those that Redis 7.0.15 answers for the same data.
    #[test]
    fn digests_are_those_of_redis() {
        let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
        let client = bench.client();
        bench.say(client, "SET foo bar");
        assert_eq!(
            bench.say(client, "DEBUG DIGEST-VALUE foo nokey"),
            format!("*2 +68467c70ae30376e7ce005bcc8827f5ba7fd67dc +{}", "0".repeat(40))
        );
        assert_eq!(bench.say(client, "DEBUG DIGEST"), "+d2ab4820c1be0580ea28efbfe8bfa1dc05bb802a");
    }

    #[test]
    fn sleep_is_carried_out_by_the_reactor() {
        let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
        let client = bench.client();
        assert_eq!(bench.say(client, "DEBUG SLEEP 0.5"), "+OK");
        assert!(bench.engine.effects.actions.contains(&Action::Sleep { ms: 500 }));
    }

    #[test]
    fn every_type_of_the_protocol_can_be_asked_for() {
        let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
        let client = bench.client();
        bench.say(client, "HELLO 3");
        for (kind, reply) in
            [("map", "%3 :0 #f :1 #t :2 #f"), ("double", ",3.141"), ("set", "~3 :0 :1 :2"), ("null", "_")]
        {
            assert_eq!(bench.say(client, &format!("DEBUG PROTOCOL {kind}")), reply);
        }
    }
}
