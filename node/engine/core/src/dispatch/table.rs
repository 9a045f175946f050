//! The table itself: every command with its number, found by name in constant time.

use std::sync::OnceLock;

use super::keys::Begin;
use super::{Command, Flags};
use crate::resp::Args;

/// A command in the table.
pub struct Entry {
    /// Its description.
    pub command: &'static Command,
    /// Its place in [`Table::entries`], by which statistics are kept.
    pub id: usize,
    /// The full name: `get`, or `config|get` for a subcommand.
    pub full_name: &'static str,
    /// The container, of a subcommand.
    pub parent: Option<&'static Command>,
    /// The subcommands of a container, as positions in [`Table::entries`].
    pub children: std::ops::Range<usize>,
}

impl Entry {
    /// Whether the command takes this number of arguments, its name included.
    #[inline]
    pub fn accepts(&self, args: usize) -> bool {
        let arity = self.command.arity;
        match arity >= 0 {
            true => args == arity as usize,
            false => args >= usize::from(arity.unsigned_abs()),
        }
    }

    /// The first key of a request, where it stands in one place.
    #[inline]
    pub fn first_key<'a>(&self, args: Args<'a>) -> Option<&'a [u8]> {
        match self.command.keys.first()?.begin {
            Begin::Index(index) => Some(args.get(usize::from(index))),
            _ => None,
        }
    }

    /// Whether carrying it out may put something into the replication stream.
    pub fn may_replicate(&self) -> bool {
        self.command.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE))
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.full_name)
    }
}

/// All commands.
pub struct Table {
    /// Commands and subcommands; a container's subcommands follow each other.
    pub entries: Vec<Entry>,
    /// Open addressing by [`Name::hash`]: names with positions in `entries`.
    index: Vec<Option<(Name, u16)>>,
}

const INDEX_LEN: usize = 2048;
const NAME_BYTES_MAX: usize = 24;

/// A name in lower case, as three words with zeros behind it. Equal ones are names that differ in case at most.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    words: [u64; 3],
    len: usize,
}

impl Name {
    /// Folds a name; nothing for one too long to be a command's.
    #[inline]
    fn of(name: &[u8]) -> Option<Self> {
        let words = match name.len() {
            0..=8 => [word(name), 0, 0],
            9..=16 => [word(&name[..8]), word(&name[8..]), 0],
            17..=NAME_BYTES_MAX => [word(&name[..8]), word(&name[8..16]), word(&name[16..])],
            _ => return None,
        };
        Some(Name { words: words.map(lower), len: name.len() })
    }

    #[inline]
    fn hash(self) -> usize {
        let [first, second, third] = self.words;
        let mixed = first
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(second.wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
            .wrapping_add(third.wrapping_mul(0x1656_67B1_9E37_79F9));
        (mixed >> 40) as usize & (INDEX_LEN - 1)
    }
}

/// Up to eight bytes as a number, low byte first. Two reads that overlap cost less than one of any length.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    let half = |four: &[u8]| four.try_into().map_or(0, |four| u64::from(u32::from_le_bytes(four)));
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        _ => {
            let end = bytes.len().min(8);
            half(&bytes[..4]) | half(&bytes[end - 4..end]) << (8 * (end - 4))
        }
    }
}

/// Eight characters in lower case; only the letters of ASCII have one.
#[inline]
fn lower(word: u64) -> u64 {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = EACH << 7;
    let low_bits = word & !HIGH_BITS;
    let from_a = low_bits + EACH * (0x80 - b'A' as u64);
    let behind_z = low_bits + EACH * (0x80 - b'Z' as u64 - 1);
    word | (from_a & !behind_z & !word & HIGH_BITS) >> 2
}

impl Table {
    fn build(groups: &[&'static [Command]]) -> Table {
        let mut table = Table { entries: Vec::new(), index: vec![None; INDEX_LEN] };
        for command in groups.iter().copied().flatten() {
            let id = table.entries.len();
            table.entries.push(Entry { command, id, full_name: command.name, parent: None, children: 0..0 });
            for sub in command.subcommands {
                let full_name: &'static str = Box::leak(format!("{}|{}", command.name, sub.name).into());
                let id = table.entries.len();
                table.entries.push(Entry {
                    command: sub,
                    id,
                    full_name,
                    parent: Some(command),
                    children: 0..0,
                });
            }
            table.entries[id].children = id + 1..table.entries.len();
            table.add_to_index(command.name, id);
        }
        table
    }

    fn add_to_index(&mut self, name: &str, id: usize) {
        let folded = Name::of(name.as_bytes()).expect("a command's name fits the table");
        let mut at = folded.hash();
        while let Some((other, _)) = self.index[at] {
            assert!(other != folded, "two commands of one name: {name}");
            at = (at + 1) & (INDEX_LEN - 1);
        }
        self.index[at] = Some((folded, id as u16));
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Entry> {
        let folded = Name::of(name)?;
        let mut at = folded.hash();
        loop {
            let (other, id) = self.index[at]?;
            if other == folded {
                return self.entries.get(usize::from(id));
            }
            at = (at + 1) & (INDEX_LEN - 1);
        }
    }

    /// The subcommand of `container` of this name, in any case.
    pub fn find_subcommand(&self, container: &Entry, name: &[u8]) -> Option<&Entry> {
        self.entries[container.children.clone()]
            .iter()
            .find(|entry| entry.command.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// A command by its full name: `get`, `config|get`.
    pub fn find_full(&self, full_name: &[u8]) -> Option<&Entry> {
        match full_name.iter().position(|&byte| byte == b'|') {
            None => self.find(full_name),
            Some(at) => self.find_subcommand(self.find(&full_name[..at])?, &full_name[at + 1..]),
        }
    }

    /// The commands without subcommands of containers.
    pub fn top_level(&self) -> impl Iterator<Item = &Entry> + '_ {
        self.entries.iter().filter(|entry| entry.parent.is_none())
    }
}

static TABLE: OnceLock<Table> = OnceLock::new();

/// Builds the table of these commands, at the first call; `assembly` makes it before there is an engine.
pub(crate) fn install(groups: &[&'static [Command]]) {
    TABLE.get_or_init(|| Table::build(groups));
}

/// The table.
///
/// # Panics
/// Before the first engine is made.
#[inline]
pub fn table() -> &'static Table {
    TABLE.get().expect("the table is installed before the first engine is made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        crate::assembly::install();
        assert_eq!(table().find(b"pInG").unwrap().full_name, "ping");
        assert!(table().find(b"no-such-command").is_none());
        for stranger in [&[b'x'; 100][..], b"", b"get\0", b"[et", b"get\xe0", b"ping\x00\x00\x00\x00"] {
            assert!(table().find(stranger).is_none(), "{stranger:?}");
        }
        for entry in table().top_level() {
            assert_eq!(table().find(entry.full_name.as_bytes()).unwrap().id, entry.id);
            assert_eq!(table().find(entry.full_name.to_uppercase().as_bytes()).unwrap().id, entry.id);
        }
    }

    /// The flags by which dispatch recognises commands stand at these and at no others.
    #[test]
    fn commands_known_to_dispatch_are_these() {
        crate::assembly::install();
        for (flag, names) in [
            (Flags::EXEC, "exec"),
            (Flags::MULTI, "multi"),
            (Flags::OF_LINK, "replconf"),
            (Flags::LETS_IN, "asking"),
            (Flags::MIGRATES, "migrate"),
            (Flags::UNPAUSES, "client|unpause"),
            (Flags::AT_ONCE, "discard exec multi quit reset watch"),
            (
                Flags::SUBSCRIBED,
                "ping psubscribe punsubscribe quit reset ssubscribe subscribe sunsubscribe unsubscribe",
            ),
        ] {
            let known = table().entries.iter().filter(|entry| entry.command.flags.contains(flag));
            let mut known: Vec<&str> = known.map(|entry| entry.full_name).collect();
            known.sort_unstable();
            assert_eq!(known.join(" "), names);
        }
    }

    #[test]
    fn every_command_is_documented() {
        crate::assembly::install();
        for entry in &table().entries {
            assert!(!entry.command.summary.is_empty(), "{} has no summary", entry.full_name);
        }
    }
}
