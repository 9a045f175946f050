//! What a script or function declares that it does: the shebang line `#!lua flags=no-writes,allow-oom`.

use bitflags::bitflags;

use crate::resp::failure::Failure;

bitflags! {
    /// The declared flags.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ScriptFlags: u8 {
        /// It never writes.
        const NO_WRITES = 1;
        /// It runs although memory is at its limit.
        const ALLOW_OOM = 1 << 1;
        /// It runs on a replica whose link is down.
        const ALLOW_STALE = 1 << 2;
        /// It does not run in a cluster.
        const NO_CLUSTER = 1 << 3;
        /// Its keys may lie in different slots of this node.
        const ALLOW_CROSS_SLOT_KEYS = 1 << 4;
        /// It has no shebang line, so nothing is known.
        const UNDECLARED = 1 << 5;
    }
}

const NAMES: [(&[u8], ScriptFlags); 5] = [
    (b"no-writes", ScriptFlags::NO_WRITES),
    (b"allow-oom", ScriptFlags::ALLOW_OOM),
    (b"allow-stale", ScriptFlags::ALLOW_STALE),
    (b"no-cluster", ScriptFlags::NO_CLUSTER),
    (b"allow-cross-slot-keys", ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
];

impl ScriptFlags {
    /// The flag of this name.
    pub fn named(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = NAMES.into_iter().filter(move |(_, flag)| self.contains(*flag));
        set.map(|(name, _)| std::str::from_utf8(name).unwrap_or_default())
    }
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..128).unwrap_or(text)).into_owned()
}

/// Reads the flags of a script; tells at which byte its code begins.
///
/// # Errors
/// The first line is a shebang that is not understood.
pub fn read_shebang(script: &[u8]) -> Result<(ScriptFlags, usize), Failure> {
    if !script.starts_with(b"#!") {
        return Ok((ScriptFlags::UNDECLARED, 0));
    }
    let Some(end) = memchr::memchr(b'\n', script) else {
        return Err(Failure::Text("ERR Invalid script shebang"));
    };
    let mut words = script[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(Failure::new(format!("ERR Unexpected engine in script shebang: {}", shown(engine))));
    }
    let mut flags = ScriptFlags::empty();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(Failure::new(format!("ERR Unknown lua shebang option: {}", shown(word))));
        };
        for name in names.split(|byte| *byte == b',').filter(|_| !names.is_empty()) {
            flags |= ScriptFlags::named(name).ok_or_else(|| {
                Failure::new(format!("ERR Unexpected flag in script shebang: {}", shown(name)))
            })?;
        }
    }
    Ok((flags, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shebangs_are_read() {
        assert_eq!(read_shebang(b"return 1"), Ok((ScriptFlags::UNDECLARED, 0)));
        assert_eq!(read_shebang(b"#!lua\nreturn 1"), Ok((ScriptFlags::empty(), 5)));
        let both = ScriptFlags::NO_WRITES | ScriptFlags::ALLOW_OOM;
        assert_eq!(read_shebang(b"#!lua flags=no-writes,allow-oom\n").map(|(flags, _)| flags), Ok(both));
        assert_eq!(both.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
        for (script, error) in [
            ("#!lua", "ERR Invalid script shebang"),
            ("#!python\n", "ERR Unexpected engine in script shebang: #!python"),
            ("#!lua flags=x\n", "ERR Unexpected flag in script shebang: x"),
            ("#!lua name=x\n", "ERR Unknown lua shebang option: name=x"),
        ] {
            let failure = read_shebang(script.as_bytes()).expect_err(script);
            assert_eq!(failure.text(), error);
        }
    }
}
