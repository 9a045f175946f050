//! Function libraries: their sources, and where each function is found.

use std::collections::{BTreeMap, HashMap};

use garrison_engine_lua::Function;

use super::flags::ScriptFlags;

/// Longest name of a function that is found without an allocation.
const NAME_BYTES: usize = 64;

/// A function of a library.
#[derive(Clone, Debug)]
pub struct LibraryFunction {
    /// Its name, as it was registered.
    pub name: Box<[u8]>,
    /// The compiled code.
    pub function: Function,
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
    /// Its source, the first line included.
    pub source: Box<[u8]>,
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

    /// Finds a function by its name in any case.
    pub fn function(&self, name: &[u8]) -> Option<&LibraryFunction> {
        let mut buffer = [0; NAME_BYTES];
        let found = match buffer.get_mut(..name.len()) {
            Some(lower) => {
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                self.functions.get(&*lower)
            }
            None => self.functions.get(&*name.to_ascii_lowercase()),
        };
        found.map(|(_, function)| function)
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

    /// Bytes of sources and tables.
    pub fn memory_bytes(&self) -> usize {
        let sources: usize = self.by_name.values().map(|library| library.source.len()).sum();
        sources + self.functions.len() * 2 * std::mem::size_of::<LibraryFunction>()
    }
}
