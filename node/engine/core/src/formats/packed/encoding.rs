//! One entry of a packed list: how it is written and read.
//!
//! An entry is a head that says what it is, the bytes of a string if it is one, and the length of those two again,
//! written so that it can be read from its end: that is how a list is walked backwards.
//!
//! | first byte | meaning |
//! |---|---|
//! | `0xxxxxxx` | the integer x |
//! | `10xxxxxx` | a string of x bytes |
//! | `110xxxxx` + 1 | a signed integer of 13 bits, high bits first |
//! | `1110xxxx` + 1 | a string of x bytes, 12 bits, high bits first |
//! | `f0` + 4 | a string, its length in 4 bytes, low byte first |
//! | `f1` + 2, `f2` + 3, `f3` + 4, `f4` + 8 | a signed integer, low byte first |
//! | `ff` | the end of the list |

use crate::base::numbers::parse_i64;

/// The byte behind the last entry.
pub(super) const END: u8 = 0xff;

/// What an entry holds. An integer stands for its decimal spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A string that is the canonical spelling of an integer.
    Integer(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// How `text` is to be stored.
    pub fn of(text: &'a [u8]) -> Self {
        parse_i64(text).map_or(Item::Bytes(text), Item::Integer)
    }

    /// The string itself; `digits` lends the room to spell an integer.
    pub fn spell<'b>(&self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Item::Integer(number) => digits.format(number).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// The string itself, copied.
    pub fn to_vec(&self) -> Vec<u8> {
        self.spell(&mut itoa::Buffer::new()).to_vec()
    }

    /// The length of the string in bytes.
    pub fn len(&self) -> usize {
        self.spell(&mut itoa::Buffer::new()).len()
    }

    /// No encoded form of it takes more bytes.
    pub(super) fn encoded_bytes_max(&self) -> usize {
        match self {
            Item::Integer(_) => super::ENTRY_OVERHEAD_BYTES_MAX,
            Item::Bytes(bytes) => super::ENTRY_OVERHEAD_BYTES_MAX + bytes.len(),
        }
    }

    /// Whether the string is empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Item::Bytes([]))
    }

    /// The integer that the string spells, if it spells one, in whichever form it is stored.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Item::Integer(number) => Some(number),
            Item::Bytes(bytes) => parse_i64(bytes),
        }
    }
}

/// A few bytes built on the stack.
#[derive(Clone, Copy)]
pub(super) struct Few {
    bytes: [u8; 9],
    used: usize,
}

impl Few {
    fn of(parts: &[&[u8]]) -> Self {
        let mut few = Few { bytes: [0; 9], used: 0 };
        for part in parts {
            few.bytes[few.used..few.used + part.len()].copy_from_slice(part);
            few.used += part.len();
        }
        few
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

/// An entry ready to be written: head, string, length backwards.
pub(super) struct Encoded<'a> {
    pub(super) parts: (Few, &'a [u8], Few),
    pub(super) len: usize,
}

/// Encodes one item. A string must be shorter than 4 GiB, which the limit on a whole list guarantees.
pub(super) fn encode<'a>(item: &Item<'a>) -> Encoded<'a> {
    let (head, body) = match *item {
        Item::Integer(number) => (integer_head(number), &[][..]),
        Item::Bytes(bytes) => (string_head(bytes.len()), bytes),
    };
    let forward = head.used + body.len();
    let back = backward_length(forward);
    let len = forward + back.used;
    Encoded { parts: (head, body, back), len }
}

fn integer_head(number: i64) -> Few {
    let bytes = number.to_le_bytes();
    let width = |low: i64, high: i64| (low..=high).contains(&number);
    if width(0, 127) {
        Few::of(&[&bytes[..1]])
    } else if width(-4096, 4095) {
        Few::of(&[&[0xc0 | (bytes[1] & 0x1f), bytes[0]]])
    } else if width(i16::MIN.into(), i16::MAX.into()) {
        Few::of(&[&[0xf1], &bytes[..2]])
    } else if width(-(1 << 23), (1 << 23) - 1) {
        Few::of(&[&[0xf2], &bytes[..3]])
    } else if width(i32::MIN.into(), i32::MAX.into()) {
        Few::of(&[&[0xf3], &bytes[..4]])
    } else {
        Few::of(&[&[0xf4], &bytes])
    }
}

fn string_head(len: usize) -> Few {
    let bytes = (len as u32).to_le_bytes();
    if len < 1 << 6 {
        Few::of(&[&[0x80 | bytes[0]]])
    } else if len < 1 << 12 {
        Few::of(&[&[0xe0 | bytes[1], bytes[0]]])
    } else {
        Few::of(&[&[0xf0], &bytes])
    }
}

/// The length of head and string in groups of seven bits, high group first; all but the first carry the high bit.
/// The peers go to the next width one value early from two bytes on, and check for it: so do we.
pub(super) fn backward_length(len: usize) -> Few {
    let group = |index: usize| (len >> (7 * index)) as u8 & 0x7f;
    match len {
        0..=127 => Few::of(&[&[group(0)]]),
        128..=16_382 => Few::of(&[&[group(1), group(0) | 0x80]]),
        16_383..=2_097_150 => Few::of(&[&[group(2), group(1) | 0x80, group(0) | 0x80]]),
        2_097_151..=268_435_454 => Few::of(&[&[group(3), group(2) | 0x80, group(1) | 0x80, group(0) | 0x80]]),
        _ => Few::of(&[&[group(4), group(3) | 0x80, group(2) | 0x80, group(1) | 0x80, group(0) | 0x80]]),
    }
}

/// How many bytes [`backward_length`] takes for `len`.
pub(super) fn backward_width(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// Reads the length that ends just before `end`.
pub(super) fn read_backward(bytes: &[u8], end: usize) -> Option<usize> {
    let mut len = 0;
    for (index, byte) in bytes.get(..end)?.iter().rev().take(5).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(len);
        }
    }
    None
}

/// Reads the entry at the start of `bytes`: the item and the length of its head and string.
/// `None` at the end of the list, and where the bytes are no entry.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let first = *bytes.first()?;
    match first {
        0x00..=0x7f => Some((Item::Integer(first.into()), 1)),
        0x80..=0xbf => string(bytes, 1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let raw = i64::from(first & 0x1f) << 8 | i64::from(*bytes.get(1)?);
            Some((Item::Integer(if raw >= 4096 { raw - 8192 } else { raw }), 2))
        }
        0xe0..=0xef => string(bytes, 2, usize::from(first & 0x0f) << 8 | usize::from(*bytes.get(1)?)),
        0xf0 => {
            let len = u32::from_le_bytes(bytes.get(1..5)?.try_into().ok()?);
            string(bytes, 5, len as usize)
        }
        0xf1 => integer(bytes, 2),
        0xf2 => integer(bytes, 3),
        0xf3 => integer(bytes, 4),
        0xf4 => integer(bytes, 8),
        _ => None,
    }
}

/// The whole length of the sound entry at the start of `bytes`; `None` at the end of the list.
///
/// The forms that small collections are made of need one look at one byte.
#[inline(always)]
pub(super) fn entry_len(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    match first {
        0x00..=0x7f => Some(2),
        0x80..=0xbf => Some(2 + usize::from(first & 0x3f)),
        0xc0..=0xdf => Some(3),
        END => None,
        _ => decode(bytes).map(|(_, len)| len + backward_width(len)),
    }
}

/// An entry that is looked for. Fields of one hash often have one length and one beginning, so their last bytes are
/// compared first.
pub(super) struct Wanted<'a> {
    encoded: Encoded<'a>,
    first: u8,
    last: u8,
    last_at: usize,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let encoded = encode(&Item::of(text));
        let (head, body, _) = &encoded.parts;
        let last_at = head.used + body.len() - 1;
        let last = body.last().copied().unwrap_or(head.bytes[head.used - 1]);
        Wanted { first: head.bytes[0], last, last_at, encoded }
    }

    /// Whether it lies at the start of `bytes`.
    #[inline(always)]
    pub(super) fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.first() == Some(&self.first)
            && bytes.get(self.last_at) == Some(&self.last)
            && self.is_all_at(bytes)
    }

    fn is_all_at(&self, bytes: &[u8]) -> bool {
        let (head, body, _) = &self.encoded.parts;
        bytes.strip_prefix(head.as_slice()).is_some_and(|behind| behind.starts_with(body))
    }
}

/// Whether an entry of this item and this length of head and string is as [`encode`] would write it.
#[inline]
pub(super) fn is_canonical(item: &Item<'_>, len: usize) -> bool {
    match *item {
        Item::Bytes(bytes) => {
            let head = match bytes.len() {
                0..=0x3f => 1,
                0x40..=0xfff => 2,
                _ => 5,
            };
            head + bytes.len() == len && !spells_integer(bytes)
        }
        Item::Integer(number) => integer_head(number).used == len,
    }
}

/// Whether the string is to be stored as an integer; most are seen not to be by their first byte.
#[inline]
fn spells_integer(bytes: &[u8]) -> bool {
    matches!(bytes, [b'0'..=b'9' | b'-', ..]) && parse_i64(bytes).is_some()
}

#[inline]
fn string(bytes: &[u8], head: usize, len: usize) -> Option<(Item<'_>, usize)> {
    let total = head.checked_add(len)?;
    Some((Item::Bytes(bytes.get(head..total)?), total))
}

fn integer(bytes: &[u8], width: usize) -> Option<(Item<'_>, usize)> {
    Some((Item::Integer(signed_little_endian(bytes.get(1..=width)?)), 1 + width))
}

/// A signed integer of up to eight bytes, low byte first.
pub(crate) fn signed_little_endian(bytes: &[u8]) -> i64 {
    let unsigned = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let spare_bits = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    ((unsigned << spare_bits) as i64) >> spare_bits
}
