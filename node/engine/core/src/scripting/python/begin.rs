//! A call of a function in Python begins: it is checked, handed up, and its session suspended.

use std::sync::Arc;

use crate::clients::session::Suspension;
use crate::clients::waiting::Question;
use crate::dispatch::{Ctx, Failure};
use crate::engine::effects::Event;
use crate::resp::OwnedArgs;
use crate::scripting::state::flags::ScriptFlags;
use crate::scripting::state::libraries::Code;
use crate::scripting::state::python::PythonCall;
use crate::scripting::state::{Kind, Program, Run};

pub(in crate::scripting) const PYTHON_IS_OFF: Failure =
    Failure::Text("ERR Functions in Python are off on this node: set python-functions to yes");
const IN_TRANSACTION: Failure = Failure::Text(
    "ERR A function in Python cannot be called in a transaction: it reads and writes in one of its own",
);
const TOO_MANY_CALLS: Failure =
    Failure::Text("BUSY python-function-calls-max calls of functions in Python run or wait: try again later");

/// Hands a call to the control plane.
pub(in crate::scripting) fn begin(
    ctx: &mut Ctx<'_>,
    mut program: Program,
    keys: usize,
) -> Result<(), Failure> {
    let Ctx { engine, session, args, entry } = ctx;
    let args = *args;
    if !engine.call.frame.may_wait() {
        return Err(IN_TRANSACTION);
    }
    let is_out_of_memory = engine.is_out_of_memory_for(session);
    engine.check_declared(session, &program, entry, is_out_of_memory)?;
    program.read_only |= program.flags.contains(ScriptFlags::NO_WRITES);
    let libraries = &engine.scripting.libraries;
    let found = libraries.function(&program.name).and_then(|(name, _)| libraries.get(name));
    let library = found.ok_or(Failure::Text("ERR Function not found"))?;
    let (name, version, source) = (library.name.to_vec(), library.version, library.source.clone());

    let mut call_keys = OwnedArgs::default();
    args.iter_from(3).take(keys).for_each(|key| call_keys.push(key));
    let mut call_args = OwnedArgs::default();
    args.iter_from(3 + keys).for_each(|arg| call_args.push(arg));
    let function = program.name.to_vec();
    let job = Job { library: name, version, source, function, keys: call_keys, args: call_args };
    hand_up(ctx, program, job, false)
}

/// Has a library tried out by a worker before it is loaded: whether it runs, and registers what its source says.
pub(in crate::scripting) fn begin_load(ctx: &mut Ctx<'_>, source: &[u8]) -> Result<(), Failure> {
    let (name, functions) = crate::scripting::functions::outline(source)?;
    ctx.engine.scripting.last_version += 1;
    let mut names = OwnedArgs::default();
    functions.iter().for_each(|function| names.push(&function.name.to_ascii_lowercase()));
    let program = Program {
        kind: Kind::Function,
        code: Code::Python,
        name: name.into(),
        flags: ScriptFlags::empty(),
        read_only: false,
    };
    let job = Job {
        library: name.to_vec(),
        version: ctx.engine.scripting.last_version,
        source: source.into(),
        function: Vec::new(),
        keys: OwnedArgs::default(),
        args: names,
    };
    hand_up(ctx, program, job, true)
}

/// What a worker is told of a call.
struct Job {
    library: Vec<u8>,
    version: u64,
    source: Arc<[u8]>,
    /// Empty when the library is only tried out; then `args` are the names of its functions.
    function: Vec<u8>,
    keys: OwnedArgs,
    args: OwnedArgs,
}

/// Suspends the session and reports the call.
fn hand_up(ctx: &mut Ctx<'_>, program: Program, job: Job, is_load: bool) -> Result<(), Failure> {
    let Ctx { engine, session, args, entry } = ctx;
    if !engine.settings.python_functions {
        return Err(PYTHON_IS_OFF);
    }
    if engine.scripting.python.calls.len() >= engine.settings.python_function_calls_max {
        return Err(TOO_MANY_CALLS);
    }
    let began_us = (engine.host.ticks)();
    let ticket = engine.ticket();
    session.suspension = Suspension::Function { ticket };
    let question = Question { session: session.key, timed: Some((entry.id, began_us)) };
    engine.clients.waiting.ask(ticket, question);
    engine.stats.counters.commands_processed += 1;
    engine.stats.counters.commands[entry.id].calls += 1;
    session.commands += 1;
    engine.show(session, entry, *args);
    let run = Run {
        program,
        session: (session.key, session.id),
        args: OwnedArgs::copy(*args),
        command: entry.id,
        began_us,
        db: session.db,
        resp: session.resp,
        has_written: false,
        is_out_of_memory: false,
        slot: engine.call.slot,
    };
    let call = PythonCall { run, watched: Vec::new(), is_killed: false, is_load };
    engine.scripting.python.calls.insert(ticket, call);
    let Job { library, version, source, function, keys, args } = job;
    let resp = session.resp;
    let event = Event::FunctionCall { ticket, library, version, source, function, keys, args, resp };
    engine.effects.events.push(event);
    Ok(())
}
