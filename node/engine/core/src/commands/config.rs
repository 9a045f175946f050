//! CONFIG: the control plane owns the configuration and answers; only the counters are the engine's.

use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Flags, Group, Outcome};

const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("config", Group::Server, SUBCOMMANDS).docs(
    "2.0.0",
    "That of the subcommand",
    "",
    "Reads and changes the configuration.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::control("get", -3, Group::Server).flags(ADMIN).docs(
        "2.0.0",
        "O(N) with the number of parameters",
        "parameter [parameter ...]",
        "Shows the directives whose names match the patterns.",
    ),
    Command::control("set", -4, Group::Server)
        .tips("request_policy:all_nodes response_policy:all_succeeded")
        .flags(ADMIN)
        .docs(
            "2.0.0",
            "O(N) with the number of parameters",
            "parameter value [parameter value ...]",
            "Changes directives while the server runs, all of them or none.",
        ),
    Command::control("rewrite", 2, Group::Server).flags(ADMIN).docs(
        "2.8.0",
        "O(1)",
        "",
        "Writes the running configuration into its file.",
    ),
    Command::new("resetstat", 2, Group::Server, resetstat).flags(ADMIN).docs(
        "2.0.0",
        "O(1)",
        "",
        "Sets the counters of INFO back to zero.",
    ),
    help(Group::Server, "5.0.0"),
];

fn resetstat(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.reset_stats();
    ctx.ok()
}
