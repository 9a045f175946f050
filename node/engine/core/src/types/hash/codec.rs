//! Hashes outside of memory: RDB and DUMP, digest, the commands that rebuild one.

use super::{Hash, HashLimits};
use crate::formats::digest::Digest;
use crate::formats::legacy::{ziplist, zipmap};
use crate::formats::packed::{Item, PackedList};
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The bytes that say how a hash is encoded.
mod code {
    pub const PLAIN: u8 = 4;
    pub const ZIPMAP: u8 = 9;
    pub const ZIPLIST: u8 = 13;
    pub const PACKED: u8 = 16;
    /// Valkey 9: a hash whose fields may expire.
    pub const HASH_2: u8 = 22;
    /// Redis 7.4: a hash whose fields may expire.
    pub const METADATA: u8 = 24;
    /// Redis 7.4: the same as a packed list of threes.
    pub const PACKED_EXPIRING: u8 = 25;
}

/// Fields in one of the commands that rebuild a hash, at most.
const REBUILD_FIELDS_MAX: usize = 64;

/// Reads a hash, step by step.
pub enum HashReader {
    /// A number of fields with their values.
    Pairs(Box<Pairs>),
    /// One string with the encoding of this code.
    Packed(u8),
}

/// A hash on its way in, field by field.
pub struct Pairs {
    form: PairForm,
    started: bool,
    left: u64,
    /// The earliest time of expiry, to which others are relative.
    first_due_ms: i64,
    /// A field whose value has not arrived, and when it expires.
    field: Option<(Vec<u8>, Option<i64>)>,
    hash: Hash,
}

/// What stands beside each field and value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PairForm {
    Plain,
    /// Behind them the time of expiry, -1 for none (Valkey 9).
    ExpiryBehind,
    /// Before them a length that is 0 for no expiry; before the first one a time of 8 bytes (Redis 7.4).
    ExpiryBefore,
}

impl Collection for Hash {
    const TYPE_NAME: &'static str = "hash";
    const DIGEST_NUMBER: u32 = 4;

    type Limits = HashLimits;
    type Reader = HashReader;

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

    fn limits(settings: &Settings, seed: u64) -> HashLimits {
        HashLimits {
            packed_entries_max: settings.hash_max_listpack_entries,
            packed_value_bytes_max: settings.hash_max_listpack_value,
            seed,
        }
    }

    fn rdb_code(&self) -> u8 {
        match self.as_packed() {
            _ if self.has_dues() => code::METADATA,
            Some(_) => code::PACKED,
            None => code::PLAIN,
        }
    }

    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        let first_due = self.next_due();
        if let (Some(list), None) = (self.as_packed(), first_due) {
            out.text(list.as_bytes());
            return 0;
        }
        if cursor == 0 {
            if let Some(first) = first_due {
                out.raw(&first.to_le_bytes());
            }
            out.length(self.len() as u64);
        }
        self.scan(cursor, elements, |field, value| {
            if let Some(first) = first_due {
                let due = self.due(field.spell(&mut itoa::Buffer::new()));
                // 0 says that the field does not expire.
                out.length(due.map_or(0, |due| due.wrapping_sub(first) as u64 + 1));
            }
            out.item(field);
            out.item(value);
        })
    }

    fn rdb_reader(code: u8, is_valkey: bool) -> Option<Result<HashReader, RdbProblem>> {
        let pairs = |form| {
            let hash = Hash::new();
            let (started, left, first_due_ms, field) = (false, 0, 0, None);
            HashReader::Pairs(Box::new(Pairs { form, started, left, first_due_ms, field, hash }))
        };
        Some(Ok(match code {
            code::PLAIN => pairs(PairForm::Plain),
            code::HASH_2 if is_valkey => pairs(PairForm::ExpiryBehind),
            code::METADATA => pairs(PairForm::ExpiryBefore),
            code::ZIPMAP | code::ZIPLIST | code::PACKED | code::PACKED_EXPIRING => HashReader::Packed(code),
            _ => return None,
        }))
    }

    fn read_rdb(reader: &mut HashReader, input: &mut Input<'_>, limits: &HashLimits) -> Result<Self, Stop> {
        let hash = match reader {
            HashReader::Pairs(pairs) => pairs.read(input, limits)?,
            HashReader::Packed(code::PACKED_EXPIRING) => {
                let packed = input.all(|input| {
                    input.signed_64()?;
                    input.text()
                })?;
                threes(packed.into_vec(), limits)?
            }
            HashReader::Packed(form) => packed_hash(*form, input.text()?.into_vec(), limits)?,
        };
        match hash.is_empty() {
            true => Err(RdbProblem::Value("a hash without a field").into()),
            false => Ok(hash),
        }
    }

    fn digest(&self, digest: &mut Digest) {
        for (field, value) in self.iter() {
            let (field, value) = (field.to_vec(), value.to_vec());
            let mut element = Digest::default();
            element.mix(&field);
            element.mix(&value);
            if self.due(&field).is_some() {
                element.combine(b"!!hexpire!!");
            }
            digest.combine_digest(element);
        }
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        let mut entries = self.iter().peekable();
        while entries.peek().is_some() {
            let part = entries.by_ref().take(REBUILD_FIELDS_MAX);
            let strings: Vec<Vec<u8>> =
                part.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
            let mut command: Vec<&[u8]> = vec![b"HSET", key];
            command.extend(strings.iter().map(Vec::as_slice));
            emit(&command);
        }
        if !self.has_dues() {
            return;
        }
        for (field, _) in self.iter() {
            let field = field.to_vec();
            if let Some(due) = self.due(&field) {
                let due = due.to_string();
                emit(&[b"HPEXPIREAT", key, due.as_bytes(), b"FIELDS", b"1", &field]);
            }
        }
    }

    fn next_due_ms(&self) -> Option<i64> {
        self.next_due()
    }
}

impl Pairs {
    fn read(&mut self, input: &mut Input<'_>, limits: &HashLimits) -> Result<Hash, Stop> {
        if !self.started {
            let expiring = self.form == PairForm::ExpiryBefore;
            (self.first_due_ms, self.left) = input.all(|input| {
                let first = if expiring { input.signed_64()? } else { 0 };
                Ok((first, input.length()?))
            })?;
            self.started = true;
            if self.left > limits.packed_entries_max as u64 {
                self.hash = Hash::with_table(input.believed(self.left), limits);
            }
        }
        while self.left > 0 {
            self.read_pair(input, limits)?;
            self.left -= 1;
        }
        Ok(std::mem::take(&mut self.hash))
    }

    fn read_pair(&mut self, input: &mut Input<'_>, limits: &HashLimits) -> Result<(), Stop> {
        let (form, first) = (self.form, self.first_due_ms);
        if form == PairForm::Plain && self.field.is_none() {
            match input.all(|input| Ok((input.text()?, input.text()?))) {
                Ok((field, value)) => return add(&mut self.hash, field.as_item(), value.as_item(), limits),
                // The field may be there: it is kept until its value comes.
                Err(Stop::More) => {}
                Err(bad) => return Err(bad),
            }
        }
        let (field, due) = match self.field.take() {
            Some(field) => field,
            None => input.all(|input| {
                let due = match form {
                    PairForm::ExpiryBefore => match input.length()? {
                        0 => None,
                        behind => Some(due_of(first, behind - 1)?),
                    },
                    _ => None,
                };
                Ok((input.text()?.into_vec(), due))
            })?,
        };
        let value = input.all(|input| {
            let value = input.text()?;
            let due = match form {
                PairForm::ExpiryBehind => Some(input.signed_64()?).filter(|due| *due != -1),
                _ => due,
            };
            Ok((value, due))
        });
        match value {
            Ok((value, due)) => {
                add(&mut self.hash, Item::Bytes(&field), value.as_item(), limits)?;
                add_due(&mut self.hash, &field, due, limits)
            }
            Err(Stop::More) => {
                self.field = Some((field, due));
                Err(Stop::More)
            }
            Err(bad) => Err(bad),
        }
    }
}

/// A time that is given as what it is behind another one.
fn due_of(first: i64, behind: u64) -> Result<i64, Stop> {
    let due = i64::try_from(behind).ok().and_then(|behind| first.checked_add(behind));
    due.ok_or(RdbProblem::Value("a hash with an impossible time of expiry").into())
}

/// The field that was added last expires.
fn add_due(hash: &mut Hash, field: &[u8], due: Option<i64>, limits: &HashLimits) -> Result<(), Stop> {
    match due {
        Some(due) if due < 0 => Err(RdbProblem::Value("a hash with an impossible time of expiry").into()),
        Some(due) => {
            hash.set_due(field, due, limits);
            Ok(())
        }
        None => Ok(()),
    }
}

fn add(hash: &mut Hash, field: Item<'_>, value: Item<'_>, limits: &HashLimits) -> Result<(), Stop> {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    if hash.set_expected(field.spell(&mut first), value.spell(&mut second), limits) {
        Ok(())
    } else {
        Err(RdbProblem::Value("a hash that has a field twice").into())
    }
}

/// A hash from the string that holds all of it.
fn packed_hash(form: u8, bytes: Vec<u8>, limits: &HashLimits) -> Result<Hash, Stop> {
    let mut hash = Hash::new();
    match form {
        code::ZIPMAP => {
            for (field, value) in zipmap::decode(&bytes)? {
                add(&mut hash, Item::Bytes(field), Item::Bytes(value), limits)?;
            }
        }
        code::ZIPLIST => {
            for pair in ziplist::decode(&bytes)?.chunks(2) {
                let [field, value] = *pair else {
                    return Err(RdbProblem::Value("a hash with a field that has no value").into());
                };
                add(&mut hash, field, value, limits)?;
            }
        }
        _ => {
            hash = Hash::from_packed(PackedList::from_bytes(bytes)?, limits)
                .ok_or(RdbProblem::Value("a hash with a field that occurs twice or has no value"))?;
        }
    }
    Ok(hash)
}

/// A hash from a packed list of field, value and time of expiry, which is 0 for a field that does not expire.
fn threes(bytes: Vec<u8>, limits: &HashLimits) -> Result<Hash, Stop> {
    let list = PackedList::from_bytes(bytes)?;
    let mut hash = Hash::new();
    let mut items = list.iter();
    while let Some(field) = items.next() {
        match (items.next(), items.next().and_then(|expiry| expiry.as_integer())) {
            (Some(value), Some(due)) => {
                add(&mut hash, field, value, limits)?;
                let due = Some(due).filter(|due| *due != 0);
                add_due(&mut hash, field.spell(&mut itoa::Buffer::new()), due, limits)?;
            }
            _ => return Err(RdbProblem::Value("a hash with a field that has no value or expiry").into()),
        }
    }
    Ok(hash)
}
