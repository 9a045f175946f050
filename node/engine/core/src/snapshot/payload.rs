//! The payload of DUMP and RESTORE: one value, sealed.
//!
//! A type byte and a value as in an RDB file, two bytes with the RDB version, eight with the CRC64 of all before
//! them, low byte first. So a key travels between servers as one argument, and a damaged one is refused.

use super::{write_value, RdbOptions};
use crate::formats::crc64::crc64;
use crate::formats::lzf::Compressor;
use crate::formats::rdb::{
    opcode, Input, RdbOutput, RdbProblem, Stop, RDB_VERSION, RDB_VERSION_MAX, VALKEY_VERSION,
};
use crate::types::{Value, ValueReader, ValueRef};

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;
/// How much longer than its payload a library may be when its compression is undone.
const FUNCTION_EXPANSION_MAX: u64 = 256;

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpError {
    /// It is too short, from a newer version, or its checksum is wrong.
    Seal,
    /// Its seal is right, its value is not.
    Value(RdbProblem),
}

impl std::fmt::Display for DumpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DumpError::Seal => f.write_str("DUMP payload version or checksum are wrong"),
            DumpError::Value(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for DumpError {}

/// Appends the payload of a value; a compressor makes long strings in it short.
pub fn dump(out: &mut Vec<u8>, value: ValueRef<'_>, compressor: &mut Option<Compressor>) {
    let start = out.len();
    write_value(out, value, compressor);
    seal(out, start);
}

/// Appends version and checksum.
fn seal(out: &mut Vec<u8>, start: usize) {
    out.extend_from_slice(&(RDB_VERSION as u16).to_le_bytes());
    let sum = crc64(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The payload of FUNCTION DUMP: the sources of libraries.
pub fn dump_functions<'a>(
    sources: impl Iterator<Item = &'a [u8]>,
    compressor: &mut Option<Compressor>,
) -> Vec<u8> {
    let mut payload = Vec::new();
    for source in sources {
        let mut out = RdbOutput::new(&mut payload, compressor);
        out.byte(opcode::FUNCTION);
        out.text(source);
    }
    seal(&mut payload, 0);
    payload
}

/// The sources in a payload of FUNCTION DUMP.
pub fn restore_functions(payload: &[u8], checks_sum: bool) -> Result<Vec<Vec<u8>>, DumpError> {
    let (body, _) = unseal(payload, checks_sum)?;
    let mut input = Input::new(body, (body.len() as u64).saturating_mul(FUNCTION_EXPANSION_MAX));
    let mut sources = Vec::new();
    let read = |input: &mut Input<'_>, sources: &mut Vec<Vec<u8>>| -> Result<(), Stop> {
        while !input.is_at_end() {
            if input.byte()? != opcode::FUNCTION {
                return Err(RdbProblem::Value("something that is not a function library").into());
            }
            sources.push(input.text()?.into_vec());
        }
        Ok(())
    };
    read(&mut input, &mut sources).map_err(problem_of)?;
    Ok(sources)
}

fn problem_of(stop: Stop) -> DumpError {
    match stop {
        Stop::More => DumpError::Value(RdbProblem::Truncated),
        Stop::Bad(problem) => DumpError::Value(problem),
    }
}

/// The value in a payload.
pub fn restore(payload: &[u8], options: &RdbOptions) -> Result<Value, DumpError> {
    let (body, valkey) = unseal(payload, options.checksum)?;
    let mut input = Input::new(body, options.string_bytes_max);
    read_body(&mut input, valkey, options).map_err(problem_of)
}

/// Checks version and checksum; what they seal, and whether it is of Valkey's version.
fn unseal(payload: &[u8], checks_sum: bool) -> Result<(&[u8], bool), DumpError> {
    let body_len = payload.len().checked_sub(VERSION_BYTES + CHECKSUM_BYTES).ok_or(DumpError::Seal)?;
    let (sealed, sum) = payload.split_at(body_len + VERSION_BYTES);
    let (body, version) = sealed.split_at(body_len);
    let version = version.iter().rev().fold(0, |version, byte| version << 8 | u32::from(*byte));
    let valkey = version == VALKEY_VERSION;
    if (version > RDB_VERSION_MAX && !valkey) || (checks_sum && sum != crc64(sealed).to_le_bytes()) {
        return Err(DumpError::Seal);
    }
    Ok((body, valkey))
}

fn read_body(input: &mut Input<'_>, valkey: bool, options: &RdbOptions) -> Result<Value, Stop> {
    let value = ValueReader::new(input.byte()?, valkey)?.read(input, &options.limits)?;
    if input.is_at_end() {
        Ok(value)
    } else {
        Err(RdbProblem::Value("bytes behind the value").into())
    }
}
