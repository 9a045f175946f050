//! HELP of every container: its subcommands with their arguments, read from the command table.

use crate::dispatch::table::table;
use crate::dispatch::{Command, Ctx, Flags, Group, Outcome};

/// The HELP subcommand of a container.
pub const fn help(group: Group, since: &'static str) -> Command {
    Command::new("help", 2, group, run).flags(Flags::LOADING.union(Flags::STALE)).docs(
        since,
        "O(1)",
        "",
        "Shows the subcommands and what they do.",
    )
}

fn run(ctx: &mut Ctx<'_>) -> Outcome {
    let name = ctx.entry.parent.map_or("", |container| container.name);
    let mut lines =
        vec![format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name.to_uppercase())];
    let container = table().find(name.as_bytes());
    for entry in container.map_or(&[][..], |container| &table().entries[container.children.clone()]) {
        let command = entry.command;
        lines.push(format!("{} {}", command.name.to_uppercase(), command.syntax).trim_end().to_owned());
        lines.push(format!("    {}", command.summary));
    }
    let mut reply = ctx.reply();
    reply.array(lines.len());
    for line in &lines {
        reply.simple(line);
    }
    Ok(())
}
