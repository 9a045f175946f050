//! What the engine remembers of scripts: the interpreters, the compiled scripts, and the one that runs.

pub mod cache;
pub mod flags;
pub mod libraries;
pub mod python;

use garrison_engine_lua::Interpreter;

use cache::ScriptCache;
use flags::ScriptFlags;
use libraries::{Code, Libraries};
use python::PythonCalls;

use crate::clients::session::SessionKey;
use crate::resp::failure::Failure;
use crate::resp::{OwnedArgs, Range};

/// Which of the two interpreters: what is loaded into one is not seen by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Scripts of EVAL.
    Script,
    /// Functions of libraries.
    Function,
}

/// What is run, and what it may do.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which interpreter has it.
    pub kind: Kind,
    /// What is run.
    pub code: Code,
    /// How errors call it: the SHA1 of a script, the name of a function.
    pub name: Box<[u8]>,
    /// What it declares.
    pub flags: ScriptFlags,
    /// Whether a read-only command runs it.
    pub read_only: bool,
}

/// A script that runs.
#[derive(Debug)]
pub struct Run {
    /// What is run.
    pub program: Program,
    /// Whose it is: the session's key and number.
    pub session: (SessionKey, u64),
    /// The command that runs it, as it was given.
    pub args: OwnedArgs,
    /// Its number in the table of commands.
    pub command: usize,
    /// When it began, by the host's clock in microseconds.
    pub began_us: u64,
    /// The database that the session had selected.
    pub db: usize,
    /// The protocol version of the session.
    pub resp: u8,
    /// Whether a command that writes was called.
    pub has_written: bool,
    /// Whether memory was at its limit when it began.
    pub is_out_of_memory: bool,
    /// The slot of its keys so far, in a cluster.
    pub slot: Option<u16>,
}

/// Scripts and functions.
#[derive(Default)]
pub struct Scripting {
    interpreters: [Option<Box<Interpreter>>; 2],
    /// Compiled scripts.
    pub cache: ScriptCache,
    /// Function libraries.
    pub libraries: Libraries,
    /// The number of the last library that was read.
    pub last_version: u64,
    /// Calls of functions in Python that have not ended.
    pub python: PythonCalls,
    /// The script that is suspended until the next turn.
    pub running: Option<Box<Run>>,
    /// Where the arguments of a script's call lie; kept for its allocation.
    pub(crate) ranges: Vec<Range>,
}

impl Scripting {
    /// Takes an interpreter out, to be put back after use; a new one at the first use.
    ///
    /// # Errors
    /// There is no memory for one, or a script is running in it.
    pub fn take_interpreter(
        &mut self,
        kind: Kind,
        memory_bytes_max: u64,
        ticks: fn() -> u64,
    ) -> Result<Box<Interpreter>, Failure> {
        let bytes_max = usize::try_from(memory_bytes_max).unwrap_or(usize::MAX);
        let mut interpreter = match self.interpreters[kind as usize].take() {
            Some(interpreter) => interpreter,
            None => Interpreter::new(bytes_max, ticks, kind == Kind::Function)
                .map(Box::new)
                .map_err(|error| Failure::new(format!("ERR {error}")))?,
        };
        interpreter.set_memory_max(bytes_max);
        Ok(interpreter)
    }

    /// Puts an interpreter back. Garbage that has gathered is collected here, between two scripts.
    pub fn put_interpreter(&mut self, kind: Kind, mut interpreter: Box<Interpreter>, memory_bytes_max: u64) {
        if self.running.is_none() && interpreter.used_bytes() as u64 > memory_bytes_max / 2 {
            interpreter.collect();
        }
        self.interpreters[kind as usize] = Some(interpreter);
    }

    /// An interpreter, if it was used before.
    pub fn interpreter(&mut self, kind: Kind) -> Option<&mut Interpreter> {
        self.interpreters[kind as usize].as_deref_mut()
    }

    /// Bytes that an interpreter holds.
    pub fn interpreter_bytes(&self, kind: Kind) -> usize {
        self.interpreters[kind as usize].as_ref().map_or(0, |interpreter| interpreter.used_bytes())
    }

    /// Forgets all scripts, and the interpreter with all that it has compiled.
    pub fn flush_scripts(&mut self) {
        self.cache = ScriptCache::default();
        self.interpreters[Kind::Script as usize] = None;
    }

    /// Takes all libraries out, with the interpreter that holds their code: there are none any more.
    pub fn take_libraries(&mut self) -> Compiled {
        let interpreter = self.interpreters[Kind::Function as usize].take();
        Compiled { libraries: std::mem::take(&mut self.libraries), interpreter }
    }

    /// Puts libraries back that were taken out, in the place of those that are there.
    pub fn put_libraries(&mut self, compiled: Compiled) {
        self.libraries = compiled.libraries;
        self.interpreters[Kind::Function as usize] = compiled.interpreter;
    }

    /// The sources of all libraries, for a snapshot.
    pub fn library_sources(&self) -> Vec<&[u8]> {
        self.libraries.iter().map(|library| &*library.source).collect()
    }
}

/// Libraries with their code.
#[derive(Debug)]
pub struct Compiled {
    libraries: Libraries,
    interpreter: Option<Box<Interpreter>>,
}

impl Compiled {
    /// The sources of the libraries.
    pub fn sources(&self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.libraries.iter().map(|library| Box::from(&*library.source))
    }
}
