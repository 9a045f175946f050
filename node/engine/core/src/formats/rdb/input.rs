//! The primitives of the format, read from as many bytes as there are.
//!
//! Each read either takes a whole primitive and moves on, or says [`Stop::More`] and has not moved. So a reader of
//! something larger keeps in its state what it has read, and goes on from there when more bytes have come. A string
//! is lent from the input, and its length is compared with what is there, never allocated from.

use std::borrow::Cow;

use super::{special, RdbProblem};
use crate::formats::lzf;
use crate::formats::packed::Item;

/// Why a read did not give anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes that are there are too few.
    More,
    /// The bytes are wrong.
    Bad(RdbProblem),
}

impl<T: Into<RdbProblem>> From<T> for Stop {
    fn from(problem: T) -> Self {
        Stop::Bad(problem.into())
    }
}

/// A string as it stood in the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// In one of the forms for integers.
    Integer(i64),
    /// As bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Text<'_> {
    /// As an item of a packed list.
    pub fn as_item(&self) -> Item<'_> {
        match self {
            Text::Integer(number) => Item::Integer(*number),
            Text::Bytes(bytes) => Item::Bytes(bytes),
        }
    }

    /// Its bytes.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Text::Integer(number) => Item::Integer(number).to_vec(),
            Text::Bytes(bytes) => bytes.into_owned(),
        }
    }
}

/// What the first byte of a length announces.
enum Length {
    Plain(u64),
    Special(u8),
}

/// A cursor over the bytes that have arrived.
#[derive(Clone)]
pub struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    string_bytes_max: u64,
}

impl<'a> Input<'a> {
    /// A cursor at the first byte.
    pub fn new(bytes: &'a [u8], string_bytes_max: u64) -> Self {
        Input { bytes, at: 0, string_bytes_max }
    }

    /// How many bytes have been taken.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many of the announced elements may be believed: no more than there are bytes.
    pub fn believed(&self, elements: u64) -> usize {
        let bytes = self.bytes.len() - self.at;
        usize::try_from(elements).map_or(bytes, |elements| elements.min(bytes))
    }

    /// Whether every byte has been taken.
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next bytes, as they are.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(len).ok_or(Stop::More)?;
        let taken = self.bytes.get(self.at..end).ok_or(Stop::More)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.take(N)?.try_into().map_err(|_| Stop::More)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.array::<1>()?[0])
    }

    /// Four bytes, the low one first.
    pub fn unsigned_32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, the low one first.
    pub fn unsigned_64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes with a sign, the low one first.
    pub fn signed_64(&mut self) -> Result<i64, Stop> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Reads several primitives, or none of them.
    pub fn all<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        let start = self.at;
        let result = read(self);
        if matches!(result, Err(Stop::More)) {
            self.at = start;
        }
        result
    }

    /// A length.
    pub fn length(&mut self) -> Result<u64, Stop> {
        self.all(|input| match input.any_length()? {
            Length::Plain(len) => Ok(len),
            Length::Special(_) => Err(RdbProblem::Length.into()),
        })
    }

    fn any_length(&mut self) -> Result<Length, Stop> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Plain(low.into()),
            (1, _) => Length::Plain(u64::from(low) << 8 | u64::from(self.byte()?)),
            (_, 0x80) => Length::Plain(u32::from_be_bytes(self.array()?).into()),
            (_, 0x81) => Length::Plain(u64::from_be_bytes(self.array()?)),
            (2, _) => return Err(RdbProblem::Length.into()),
            _ => Length::Special(low),
        })
    }

    /// A string, in whatever form.
    pub fn text(&mut self) -> Result<Text<'a>, Stop> {
        self.all(|input| match input.any_length()? {
            Length::Plain(len) => {
                let len = input.string_length(len)?;
                Ok(Text::Bytes(Cow::Borrowed(input.take(len)?)))
            }
            Length::Special(special::INT8) => Ok(Text::Integer(i8::from_le_bytes(input.array()?).into())),
            Length::Special(special::INT16) => Ok(Text::Integer(i16::from_le_bytes(input.array()?).into())),
            Length::Special(special::INT32) => Ok(Text::Integer(i32::from_le_bytes(input.array()?).into())),
            Length::Special(special::LZF) => {
                let (packed_len, len) = (input.length()?, input.length()?);
                let (packed_len, len) = (input.string_length(packed_len)?, input.string_length(len)?);
                let packed = input.take(packed_len)?;
                Ok(Text::Bytes(Cow::Owned(lzf::decompress(packed, len)?)))
            }
            Length::Special(_) => Err(RdbProblem::Length.into()),
        })
    }

    /// Steps over a string, in whatever form; how many bytes it has when it is written out.
    pub fn skip_text(&mut self) -> Result<u64, Stop> {
        self.all(|input| match input.any_length()? {
            Length::Plain(len) => {
                let len = input.string_length(len)?;
                Ok(input.take(len)?.len() as u64)
            }
            Length::Special(special::INT8) => Ok(digits(i8::from_le_bytes(input.array()?).into())),
            Length::Special(special::INT16) => Ok(digits(i16::from_le_bytes(input.array()?).into())),
            Length::Special(special::INT32) => Ok(digits(i32::from_le_bytes(input.array()?))),
            Length::Special(special::LZF) => {
                let (packed_len, len) = (input.length()?, input.length()?);
                let packed_len = input.string_length(packed_len)?;
                input.string_length(len)?;
                input.take(packed_len)?;
                Ok(len)
            }
            Length::Special(_) => Err(RdbProblem::Length.into()),
        })
    }

    /// The bytes taken since the input stood where `start` stands.
    pub fn taken_since(&self, start: &Input<'a>) -> &'a [u8] {
        self.bytes.get(start.at..self.at).unwrap_or_default()
    }

    fn string_length(&self, len: u64) -> Result<usize, Stop> {
        match usize::try_from(len) {
            Ok(short) if len <= self.string_bytes_max => Ok(short),
            _ => Err(RdbProblem::StringTooLong(len).into()),
        }
    }
}

/// How many characters a number has.
fn digits(number: i32) -> u64 {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |below| u64::from(below) + 1);
    digits + u64::from(number < 0)
}
