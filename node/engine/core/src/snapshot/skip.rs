//! Stepping over values: how many elements and bytes they have, without building them.
//!
//! Tools that look into files need neither the elements nor this engine's types: also values of modules are
//! stepped over, as their parts say what they are. [`Known`] builds what this engine has and steps over the
//! rest.
//!
//! A collection is a row of *units* (a member with its score, a node of a list), each of which is read whole
//! or not at all. So memory is bounded by the largest unit, whatever the size of the collection. A packed
//! collection says in its header how many entries it has; it is believed here, as nothing is allocated by it.

use super::reader::{Build, BuildReader, ValueSource};
use crate::formats::crc64::Crc64;
use crate::formats::legacy::zipmap;
use crate::formats::packed::PackedList;
use crate::formats::rdb::{foreign_type, Input, RdbProblem, Stop, Text};
use crate::types::{TypeLimits, Value};

/// A value that was stepped over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its elements: members, fields, entries; 1 for a string.
    pub elements: u64,
    /// Bytes of its strings, or of what they are packed into, as they are when no longer compressed.
    pub bytes: u64,
    /// The type's name, for a value of a module.
    pub module: Option<String>,
    /// A checksum of the bytes in the stream, for a value of a module.
    pub checksum: u64,
}

/// Steps over all values.
pub struct Skip;

impl ValueSource for Skip {
    type Reader = Skipper;
    type Value = Skipped;

    const STEPS_OVER_MODULE_DATA: bool = true;

    fn reader(code: u8, is_valkey: bool) -> Result<Skipper, RdbProblem> {
        Skipper::new(code, is_valkey)
    }

    #[inline]
    fn read(skipper: &mut Skipper, input: &mut Input<'_>, _: &TypeLimits) -> Result<Skipped, Stop> {
        skipper.skip(input)
    }
}

/// A value of a type of this engine, or another one.
pub enum KnownValue {
    /// One that the keyspace can store.
    Value(Value),
    /// One that was stepped over.
    Foreign(Skipped),
}

/// Builds the values of this engine's types and steps over others.
pub struct Known;

/// A value of either kind on its way in.
pub enum KnownReader {
    /// Of this engine's types, as far as is known.
    Build(u8, BuildReader),
    /// Of another type.
    Skip(Skipper),
}

impl ValueSource for Known {
    type Reader = KnownReader;
    type Value = KnownValue;

    const STEPS_OVER_MODULE_DATA: bool = true;

    fn reader(code: u8, is_valkey: bool) -> Result<KnownReader, RdbProblem> {
        match Build::reader(code, is_valkey) {
            Ok(reader) => Ok(KnownReader::Build(code, reader)),
            Err(_) => Skipper::new(code, is_valkey).map(KnownReader::Skip),
        }
    }

    fn read(
        reader: &mut KnownReader,
        input: &mut Input<'_>,
        limits: &TypeLimits,
    ) -> Result<KnownValue, Stop> {
        if let KnownReader::Build(code, build) = reader {
            let start = input.clone();
            match Build::read(build, input, limits) {
                // A module's name is the first that is read of a value, so nothing of it is lost.
                Err(Stop::Bad(RdbProblem::Foreign(_))) => {
                    *input = start;
                    *reader = KnownReader::Skip(Skipper::new(*code, false)?);
                }
                outcome => return outcome.map(KnownValue::Value),
            }
        }
        match reader {
            KnownReader::Skip(skipper) => skipper.skip(input).map(KnownValue::Foreign),
            KnownReader::Build(..) => Err(Stop::More),
        }
    }
}

/// The names of a type and of its encoding in a stream, by the byte that stands for them.
pub fn names_of(code: u8, is_valkey: bool) -> (&'static str, &'static str) {
    match code {
        0 => ("string", "raw"),
        1 => ("list", "linkedlist"),
        2 => ("set", "hashtable"),
        3 | 5 => ("zset", "skiplist"),
        4 => ("hash", "hashtable"),
        9 => ("hash", "zipmap"),
        10 => ("list", "ziplist"),
        11 => ("set", "intset"),
        12 => ("zset", "ziplist"),
        13 => ("hash", "ziplist"),
        14 | 18 => ("list", "quicklist"),
        15 | 19 | 21 => ("stream", "stream"),
        16 => ("hash", "listpack"),
        17 => ("zset", "listpack"),
        20 => ("set", "listpack"),
        22 if is_valkey => ("hash", "hashtable"),
        24 => ("hash", "hashtable"),
        25 => ("hash", "listpackex"),
        _ => ("module", "raw"),
    }
}

/// What a collection is a row of.
#[derive(Clone, Copy)]
enum Unit {
    Text,
    Pair,
    /// A pair, and behind it eight bytes.
    PairAndTime,
    /// A length, and behind it a pair.
    TimeAndPair,
    /// A string, and behind it a score as text.
    TextScore,
    /// A string, and behind it eight bytes.
    BinaryScore,
    /// A string that holds many elements.
    Ziplist,
    /// A length that says what the string behind it is.
    Node,
}

/// What one string holds.
#[derive(Clone, Copy)]
enum Packed {
    Zipmap,
    Ziplist,
    Listpack,
    /// Eight bytes come before.
    TimeAndListpack,
    Intset,
}

/// A value that is being stepped over.
pub struct Skipper {
    form: Form,
    elements: u64,
    bytes: u64,
    module: Option<String>,
    /// Of a value of a module; other values pay nothing for it.
    crc: Option<Box<Crc64>>,
}

enum Form {
    String,
    /// Elements in a packed form; how many entries of it make an element.
    Packed(Packed, u64),
    /// Units whose number is to come; whether eight bytes stand before it.
    Row(Unit, bool),
    Units(Unit, u64),
    Stream(u8, StreamStage),
    Module,
    ModuleParts,
}

/// What comes next of a stream, and how much of it.
#[derive(Clone, Copy)]
enum StreamStage {
    Start,
    Nodes(u64),
    Totals,
    Groups(u64),
    Pending { left: u64, groups: u64 },
    Consumers { groups: u64 },
    Consumer { left: u64, groups: u64 },
    Owned { left: u64, consumers: u64, groups: u64 },
}

/// What stands before each part of a module's value.
mod part {
    pub const END: u64 = 0;
    pub const SIGNED: u64 = 1;
    pub const UNSIGNED: u64 = 2;
    pub const FLOAT: u64 = 3;
    pub const DOUBLE: u64 = 4;
    pub const STRING: u64 = 5;
}

/// What a node of a list is: one element.
const NODE_PLAIN: u64 = 1;
const COUNT_UNKNOWN: u64 = 0xffff;

impl Skipper {
    /// For values of this type byte.
    pub fn new(code: u8, is_valkey: bool) -> Result<Self, RdbProblem> {
        let form = match code {
            0 => Form::String,
            1 | 2 => Form::Row(Unit::Text, false),
            3 => Form::Row(Unit::TextScore, false),
            4 => Form::Row(Unit::Pair, false),
            5 => Form::Row(Unit::BinaryScore, false),
            7 => Form::Module,
            9 => Form::Packed(Packed::Zipmap, 1),
            10 => Form::Packed(Packed::Ziplist, 1),
            11 => Form::Packed(Packed::Intset, 1),
            12 | 13 => Form::Packed(Packed::Ziplist, 2),
            14 => Form::Row(Unit::Ziplist, false),
            16 | 17 => Form::Packed(Packed::Listpack, 2),
            18 => Form::Row(Unit::Node, false),
            15 => Form::Stream(1, StreamStage::Start),
            19 => Form::Stream(2, StreamStage::Start),
            20 => Form::Packed(Packed::Listpack, 1),
            21 => Form::Stream(3, StreamStage::Start),
            22 if is_valkey => Form::Row(Unit::PairAndTime, false),
            24 => Form::Row(Unit::TimeAndPair, true),
            25 => Form::Packed(Packed::TimeAndListpack, 3),
            _ => return Err(foreign_type(code).map_or(RdbProblem::Code(code), RdbProblem::Foreign)),
        };
        Ok(Skipper::of(form))
    }

    /// For data of a module that belongs to no key.
    pub(super) fn module_data() -> Self {
        Skipper::of(Form::Module)
    }

    fn of(form: Form) -> Self {
        Skipper { form, elements: 0, bytes: 0, module: None, crc: None }
    }

    /// Goes on with the bytes that are there; what the value was, once it is complete.
    pub fn skip(&mut self, input: &mut Input<'_>) -> Result<Skipped, Stop> {
        loop {
            match &mut self.form {
                Form::String => {
                    self.bytes += input.skip_text()?;
                    self.elements = 1;
                    break;
                }
                Form::Packed(packed, entries_each) => {
                    let (bytes, entries) = input.all(|input| count_packed(*packed, input))?;
                    self.bytes += bytes;
                    self.elements = entries / *entries_each;
                    break;
                }
                Form::Row(unit, has_time) => {
                    let (unit, has_time) = (*unit, *has_time);
                    let units = input.all(|input| {
                        if has_time {
                            input.take(8)?;
                        }
                        input.length()
                    })?;
                    self.form = Form::Units(unit, units);
                }
                Form::Units(unit, left) => {
                    while *left > 0 {
                        let (bytes, elements) = input.all(|input| skip_unit(*unit, input))?;
                        self.bytes += bytes;
                        self.elements += elements;
                        *left -= 1;
                    }
                    break;
                }
                Form::Stream(version, stage) => match skip_stage(*version, *stage, input)? {
                    Staged::Next { stage: next, bytes, entries } => {
                        *stage = next;
                        self.bytes += bytes;
                        self.elements += entries;
                    }
                    Staged::End => break,
                },
                Form::Module => {
                    self.module = Some(module_name(input.length()?));
                    self.elements = 1;
                    self.form = Form::ModuleParts;
                }
                Form::ModuleParts => {
                    let start = input.clone();
                    let part = input.all(skip_part)?;
                    self.crc.get_or_insert_default().update(input.taken_since(&start));
                    match part {
                        Some(bytes) => self.bytes += bytes,
                        None => break,
                    }
                }
            }
        }
        let (module, checksum) = (self.module.take(), self.crc.as_ref().map_or(0, |crc| crc.value()));
        Ok(Skipped { elements: self.elements, bytes: self.bytes, module, checksum })
    }
}

/// The bytes and the elements of a unit.
fn skip_unit(unit: Unit, input: &mut Input<'_>) -> Result<(u64, u64), Stop> {
    let bytes = match unit {
        Unit::Text => input.skip_text()?,
        Unit::Pair => input.skip_text()? + input.skip_text()?,
        Unit::PairAndTime => {
            let bytes = input.skip_text()? + input.skip_text()?;
            input.take(8)?;
            bytes
        }
        Unit::TimeAndPair => {
            input.length()?;
            input.skip_text()? + input.skip_text()?
        }
        Unit::BinaryScore => {
            let bytes = input.skip_text()?;
            input.take(8)?;
            bytes + 8
        }
        Unit::TextScore => {
            let bytes = input.skip_text()?;
            // 253 and above stand for what has no digits.
            let digits = Some(input.byte()?).filter(|digits| *digits < 253).unwrap_or(0);
            input.take(digits.into())?;
            bytes + 8
        }
        Unit::Ziplist => return count_packed(Packed::Ziplist, input),
        Unit::Node => match input.length()? {
            NODE_PLAIN => input.skip_text()?,
            _ => return count_packed(Packed::Listpack, input),
        },
    };
    Ok((bytes, 1))
}

/// The bytes of a packed form, and the entries that its header announces.
fn count_packed(packed: Packed, input: &mut Input<'_>) -> Result<(u64, u64), Stop> {
    if matches!(packed, Packed::TimeAndListpack) {
        input.take(8)?;
    }
    let text = input.text()?;
    let Text::Bytes(bytes) = &text else {
        return Err(RdbProblem::Value("an integer where packed elements should be").into());
    };
    let number = |at: usize, width: usize| -> Result<u64, Stop> {
        let digits =
            bytes.get(at..at + width).ok_or(RdbProblem::Value("packed elements without a header"))?;
        Ok(digits.iter().rev().fold(0, |number, digit| number << 8 | u64::from(*digit)))
    };
    let entries = match packed {
        Packed::Zipmap => match number(0, 1)? {
            count if count < 254 => count,
            _ => zipmap::decode(bytes)?.len() as u64,
        },
        Packed::Ziplist => match number(8, 2)? {
            COUNT_UNKNOWN => crate::formats::legacy::ziplist::decode(bytes)?.len() as u64,
            count => count,
        },
        Packed::Listpack | Packed::TimeAndListpack => match number(4, 2)? {
            COUNT_UNKNOWN => PackedList::from_bytes(bytes.to_vec())?.len() as u64,
            count => count,
        },
        Packed::Intset => number(4, 4)?,
    };
    Ok((bytes.len() as u64, entries))
}

enum Staged {
    Next { stage: StreamStage, bytes: u64, entries: u64 },
    End,
}

/// Steps over one stage of a stream.
fn skip_stage(version: u8, stage: StreamStage, input: &mut Input<'_>) -> Result<Staged, Stop> {
    let (mut bytes, mut entries) = (0, 0);
    let stage = match stage {
        StreamStage::Start => StreamStage::Nodes(input.length()?),
        StreamStage::Nodes(0) => StreamStage::Totals,
        StreamStage::Nodes(left) => {
            bytes = input.all(|input| Ok(input.skip_text()? + input.skip_text()?))?;
            StreamStage::Nodes(left - 1)
        }
        StreamStage::Totals => {
            // The number of entries and the last id; since the second version two more ids and a number.
            let lengths = if version == 1 { 2 } else { 2 + 2 + 2 + 1 };
            let (count, groups) = input.all(|input| {
                let count = input.length()?;
                for _ in 0..lengths {
                    input.length()?;
                }
                Ok((count, input.length()?))
            })?;
            entries = count;
            StreamStage::Groups(groups)
        }
        StreamStage::Groups(0) => return Ok(Staged::End),
        StreamStage::Groups(groups) => {
            let lengths = if version == 1 { 2 } else { 3 };
            let left = input.all(|input| {
                bytes = input.skip_text()?;
                for _ in 0..lengths {
                    input.length()?;
                }
                input.length()
            })?;
            StreamStage::Pending { left, groups: groups - 1 }
        }
        StreamStage::Pending { left: 0, groups } => StreamStage::Consumers { groups },
        StreamStage::Pending { left, groups } => {
            input.all(|input| {
                input.take(16 + 8)?;
                input.length()
            })?;
            bytes = 16 + 8 + 8;
            StreamStage::Pending { left: left - 1, groups }
        }
        StreamStage::Consumers { groups } => StreamStage::Consumer { left: input.length()?, groups },
        StreamStage::Consumer { left: 0, groups } => StreamStage::Groups(groups),
        StreamStage::Consumer { left, groups } => {
            let times = if version >= 3 { 16 } else { 8 };
            let owned = input.all(|input| {
                bytes = input.skip_text()?;
                input.take(times)?;
                input.length()
            })?;
            StreamStage::Owned { left: owned, consumers: left - 1, groups }
        }
        StreamStage::Owned { left: 0, consumers, groups } => {
            StreamStage::Consumer { left: consumers, groups }
        }
        StreamStage::Owned { left, consumers, groups } => {
            input.take(16)?;
            StreamStage::Owned { left: left - 1, consumers, groups }
        }
    };
    Ok(Staged::Next { stage, bytes, entries })
}

/// The bytes of a part of a module's value; `None` at its end.
fn skip_part(input: &mut Input<'_>) -> Result<Option<u64>, Stop> {
    Ok(Some(match input.length()? {
        part::END => return Ok(None),
        part::SIGNED | part::UNSIGNED => {
            input.length()?;
            8
        }
        part::FLOAT => input.take(4)?.len() as u64,
        part::DOUBLE => input.take(8)?.len() as u64,
        part::STRING => input.skip_text()?,
        _ => return Err(RdbProblem::Value("a value of a module with a part of no known kind").into()),
    }))
}

/// The name of a module's type: nine letters of six bits above ten bits of version.
fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |index: u64| char::from(LETTERS[(id >> (10 + 6 * (8 - index)) & 63) as usize]);
    (0..9).map(letter).collect()
}
