//! Function libraries: their sources, and where each function is found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use garrison_engine_lua::Function;

use super::flags::ScriptFlags;

/// Longest name of a function that is found without an allocation.
const NAME_BYTES: usize = 64;

/// The language of a library, by the name of its engine in its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Run by the engine's interpreter.
    Lua,
    /// Run by the control plane's workers.
    Python,
}

impl Language {
    /// The language that a first line names, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        [Language::Lua, Language::Python].into_iter().find(|known| name.eq_ignore_ascii_case(known.name()))
    }

    /// Its name in replies.
    pub fn name(self) -> &'static [u8] {
        match self {
            Language::Lua => b"LUA",
            Language::Python => b"PYTHON",
        }
    }
}

/// What is run when a function is called.
#[derive(Clone, Copy, Debug)]
pub enum Code {
    /// Compiled code.
    Lua(Function),
    /// The function of this name in its library's source.
    Python,
}

/// A function of a library.
#[derive(Clone, Debug)]
pub struct LibraryFunction {
    /// Its name, as it was registered.
    pub name: Box<[u8]>,
    /// What is run.
    pub code: Code,
    /// Its description.
    pub description: Option<Vec<u8>>,
    /// What it declares.
    pub flags: ScriptFlags,
}

/// A library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its language.
    pub language: Language,
    /// A number that no other library of this process has had, not even an earlier one of its name.
    pub version: u64,
    /// Its source, the first line included.
    pub source: Arc<[u8]>,
    /// Its functions.
    pub functions: Vec<LibraryFunction>,
}

/// A function with the name of its library.
type Owned = (Box<[u8]>, LibraryFunction);

/// All libraries.
#[derive(Debug, Default)]
pub struct Libraries {
    by_name: BTreeMap<Box<[u8]>, Library>,
    /// Functions by their names in lower case, with the library of each.
    functions: HashMap<Box<[u8]>, Owned>,
}

impl Libraries {
    /// The library of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Library> {
        self.by_name.get(name)
    }

    /// All libraries, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.by_name.values()
    }

    /// Finds a function by its name in any case, with the name of its library.
    pub fn function(&self, name: &[u8]) -> Option<(&[u8], &LibraryFunction)> {
        let mut buffer = [0; NAME_BYTES];
        let found = match buffer.get_mut(..name.len()) {
            Some(lower) => {
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                self.functions.get(&*lower)
            }
            None => self.functions.get(&*name.to_ascii_lowercase()),
        };
        found.map(|(library, function)| (&**library, function))
    }

    /// A function of the library that another one has already, which the new one does not replace.
    pub fn collision<'a>(&self, library: &'a Library) -> Option<&'a [u8]> {
        let taken = |function: &&LibraryFunction| {
            let owner = self.functions.get(&*function.name.to_ascii_lowercase());
            owner.is_some_and(|(owner, _)| *owner != library.name)
        };
        library.functions.iter().find(taken).map(|function| &*function.name)
    }

    /// Adds a library in the place of one of the same name, which is returned.
    pub fn insert(&mut self, library: Library) -> Option<Library> {
        let former = self.remove(&library.name.clone());
        for function in &library.functions {
            let entry = (library.name.clone(), function.clone());
            self.functions.insert(function.name.to_ascii_lowercase().into(), entry);
        }
        self.by_name.insert(library.name.clone(), library);
        former
    }

    /// Removes a library.
    pub fn remove(&mut self, name: &[u8]) -> Option<Library> {
        let library = self.by_name.remove(name)?;
        for function in &library.functions {
            self.functions.remove(&*function.name.to_ascii_lowercase());
        }
        Some(library)
    }

    /// Number of functions.
    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// Number of libraries in a language, and of their functions.
    pub fn counts_of(&self, language: Language) -> (usize, usize) {
        let of_it = self.by_name.values().filter(|library| library.language == language);
        of_it.fold((0, 0), |(libraries, functions), library| {
            (libraries + 1, functions + library.functions.len())
        })
    }

    /// Bytes of sources and tables.
    pub fn memory_bytes(&self) -> usize {
        let sources: usize = self.by_name.values().map(|library| library.source.len()).sum();
        sources + self.functions.len() * 2 * std::mem::size_of::<LibraryFunction>()
    }
}
