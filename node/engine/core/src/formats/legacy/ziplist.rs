//! The ziplist: what peers from 2.6 to 6.2 used where newer ones use the packed list.
//!
//! Ten bytes of header (the length of it all, the offset of the last entry, two bytes with the number of entries), the
//! entries, `ff`. An entry is the length of the one before it (a byte below 254, or 254 and four bytes), its own head and
//! its string. The head's high bits tell what it is:
//!
//! | head | meaning |
//! |---|---|
//! | `00xxxxxx` | a string of x bytes |
//! | `01xxxxxx` + 1 | a string, 14 bits, high bits first |
//! | `80` + 4 | a string, four bytes, *high* byte first |
//! | `c0` + 2, `d0` + 4, `e0` + 8, `f0` + 3, `fe` + 1 | a signed integer, low byte first |
//! | `f1` to `fd` | the integers 0 to 12 |

use super::{damage, part, word, Damage};
use crate::formats::packed::{signed_little_endian, Item};

const HEADER: usize = 10;
const END: u8 = 0xff;
const COUNT_UNKNOWN: usize = 0xffff;

/// The entries of a ziplist.
pub fn decode(bytes: &[u8]) -> Result<Vec<Item<'_>>, Damage> {
    let (Some(total), Some(count)) = (word(bytes, 0), part(bytes, 8, 2)) else {
        return damage(bytes.len(), "a ziplist without its header");
    };
    if total != bytes.len() {
        return damage(0, "a length in the header that is not the ziplist's");
    }
    let mut items = Vec::new();
    let (mut at, mut previous) = (HEADER, 0);
    while bytes.get(at) != Some(&END) {
        let Some((item, len)) = entry(bytes, at, previous) else {
            return damage(at, "a ziplist entry that is cut off or of no known kind");
        };
        items.push(item);
        previous = len;
        at += len;
    }
    let promised = usize::from(count[0]) | usize::from(count[1]) << 8;
    if at + 1 != bytes.len() {
        return damage(at, "a ziplist that ends before its last byte");
    }
    if promised != COUNT_UNKNOWN && promised != items.len() {
        return damage(8, "a number of entries that is not the ziplist's");
    }
    Ok(items)
}

/// The entry at `at` and its whole length; the one before it has the length `previous`.
fn entry(bytes: &[u8], at: usize, previous: usize) -> Option<(Item<'_>, usize)> {
    let (said, head_at) = match *bytes.get(at)? {
        END => return None,
        254 => (word(bytes, at + 1)?, at + 5),
        short => (short.into(), at + 1),
    };
    if said != previous {
        return None;
    }
    let head = *bytes.get(head_at)?;
    let behind = head_at + 1;
    let text = |start: usize, len: usize| Some((Item::Bytes(part(bytes, start, len)?), start + len - at));
    let number = |width: usize| {
        let value = signed_little_endian(part(bytes, behind, width)?);
        Some((Item::Integer(value), behind + width - at))
    };
    match head {
        0x00..=0x3f => text(behind, head.into()),
        0x40..=0x7f => text(behind + 1, usize::from(head & 0x3f) << 8 | usize::from(*bytes.get(behind)?)),
        0x80 => {
            let len = u32::from_be_bytes(part(bytes, behind, 4)?.try_into().ok()?);
            text(behind + 4, len as usize)
        }
        0xc0 => number(2),
        0xd0 => number(4),
        0xe0 => number(8),
        0xf0 => number(3),
        0xfe => number(1),
        0xf1..=0xfd => Some((Item::Integer(i64::from(head) - 0xf1), behind - at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ziplist of entries that are given without the length of the one before.
    fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let mut previous = 0;
        for entry in entries {
            let start = bytes.len();
            if previous < 254 {
                bytes.push(previous as u8);
            } else {
                bytes.push(254);
                bytes.extend_from_slice(&(previous as u32).to_le_bytes());
            }
            bytes.extend_from_slice(entry);
            previous = bytes.len() - start;
        }
        bytes.push(END);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[8..10].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        bytes
    }

    #[test]
    fn every_kind_of_entry() {
        let long = [&b"\x41\x2c"[..], &[b'x'; 300]].concat();
        let huge = [&b"\x80\0\0\0\x02"[..], b"yz"].concat();
        let entries: [&[u8]; 9] = [
            b"\x03foo",
            &long,
            &huge,
            b"\xc0\xff\xff",
            b"\xd0\0\0\x01\0",
            b"\xe0\0\0\0\0\0\0\0\x80",
            b"\xf0\xff\xff\x7f",
            b"\xfe\x80",
            b"\xfd",
        ];
        let bytes = ziplist(&entries);
        let long = [b'x'; 300];
        let expected = [
            Item::Bytes(b"foo"),
            Item::Bytes(&long),
            Item::Bytes(b"yz"),
            Item::Integer(-1),
            Item::Integer(65_536),
            Item::Integer(i64::MIN),
            Item::Integer(8_388_607),
            Item::Integer(-128),
            Item::Integer(12),
        ];
        assert_eq!(decode(&bytes).unwrap(), expected);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn damage_is_named() {
        let mut bytes = ziplist(&[b"\x01a", b"\x01b"]);
        bytes[8] = 3;
        assert_eq!(decode(&bytes).unwrap_err().offset, 8);
        bytes[8] = 2;
        bytes[HEADER + 3] = 4;
        assert_eq!(decode(&bytes).unwrap_err().offset, HEADER + 3);
        assert!(decode(b"").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&body);
            let mut framed = ziplist(&[]);
            framed.splice(HEADER..HEADER, body);
            let total = framed.len() as u32;
            framed[..4].copy_from_slice(&total.to_le_bytes());
            framed[8..10].copy_from_slice(&[0xff, 0xff]);
            let _ = decode(&framed);
        }
    }
}
