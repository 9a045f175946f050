//! What can be wrong with RDB bytes, and the sentence that says so.

use crate::formats::lzf::LzfError;
use crate::formats::packed::Damage;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RdbProblem {
    /// The first bytes are not those of an RDB file.
    Magic,
    /// A version that this engine does not read.
    Version(u32),
    /// A byte that is neither a known type nor a known opcode.
    Code(u8),
    /// A type that this engine does not have yet.
    Foreign(&'static str),
    /// A length or a string in a form that does not exist.
    Length,
    /// A string longer than the limit `string_bytes_max`.
    StringTooLong(u64),
    /// A compressed string that does not expand.
    Compression(LzfError),
    /// A damaged packed list or one of its forerunners.
    Packed(Damage),
    /// A value that is well-formed but impossible.
    Value(&'static str),
    /// The checksum at the end is not that of the bytes.
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its bytes have.
        computed: u64,
    },
    /// The bytes end before the end opcode.
    Truncated,
}

/// Where reading stopped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdbError {
    /// The offset in bytes of what is wrong, from the start of the file.
    pub offset: u64,
    /// The key whose value was being read.
    pub key: Option<Box<[u8]>>,
    /// What is wrong.
    pub problem: RdbProblem,
}

impl std::fmt::Display for RdbProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RdbProblem::Magic => {
                f.write_str("this is no RDB file: it does not begin with REDIS and a version")
            }
            RdbProblem::Version(version) => {
                write!(
                    f,
                    "RDB version {version} is not supported; versions 1 to {} are",
                    super::RDB_VERSION_MAX
                )
            }
            RdbProblem::Code(code) => write!(f, "byte {code:#04x} is no known type or opcode"),
            RdbProblem::Foreign(name) => write!(f, "the type {name} is not supported yet"),
            RdbProblem::Length => f.write_str("a length in a form that does not exist"),
            RdbProblem::StringTooLong(len) => write!(f, "a string of {len} bytes is longer than the limit"),
            RdbProblem::Compression(error) => error.fmt(f),
            RdbProblem::Packed(error) => error.fmt(f),
            RdbProblem::Value(problem) => f.write_str(problem),
            RdbProblem::Checksum { expected, computed } => {
                write!(f, "the checksum is {computed:016x} where the file says {expected:016x}")
            }
            RdbProblem::Truncated => f.write_str("the data ends before the end marker"),
        }
    }
}

impl std::fmt::Display for RdbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RDB offset {}", self.offset)?;
        if let Some(key) = &self.key {
            write!(f, ", key \"{}\"", key.escape_ascii())?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for RdbError {}

impl From<LzfError> for RdbProblem {
    fn from(error: LzfError) -> Self {
        RdbProblem::Compression(error)
    }
}

impl From<Damage> for RdbProblem {
    fn from(damage: Damage) -> Self {
        RdbProblem::Packed(damage)
    }
}
