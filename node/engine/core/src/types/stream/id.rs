//! The id of an entry: a time in milliseconds and a number within it.

use crate::base::numbers::parse_i64;

/// Longer texts are not ids.
const TEXT_BYTES_MAX: usize = 127;

/// The id of an entry. Ids of a stream only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Usually milliseconds since 1970.
    pub ms: u64,
    /// Counts the entries of one millisecond.
    pub seq: u64,
}

impl Id {
    /// The lowest, which no entry has.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    /// The highest.
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// The one behind it; `None` behind the highest.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The one before it; `None` before the lowest.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Sixteen bytes that sort as the ids do: its form in RDB.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// Undoes [`Id::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Id {
        let number = u128::from_be_bytes(bytes);
        Id { ms: (number >> 64) as u64, seq: number as u64 }
    }

    /// Its text.
    pub fn to_text(self) -> IdText {
        IdText::new(self, b'-')
    }

    /// Reads an id; a time alone stands for `missing_seq` in it.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Id> {
        match text {
            b"-" | b"+" => None,
            _ => Id::parse_bound(text, missing_seq),
        }
    }

    /// An id, or `-` or `+` for the lowest and the highest.
    pub fn parse_bound(text: &[u8], missing_seq: u64) -> Option<Id> {
        match text {
            b"-" => return Some(Id::MIN),
            b"+" => return Some(Id::MAX),
            _ => {}
        }
        let (ms, seq) = split(text)?;
        Some(Id { ms: parse_u64(ms)?, seq: seq.map_or(Some(missing_seq), parse_u64)? })
    }
}

/// The id that a new entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The next one by the clock: `*`.
    Clock,
    /// The next one of this millisecond: `5-*`.
    Next(u64),
    /// This one.
    Exact(Id),
}

impl NewId {
    /// Reads the argument of XADD.
    pub fn parse(text: &[u8]) -> Option<NewId> {
        match text {
            b"*" => return Some(NewId::Clock),
            b"-" | b"+" => return None,
            _ => {}
        }
        match split(text)? {
            (ms, Some(b"*")) => parse_u64(ms).map(NewId::Next),
            _ => Id::parse(text, 0).map(NewId::Exact),
        }
    }
}

/// The two halves of an id; a text ends at its first zero byte, as the peers have it.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(match text.iter().position(|byte| *byte == b'-') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    })
}

/// Reads an unsigned number as C's `strtoull` does: white space, a sign and leading zeros may stand before it.
fn parse_u64(text: &[u8]) -> Option<u64> {
    if parse_i64(text).is_some_and(|number| number < 0) {
        return None;
    }
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    Some(if negative { number.wrapping_neg() } else { number })
}

/// The text of an id, on the stack.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; 41],
    len: usize,
}

impl IdText {
    /// Both halves with something between them.
    pub fn new(id: Id, between: u8) -> IdText {
        let mut text = IdText { bytes: [0; 41], len: 0 };
        text.push(itoa::Buffer::new().format(id.ms).as_bytes());
        text.push(&[between]);
        text.push(itoa::Buffer::new().format(id.seq).as_bytes());
        text
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_the_peers_read_them() {
        let id = |ms, seq| Some(Id { ms, seq });
        for (text, expected) in [
            ("5-7", id(5, 7)),
            ("5", id(5, 99)),
            (" 5-+7", id(5, 7)),
            ("007", id(7, 99)),
            ("5\u{0}x", id(5, 99)),
            ("18446744073709551615-18446744073709551615", Some(Id::MAX)),
            ("1--01", id(1, u64::MAX)),
            ("1--1", None),
            ("18446744073709551616", None),
            ("-", None),
            ("", None),
            ("5-", None),
            ("5-*", None),
            ("x", None),
        ] {
            assert_eq!(Id::parse(text.as_bytes(), 99), expected, "{text:?}");
        }
        assert_eq!(NewId::parse(b"5-*"), Some(NewId::Next(5)));
    }

    #[test]
    fn neighbours_carry_over() {
        let last = Id { ms: 1, seq: u64::MAX };
        assert_eq!(last.next(), Some(Id { ms: 2, seq: 0 }));
        assert_eq!(Id { ms: 2, seq: 0 }.previous(), Some(last));
        assert_eq!((Id::MAX.next(), Id::MIN.previous()), (None, None));
        assert_eq!(Id::from_bytes(last.to_bytes()), last);
        assert_eq!(last.to_text().as_bytes(), b"1-18446744073709551615");
    }
}
