//! FUNCTION LIST and FUNCTION STATS.

use crate::base::glob::matches;
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::resp::reply::Reply;
use crate::scripting::state::libraries::{Language, Library};
use crate::scripting::state::Kind;

pub(super) fn list(ctx: &mut Ctx<'_>) -> Outcome {
    let mut pattern: Option<&[u8]> = None;
    let mut with_code = false;
    let mut index = 2;
    while index < ctx.args.len() {
        if !with_code && ctx.arg_is(index, "withcode") {
            with_code = true;
        } else if pattern.is_none() && ctx.arg_is(index, "libraryname") {
            index += 1;
            let missing = Failure::Text("ERR library name argument was not given");
            pattern = Some(ctx.args.try_get(index).ok_or(missing)?);
        } else {
            let shown = String::from_utf8_lossy(ctx.arg(index)).into_owned();
            return Err(Failure::new(format!("ERR Unknown argument {shown}")));
        }
        index += 1;
    }
    let Ctx { engine, session, .. } = ctx;
    let mut reply = Reply::new(&mut session.out, session.resp);
    let is_wanted = |library: &&Library| pattern.is_none_or(|pattern| matches(pattern, &library.name, true));
    let wanted: Vec<&Library> = engine.scripting.libraries.iter().filter(is_wanted).collect();
    reply.array(wanted.len());
    wanted.into_iter().for_each(|library| describe(&mut reply, library, with_code));
    Ok(())
}

fn describe(reply: &mut Reply<'_>, library: &Library, with_code: bool) {
    reply.map(3 + usize::from(with_code));
    reply.bulk(b"library_name");
    reply.bulk(&library.name);
    reply.bulk(b"engine");
    reply.bulk(library.language.name());
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(&function.name);
        reply.bulk(b"description");
        reply.bulk_or_null(function.description.as_deref());
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.source);
    }
}

pub(super) fn stats(ctx: &mut Ctx<'_>) -> Outcome {
    let Ctx { engine, session, .. } = ctx;
    let now_us = (engine.host.ticks)();
    let mut reply = Reply::new(&mut session.out, session.resp);
    reply.map(2);
    reply.bulk(b"running_script");
    let in_lua = engine.scripting.running.as_deref().filter(|run| run.program.kind == Kind::Function);
    match in_lua.or_else(|| engine.scripting.python.oldest().map(|(_, call)| &call.run)) {
        None => reply.null(),
        Some(run) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&run.program.name);
            reply.bulk(b"command");
            let args = run.args.view();
            reply.array(args.len());
            args.iter_from(0).for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            reply.int((now_us.saturating_sub(run.began_us) / 1000) as i64);
        }
    }
    reply.bulk(b"engines");
    let libraries = &engine.scripting.libraries;
    let shows_python = engine.settings.python_functions || libraries.counts_of(Language::Python) != (0, 0);
    let languages = if shows_python { &[Language::Lua, Language::Python][..] } else { &[Language::Lua] };
    reply.map(languages.len());
    for language in languages {
        let (libraries, functions) = libraries.counts_of(*language);
        reply.bulk(language.name());
        reply.map(2);
        reply.bulk(b"libraries_count");
        reply.int(libraries as i64);
        reply.bulk(b"functions_count");
        reply.int(functions as i64);
    }
    Ok(())
}
