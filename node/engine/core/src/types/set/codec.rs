//! Sets outside of memory: RDB and DUMP, digest, the commands that rebuild one.

use super::int_set::IntSet;
use super::{Set, SetLimits};
use crate::formats::digest::Digest;
use crate::formats::packed::{Item, PackedList};
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The bytes that say how a set is encoded.
mod code {
    pub const PLAIN: u8 = 2;
    pub const INTS: u8 = 11;
    /// Redis 7.2. It is read and never written: 7.0 does not know it.
    pub const PACKED: u8 = 20;
}

/// Members in one of the commands that rebuild a set, at most.
const REBUILD_MEMBERS_MAX: usize = 64;

/// Reads a set, step by step.
pub enum SetReader {
    /// A number of members.
    Members(Box<Members>),
    /// One string with the encoding of this code.
    Whole(u8),
}

/// A set on its way in, member by member.
#[derive(Default)]
pub struct Members {
    started: bool,
    left: u64,
    set: Set,
}

impl Collection for Set {
    const TYPE_NAME: &'static str = "set";
    const DIGEST_NUMBER: u32 = 2;

    type Limits = SetLimits;
    type Reader = SetReader;

    fn encoding(&self) -> &'static str {
        self.encoding()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn free_effort(&self) -> usize {
        self.free_effort()
    }

    fn limits(settings: &Settings, seed: u64) -> SetLimits {
        SetLimits {
            ints_max: settings.set_max_intset_entries,
            packed_entries_max: settings.set_max_listpack_entries,
            packed_value_bytes_max: settings.set_max_listpack_value,
            seed,
        }
    }

    fn rdb_code(&self) -> u8 {
        match self.as_ints() {
            Some(_) => code::INTS,
            None => code::PLAIN,
        }
    }

    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        if let Some(ints) = self.as_ints() {
            out.text(ints.as_bytes());
            return 0;
        }
        if cursor == 0 {
            out.length(self.len() as u64);
        }
        self.scan(cursor, elements, |member| out.item(member))
    }

    fn rdb_reader(code: u8, _is_valkey: bool) -> Option<Result<SetReader, RdbProblem>> {
        Some(Ok(match code {
            code::PLAIN => SetReader::Members(Box::default()),
            code::INTS | code::PACKED => SetReader::Whole(code),
            _ => return None,
        }))
    }

    fn read_rdb(reader: &mut SetReader, input: &mut Input<'_>, limits: &SetLimits) -> Result<Self, Stop> {
        let set = match reader {
            SetReader::Members(members) => members.read(input, limits)?,
            SetReader::Whole(code::INTS) => {
                Set::from_ints(IntSet::from_bytes(input.text()?.into_vec())?, limits)
            }
            SetReader::Whole(_) => {
                Set::from_packed(PackedList::from_bytes(input.text()?.into_vec())?, limits).ok_or(TWICE)?
            }
        };
        match set.is_empty() {
            true => Err(RdbProblem::Value("a set without a member").into()),
            false => Ok(set),
        }
    }

    fn digest(&self, digest: &mut Digest) {
        for member in self.iter() {
            digest.combine(member.spell(&mut itoa::Buffer::new()));
        }
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        let mut members = self.iter().peekable();
        while members.peek().is_some() {
            let strings: Vec<Vec<u8>> =
                members.by_ref().take(REBUILD_MEMBERS_MAX).map(|member| member.to_vec()).collect();
            let mut command: Vec<&[u8]> = vec![b"SADD", key];
            command.extend(strings.iter().map(Vec::as_slice));
            emit(&command);
        }
    }
}

const TWICE: RdbProblem = RdbProblem::Value("a set that has a member twice");

impl Members {
    fn read(&mut self, input: &mut Input<'_>, limits: &SetLimits) -> Result<Set, Stop> {
        if !self.started {
            self.left = input.length()?;
            self.started = true;
        }
        while self.left > 0 {
            let member = input.text()?;
            let mut digits = itoa::Buffer::new();
            let item = member.as_item();
            if self.set.is_empty() && self.is_for_table(item, limits) {
                self.set = Set::with_table(input.believed(self.left), limits);
            }
            if !self.set.add_expected(item.spell(&mut digits), limits) {
                return Err(TWICE.into());
            }
            self.left -= 1;
        }
        Ok(std::mem::take(&mut self.set))
    }

    /// Whether a set that begins with this member will be a table.
    fn is_for_table(&self, first: Item<'_>, limits: &SetLimits) -> bool {
        let small_max = match first.as_integer() {
            Some(_) => limits.ints_max.max(limits.packed_entries_max),
            None => limits.packed_entries_max,
        };
        self.left > small_max as u64
    }
}
