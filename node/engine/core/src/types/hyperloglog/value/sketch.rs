//! The whole string of a HyperLogLog: its header, and its registers in either form.

use super::estimate::{estimate, Histogram};
use super::sparse::Raised;
use super::{dense, sparse, Damaged, Ranks, REGISTERS};

const MAGIC: &[u8] = b"HYLL";
const FORM_AT: usize = 4;
const CARDINALITY_AT: usize = 8;
/// Bytes before the registers.
pub const HEADER_BYTES: usize = 16;
/// Bytes of a dense value.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;
/// The bit that says that the cardinality in the header is out of date.
const OUT_OF_DATE: u8 = 0x80;

/// How the registers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Six bits each.
    Dense,
    /// Runs.
    Sparse,
}

impl Form {
    /// The form that the header names; `None` if the bytes are not those of a HyperLogLog.
    pub fn of(bytes: &[u8]) -> Option<Form> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return None;
        }
        match bytes.get(FORM_AT)? {
            0 if bytes.len() == DENSE_BYTES => Some(Form::Dense),
            1 => Some(Form::Sparse),
            _ => None,
        }
    }

    /// The word that PFDEBUG ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Form::Dense => "dense",
            Form::Sparse => "sparse",
        }
    }
}

/// A HyperLogLog to be changed.
pub struct Sketch<'a> {
    bytes: &'a mut Vec<u8>,
    form: Form,
}

/// The bytes of a new value, without elements.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[FORM_AT] = 1;
    bytes.extend_from_slice(&sparse::EMPTY);
    bytes
}

/// The registers behind the header.
pub fn registers(bytes: &[u8]) -> &[u8] {
    bytes.get(HEADER_BYTES..).unwrap_or_default()
}

/// The cardinality in the header, unless it is out of date.
pub fn cached_cardinality(bytes: &[u8]) -> Option<u64> {
    let eight = bytes.get(CARDINALITY_AT..HEADER_BYTES)?.try_into().ok()?;
    Some(u64::from_le_bytes(eight)).filter(|cardinality| cardinality >> 63 == 0)
}

/// Puts a cardinality into the header.
pub fn cache_cardinality(bytes: &mut [u8], cardinality: u64) {
    if let Some(eight) = bytes.get_mut(CARDINALITY_AT..HEADER_BYTES) {
        eight.copy_from_slice(&cardinality.to_le_bytes());
    }
}

/// Says in the header that the cardinality there is out of date.
pub fn invalidate(bytes: &mut [u8]) {
    if let Some(byte) = bytes.get_mut(HEADER_BYTES - 1) {
        *byte |= OUT_OF_DATE;
    }
}

/// How many registers have each rank.
pub fn histogram(bytes: &[u8]) -> Result<Histogram, Damaged> {
    match Form::of(bytes) {
        Some(Form::Dense) => Ok(dense::histogram(registers(bytes))),
        Some(Form::Sparse) => sparse::histogram(registers(bytes)),
        None => Err(Damaged),
    }
}

/// The estimated number of elements, computed anew.
pub fn cardinality(bytes: &[u8]) -> Result<u64, Damaged> {
    histogram(bytes).map(|histogram| estimate(&histogram))
}

/// Raises every rank to the register's.
pub fn merge_into(bytes: &[u8], ranks: &mut Ranks) -> Result<(), Damaged> {
    match Form::of(bytes) {
        Some(Form::Dense) => {
            dense::merge_into(registers(bytes), ranks);
            Ok(())
        }
        Some(Form::Sparse) => sparse::merge_into(registers(bytes), ranks),
        None => Err(Damaged),
    }
}

impl<'a> Sketch<'a> {
    /// The HyperLogLog in these bytes.
    pub fn new(bytes: &'a mut Vec<u8>) -> Option<Self> {
        let form = Form::of(bytes)?;
        Some(Sketch { bytes, form })
    }

    /// How its registers are kept.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Raises a register to a rank; tells whether that made a difference.
    pub fn raise(&mut self, index: usize, rank: u8, sparse_bytes_max: usize) -> Result<bool, Damaged> {
        if self.form == Form::Sparse {
            match sparse::raise(self.bytes, HEADER_BYTES, index, rank, sparse_bytes_max)? {
                Raised::No => return Ok(false),
                Raised::Yes => {
                    invalidate(self.bytes);
                    return Ok(true);
                }
                Raised::MustBeDense => self.make_dense()?,
            }
        }
        Ok(dense::raise(&mut self.bytes[HEADER_BYTES..], index, rank))
    }

    /// Turns a sparse value into a dense one; the cardinality in the header stays.
    pub fn make_dense(&mut self) -> Result<(), Damaged> {
        if self.form == Form::Dense {
            return Ok(());
        }
        let mut ranks = [0; REGISTERS];
        sparse::merge_into(registers(self.bytes), &mut ranks)?;
        self.bytes.resize(DENSE_BYTES, 0);
        self.bytes[FORM_AT] = 0;
        dense::pack(&ranks, &mut self.bytes[HEADER_BYTES..]);
        self.form = Form::Dense;
        Ok(())
    }

    /// Says in the header that the cardinality there is out of date.
    pub fn invalidate(&mut self) {
        invalidate(self.bytes);
    }
}
