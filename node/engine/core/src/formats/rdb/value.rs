//! Values, one reader for each encoding.
//!
//! A reader of a big value holds what it has built and how much is left, so that the value can arrive in any number
//! of pieces and its memory grows with what has arrived. A new type is one more variant of [`ValueReader`] and one arm
//! in each of its two methods.

use super::input::Text;
use super::{foreign_type, type_code, Input, RdbProblem, Stop};
use crate::formats::legacy::{ziplist, zipmap};
use crate::formats::packed::{Item, PackedList};
use crate::keyspace::Value;
use crate::types::hash::{Hash, HashLimits};
use crate::types::Object;

/// Reads one value, step by step.
pub(in crate::formats) enum ValueReader {
    /// One string.
    Text,
    /// A number of fields with their values.
    Pairs(Box<Pairs>),
    /// A hash that is one string with the encoding of this code.
    PackedHash(u8),
}

/// A hash on its way in.
pub(in crate::formats) struct Pairs {
    form: PairForm,
    started: bool,
    left: u64,
    /// A field whose value has not arrived.
    field: Option<Vec<u8>>,
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

const FIELD_EXPIRY: RdbProblem = RdbProblem::Foreign("hash with expiring fields");

impl ValueReader {
    /// The reader for the type byte `code`, if this engine has that type.
    pub(in crate::formats) fn new(code: u8, valkey: bool) -> Result<Self, RdbProblem> {
        let pairs = |form| {
            let hash = Hash::new();
            Ok(ValueReader::Pairs(Box::new(Pairs { form, started: false, left: 0, field: None, hash })))
        };
        match code {
            type_code::STRING => Ok(ValueReader::Text),
            type_code::HASH => pairs(PairForm::Plain),
            type_code::HASH_2 if valkey => pairs(PairForm::ExpiryBehind),
            type_code::HASH_2 => Err(RdbProblem::Foreign("hash of a pre-release of Redis 7.4")),
            type_code::HASH_METADATA => pairs(PairForm::ExpiryBefore),
            type_code::HASH_ZIPMAP
            | type_code::HASH_ZIPLIST
            | type_code::HASH_LISTPACK
            | type_code::HASH_LISTPACK_EX => Ok(ValueReader::PackedHash(code)),
            code => Err(foreign_type(code).map_or(RdbProblem::Code(code), RdbProblem::Foreign)),
        }
    }

    /// Goes on with the bytes that are there; the value once it is complete.
    pub(in crate::formats) fn read(
        &mut self,
        input: &mut Input<'_>,
        limits: &HashLimits,
    ) -> Result<Value, Stop> {
        let hash = match self {
            ValueReader::Text => {
                return Ok(match input.text()? {
                    Text::Integer(number) => Value::Int(number),
                    Text::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
                })
            }
            ValueReader::Pairs(pairs) => pairs.read(input, limits)?,
            ValueReader::PackedHash(type_code::HASH_LISTPACK_EX) => {
                let packed = input.all(|input| {
                    input.signed_64()?;
                    input.text()
                })?;
                threes(packed.into_vec(), limits)?
            }
            ValueReader::PackedHash(code) => packed_hash(*code, input.text()?.into_vec(), limits)?,
        };
        if hash.is_empty() {
            return Err(RdbProblem::Value("a hash without a field").into());
        }
        Ok(Value::Object(Object::Hash(Box::new(hash))))
    }
}

impl Pairs {
    fn read(&mut self, input: &mut Input<'_>, limits: &HashLimits) -> Result<Hash, Stop> {
        if !self.started {
            let expiring = self.form == PairForm::ExpiryBefore;
            self.left = input.all(|input| {
                if expiring {
                    input.signed_64()?;
                }
                input.length()
            })?;
            self.started = true;
        }
        while self.left > 0 {
            self.read_pair(input, limits)?;
            self.left -= 1;
        }
        Ok(std::mem::take(&mut self.hash))
    }

    fn read_pair(&mut self, input: &mut Input<'_>, limits: &HashLimits) -> Result<(), Stop> {
        let form = self.form;
        let field = match self.field.take() {
            Some(field) => Text::Bytes(field.into()),
            None => input.all(|input| {
                let expires = form == PairForm::ExpiryBefore && input.length()? != 0;
                if expires {
                    Err(FIELD_EXPIRY.into())
                } else {
                    input.text()
                }
            })?,
        };
        let value = input.all(|input| {
            let value = input.text()?;
            let expires = form == PairForm::ExpiryBehind && input.signed_64()? != -1;
            if expires {
                Err(FIELD_EXPIRY.into())
            } else {
                Ok(value)
            }
        });
        match value {
            Ok(value) => add(&mut self.hash, field.as_item(), value.as_item(), limits),
            Err(Stop::More) => {
                self.field = Some(field.into_vec());
                Err(Stop::More)
            }
            Err(bad) => Err(bad),
        }
    }
}

fn add(hash: &mut Hash, field: Item<'_>, value: Item<'_>, limits: &HashLimits) -> Result<(), Stop> {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    if hash.set(field.spell(&mut first), value.spell(&mut second), limits) {
        Ok(())
    } else {
        Err(RdbProblem::Value("a hash that has a field twice").into())
    }
}

/// A hash from the string that holds all of it.
fn packed_hash(code: u8, bytes: Vec<u8>, limits: &HashLimits) -> Result<Hash, Stop> {
    let mut hash = Hash::new();
    match code {
        type_code::HASH_ZIPMAP => {
            for (field, value) in zipmap::decode(&bytes)? {
                add(&mut hash, Item::Bytes(field), Item::Bytes(value), limits)?;
            }
        }
        type_code::HASH_ZIPLIST => {
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

/// A hash from a packed list of field, value and time of expiry, as long as no field expires.
fn threes(bytes: Vec<u8>, limits: &HashLimits) -> Result<Hash, Stop> {
    let list = PackedList::from_bytes(bytes)?;
    let mut hash = Hash::new();
    let mut items = list.iter();
    while let Some(field) = items.next() {
        match (items.next(), items.next().and_then(|expiry| expiry.as_integer())) {
            (Some(value), Some(0)) => add(&mut hash, field, value, limits)?,
            (Some(_), Some(_)) => return Err(FIELD_EXPIRY.into()),
            _ => return Err(RdbProblem::Value("a hash with a field that has no value or expiry").into()),
        }
    }
    Ok(hash)
}
