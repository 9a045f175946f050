//! Loading libraries: from FUNCTION LOAD, from a payload of FUNCTION DUMP, from snapshots.

use garrison_engine_lua::{Registration, Step};

use crate::dispatch::Failure;
use crate::engine::effects::Level;
use crate::engine::Engine;
use crate::scripting::python::scan::functions_in;
use crate::scripting::state::flags::ScriptFlags;
use crate::scripting::state::libraries::{Code, Language, Library, LibraryFunction};
use crate::scripting::state::Kind;

/// How long a library may run while it is loaded, in microseconds.
const LOAD_US_MAX: u64 = 500_000;

const BAD_NAME: Failure = Failure::Text(
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
);

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..128).unwrap_or(text)).into_owned()
}

/// Whether the first line of a library names Python.
pub(super) fn is_python(source: &[u8]) -> bool {
    read_metadata(source).is_ok_and(|metadata| metadata.language == Language::Python)
}

/// The name and the functions of a library in Python, as its source tells them.
pub(in crate::scripting) fn outline(source: &[u8]) -> Result<(&[u8], Vec<LibraryFunction>), Failure> {
    Ok((read_metadata(source)?.name, functions_in(source)?))
}

/// What the first line of a library says, `#!lua name=mylib`.
struct Metadata<'a> {
    language: Language,
    name: &'a [u8],
    /// Where the code begins.
    code_start: usize,
}

fn read_metadata(source: &[u8]) -> Result<Metadata<'_>, Failure> {
    if !source.starts_with(b"#!") {
        return Err(Failure::Text("ERR Missing library metadata"));
    }
    let end = memchr::memchr(b'\n', source).ok_or(Failure::Text("ERR Invalid library metadata"))?;
    let mut words = source[2..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    let mut name: Option<&[u8]> = None;
    for word in words {
        match word.strip_prefix(b"name=") {
            Some(_) if name.is_some() => {
                return Err(Failure::Text(
                    "ERR Invalid metadata value, name argument was given multiple times",
                ));
            }
            Some(given) => name = Some(given),
            None => return Err(Failure::new(format!("ERR Invalid metadata value given: {}", shown(word)))),
        }
    }
    let name = name.ok_or(Failure::Text("ERR Library name was not given"))?;
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err(BAD_NAME);
    }
    let Some(language) = Language::named(engine) else {
        return Err(Failure::new(format!("ERR Engine '{}' not found", shown(engine))));
    };
    Ok(Metadata { language, name, code_start: end })
}

fn function_of(registration: Registration) -> LibraryFunction {
    let named = registration.flags.iter().filter_map(|flag| ScriptFlags::named(flag));
    LibraryFunction {
        flags: named.fold(ScriptFlags::empty(), |all, flag| all | flag),
        code: Code::Lua(registration.function()),
        name: registration.name.into(),
        description: registration.description,
    }
}

impl Engine {
    /// Reads or runs a library's source; the library is not yet to be called.
    fn compile_library(&mut self, source: &[u8]) -> Result<Library, Failure> {
        let Metadata { language, name, code_start } = read_metadata(source)?;
        let functions = match language {
            Language::Lua => self.run_library(source, code_start)?,
            Language::Python => functions_in(source)?,
        };
        self.scripting.last_version += 1;
        let version = self.scripting.last_version;
        Ok(Library { name: name.into(), language, version, source: source.into(), functions })
    }

    /// Runs a library in Lua: what it registers.
    fn run_library(&mut self, source: &[u8], code_start: usize) -> Result<Vec<LibraryFunction>, Failure> {
        let memory_max = self.settings.lua_memory_max;
        let mut lua = self.scripting.take_interpreter(Kind::Function, memory_max, self.host.ticks)?;
        let outcome = lua.compile(source.get(code_start..).unwrap_or_default(), c"@user_function");
        let outcome = match outcome {
            Err(error) => {
                let reason = String::from_utf8_lossy(&error.0);
                Err(Failure::new(format!("ERR Error compiling function: {reason}")))
            }
            Ok(chunk) => {
                let slice_ends_us = (self.host.ticks)().saturating_add(LOAD_US_MAX);
                let mut step = lua.start_library(chunk, slice_ends_us);
                let mut is_late = false;
                while step != Step::Done {
                    // It can call nothing, so what it wants is a pause: its time is over, or it has logged much.
                    if (self.host.ticks)() >= slice_ends_us {
                        is_late = true;
                        lua.kill();
                    }
                    step = lua.resume(slice_ends_us);
                }
                lua.release(chunk);
                self.log_of_script(&mut lua);
                let registrations = lua.take_registrations();
                match lua.take_outcome().map(drop) {
                    Ok(()) if registrations.is_empty() => Err(Failure::Text("ERR No functions registered")),
                    Ok(()) => Ok(registrations),
                    Err(failed) => {
                        for registration in registrations {
                            lua.release(registration.function());
                        }
                        let reason = match is_late {
                            true => "ERR FUNCTION LOAD timeout".into(),
                            false => String::from_utf8_lossy(&failed.text).into_owned(),
                        };
                        Err(Failure::new(format!("ERR Error registering functions: {reason}")))
                    }
                }
            }
        };
        self.scripting.put_interpreter(Kind::Function, lua, memory_max);
        Ok(outcome?.into_iter().map(function_of).collect())
    }

    /// Forgets the code of a library that is not there any more.
    fn release_library(&mut self, library: &Library) {
        if let Some(lua) = self.scripting.interpreter(Kind::Function) {
            for function in &library.functions {
                if let Code::Lua(function) = function.code {
                    lua.release(function);
                }
            }
        }
    }

    /// Adds a library that was compiled, unless it is there or has a function that another one has.
    fn add_library(&mut self, library: Library, replaces: bool) -> Result<(), Failure> {
        let libraries = &self.scripting.libraries;
        let refusal = if !replaces && libraries.get(&library.name).is_some() {
            Some(format!("ERR Library '{}' already exists", shown(&library.name)))
        } else {
            let collision = libraries.collision(&library);
            collision.map(|name| format!("ERR Function {} already exists", shown(name)))
        };
        if let Some(text) = refusal {
            self.release_library(&library);
            return Err(Failure::new(text));
        }
        if let Some(former) = self.scripting.libraries.insert(library) {
            self.release_library(&former);
        }
        Ok(())
    }

    /// Loads a library; its name.
    pub(super) fn load_library(&mut self, source: &[u8], replaces: bool) -> Result<Box<[u8]>, Failure> {
        let name = read_metadata(source)?.name;
        if !replaces && self.scripting.libraries.get(name).is_some() {
            return Err(Failure::new(format!("ERR Library '{}' already exists", shown(name))));
        }
        let library = self.compile_library(source)?;
        let name = library.name.clone();
        self.add_library(library, replaces)?;
        Ok(name)
    }

    /// Removes a library; whether it was there.
    pub(super) fn delete_library(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.scripting.libraries.remove(name) else { return false };
        self.release_library(&library);
        true
    }

    /// Takes libraries from a payload: all of them, or none.
    pub(super) fn restore_libraries(&mut self, sources: &[Vec<u8>], policy: Policy) -> Result<(), Failure> {
        let former = self.scripting.take_libraries();
        let kept: Vec<Box<[u8]>> = match policy {
            Policy::Flush => Vec::new(),
            _ => former.sources().collect(),
        };
        let outcome =
            kept.iter().try_for_each(|source| self.load_library(source, false).map(drop)).and_then(|()| {
                let replaces = policy == Policy::Replace;
                sources.iter().try_for_each(|source| {
                    let name = read_metadata(source)?.name;
                    if !replaces && self.scripting.libraries.get(name).is_some() {
                        return Err(Failure::new(format!("ERR Library {} already exists", shown(name))));
                    }
                    self.load_library(source, replaces).map(drop)
                })
            });
        if outcome.is_err() {
            self.scripting.put_libraries(former);
        }
        outcome
    }

    /// Takes the libraries of a snapshot in the place of all others. One that cannot be loaded is left out, and said.
    pub(crate) fn install_libraries(&mut self, sources: &[Vec<u8>]) {
        drop(self.scripting.take_libraries());
        for source in sources {
            if let Err(failure) = self.load_library(source, true) {
                let first_line = source.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let text =
                    format!("A function library was left out ({}): {}", shown(first_line), failure.text());
                self.log(Level::Warning, text);
            }
        }
    }
}

/// What FUNCTION RESTORE does with libraries that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Flush,
    Append,
    Replace,
}
