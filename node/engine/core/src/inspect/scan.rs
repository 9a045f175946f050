//! One walk over an RDB file: each key with its figures, and what stands around the keys.

use crate::formats::rdb::{RdbError, RdbProblem};
use crate::snapshot::skip::{names_of, KnownValue, Skipped};
use crate::snapshot::{RdbEntry, RdbItem, RdbOptions, RdbReader, ValueSource};
use crate::types::bloom::Bloom;
use crate::types::{Collection, Value};

/// How many auxiliary fields, and how many function libraries, are remembered.
const NAMES_MAX: usize = 1000;
/// The name that this engine's Bloom filters have in files.
const BLOOM_MODULE: &str = "garrbloom";
/// How much of an auxiliary field's value is remembered.
const AUX_BYTES_MAX: usize = 200;

/// What stands in a file beside its keys.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Auxiliary fields, in order.
    pub aux: Vec<(String, String)>,
    /// The first line of each function library, which names it.
    pub functions: Vec<String>,
    /// Keys so far.
    pub keys: u64,
    /// Those that expire.
    pub expires: u64,
    /// Those whose time has passed.
    pub expired: u64,
    /// Those whose type this engine does not have.
    pub foreign: u64,
}

/// The figures of one key.
#[derive(Debug)]
pub struct KeyInfo<'a> {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: &'a [u8],
    /// The type, as TYPE names it; the name that the module gave for a value of one.
    pub type_name: &'a str,
    /// How it is encoded in the file.
    pub encoding: &'static str,
    /// Elements; 1 for a string.
    pub elements: u64,
    /// Bytes of the key and of the value when it is not compressed.
    pub bytes: u64,
    /// Bytes of key and value in the file.
    pub file_bytes: u64,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// For how many seconds it had not been used.
    pub idle_seconds: Option<u64>,
    /// How often it was used, on the logarithmic scale of the LFU policies.
    pub frequency: Option<u8>,
}

/// A value whose figures are known.
pub trait Measured {
    /// What was stepped over, if it was.
    fn skipped(&self) -> Option<&Skipped>;
    /// The name of its type, where the byte before it does not tell.
    fn type_name(&self) -> Option<&str>;
    /// Elements, where it was built.
    fn elements(&self) -> u64;
    /// Whether this engine has its type.
    fn is_foreign(&self) -> bool;
}

impl Measured for Skipped {
    fn skipped(&self) -> Option<&Skipped> {
        Some(self)
    }

    fn type_name(&self) -> Option<&str> {
        match self.module.as_deref() {
            Some(BLOOM_MODULE) => Some(Bloom::TYPE_NAME),
            name => name,
        }
    }

    fn elements(&self) -> u64 {
        self.elements
    }

    fn is_foreign(&self) -> bool {
        self.module.as_deref().is_some_and(|name| name != BLOOM_MODULE)
    }
}

impl Measured for KnownValue {
    fn skipped(&self) -> Option<&Skipped> {
        match self {
            KnownValue::Value(_) => None,
            KnownValue::Foreign(skipped) => Some(skipped),
        }
    }

    fn type_name(&self) -> Option<&str> {
        match self {
            KnownValue::Value(value) => Some(value.as_value().type_name()),
            KnownValue::Foreign(skipped) => skipped.type_name(),
        }
    }

    fn elements(&self) -> u64 {
        match self {
            KnownValue::Value(Value::Object(object)) => object.len() as u64,
            KnownValue::Value(_) => 1,
            KnownValue::Foreign(skipped) => skipped.elements,
        }
    }

    fn is_foreign(&self) -> bool {
        matches!(self, KnownValue::Foreign(_))
    }
}

/// A walk over one file.
pub struct Scan<S: ValueSource> {
    reader: RdbReader<S>,
    db: u64,
    now_ms: i64,
    head: Head,
}

impl<S: ValueSource> Scan<S>
where
    S::Value: Measured,
{
    /// A walk from the start of a file; `now_ms` is Unix time, for what has expired.
    pub fn new(options: RdbOptions, now_ms: i64) -> Self {
        Scan { reader: RdbReader::with_source(options), db: 0, now_ms, head: Head::default() }
    }

    /// Adds the next bytes of the file and hands out the keys that are complete.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        take: &mut dyn FnMut(&KeyInfo<'_>, &RdbEntry<S::Value>),
    ) -> Result<(), RdbError> {
        self.reader.feed(chunk);
        while let Some(item) = self.reader.next_item()? {
            match item {
                RdbItem::Entry(entry) => self.entry(&entry, take),
                RdbItem::SelectDb(db) => self.db = db,
                RdbItem::Aux { name, value } if self.head.aux.len() < NAMES_MAX => {
                    let shown = &value[..value.len().min(AUX_BYTES_MAX)];
                    self.head.aux.push((text(&name), text(shown)));
                }
                RdbItem::Function(source) if self.head.functions.len() < NAMES_MAX => {
                    let line = source.split(|byte| *byte == b'\n').next().unwrap_or_default();
                    self.head.functions.push(text(&line[..line.len().min(AUX_BYTES_MAX)]));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &RdbEntry<S::Value>, take: &mut dyn FnMut(&KeyInfo<'_>, &RdbEntry<S::Value>)) {
        self.head.keys += 1;
        if let Some(expire_at_ms) = entry.expire_at_ms {
            self.head.expires += 1;
            self.head.expired += u64::from(expire_at_ms < self.now_ms);
        }
        self.head.foreign += u64::from(entry.value.is_foreign());
        let (type_name, encoding) = names_of(entry.code, self.reader.is_valkey());
        let skipped = entry.value.skipped();
        let value_bytes = skipped.map(|skipped| skipped.bytes + entry.key.len() as u64);
        let info = KeyInfo {
            db: self.db,
            key: &entry.key,
            type_name: entry.value.type_name().unwrap_or(type_name),
            encoding,
            elements: entry.value.elements(),
            bytes: value_bytes.unwrap_or(entry.stream_bytes),
            file_bytes: entry.stream_bytes,
            expire_at_ms: entry.expire_at_ms,
            idle_seconds: entry.idle_seconds,
            frequency: entry.frequency,
        };
        take(&info, entry);
    }

    /// To be called at the end of the file.
    ///
    /// # Errors
    /// That the file ends too early.
    pub fn finish(&self) -> Result<(), RdbError> {
        self.reader.finish()
    }

    /// What stands beside the keys, as far as it was read.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The version of the file, and whether Valkey counted it.
    pub fn version(&self) -> (u32, bool) {
        (self.reader.version(), self.reader.is_valkey())
    }

    /// How much of the file has been read.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// What has been fed behind the end of the RDB part; `None` before that end.
    pub fn rest(&self) -> Option<&[u8]> {
        self.reader.is_finished().then(|| self.reader.rest())
    }
}

/// What to do about a file that is wrong in this way.
pub fn advice(problem: &RdbProblem) -> &'static str {
    match problem {
        RdbProblem::Magic => "give an RDB file, such as dump.rdb",
        RdbProblem::Version(_) => "read it with the server that wrote it, or with a newer Garrison",
        RdbProblem::Code(_) | RdbProblem::Foreign(_) => {
            "if a newer server wrote the file, read it with that one; else restore an earlier copy"
        }
        RdbProblem::Truncated => "the copy is not complete: copy it again, or restore an earlier one",
        _ => "the file is damaged: copy it again, or restore an earlier one",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
