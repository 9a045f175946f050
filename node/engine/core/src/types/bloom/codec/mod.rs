//! Bloom filters outside of memory: RDB and DUMP, digest, the commands that rebuild one.
//!
//! RDB has no type for them. They are written in the form that it has for values of modules, under a name of our own:
//! a server without that module says so by name and refuses, and tools can step over the value. After the name come
//! numbers and strings, each with a byte for its kind:
//!
//! ```text
//! items  filters  expansion (0: does not scale)
//! for each filter: capacity  items  error rate  bits per item  hashes  bits, then the bits in pieces
//! ```

pub mod chunks;

use super::value::filter::{Filter, FILTER_BYTES_MAX};
use super::value::{Bloom, Scaling, FILTERS_MAX};
use crate::base::alloc::rounded;
use crate::formats::digest::Digest;
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The byte that says that a value is a module's.
const MODULE: u8 = 7;
/// The name in nine letters of six bits, and version 1 in the lowest ten.
const NAME: u64 = module_name(b"garrbloom", 1);
/// Bits of the value in one piece of RDB.
const PIECE_BYTES: usize = 64 * 1024;
/// Freeing this many bytes takes as long as freeing one allocation.
const BYTES_PER_EFFORT: usize = 4096;

const DAMAGED: RdbProblem = RdbProblem::Value("a Bloom filter whose numbers make no sense");

/// What stands before each part of a module's value.
mod kind {
    pub const END: u64 = 0;
    pub const NUMBER: u64 = 2;
    pub const DOUBLE: u64 = 4;
    pub const STRING: u64 = 5;
}

const fn module_name(letters: &[u8; 9], version: u64) -> u64 {
    let mut name = 0;
    let mut index = 0;
    while index < letters.len() {
        let letter = letters[index];
        let code = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        name = name << 6 | code as u64;
        index += 1;
    }
    name << 10 | version
}

fn write_number(out: &mut RdbOutput<'_>, number: u64) {
    out.length(kind::NUMBER);
    out.length(number);
}

fn write_double(out: &mut RdbOutput<'_>, number: f64) {
    out.length(kind::DOUBLE);
    out.raw(&number.to_le_bytes());
}

fn read_kind(input: &mut Input<'_>, expected: u64) -> Result<(), Stop> {
    if input.length()? == expected {
        Ok(())
    } else {
        Err(DAMAGED.into())
    }
}

fn read_number(input: &mut Input<'_>) -> Result<u64, Stop> {
    read_kind(input, kind::NUMBER)?;
    input.length()
}

fn read_double(input: &mut Input<'_>) -> Result<f64, Stop> {
    read_kind(input, kind::DOUBLE)?;
    input.unsigned_64().map(f64::from_bits)
}

/// A Bloom filter on its way in.
#[derive(Default)]
pub struct BloomReader {
    head: Option<Head>,
    filters: Vec<Filter>,
    /// The newest filter's bits have not all arrived.
    is_partial: bool,
}

#[derive(Clone, Copy)]
struct Head {
    items: u64,
    filters: usize,
    scaling: Scaling,
}

impl Head {
    fn read(input: &mut Input<'_>) -> Result<Head, Stop> {
        input.all(|input| {
            if input.length()? != NAME {
                return Err(RdbProblem::Foreign("value of a module").into());
            }
            let (items, filters, expansion) = (read_number(input)?, read_number(input)?, read_number(input)?);
            let scaling = chunks::scaling_of(expansion).ok_or(DAMAGED)?;
            let filters = usize::try_from(filters).ok().filter(|filters| (1..=FILTERS_MAX).contains(filters));
            Ok(Head { items, filters: filters.ok_or(DAMAGED)?, scaling })
        })
    }
}

fn read_filter(input: &mut Input<'_>) -> Result<Filter, Stop> {
    let filter = input.all(|input| {
        Ok(Filter {
            capacity: read_number(input)?,
            items: read_number(input)?,
            error_rate: read_double(input)?,
            bits_per_item: read_double(input)?,
            hashes: u32::try_from(read_number(input)?).map_err(|_| DAMAGED)?,
            bits: read_number(input)?,
            bytes: Vec::new(),
        })
    })?;
    if filter.is_sound() {
        Ok(filter)
    } else {
        Err(DAMAGED.into())
    }
}

impl BloomReader {
    fn read(&mut self, input: &mut Input<'_>) -> Result<Bloom, Stop> {
        let head = match self.head {
            Some(head) => head,
            None => *self.head.insert(Head::read(input)?),
        };
        while self.is_partial || self.filters.len() < head.filters {
            if !self.is_partial {
                self.filters.push(read_filter(input)?);
                self.is_partial = true;
            }
            if let Some(filter) = self.filters.last_mut() {
                read_bits(filter, input)?;
            }
            self.is_partial = false;
        }
        read_kind(input, kind::END)?;
        let filters = std::mem::take(&mut self.filters);
        Bloom::from_filters(filters, head.scaling, head.items).ok_or(DAMAGED.into())
    }
}

/// Takes pieces until the bits are complete. What is allocated is what has arrived.
fn read_bits(filter: &mut Filter, input: &mut Input<'_>) -> Result<(), Stop> {
    let len = filter.bits.div_ceil(8).min(FILTER_BYTES_MAX) as usize;
    while filter.bytes.len() < len {
        let piece = input.all(|input| {
            read_kind(input, kind::STRING)?;
            input.text()
        })?;
        let piece = piece.into_vec();
        if piece.is_empty() || piece.len() > len - filter.bytes.len() {
            return Err(DAMAGED.into());
        }
        filter.bytes.extend_from_slice(&piece);
    }
    filter.bytes.shrink_to_fit();
    Ok(())
}

impl Collection for Bloom {
    const TYPE_NAME: &'static str = "MBbloom--";
    const DIGEST_NUMBER: u32 = 5;

    type Limits = ();
    type Reader = BloomReader;

    fn encoding(&self) -> &'static str {
        "raw"
    }

    fn len(&self) -> usize {
        self.items as usize
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn memory_bytes(&self) -> usize {
        let bits: usize = self.filters.iter().map(|filter| rounded(filter.bytes.capacity())).sum();
        bits + rounded(self.filters.capacity() * size_of::<Filter>())
    }

    fn free_effort(&self) -> usize {
        self.filters.len() + self.bits_bytes() as usize / BYTES_PER_EFFORT
    }

    fn limits(_settings: &Settings, _seed: u64) {}

    fn rdb_code(&self) -> u8 {
        MODULE
    }

    /// The cursor counts pieces, those of all filters in a row.
    fn write_rdb(&self, cursor: u64, _elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        if cursor == 0 {
            out.length(NAME);
            write_number(out, self.items);
            write_number(out, self.filters.len() as u64);
            write_number(out, chunks::expansion_of(self.scaling));
        }
        let mut left = cursor as usize;
        for (index, filter) in self.filters.iter().enumerate() {
            let pieces = filter.bytes.len().div_ceil(PIECE_BYTES);
            if left >= pieces {
                left -= pieces;
                continue;
            }
            if left == 0 {
                write_filter_head(filter, out);
            }
            if let Some(piece) = filter.bytes.chunks(PIECE_BYTES).nth(left) {
                out.length(kind::STRING);
                out.length(piece.len() as u64);
                out.raw(piece);
            }
            let is_last = index + 1 == self.filters.len() && left + 1 == pieces;
            if is_last {
                out.length(kind::END);
            }
            return if is_last { 0 } else { cursor + 1 };
        }
        0
    }

    fn rdb_reader(code: u8, _is_valkey: bool) -> Option<Result<BloomReader, RdbProblem>> {
        (code == MODULE).then(|| Ok(BloomReader::default()))
    }

    fn read_rdb(reader: &mut BloomReader, input: &mut Input<'_>, _limits: &()) -> Result<Self, Stop> {
        reader.read(input)
    }

    fn digest(&self, digest: &mut Digest) {
        digest.mix(&chunks::header(self));
        self.filters.iter().for_each(|filter| digest.mix(&filter.bytes));
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        let mut iterator = 0;
        loop {
            let (next, chunk) = chunks::dump(self, iterator);
            if next == 0 {
                return;
            }
            emit(&[b"BF.LOADCHUNK", key, itoa::Buffer::new().format(next).as_bytes(), &chunk]);
            iterator = next;
        }
    }
}

fn write_filter_head(filter: &Filter, out: &mut RdbOutput<'_>) {
    write_number(out, filter.capacity);
    write_number(out, filter.items);
    write_double(out, filter.error_rate);
    write_double(out, filter.bits_per_item);
    write_number(out, filter.hashes.into());
    write_number(out, filter.bits);
}
