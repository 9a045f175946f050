//! Sorted sets outside of memory: RDB and DUMP, digest, the commands that rebuild one.

use super::{score, SortedSet, SortedSetLimits};
use crate::base::numbers::parse_f64;
use crate::formats::digest::Digest;
use crate::formats::legacy::ziplist;
use crate::formats::packed::{Item, PackedList};
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The bytes that say how a sorted set is encoded.
mod code {
    /// Scores as text, as peers before 4.0 wrote them.
    pub const TEXTS: u8 = 3;
    /// Scores as eight bytes.
    pub const BINARY: u8 = 5;
    pub const ZIPLIST: u8 = 12;
    pub const PACKED: u8 = 17;
}

/// What stands in the place of a text's length for a score that has no digits.
mod special {
    pub const NOT_A_NUMBER: u8 = 253;
    pub const INFINITY: u8 = 254;
    pub const MINUS_INFINITY: u8 = 255;
}

/// Members in one of the commands that rebuild a sorted set, at most.
const REBUILD_MEMBERS_MAX: usize = 64;

const TWICE: RdbProblem = RdbProblem::Value("a sorted set that has a member twice");
const BAD_SCORE: RdbProblem = RdbProblem::Value("a sorted set with a score that is not a number");

/// Reads a sorted set, step by step.
pub enum SortedSetReader {
    /// A number of members with their scores.
    Members(Box<Members>),
    /// One string with the encoding of this code.
    Whole(u8),
}

/// A sorted set on its way in, member by member.
pub struct Members {
    has_texts: bool,
    started: bool,
    left: u64,
    set: SortedSet,
}

impl Collection for SortedSet {
    const TYPE_NAME: &'static str = "zset";
    const DIGEST_NUMBER: u32 = 3;

    type Limits = SortedSetLimits;
    type Reader = SortedSetReader;

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

    fn limits(settings: &Settings, seed: u64) -> SortedSetLimits {
        SortedSetLimits {
            packed_entries_max: settings.zset_max_listpack_entries,
            packed_value_bytes_max: settings.zset_max_listpack_value,
            seed,
        }
    }

    fn rdb_code(&self) -> u8 {
        match self.as_packed() {
            Some(_) => code::PACKED,
            None => code::BINARY,
        }
    }

    /// The members go out in descending order, in which the peers load them fastest; the cursor is their number.
    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        if let Some(list) = self.as_packed() {
            out.text(list.as_bytes());
            return 0;
        }
        let len = self.len() as u64;
        if cursor == 0 {
            out.length(len);
        }
        let mut written = cursor;
        if let Some(rank) = len.checked_sub(cursor + 1) {
            for (member, score) in self.descend(rank as usize).take(elements.max(1)) {
                out.item(member);
                out.raw(&score.to_bits().to_le_bytes());
                written += 1;
            }
        }
        if written >= len {
            0
        } else {
            written
        }
    }

    fn rdb_reader(code: u8, _is_valkey: bool) -> Option<Result<SortedSetReader, RdbProblem>> {
        let members = |has_texts| {
            let set = SortedSet::new();
            SortedSetReader::Members(Box::new(Members { has_texts, started: false, left: 0, set }))
        };
        Some(Ok(match code {
            code::TEXTS => members(true),
            code::BINARY => members(false),
            code::ZIPLIST | code::PACKED => SortedSetReader::Whole(code),
            _ => return None,
        }))
    }

    fn read_rdb(
        reader: &mut SortedSetReader,
        input: &mut Input<'_>,
        limits: &SortedSetLimits,
    ) -> Result<Self, Stop> {
        let set = match reader {
            SortedSetReader::Members(members) => members.read(input, limits)?,
            SortedSetReader::Whole(code::ZIPLIST) => of_ziplist(&input.text()?.into_vec(), limits)?,
            SortedSetReader::Whole(_) => {
                let list = PackedList::from_bytes(input.text()?.into_vec())?;
                SortedSet::from_packed(list, limits).ok_or(RdbProblem::Value(
                    "a sorted set with a member that occurs twice or has no score",
                ))?
            }
        };
        match set.is_empty() {
            true => Err(RdbProblem::Value("a sorted set without a member").into()),
            false => Ok(set),
        }
    }

    fn digest(&self, digest: &mut Digest) {
        for (member, score) in self.iter() {
            let text = score::long_text(score);
            digest.combine_element(&[member.spell(&mut itoa::Buffer::new()), text.as_bytes()]);
        }
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        let mut members = self.iter().peekable();
        while members.peek().is_some() {
            let part = members.by_ref().take(REBUILD_MEMBERS_MAX);
            let strings: Vec<Vec<u8>> =
                part.flat_map(|(member, score)| [score::text(score).into_bytes(), member.to_vec()]).collect();
            let mut command: Vec<&[u8]> = vec![b"ZADD", key];
            command.extend(strings.iter().map(Vec::as_slice));
            emit(&command);
        }
    }
}

impl Members {
    fn read(&mut self, input: &mut Input<'_>, limits: &SortedSetLimits) -> Result<SortedSet, Stop> {
        if !self.started {
            self.left = input.length()?;
            self.started = true;
            if self.left > limits.packed_entries_max as u64 {
                self.set = SortedSet::with_table(input.believed(self.left), limits);
            }
        }
        let has_texts = self.has_texts;
        while self.left > 0 {
            let (member, score) = input.all(|input| {
                let member = input.text()?;
                let score = if has_texts { text_score(input)? } else { f64::from_bits(input.unsigned_64()?) };
                Ok((member, score))
            })?;
            if score.is_nan() {
                return Err(BAD_SCORE.into());
            }
            let mut digits = itoa::Buffer::new();
            let item = member.as_item();
            if !self.set.insert_expected(item.spell(&mut digits), score, limits) {
                return Err(TWICE.into());
            }
            self.left -= 1;
        }
        Ok(std::mem::take(&mut self.set))
    }
}

/// A score as old peers wrote it: its length in a byte, and its digits.
fn text_score(input: &mut Input<'_>) -> Result<f64, Stop> {
    match input.byte()? {
        special::NOT_A_NUMBER => Err(BAD_SCORE.into()),
        special::INFINITY => Ok(f64::INFINITY),
        special::MINUS_INFINITY => Ok(f64::NEG_INFINITY),
        len => parse_f64(input.take(len.into())?).ok_or(BAD_SCORE.into()),
    }
}

fn of_ziplist(bytes: &[u8], limits: &SortedSetLimits) -> Result<SortedSet, Stop> {
    let mut set = SortedSet::new();
    for pair in ziplist::decode(bytes)?.chunks(2) {
        let [member, score] = *pair else {
            return Err(RdbProblem::Value("a sorted set with a member that has no score").into());
        };
        let score = match score {
            Item::Integer(number) => number as f64,
            Item::Bytes(text) => parse_f64(text).ok_or(BAD_SCORE)?,
        };
        if set.insert(member.spell(&mut itoa::Buffer::new()), score, limits).is_some() {
            return Err(TWICE.into());
        }
    }
    Ok(set)
}
