//! The zipmap: small hashes as peers before 2.6 wrote them.
//!
//! A byte with the number of fields (254 says "count them"), then for each field its length, the field, the length of
//! the value, a byte with the number of unused bytes behind the value, the value, those bytes; `ff` ends it. A length
//! is one byte below 254, or 254 and four bytes, low byte first.

use super::{damage, part, word, Damage};

/// A field with its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

const LONG: u8 = 254;
const END: u8 = 255;

/// The fields of a zipmap with their values.
pub fn decode(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Damage> {
    let mut entries = Vec::new();
    let mut at = 1;
    while bytes.get(at) != Some(&END) {
        let Some((entry, next)) = entry(bytes, at) else {
            return damage(at, "a zipmap that is cut off");
        };
        entries.push(entry);
        at = next;
    }
    match bytes[0] {
        count if count < LONG && usize::from(count) != entries.len() => {
            damage(0, "a number of fields that is not the zipmap's")
        }
        _ if at + 1 != bytes.len() => damage(at, "a zipmap that ends before its last byte"),
        _ => Ok(entries),
    }
}

fn entry(bytes: &[u8], at: usize) -> Option<(Pair<'_>, usize)> {
    let (field, at) = length(bytes, at).and_then(|(len, at)| Some((part(bytes, at, len)?, at + len)))?;
    let (value_len, at) = length(bytes, at)?;
    let unused = usize::from(*bytes.get(at)?);
    let value = part(bytes, at + 1, value_len)?;
    Some(((field, value), at + 1 + value_len + unused))
}

fn length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        END => None,
        LONG => Some((word(bytes, at + 1)?, at + 5)),
        short => Some((short.into(), at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_with_their_values() {
        let bytes = b"\x02\x03foo\x03\0bar\x05hello\x05\x02world!!\xff";
        assert_eq!(decode(bytes), Ok(vec![(&b"foo"[..], &b"bar"[..]), (b"hello", b"world")]));
        assert_eq!(decode(b"\0\xff"), Ok(vec![]));
    }

    #[test]
    fn damage_is_named() {
        for bytes in [&b""[..], b"\0", b"\x01\xff", b"\0\xff\0", b"\x01\x03fo", b"\x01\xfe\xff\xff\xff\xff"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
