//! EVAL, EVALSHA, their read-only kin, and SCRIPT.

use super::state::cache::{parse_sha, sha_of, Sha};
use super::state::flags::{read_shebang, ScriptFlags};
use super::state::libraries::Code;
use super::state::{Kind, Program};
use crate::base::numbers::parse_i64;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::engine::Engine;
use crate::resp::failure::NOT_AN_INTEGER;
use garrison_engine_lua::Function;

const SCRIPTING: Group = Group::Scripting;
const RUN: Flags = Flags::NOSCRIPT
    .union(Flags::STALE)
    .union(Flags::SKIP_MONITOR)
    .union(Flags::NO_MANDATORY_KEYS)
    .union(Flags::MOVABLEKEYS);
pub(super) const RUN_RW: Flags = RUN.union(Flags::MAY_REPLICATE);
pub(super) const RUN_RO: Flags = RUN.union(Flags::READONLY);
pub(super) const KEYS_RW: &[KeySpec] = &[KeySpec::counted(2, "RW ACCESS UPDATE")];
pub(super) const KEYS_RO: &[KeySpec] = &[KeySpec::counted(2, "RO ACCESS")];
pub(super) const COST: &str = "Depends on the script";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("eval", -3, SCRIPTING, eval).flags(RUN_RW).keys(KEYS_RW).docs(
        "2.6.0",
        COST,
        "script numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a script.",
    ),
    Command::new("evalsha", -3, SCRIPTING, evalsha).flags(RUN_RW).keys(KEYS_RW).docs(
        "2.6.0",
        COST,
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a script that was loaded or run before, by its SHA1.",
    ),
    Command::new("eval_ro", -3, SCRIPTING, eval_ro).flags(RUN_RO).keys(KEYS_RO).docs(
        "7.0.0",
        COST,
        "script numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a script that does not write.",
    ),
    Command::new("evalsha_ro", -3, SCRIPTING, evalsha_ro).flags(RUN_RO).keys(KEYS_RO).docs(
        "7.0.0",
        COST,
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a script that does not write, by its SHA1.",
    ),
    Command::container("script", SCRIPTING, SUBCOMMANDS).docs(
        "2.6.0",
        "That of the subcommand",
        "",
        "Loads, shows and ends scripts.",
    ),
];

const SUBCOMMANDS: &[Command] = &[
    Command::new("debug", 3, SCRIPTING, debug).flags(Flags::NOSCRIPT).docs(
        "3.2.0",
        "O(1)",
        "<YES | SYNC | NO>",
        "Switches the debugger, which this server does not have.",
    ),
    Command::new("exists", -3, SCRIPTING, exists)
        .flags(Flags::NOSCRIPT)
        .tips("request_policy:all_shards response_policy:agg_logical_and")
        .docs(
            "2.6.0",
            "O(N) with the number of scripts",
            "sha1 [sha1 ...]",
            "Tells which scripts are there.",
        ),
    Command::new("flush", -2, SCRIPTING, flush)
        .flags(Flags::NOSCRIPT)
        .tips("request_policy:all_nodes response_policy:all_succeeded")
        .docs("2.6.0", "O(N) with the number of scripts", "[ASYNC | SYNC]", "Forgets all scripts."),
    Command::new("kill", 2, SCRIPTING, kill)
        .flags(Flags::NOSCRIPT.union(Flags::ALLOW_BUSY))
        .tips("request_policy:all_shards response_policy:one_succeeded")
        .docs("2.6.0", "O(1)", "", "Ends the script that runs, if it has not written."),
    Command::new("load", 3, SCRIPTING, load)
        .flags(Flags::NOSCRIPT.union(Flags::STALE))
        .tips("request_policy:all_nodes response_policy:all_succeeded")
        .docs(
            "2.6.0",
            "O(N) with the length of the script",
            "script",
            "Compiles a script, and tells its SHA1.",
        ),
    Command::new("show", 3, SCRIPTING, show).flags(Flags::NOSCRIPT).docs(
        "8.0.0",
        "O(1)",
        "sha1",
        "Shows the text of a script.",
    ),
    help(SCRIPTING, "5.0.0"),
];

const NO_SCRIPT: Failure = Failure::Text("NOSCRIPT No matching script. Please use EVAL.");

fn eval(ctx: &mut Ctx<'_>) -> Outcome {
    eval_as(ctx, false)
}

fn eval_ro(ctx: &mut Ctx<'_>) -> Outcome {
    eval_as(ctx, true)
}

fn evalsha(ctx: &mut Ctx<'_>) -> Outcome {
    evalsha_as(ctx, false)
}

fn evalsha_ro(ctx: &mut Ctx<'_>) -> Outcome {
    evalsha_as(ctx, true)
}

/// The number of keys that argument 2 tells.
pub(super) fn key_count(ctx: &Ctx<'_>, not_a_number: Failure) -> Result<usize, Failure> {
    let count = parse_i64(ctx.arg(2)).ok_or(not_a_number)?;
    match usize::try_from(count) {
        Err(_) => Err(Failure::Text("ERR Number of keys can't be negative")),
        Ok(count) if count > ctx.args.len() - 3 => {
            Err(Failure::Text("ERR Number of keys can't be greater than number of args"))
        }
        Ok(count) => Ok(count),
    }
}

fn eval_as(ctx: &mut Ctx<'_>, read_only: bool) -> Outcome {
    let keys = key_count(ctx, NOT_AN_INTEGER)?;
    let text = ctx.arg(1);
    let sha = sha_of(text);
    let (function, flags) = match ctx.engine.scripting.cache.find(&sha) {
        Some(script) => (script.function, script.flags),
        None => ctx.engine.compile_script(&sha, text, true)?,
    };
    run(ctx, &sha, (function, flags), keys, read_only)
}

fn evalsha_as(ctx: &mut Ctx<'_>, read_only: bool) -> Outcome {
    let sha = parse_sha(ctx.arg(1)).ok_or(NO_SCRIPT)?;
    let keys = key_count(ctx, NOT_AN_INTEGER)?;
    let script = ctx.engine.scripting.cache.find(&sha).ok_or(NO_SCRIPT)?;
    let found = (script.function, script.flags);
    run(ctx, &sha, found, keys, read_only)
}

fn run(
    ctx: &mut Ctx<'_>,
    sha: &Sha,
    (function, flags): (Function, ScriptFlags),
    keys: usize,
    read_only: bool,
) -> Outcome {
    let program = Program {
        kind: Kind::Script,
        code: Code::Lua(function),
        name: Box::from(&sha[..]),
        flags,
        read_only,
    };
    Engine::run_program(ctx, program, keys)
}

impl Engine {
    /// Compiles a script and keeps it.
    fn compile_script(
        &mut self,
        sha: &Sha,
        text: &[u8],
        is_from_eval: bool,
    ) -> Result<(Function, ScriptFlags), Failure> {
        let (flags, code_start) = read_shebang(text)?;
        let memory_max = self.settings.lua_memory_max;
        let mut lua = self.scripting.take_interpreter(Kind::Script, memory_max, self.host.ticks)?;
        let compiled = lua.compile(text.get(code_start..).unwrap_or_default(), c"@user_script");
        let outcome = match compiled {
            Ok(function) => {
                if let Some(gone) = self.scripting.cache.add(*sha, function, text, flags, is_from_eval) {
                    lua.release(gone);
                }
                Ok((function, flags))
            }
            Err(error) => {
                let reason = String::from_utf8_lossy(&error.0);
                Err(Failure::new(format!("ERR Error compiling script (new function): {reason}")))
            }
        };
        self.scripting.put_interpreter(Kind::Script, lua, memory_max);
        outcome
    }
}

fn load(ctx: &mut Ctx<'_>) -> Outcome {
    let text = ctx.arg(2);
    let sha = sha_of(text);
    if ctx.engine.scripting.cache.contains(&sha) {
        ctx.engine.scripting.cache.keep(&sha);
    } else {
        ctx.engine.compile_script(&sha, text, false)?;
    }
    ctx.reply().bulk(&sha);
    Ok(())
}

fn exists(ctx: &mut Ctx<'_>) -> Outcome {
    let args = ctx.args;
    ctx.reply().array(args.len() - 2);
    for text in args.iter_from(2) {
        let is_there = parse_sha(text).is_some_and(|sha| ctx.engine.scripting.cache.contains(&sha));
        ctx.reply().int(i64::from(is_there));
    }
    Ok(())
}

fn flush(ctx: &mut Ctx<'_>) -> Outcome {
    let is_known = match ctx.args.len() {
        2 => true,
        3 => ctx.arg_is(2, "async") || ctx.arg_is(2, "sync"),
        _ => false,
    };
    if !is_known {
        return Err(Failure::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    ctx.engine.scripting.flush_scripts();
    ctx.ok()
}

fn kill(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.kill_script(Kind::Script)?;
    ctx.ok()
}

fn show(ctx: &mut Ctx<'_>) -> Outcome {
    let sha = parse_sha(ctx.arg(2)).ok_or(NO_SCRIPT)?;
    let text = ctx.engine.scripting.cache.find(&sha).ok_or(NO_SCRIPT)?.text.clone();
    ctx.reply().bulk(&text);
    Ok(())
}

fn debug(_: &mut Ctx<'_>) -> Outcome {
    Err(Failure::Text("ERR SCRIPT DEBUG is not offered: this server has no debugger for scripts"))
}
