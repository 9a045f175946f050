//! Compiled scripts by the SHA1 of their text.
//!
//! Scripts that EVAL has brought are kept as long as there are not too many of them, the least recently used go first;
//! those of SCRIPT LOAD stay until SCRIPT FLUSH, as their owners count on them.

use std::collections::HashMap;

use garrison_engine_lua::Function;
use sha1::{Digest, Sha1};

use super::flags::ScriptFlags;

/// Scripts of EVAL that are kept at most, as Redis 7.4 does.
pub const EVAL_SCRIPTS_MAX: usize = 500;

/// The SHA1 of a script, in hexadecimal digits of lower case.
pub type Sha = [u8; 40];

/// A compiled script.
#[derive(Clone, Debug)]
pub struct Script {
    /// The compiled code.
    pub function: Function,
    /// Its text.
    pub text: Box<[u8]>,
    /// What it declares.
    pub flags: ScriptFlags,
    /// Whether EVAL has brought it, and nobody has loaded it.
    pub is_from_eval: bool,
    used: u64,
}

/// All compiled scripts.
#[derive(Debug, Default)]
pub struct ScriptCache {
    scripts: HashMap<Sha, Script>,
    from_eval: usize,
    uses: u64,
    evicted: u64,
    text_bytes: usize,
}

impl ScriptCache {
    /// Finds a script, which has been used now.
    pub fn find(&mut self, sha: &Sha) -> Option<&mut Script> {
        self.uses += 1;
        let script = self.scripts.get_mut(sha)?;
        script.used = self.uses;
        Some(script)
    }

    /// Whether there is a script.
    pub fn contains(&self, sha: &Sha) -> bool {
        self.scripts.contains_key(sha)
    }

    /// Adds a script; returns the one that has to go for it, if any.
    pub fn add(
        &mut self,
        sha: Sha,
        function: Function,
        text: &[u8],
        flags: ScriptFlags,
        is_from_eval: bool,
    ) -> Option<Function> {
        self.uses += 1;
        self.text_bytes += text.len();
        self.from_eval += usize::from(is_from_eval);
        let script = Script { function, text: text.into(), flags, is_from_eval, used: self.uses };
        self.scripts.insert(sha, script);
        if self.from_eval <= EVAL_SCRIPTS_MAX {
            return None;
        }
        let of_eval = self.scripts.iter().filter(|(_, script)| script.is_from_eval);
        let oldest = of_eval.min_by_key(|(_, script)| script.used).map(|(sha, _)| *sha)?;
        let gone = self.scripts.remove(&oldest)?;
        self.text_bytes -= gone.text.len();
        self.from_eval -= 1;
        self.evicted += 1;
        Some(gone.function)
    }

    /// Somebody has loaded a script that EVAL had brought: it stays.
    pub fn keep(&mut self, sha: &Sha) {
        if let Some(script) = self.scripts.get_mut(sha).filter(|script| script.is_from_eval) {
            script.is_from_eval = false;
            self.from_eval -= 1;
        }
    }

    /// Number of scripts.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Scripts that had to go for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes of texts and of the table.
    pub fn memory_bytes(&self) -> usize {
        self.text_bytes + self.scripts.capacity() * std::mem::size_of::<(Sha, Script)>()
    }
}

/// The SHA1 of a text.
pub fn sha_of(text: &[u8]) -> Sha {
    let mut sha = [0; 40];
    for (pair, byte) in sha.chunks_exact_mut(2).zip(Sha1::digest(text)) {
        for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'0');
        }
    }
    sha
}

/// A SHA1 as a client has sent it, in any case.
pub fn parse_sha(text: &[u8]) -> Option<Sha> {
    let mut sha: Sha = text.try_into().ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}
