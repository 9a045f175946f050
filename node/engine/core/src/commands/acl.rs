//! ACL: for now there is one user, `default`, whose password is `requirepass`.

use super::introspection::{categories, CATEGORY_NAMES};
use crate::clients::origin::User;
use crate::dispatch::help::help;
use crate::dispatch::table::table;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use sha2::{Digest, Sha256};

const SEE: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const ADMIN: Flags = SEE.union(Flags::ADMIN);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("acl", Group::Server, SUBCOMMANDS).docs(
    "6.0.0",
    "That of the subcommand",
    "",
    "Shows users and what they may do.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("cat", -2, Group::Server, cat).flags(SEE).docs(
        "6.0.0",
        "O(1)",
        "[category]",
        "Names the categories of commands, or the commands of one.",
    ),
    not_yet("deluser", -3, "username [username ...]", "Deletes users (not built yet)."),
    Command::new("dryrun", -4, Group::Server, dryrun).flags(ADMIN).docs(
        "7.0.0",
        "O(1).",
        "username command [arg [arg ...]]",
        "Tells whether a user may run a command, without running it.",
    ),
    Command::new("getuser", 3, Group::Server, getuser).flags(ADMIN).docs(
        "6.0.0",
        "O(N) with the number of the user's rules",
        "username",
        "Shows the rules of a user.",
    ),
    Command::new("list", 2, Group::Server, list).flags(ADMIN).docs(
        "6.0.0",
        "O(N) with the number of users",
        "",
        "Shows all users in the form of configuration lines.",
    ),
    not_yet("load", 2, "", "Reads users from their file (not built yet)."),
    Command::new("log", -2, Group::Server, log).flags(ADMIN).docs(
        "6.0.0",
        "O(N) with the number of entries",
        "[operation=<count | RESET>]",
        "Shows refused commands and log-ins; nothing is recorded yet.",
    ),
    not_yet("save", 2, "", "Writes users to their file (not built yet)."),
    not_yet("setuser", -3, "username [rule [rule ...]]", "Changes or creates a user (not built yet)."),
    Command::new("users", 2, Group::Server, users).flags(ADMIN).docs(
        "6.0.0",
        "O(N) with the number of users",
        "",
        "Names all users.",
    ),
    Command::new("whoami", 2, Group::Server, whoami).flags(SEE).docs(
        "6.0.0",
        "O(1)",
        "",
        "Names the user of this connection.",
    ),
    help(Group::Server, "6.0.0"),
];

const fn not_yet(name: &'static str, arity: i16, syntax: &'static str, summary: &'static str) -> Command {
    Command::new(name, arity, Group::Server, refuse).flags(ADMIN).docs("6.0.0", "O(1)", syntax, summary)
}

fn refuse(ctx: &mut Ctx<'_>) -> Outcome {
    Err(Failure::new(format!(
        "ERR ACL {} is not built yet: there is one user, 'default', whose password is requirepass",
        ctx.entry.command.name.to_uppercase()
    )))
}

fn names(ctx: &mut Ctx<'_>, names: &[&str]) -> Outcome {
    let mut reply = ctx.reply();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(())
}

fn cat(ctx: &mut Ctx<'_>) -> Outcome {
    match ctx.args.len() {
        2 => names(ctx, &CATEGORY_NAMES),
        3 => {
            let asked = String::from_utf8_lossy(ctx.arg(2)).to_lowercase();
            if !CATEGORY_NAMES.contains(&asked.as_str()) {
                let shown = String::from_utf8_lossy(ctx.arg(2)).into_owned();
                return Err(Failure::new(format!("ERR Unknown category '{shown}'")));
            }
            let fitting: Vec<&str> = table()
                .entries
                .iter()
                .filter(|entry| categories(entry).contains(&asked.as_str()))
                .map(|entry| entry.full_name)
                .collect();
            names(ctx, &fitting)
        }
        _ => {
            Err(Failure::new("ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."))
        }
    }
}

fn whoami(ctx: &mut Ctx<'_>) -> Outcome {
    let name = ctx.session.user.map_or("", User::name);
    ctx.reply().bulk(name.as_bytes());
    Ok(())
}

fn users(ctx: &mut Ctx<'_>) -> Outcome {
    names(ctx, &[User::DEFAULT.name()])
}

/// The hash by which a password is shown, if there is one.
fn password_hash(ctx: &Ctx<'_>) -> Option<String> {
    let password = &ctx.engine.settings.requirepass;
    let hash = || Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
    (!password.is_empty()).then(hash)
}

fn list(ctx: &mut Ctx<'_>) -> Outcome {
    let password = password_hash(ctx).map_or_else(|| "nopass".to_owned(), |hash| format!("#{hash}"));
    names(ctx, &[&format!("user default on {password} ~* &* +@all")])
}

fn getuser(ctx: &mut Ctx<'_>) -> Outcome {
    if User::named(ctx.arg(2)).is_none() {
        ctx.reply().null_array();
        return Ok(());
    }
    let password = password_hash(ctx);
    let mut reply = ctx.reply();
    reply.map(6);
    reply.bulk(b"flags");
    let flags: &[&[u8]] = if password.is_some() { &[b"on"] } else { &[b"on", b"nopass"] };
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk(b"passwords");
    reply.array(usize::from(password.is_some()));
    password.iter().for_each(|hash| reply.bulk(hash.as_bytes()));
    for (field, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"selectors");
    reply.array(0);
    Ok(())
}

fn log(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() == 3 && ctx.arg_is(2, "reset") {
        return ctx.ok();
    }
    names(ctx, &[])
}

fn dryrun(ctx: &mut Ctx<'_>) -> Outcome {
    let text = |index: usize| String::from_utf8_lossy(ctx.arg(index)).into_owned();
    if User::named(ctx.arg(2)).is_none() {
        return Err(Failure::new(format!("ERR User '{}' not found", text(2))));
    }
    let Some(entry) = table().find_full(ctx.arg(3)) else {
        return Err(Failure::new(format!("ERR Command '{}' not found", text(3))));
    };
    if !entry.accepts(ctx.args.len() - 3) {
        return Err(Failure::wrong_arity(entry.full_name));
    }
    ctx.ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn the_default_user_is_described() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert_eq!(bench.say(client, "ACL WHOAMI"), "$7 default");
        assert_eq!(bench.say(client, "ACL LIST"), "*1 $34 user default on nopass ~* &* +@all");
        assert_eq!(bench.say(client, "ACL GETUSER joe"), "*-1");
        assert!(bench.say(client, "ACL CAT").starts_with("*22 $8 keyspace "));
        assert!(bench.say(client, "ACL CAT transaction").contains("$5 watch"));
        assert_eq!(bench.say(client, "ACL CAT joe"), "-ERR Unknown category 'joe'");
        assert!(bench.say(client, "ACL SETUSER joe on").contains("not built yet"));
        bench.engine.settings.requirepass = "secret".into();
        assert!(bench
            .say(client, "ACL LIST")
            .contains("#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"));
        assert_eq!(bench.say(client, "ACL DRYRUN default ECHO x"), "+OK");
        assert_eq!(bench.say(client, "ACL DRYRUN joe ECHO x"), "-ERR User 'joe' not found");
    }
}
