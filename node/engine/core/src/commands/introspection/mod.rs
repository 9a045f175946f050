//! COMMAND: the command table, as clients and tools ask for it.

mod describe;
mod keys;

use super::docs;
use crate::dispatch::help::help;
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::reply::Reply;

const SEE: Flags = Flags::LOADING.union(Flags::STALE);
const CATEGORIES: &[&str] = &["connection"];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command {
    arity: -1,
    handler: crate::dispatch::Handler::Engine(all),
    ..Command::container("command", Group::Server, SUBCOMMANDS)
        .tips("nondeterministic_output_order")
        .flags(SEE)
        .categories(CATEGORIES)
        .docs("2.8.13", "O(N) with the number of commands", "", "Describes every command of the server.")
}];

const SUBCOMMANDS: &[Command] = &[
    Command::new("count", 2, Group::Server, count).flags(SEE).categories(CATEGORIES).docs(
        "2.8.13",
        "O(1)",
        "",
        "Counts the commands.",
    ),
    Command::new("docs", -2, Group::Server, show_docs)
        .tips("nondeterministic_output_order")
        .flags(SEE)
        .categories(CATEGORIES)
        .docs(
            "7.0.0",
            "O(N) with the number of commands",
            "[command-name [command-name ...]]",
            "Documents commands: what they do, what they cost, what they take.",
        ),
    Command::new("getkeys", -3, Group::Server, keys::getkeys).flags(SEE).categories(CATEGORIES).docs(
        "2.8.13",
        "O(N) with the number of arguments",
        "command [arg [arg ...]]",
        "Finds the keys in a whole command.",
    ),
    Command::new("getkeysandflags", -3, Group::Server, keys::getkeysandflags)
        .flags(SEE)
        .categories(CATEGORIES)
        .docs(
            "7.0.0",
            "O(N) with the number of arguments",
            "command [arg [arg ...]]",
            "Finds the keys in a whole command, and what would be done to them.",
        ),
    Command::new("info", -2, Group::Server, info)
        .tips("nondeterministic_output_order")
        .flags(SEE)
        .categories(CATEGORIES)
        .docs(
            "2.8.13",
            "O(N) with the number of commands",
            "[command-name [command-name ...]]",
            "Describes commands: arity, flags, categories, key positions.",
        ),
    Command::new("list", -2, Group::Server, list)
        .tips("nondeterministic_output_order")
        .flags(SEE)
        .categories(CATEGORIES)
        .docs(
            "7.0.0",
            "O(N) with the number of commands",
            "[FILTERBY filterby=<MODULE module-name | ACLCAT category | PATTERN pattern>]",
            "Names the commands, or those that fit a filter.",
        ),
    help(Group::Server, "5.0.0").categories(CATEGORIES),
];

fn all(ctx: &mut Ctx<'_>) -> Outcome {
    // A container whose bare form is a command: what follows it must be a subcommand.
    let mut reply = ctx.reply();
    reply.array(table().top_level().count());
    table().top_level().for_each(|entry| describe::info(&mut reply, entry));
    Ok(())
}

fn count(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.int(table().top_level().count() as i64)
}

fn info(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() == 2 {
        return all(ctx);
    }
    let args = ctx.args;
    let mut reply = ctx.reply();
    reply.array(args.len() - 2);
    for name in args.iter_from(2) {
        match table().find_full(name) {
            Some(entry) => describe::info(&mut reply, entry),
            None => reply.null_array(),
        }
    }
    Ok(())
}

fn show_docs(ctx: &mut Ctx<'_>) -> Outcome {
    let entries: Vec<&Entry> = match ctx.args.len() {
        2 => table().top_level().collect(),
        _ => ctx.args.iter_from(2).filter_map(|name| table().find_full(name)).collect(),
    };
    let mut reply = ctx.reply();
    reply.map(entries.len());
    for entry in entries {
        reply.bulk(entry.full_name.as_bytes());
        describe::docs(&mut reply, entry);
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted: Box<dyn Fn(&Entry) -> bool + '_> = match ctx.args.len() {
        2 => Box::new(|_| true),
        5 if ctx.arg_is(2, "filterby") => {
            let value = ctx.arg(4);
            match () {
                () if ctx.arg_is(3, "module") => Box::new(|_| false),
                () if ctx.arg_is(3, "aclcat") => Box::new(move |entry| {
                    describe::categories(entry).iter().any(|name| name.as_bytes().eq_ignore_ascii_case(value))
                }),
                () if ctx.arg_is(3, "pattern") => {
                    Box::new(move |entry| crate::base::glob::matches(value, entry.full_name.as_bytes(), true))
                }
                () => return Err(crate::resp::failure::SYNTAX),
            }
        }
        _ => return Err(crate::resp::failure::SYNTAX),
    };
    let names: Vec<&str> =
        table().entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.full_name).collect();
    let mut reply = ctx.reply();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(())
}

/// A set of simple strings.
fn simple_set<'a>(reply: &mut Reply<'_>, names: impl ExactSizeIterator<Item = &'a str>) {
    reply.set(names.len());
    names.for_each(|name| reply.simple(name));
}

/// The error for a command name that is not known here.
const INVALID_COMMAND: Failure = Failure::Text("ERR Invalid command specified");

pub(crate) use describe::{categories, CATEGORY_NAMES};

#[cfg(test)]
mod tests;
